/* SPDX-License-Identifier: MIT */
/* The manager's side: queue order, what may be granted, conversions, freed resources. */
#include "ledger_fixture.h"

static int make_ledger(void **state)
{
    *state = gdn_ledger_new(NULL);
    return *state == NULL ? -1 : 0;
}

static int free_ledger(void **state)
{
    gdn_ledger_free(*state);
    return 0;
}

static void expect_freed(gdn_ledger *ledger, const char *resource)
{
    gdn_resource_id freed;
    assert_true(gdn_ledger_take_freed(ledger, &freed));
    assert_true(gdn_id_equal(freed.id, R(resource).id));
}

static void expect_nothing_freed(gdn_ledger *ledger)
{
    gdn_resource_id freed;
    assert_false(gdn_ledger_has_freed(ledger));
    assert_false(gdn_ledger_take_freed(ledger, &freed));
}

static void readers_share_and_a_writer_waits(void **state)
{
    gdn_ledger *ledger = *state;
    hold(ledger, "T1", "r", S);
    hold(ledger, "T2", "r", S);
    uint64_t writer = ask(ledger, 0, "T3", "r", X);
    assert_int_equal(next_number(ledger, "r"), 0);
    release(ledger, "T1", "r");
    assert_int_equal(next_number(ledger, "r"), 0);
    release(ledger, "T2", "r");
    assert_int_equal(next_number(ledger, "r"), writer);
}

/* Or readers that keep coming would starve the writer (RULES 1: an entry needs the conflicting
 * entries before it). */
static void reader_behind_a_waiting_writer_waits(void **state)
{
    gdn_ledger *ledger = *state;
    hold(ledger, "T1", "r", S);
    uint64_t writer = ask(ledger, 0, "T2", "r", X);
    uint64_t reader = ask(ledger, 0, "T3", "r", S);
    assert_int_equal(next_number(ledger, "r"), 0);
    struct gdn_message out;
    assert_int_equal(gdn_ledger_grant(ledger, ref(0, reader), &out), GDN_ERR_NOT_GRANTABLE);
    assert_true(is_queued(ledger, 0, reader));
    cancel(ledger, writer);
    assert_int_equal(next_number(ledger, "r"), reader);
}

static void unordered_resource_lets_the_reader_pass(void **state)
{
    gdn_ledger *ledger = *state;
    assert_ok(gdn_ledger_set_unordered(ledger, R("r"), true));
    hold(ledger, "T1", "r", S);
    ask(ledger, 0, "T2", "r", X);
    uint64_t reader = ask(ledger, 0, "T3", "r", S);
    assert_int_equal(next_number(ledger, "r"), reader);
    /* Taking the setting back brings the order back. */
    assert_ok(gdn_ledger_set_unordered(ledger, R("r"), false));
    assert_int_equal(next_number(ledger, "r"), 0);
}

/* An unordered resource stays unordered while nobody uses it, but is not counted. */
static void unordered_setting_outlives_use(void **state)
{
    gdn_ledger *ledger = *state;
    assert_ok(gdn_ledger_set_unordered(ledger, R("r"), true));
    assert_int_equal(gdn_ledger_counters(ledger).resources, 0);
    hold(ledger, "T1", "r", S);
    assert_int_equal(gdn_ledger_counters(ledger).resources, 1);
    release(ledger, "T1", "r");
    assert_int_equal(gdn_ledger_counters(ledger).resources, 0);
    hold(ledger, "T1", "r", S);
    ask(ledger, 0, "T2", "r", X);
    uint64_t reader = ask(ledger, 0, "T3", "r", S);
    assert_int_equal(next_number(ledger, "r"), reader);
}

/* Behind one exclusive hold nothing is granted, however the queue looks. */
static void only_next_entries_can_be_granted(void **state)
{
    gdn_ledger *ledger = *state;
    uint64_t held = hold(ledger, "T1", "r", X);
    uint64_t waiting = ask(ledger, 0, "T2", "r", S);
    struct gdn_message out;
    assert_int_equal(gdn_ledger_grant(ledger, ref(0, waiting), &out), GDN_ERR_NOT_GRANTABLE);
    assert_int_equal(gdn_ledger_grant(ledger, ref(0, held), &out), GDN_ERR_UNKNOWN_TICKET);
    assert_int_equal(gdn_ledger_grant(ledger, ref(0, 99), &out), GDN_ERR_UNKNOWN_TICKET);
    assert_int_equal(gdn_ledger_grant(ledger, ref(1, waiting), &out), GDN_ERR_UNKNOWN_TICKET);
    assert_int_equal(gdn_ledger_counters(ledger).grants, 1);
    struct gdn_ticket_view view;
    assert_true(gdn_ledger_ticket(ledger, waiting, &view));
    assert_false(view.granted);
}

/* ---- Conversions ---- */

static void conversion_stands_before_others_and_skips_its_own_hold(void **state)
{
    gdn_ledger *ledger = *state;
    hold(ledger, "T1", "r", S);
    uint64_t other = ask(ledger, 0, "T2", "r", X);
    uint64_t conversion = ask(ledger, 0, "T1", "r", X);
    assert_int_equal(next_number(ledger, "r"), conversion);
    grant(ledger, 0, conversion);
    assert_int_equal(next_number(ledger, "r"), 0);
    release(ledger, "T1", "r");
    assert_int_equal(next_number(ledger, "r"), other);
}

static void conversions_keep_their_order(void **state)
{
    gdn_ledger *ledger = *state;
    hold(ledger, "T1", "r", S);
    uint64_t second_hold = hold(ledger, "T2", "r", S);
    ask(ledger, 0, "T3", "r", X);
    uint64_t first = ask(ledger, 0, "T1", "r", X);
    uint64_t second = ask(ledger, 0, "T2", "r", X);
    /* Two upgraders: the classic deadlock, neither may go. */
    assert_int_equal(next_number(ledger, "r"), 0);
    /* The first goes as soon as the other's hold is gone, though its request still queues. */
    cancel(ledger, second_hold);
    assert_int_equal(next_number(ledger, "r"), first);
    cancel(ledger, first);
    /* T1 still holds S. The second has kept its place before T3. */
    assert_int_equal(next_number(ledger, "r"), 0);
    release(ledger, "T1", "r");
    assert_int_equal(next_number(ledger, "r"), second);
}

static void front_joins_ahead_of_its_kind(void **state)
{
    gdn_ledger *ledger = *state;
    hold(ledger, "T1", "r", S);
    hold(ledger, "T2", "r", S);
    uint64_t tail = ask(ledger, 0, "T3", "r", X);
    uint64_t conversion = ask(ledger, 0, "T1", "r", X);
    uint64_t front = ask_with(ledger, 0, "T4", "r", X, GDN_REQUEST_FRONT);
    uint64_t first = ask_with(ledger, 0, "T2", "r", X, GDN_REQUEST_FRONT);
    const uint64_t order[] = {first, conversion, front, tail};
    end(ledger, "T5");
    release(ledger, "T1", "r");
    release(ledger, "T2", "r");
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(next_number(ledger, "r"), order[i]);
        cancel(ledger, order[i]);
    }
}

/* T2's request was free when it was queued, and T2 does not wait: neither a conversion nor one for
 * the front nor a moved entry may come before it and make it wait after all. */
static void nothing_overtakes_what_does_not_wait(void **state)
{
    gdn_ledger *ledger = *state;
    hold(ledger, "T1", "r", S);
    uint64_t tried = ask_with(ledger, 0, "T2", "r", S, GDN_REQUEST_NO_WAIT);
    uint64_t conversion = ask(ledger, 0, "T1", "r", X);
    uint64_t front = ask_with(ledger, 0, "T3", "r", X, GDN_REQUEST_FRONT);
    uint64_t both = ask_with(ledger, 0, "T1", "r", X, GDN_REQUEST_FRONT);
    assert_ok(gdn_ledger_requeue(ledger, ref(0, front), ref(0, tried)));
    assert_ok(gdn_ledger_requeue(ledger, ref(0, tried), ref(0, 0)));
    struct gdn_message out;
    for (size_t i = 0; i < 3; i++) {
        uint64_t other = i == 0 ? conversion : i == 1 ? front : both;
        assert_int_equal(gdn_ledger_grant(ledger, ref(0, other), &out), GDN_ERR_NOT_GRANTABLE);
    }
    assert_int_equal(next_number(ledger, "r"), tried);
    grant(ledger, 0, tried);
    end(ledger, "T2");
    end(ledger, "T1");
    assert_int_equal(next_number(ledger, "r"), front);
}

/* Nor where the queue has no order. */
static void nothing_overtakes_what_does_not_wait_without_order(void **state)
{
    gdn_ledger *ledger = *state;
    assert_ok(gdn_ledger_set_unordered(ledger, R("r"), true));
    uint64_t tried = ask_with(ledger, 0, "T1", "r", S, GDN_REQUEST_NO_WAIT);
    uint64_t writer = ask(ledger, 0, "T2", "r", X);
    uint64_t reader = ask(ledger, 0, "T3", "r", S);
    struct gdn_message out;
    assert_int_equal(gdn_ledger_grant(ledger, ref(0, writer), &out), GDN_ERR_NOT_GRANTABLE);
    grant(ledger, 0, reader);
    grant(ledger, 0, tried);
    assert_true(is_queued(ledger, 0, writer));
}

static void granted_conversion_needs_one_release(void **state)
{
    gdn_ledger *ledger = *state;
    uint64_t first = hold(ledger, "T1", "r", S);
    uint64_t second = hold(ledger, "T1", "r", X);
    assert_true(is_held(ledger, 0, first) && is_held(ledger, 0, second));
    ask(ledger, 0, "T2", "r", S);
    assert_int_equal(next_number(ledger, "r"), 0);
    assert_int_equal(release(ledger, "T1", "r"), 0);
    assert_false(is_live(ledger, first) || is_live(ledger, second));
    assert_int_not_equal(next_number(ledger, "r"), 0);
}

static void cancelled_conversion_leaves_the_hold(void **state)
{
    gdn_ledger *ledger = *state;
    uint64_t first = hold(ledger, "T1", "r", S);
    hold(ledger, "T2", "r", S);
    uint64_t conversion = ask(ledger, 0, "T1", "r", X);
    cancel(ledger, conversion);
    assert_true(is_held(ledger, 0, first));
    /* Granted and then given up, the earlier hold also stays as it was. */
    release(ledger, "T2", "r");
    conversion = hold(ledger, "T1", "r", X);
    cancel(ledger, conversion);
    assert_true(is_held(ledger, 0, first));
    hold(ledger, "T3", "r", S);
}

static void conversion_outlives_the_hold_in_its_place(void **state)
{
    gdn_ledger *ledger = *state;
    hold(ledger, "T1", "r", S);
    hold(ledger, "T2", "r", S);
    ask(ledger, 0, "T3", "r", X);
    uint64_t conversion = ask(ledger, 0, "T1", "r", X);
    release(ledger, "T1", "r");
    assert_true(is_queued(ledger, 0, conversion));
    release(ledger, "T2", "r");
    assert_int_equal(next_number(ledger, "r"), conversion);
}

/* RULES 2: it asks for nothing that its process does not have, so no queue can stop it; to make
 * it wait would be a deadlock of the ledger's own making. */
static void covered_request_is_free_behind_a_queue(void **state)
{
    gdn_ledger *ledger = *state;
    uint64_t early = ask(ledger, 0, "T1", "r", X);
    ask(ledger, 0, "T2", "r", X);
    uint64_t late = ask(ledger, 0, "T1", "r", S);
    assert_int_equal(next_number(ledger, "r"), early);
    grant(ledger, 0, early);
    assert_int_equal(next_number(ledger, "r"), late);
    grant(ledger, 0, late);
    assert_int_equal(next_number(ledger, "r"), 0);
}

/* A process is not in its own way, in the queue either. */
static void own_earlier_entry_does_not_block(void **state)
{
    gdn_ledger *ledger = *state;
    hold(ledger, "T1", "r", S);
    ask(ledger, 0, "T2", "r", X);
    uint64_t reader = ask(ledger, 0, "T2", "r", S);
    assert_int_equal(next_number(ledger, "r"), reader);
}

/* Three modes: two intents share; one process has both kinds and both count. */
static void intention_modes_follow_their_matrix(void **state)
{
    (void)state;
    struct gdn_modes modes = {.count = 3, .names = {"IX", "S", "X"}, .conflicts = {0x6, 0x5, 0x7}};
    struct gdn_ledger_options options = {.modes = &modes};
    gdn_ledger *ledger = gdn_ledger_new(&options);
    assert_non_null(ledger);
    hold(ledger, "T1", "table", 0);
    hold(ledger, "T2", "table", 0);
    uint64_t scan = ask(ledger, 0, "T1", "table", 1);
    assert_int_equal(next_number(ledger, "table"), 0);
    release(ledger, "T2", "table");
    assert_int_equal(next_number(ledger, "table"), scan);
    grant(ledger, 0, scan);
    ask(ledger, 0, "T3", "table", 0);
    assert_int_equal(next_number(ledger, "table"), 0);
    gdn_ledger_free(ledger);

    modes.conflicts[0] = 0x8;
    assert_null(gdn_ledger_new(&options));
}

/* ---- Freed, refused, moved ---- */

static void freed_resource_is_given_once(void **state)
{
    gdn_ledger *ledger = *state;
    hold(ledger, "T1", "r", S);
    hold(ledger, "T2", "r", S);
    hold(ledger, "T1", "q", X);
    ask(ledger, 0, "T3", "r", X);
    ask(ledger, 0, "T3", "q", X);
    expect_nothing_freed(ledger);
    end(ledger, "T1");
    release(ledger, "T2", "r");
    expect_freed(ledger, "r");
    expect_freed(ledger, "q");
    expect_nothing_freed(ledger);
}

static void resource_without_a_queue_is_not_freed(void **state)
{
    gdn_ledger *ledger = *state;
    hold(ledger, "T1", "r", X);
    release(ledger, "T1", "r");
    expect_nothing_freed(ledger);
    hold(ledger, "T1", "r", X);
    uint64_t waiter = ask(ledger, 0, "T2", "r", X);
    release(ledger, "T1", "r");
    cancel(ledger, waiter);
    expect_nothing_freed(ledger);
}

static void moved_entry_is_served_in_its_new_place(void **state)
{
    gdn_ledger *ledger = *state;
    hold(ledger, "T1", "r", X);
    uint64_t a = ask(ledger, 0, "T2", "r", X);
    uint64_t b = ask(ledger, 0, "T3", "r", X);
    uint64_t elsewhere = ask(ledger, 0, "T2", "q", X);
    assert_ok(gdn_ledger_requeue(ledger, ref(0, b), ref(0, a)));
    expect_freed(ledger, "r");
    release(ledger, "T1", "r");
    assert_int_equal(next_number(ledger, "r"), b);
    assert_ok(gdn_ledger_requeue(ledger, ref(0, b), ref(0, 0)));
    assert_int_equal(next_number(ledger, "r"), a);
    assert_int_equal(gdn_ledger_requeue(ledger, ref(0, a), ref(0, a)), GDN_ERR_MISUSE);
    assert_int_equal(gdn_ledger_requeue(ledger, ref(0, a), ref(0, elsewhere)), GDN_ERR_MISUSE);
    assert_int_equal(gdn_ledger_requeue(ledger, ref(0, 99), ref(0, a)), GDN_ERR_UNKNOWN_TICKET);
    grant(ledger, 0, a);
    assert_int_equal(gdn_ledger_requeue(ledger, ref(0, b), ref(0, a)), GDN_ERR_UNKNOWN_TICKET);
    assert_int_equal(gdn_ledger_requeue(ledger, ref(0, a), ref(0, b)), GDN_ERR_UNKNOWN_TICKET);
}

static void refused_ticket_ends_on_both_sides(void **state)
{
    gdn_ledger *ledger = *state;
    uint64_t held = hold(ledger, "T1", "r", X);
    uint64_t waiting = ask(ledger, 0, "T2", "r", X);
    arrive(ledger, 3, request_message("T3", "r", 7, S, 0));
    struct gdn_message out;
    assert_ok(gdn_ledger_refuse(ledger, ref(0, waiting), &out));
    assert_int_equal(out.verb, 0);
    assert_false(is_live(ledger, waiting));
    assert_ok(gdn_ledger_refuse(ledger, ref(3, 7), &out));
    assert_int_equal(out.verb, GDN_VERB_WAKE);
    assert_int_equal(out.number, 7);
    assert_true(gdn_id_equal(out.process.id, P("T3").id));
    assert_int_equal(gdn_ledger_refuse(ledger, ref(3, 7), &out), GDN_ERR_UNKNOWN_TICKET);
    assert_int_equal(gdn_ledger_refuse(ledger, ref(0, held), &out), GDN_ERR_UNKNOWN_TICKET);
    assert_int_equal(gdn_ledger_counters(ledger).contested, 0);
}

static void counters_follow_what_is_there(void **state)
{
    gdn_ledger *ledger = *state;
    hold(ledger, "T1", "r", X);
    hold(ledger, "T1", "q", X);
    ask(ledger, 0, "T2", "r", X);
    ask(ledger, 0, "T3", "r", X);
    struct gdn_ledger_counters now = gdn_ledger_counters(ledger);
    assert_int_equal(now.resources, 2);
    assert_int_equal(now.contested, 1);
    assert_int_equal(now.tickets_granted, 2);
    assert_int_equal(now.tickets_waiting, 2);
    assert_int_equal(now.requests, 4);
    end(ledger, "T1");
    end(ledger, "T2");
    end(ledger, "T3");
    now = gdn_ledger_counters(ledger);
    assert_int_equal(now.resources + now.contested + now.tickets_granted + now.tickets_waiting, 0);
    assert_int_equal(now.ends, 3);
}

#define fact(name) cmocka_unit_test_setup_teardown(name, make_ledger, free_ledger)

int main(void)
{
    const struct CMUnitTest tests[] = {
        fact(readers_share_and_a_writer_waits),
        fact(reader_behind_a_waiting_writer_waits),
        fact(unordered_resource_lets_the_reader_pass),
        fact(unordered_setting_outlives_use),
        fact(only_next_entries_can_be_granted),
        fact(conversion_stands_before_others_and_skips_its_own_hold),
        fact(conversions_keep_their_order),
        fact(front_joins_ahead_of_its_kind),
        fact(nothing_overtakes_what_does_not_wait),
        fact(nothing_overtakes_what_does_not_wait_without_order),
        fact(granted_conversion_needs_one_release),
        fact(cancelled_conversion_leaves_the_hold),
        fact(conversion_outlives_the_hold_in_its_place),
        fact(covered_request_is_free_behind_a_queue),
        fact(own_earlier_entry_does_not_block),
        fact(intention_modes_follow_their_matrix),
        fact(freed_resource_is_given_once),
        fact(resource_without_a_queue_is_not_freed),
        fact(moved_entry_is_served_in_its_new_place),
        fact(refused_ticket_ends_on_both_sides),
        fact(counters_follow_what_is_there),
    };
    return !!cmocka_run_group_tests(tests, NULL, NULL);
}
