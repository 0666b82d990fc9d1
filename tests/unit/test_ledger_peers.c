/* SPDX-License-Identifier: MIT */
/* Waits on processes, and peers that are lost. */
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

/* ---- Direct waits ---- */

static uint64_t wait_on(gdn_ledger *ledger, const char *process, size_t count,
                        const char *const *on)
{
    struct gdn_need needs[8] = {0};
    for (size_t i = 0; i < count; i++) needs[i].process = P(on[i]);
    uint64_t number = 0;
    struct gdn_wait wait = {.process = P(process), .needs = needs, .count = count, .cookie = 42};
    assert_ok(gdn_ledger_wait_on(ledger, &wait, 0, &number));
    return number;
}

static enum gdn_effect_type wake(gdn_ledger *ledger, uint32_t peer, const char *process,
                                 const char *by, uint64_t number)
{
    struct gdn_message sent = message(GDN_VERB_WAKE, process, "", number);
    sent.by = P(by);
    return arrive(ledger, peer, sent).type;
}

static void direct_wait_ends_when_all_have_woken(void **state)
{
    gdn_ledger *ledger = *state;
    uint64_t number = wait_on(ledger, "T", 2, (const char *const[]){"A", "B"});
    struct gdn_ticket_view view;
    assert_true(gdn_ledger_ticket(ledger, number, &view));
    assert_true(view.direct && !view.granted && view.cookie == 42);
    assert_int_equal(gdn_ledger_counters(ledger).tickets_waiting, 1);
    assert_int_equal(wake(ledger, 3, "T", "A", number), GDN_EFFECT_NONE);
    assert_int_equal(wake(ledger, 3, "T", "A", number), GDN_EFFECT_NONE); /* Met already. */
    assert_int_equal(gdn_ledger_counters(ledger).crossed, 1);
    assert_int_equal(wake(ledger, 3, "T", "B", number), GDN_EFFECT_WOKEN);
    assert_false(is_live(ledger, number));
    assert_int_equal(gdn_ledger_counters(ledger).tickets_waiting, 0);
}

/* RULES 4: one listing for each wake. Two messages awaited from A are two. */
static void wake_meets_one_listing_of_its_sender(void **state)
{
    gdn_ledger *ledger = *state;
    uint64_t number = wait_on(ledger, "T", 2, (const char *const[]){"A", "A"});
    assert_int_equal(wake(ledger, 3, "T", "A", number), GDN_EFFECT_NONE);
    assert_int_equal(wake(ledger, 3, "T", "A", number), GDN_EFFECT_WOKEN);
}

static void late_wake_never_meets_a_later_wait(void **state)
{
    gdn_ledger *ledger = *state;
    uint64_t first = wait_on(ledger, "T", 1, (const char *const[]){"A"});
    cancel(ledger, first);
    uint64_t second = wait_on(ledger, "T", 1, (const char *const[]){"A"});
    assert_int_equal(wake(ledger, 3, "T", "A", first), GDN_EFFECT_NONE);
    assert_int_equal(wake(ledger, 3, "U", "A", second), GDN_EFFECT_NONE);
    assert_true(is_live(ledger, second));
    assert_int_equal(gdn_ledger_counters(ledger).crossed, 2);
}

static void wake_without_a_ticket_meets_the_oldest_wait_that_lists_it(void **state)
{
    gdn_ledger *ledger = *state;
    uint64_t first = wait_on(ledger, "T", 1, (const char *const[]){"B"});
    uint64_t second = wait_on(ledger, "T", 2, (const char *const[]){"A", "B"});
    uint64_t third = wait_on(ledger, "T", 1, (const char *const[]){"A"});
    assert_int_equal(wake(ledger, 3, "T", "A", 0), GDN_EFFECT_NONE);
    assert_int_equal(wake(ledger, 3, "T", "A", 0), GDN_EFFECT_WOKEN);
    assert_false(is_live(ledger, third));
    assert_int_equal(wake(ledger, 3, "T", "A", 0), GDN_EFFECT_NONE);
    assert_int_equal(wake(ledger, 0, "T", "B", 0), GDN_EFFECT_WOKEN); /* From here, too. */
    assert_false(is_live(ledger, first));
    assert_true(is_live(ledger, second));
    assert_int_equal(wake(ledger, 3, "U", "B", 0), GDN_EFFECT_NONE);
    assert_int_equal(gdn_ledger_counters(ledger).crossed, 2);
}

/* A wait on processes has no home: nothing is sent when it ends. */
static void direct_wait_sends_nothing(void **state)
{
    gdn_ledger *ledger = *state;
    uint64_t number = wait_on(ledger, "T", 1, (const char *const[]){"A"});
    struct gdn_outgoing out;
    assert_ok(gdn_ledger_cancel(ledger, number, &out));
    assert_int_equal(out.message.verb, 0);
    wait_on(ledger, "T", 1, (const char *const[]){"A"});
    assert_int_equal(gdn_ledger_end_homes(ledger, P("T"), NULL, 0), 0);
    assert_int_equal(end(ledger, "T"), 0);
    assert_int_equal(gdn_ledger_counters(ledger).tickets_waiting, 0);
}

static void needs_are_limited(void **state)
{
    gdn_ledger *ledger = *state;
    static struct gdn_need needs[GDN_LEDGER_NEEDS_MAX + 1];
    struct gdn_wait wait = {.process = P("T"), .needs = needs, .count = GDN_LEDGER_NEEDS_MAX + 1};
    uint64_t number;
    for (size_t i = 0; i < wait.count; i++) needs[i].process = P("Q");
    assert_int_equal(gdn_ledger_wait_on(ledger, &wait, 0, &number), GDN_ERR_LIMIT);
    wait.count--;
    assert_ok(gdn_ledger_wait_on(ledger, &wait, 0, &number));
}

/* ---- Lost peers ---- */

static void lost_issuer_leaves_the_queue_and_orphans_its_holds(void **state)
{
    gdn_ledger *ledger = *state;
    arrive(ledger, 4, request_message("T1", "r", 10, X, GDN_REQUEST_BRIEF));
    arrive(ledger, 4, request_message("T2", "r", 11, X, 0));
    arrive(ledger, 5, request_message("T3", "r", 10, X, 0));
    grant(ledger, 4, 10);
    assert_ok(gdn_ledger_peer_lost(ledger, 4, N("n4"), 700));

    assert_false(is_held(ledger, 4, 10));
    assert_false(is_queued(ledger, 4, 11));
    assert_true(is_queued(ledger, 5, 10));
    assert_true(gdn_ledger_has_freed(ledger));
    /* The hold stands, by a ticket of ours. */
    assert_int_equal(next_number(ledger, "r"), 0);
    struct gdn_ticket_view view;
    assert_true(gdn_ledger_ticket(ledger, 1, &view));
    assert_true(view.granted && view.home == 0 && view.since_us == 700);
    assert_true(gdn_id_equal(view.process.id, P("T1").id));
    struct gdn_entry_view entry;
    assert_true(gdn_ledger_entry(ledger, ref(0, 1), &entry));
    assert_int_equal(entry.flags, GDN_REQUEST_BRIEF);
    /* What the dead incarnation still sends finds nothing. */
    arrive(ledger, 4, message(GDN_VERB_RELEASE, "T1", "r", 10));
    assert_int_equal(gdn_ledger_counters(ledger).crossed, 1);

    assert_int_equal(gdn_ledger_drop_orphans(ledger, N("n5")), 0);
    assert_int_equal(next_number(ledger, "r"), 0);
    assert_int_equal(gdn_ledger_drop_orphans(ledger, N("n4")), 1);
    assert_int_equal(next_number(ledger, "r"), 10);
    assert_int_equal(gdn_ledger_counters(ledger).tickets_granted, 0);
}

static void orphans_can_be_released_and_ended(void **state)
{
    gdn_ledger *ledger = *state;
    arrive(ledger, 4, request_message("T1", "r", 10, X, 0));
    arrive(ledger, 4, request_message("T1", "q", 11, X, 0));
    grant(ledger, 4, 10);
    grant(ledger, 4, 11);
    assert_ok(gdn_ledger_peer_lost(ledger, 4, N("n4"), 0));
    assert_int_equal(release(ledger, "T1", "r"), 0);
    assert_int_equal(gdn_ledger_counters(ledger).resources, 1);
    assert_int_equal(end(ledger, "T1"), 0);
    assert_int_equal(gdn_ledger_counters(ledger).resources, 0);
    assert_int_equal(gdn_ledger_drop_orphans(ledger, N("n4")), 0);
}

static void lost_home_ends_our_tickets_there(void **state)
{
    gdn_ledger *ledger = *state;
    uint64_t granted = ask(ledger, 4, "T1", "r", X);
    arrive(ledger, 4, message(GDN_VERB_GRANT, "T1", "r", granted));
    uint64_t waiting = ask(ledger, 4, "T2", "r", X);
    uint64_t asking = ask_with(ledger, 4, "T3", "r", X, GDN_REQUEST_NO_WAIT);
    uint64_t elsewhere = ask(ledger, 5, "T1", "q", X);
    uint64_t direct = wait_on(ledger, "T4", 1, (const char *const[]){"A"});
    assert_false(gdn_ledger_has_lost(ledger));
    assert_ok(gdn_ledger_peer_lost(ledger, 4, N("n4"), 0));

    assert_false(is_live(ledger, granted) || is_live(ledger, waiting) || is_live(ledger, asking));
    assert_true(is_live(ledger, elsewhere) && is_live(ledger, direct));
    uint64_t number;
    struct gdn_ticket_view view;
    assert_true(gdn_ledger_take_lost(ledger, &number, &view));
    assert_int_equal(number, waiting);
    assert_true(gdn_id_equal(view.process.id, P("T2").id));
    assert_int_equal(view.home, 4);
    assert_true(gdn_ledger_take_lost(ledger, &number, &view));
    assert_int_equal(number, asking);
    assert_false(gdn_ledger_take_lost(ledger, &number, &view));
    /* Nothing of them is left to say. */
    assert_int_equal(gdn_ledger_end_homes(ledger, P("T1"), NULL, 0), 1);
}

static void lost_tickets_not_taken_are_freed_with_the_ledger(void **state)
{
    (void)state;
    struct faulty faulty = {.allowed = SIZE_MAX};
    struct gdn_allocator allocator = faulty_allocator(&faulty);
    struct gdn_ledger_options options = {.allocator = &allocator};
    gdn_ledger *ledger = gdn_ledger_new(&options);
    ask(ledger, 4, "T1", "r", X);
    hold(ledger, "T2", "q", S);
    wait_on(ledger, "T3", 1, (const char *const[]){"A"});
    struct gdn_process_info info = {.label = "described"};
    assert_ok(gdn_ledger_describe(ledger, P("T4"), &info));
    assert_ok(gdn_ledger_peer_lost(ledger, 4, N("n4"), 0));
    gdn_ledger_free(ledger);
    assert_int_equal(faulty.live, 0);
    gdn_ledger_free(NULL);
}

#define fact(name) cmocka_unit_test_setup_teardown(name, make_ledger, free_ledger)

int main(void)
{
    const struct CMUnitTest tests[] = {
        fact(direct_wait_ends_when_all_have_woken),
        fact(wake_meets_one_listing_of_its_sender),
        fact(late_wake_never_meets_a_later_wait),
        fact(wake_without_a_ticket_meets_the_oldest_wait_that_lists_it),
        fact(direct_wait_sends_nothing),
        fact(needs_are_limited),
        fact(lost_issuer_leaves_the_queue_and_orphans_its_holds),
        fact(orphans_can_be_released_and_ended),
        fact(lost_home_ends_our_tickets_there),
        fact(lost_tickets_not_taken_are_freed_with_the_ledger),
    };
    return !!cmocka_run_group_tests(tests, NULL, NULL);
}
