/* SPDX-License-Identifier: MIT */
/* The requester's side, and messages that arrive at either: tickets from birth to end, what
 * crosses, direct waits, lost peers. */
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

static uint64_t oldest_waiting(const gdn_ledger *ledger, uint64_t after)
{
    uint64_t number = 0;
    int64_t since = 0;
    return gdn_ledger_waiting_after(ledger, after, &number, &since) ? number : 0;
}

/* What cannot be queued is answered, so that nobody waits for ever, and nothing is kept of it. */
static void expect_turned_down(gdn_ledger *ledger, uint32_t peer, struct gdn_message sent)
{
    struct gdn_effect effect;
    struct gdn_entry_view view;
    assert_int_equal(gdn_ledger_apply(ledger, peer, &sent, 0, &effect), GDN_OK);
    assert_int_equal(effect.type, GDN_EFFECT_NONE);
    assert_true(effect.has_reply);
    assert_int_equal(effect.reply.verb, GDN_VERB_WAKE);
    assert_int_equal(effect.reply.number, sent.number);
    assert_false(gdn_ledger_entry(ledger, (struct gdn_ticket_ref){peer, sent.number}, &view));
}

static void expect_refusal(gdn_ledger *ledger, uint32_t peer, struct gdn_message sent,
                           enum gdn_err err)
{
    struct gdn_ledger_counters before = gdn_ledger_counters(ledger);
    struct gdn_effect effect = {.cookie = 4711};
    assert_int_equal(gdn_ledger_apply(ledger, peer, &sent, 0, &effect), err);
    assert_int_equal(effect.cookie, 4711);
    struct gdn_ledger_counters after = gdn_ledger_counters(ledger);
    assert_memory_equal(&before, &after, sizeof before);
}

/* ---- Requests to another home ---- */

static void request_names_all_that_home_needs(void **state)
{
    gdn_ledger *ledger = *state;
    struct gdn_request request = {.process = P("T1"),
                                  .resource = R("r"),
                                  .label = "acct/42",
                                  .mode = S,
                                  .flags = GDN_REQUEST_BRIEF,
                                  .cookie = 99};
    uint64_t number;
    struct gdn_message out;
    assert_ok(gdn_ledger_request(ledger, 2, &request, 500, &number, &out));
    assert_int_equal(number, 1);
    assert_int_equal(out.verb, GDN_VERB_REQUEST);
    assert_int_equal(out.number, 1);
    assert_int_equal(out.mode, S);
    assert_int_equal(out.flags, GDN_REQUEST_BRIEF);
    assert_true(gdn_id_equal(out.process.id, P("T1").id));
    assert_true(gdn_id_equal(out.resource.id, R("r").id));

    struct gdn_ticket_view view;
    assert_true(gdn_ledger_ticket(ledger, number, &view));
    assert_false(view.granted || view.direct);
    assert_int_equal(view.home, 2);
    assert_int_equal(view.cookie, 99);
    assert_int_equal(view.since_us, 500);
    assert_int_equal(oldest_waiting(ledger, 0), number);
}

static void arrived_grant_ends_the_wait(void **state)
{
    gdn_ledger *ledger = *state;
    uint64_t number = ask(ledger, 2, "T1", "r", X);
    struct gdn_effect effect = arrive(ledger, 2, message(GDN_VERB_GRANT, "T1", "r", number));
    assert_int_equal(effect.type, GDN_EFFECT_GRANTED);
    assert_int_equal(effect.ticket.issuer, 0);
    assert_int_equal(effect.ticket.number, number);
    assert_int_equal(oldest_waiting(ledger, 0), 0);
    struct gdn_ticket_view view;
    assert_true(gdn_ledger_ticket(ledger, number, &view));
    assert_true(view.granted);
}

/* RULES 3, "ended wins": T1 gave up while the grant was on its way. Its home will learn of that
 * from the cancel; here the grant says nothing any more. */
static void grant_that_crossed_a_cancel_is_only_counted(void **state)
{
    gdn_ledger *ledger = *state;
    uint64_t number = ask(ledger, 2, "T1", "r", X);
    struct gdn_outgoing out;
    assert_ok(gdn_ledger_cancel(ledger, number, &out));
    assert_int_equal(out.peer, 2);
    assert_int_equal(out.message.verb, GDN_VERB_CANCEL);
    struct gdn_effect effect = arrive(ledger, 2, message(GDN_VERB_GRANT, "T1", "r", number));
    assert_int_equal(effect.type, GDN_EFFECT_NONE);
    assert_int_equal(gdn_ledger_counters(ledger).crossed, 1);
    assert_int_equal(gdn_ledger_counters(ledger).tickets_granted, 0);
}

static void release_sends_one_message_for_each_remote_ticket(void **state)
{
    gdn_ledger *ledger = *state;
    uint64_t a = ask(ledger, 2, "T1", "r", S);
    uint64_t b = ask(ledger, 2, "T1", "r", X);
    uint64_t waiting = ask(ledger, 2, "T1", "r", X);
    uint64_t others = ask(ledger, 2, "T2", "r", X);
    struct gdn_outgoing out[4];
    size_t count = 77;
    assert_int_equal(gdn_ledger_release_homes(ledger, P("T1"), R("r"), NULL, 0), 0);
    assert_int_equal(gdn_ledger_release(ledger, P("T1"), R("r"), out, &count), GDN_ERR_NOT_HELD);
    assert_int_equal(count, 77);

    arrive(ledger, 2, message(GDN_VERB_GRANT, "T1", "r", b));
    arrive(ledger, 2, message(GDN_VERB_GRANT, "T1", "r", a));
    assert_int_equal(gdn_ledger_release_homes(ledger, P("T1"), R("r"), NULL, 0), 2);
    assert_ok(gdn_ledger_release(ledger, P("T1"), R("r"), out, &count));
    assert_int_equal(count, 2);
    assert_int_equal(out[0].message.number, a);
    assert_int_equal(out[1].message.number, b);
    assert_int_equal(out[0].message.verb, GDN_VERB_RELEASE);
    assert_true(is_live(ledger, waiting) && is_live(ledger, others));
    /* The second time it is the caller's mistake. */
    assert_int_equal(gdn_ledger_release(ledger, P("T1"), R("r"), out, &count), GDN_ERR_NOT_HELD);
}

static void end_sends_one_message_for_each_home(void **state)
{
    gdn_ledger *ledger = *state;
    ask(ledger, 2, "T1", "r", X);
    ask(ledger, 2, "T1", "q", X);
    ask(ledger, 5, "T1", "s", X);
    hold(ledger, "T1", "here", X);
    uint64_t others = ask(ledger, 2, "T2", "r", X);
    struct gdn_outgoing out[2];
    uint32_t homes[2] = {0, 77};
    size_t count;
    assert_int_equal(gdn_ledger_end_homes(ledger, P("T1"), homes, 1), 2);
    assert_int_equal(homes[0], 2);
    assert_int_equal(homes[1], 77); /* It had no room. */
    gdn_ledger_end(ledger, P("T1"), out, &count);
    assert_int_equal(count, 2);
    assert_int_equal(out[0].peer, 2);
    assert_int_equal(out[1].peer, 5);
    assert_int_equal(out[1].message.verb, GDN_VERB_END);
    assert_true(gdn_id_equal(out[1].message.process.id, P("T1").id));
    assert_int_equal(gdn_ledger_counters(ledger).resources, 0);
    assert_int_equal(oldest_waiting(ledger, 0), others);
    assert_int_equal(end(ledger, "T1"), 0);
}

/* Numbers are names: a reused one would let an old grant end a new wait. */
static void ticket_numbers_are_never_reused(void **state)
{
    gdn_ledger *ledger = *state;
    uint64_t last = 0;
    for (int i = 0; i < 10; i++) {
        uint64_t number = ask(ledger, i % 2 == 0 ? 0 : 3, "T1", "r", X);
        assert_true(number > last);
        last = number;
        cancel(ledger, number);
    }
}

static void unknown_ticket_cannot_be_cancelled(void **state)
{
    gdn_ledger *ledger = *state;
    struct gdn_outgoing out = {.peer = 77};
    assert_int_equal(gdn_ledger_cancel(ledger, 1, &out), GDN_ERR_UNKNOWN_TICKET);
    assert_int_equal(out.peer, 77);
    assert_int_equal(gdn_ledger_counters(ledger).cancels, 0);
}

static void misuse_is_refused(void **state)
{
    gdn_ledger *ledger = *state;
    struct gdn_request request = {.process = P("T1"), .resource = R("r"), .mode = 2};
    uint64_t number = 77;
    struct gdn_message out;
    assert_int_equal(gdn_ledger_request(ledger, 0, &request, 0, &number, &out), GDN_ERR_MISUSE);
    request.mode = X;
    request.flags = 0x80;
    assert_int_equal(gdn_ledger_request(ledger, 0, &request, 0, &number, &out), GDN_ERR_MISUSE);
    request.flags = 0;
    request.label = "two\nlines";
    assert_int_equal(gdn_ledger_request(ledger, 0, &request, 0, &number, &out), GDN_ERR_NAME);
    assert_int_equal(number, 77);
    struct gdn_process_info info = {.label = ""};
    assert_int_equal(gdn_ledger_describe(ledger, P("T1"), &info), GDN_ERR_NAME);
    assert_int_equal(gdn_ledger_peer_lost(ledger, 0, N("self"), 0), GDN_ERR_MISUSE);
    struct gdn_wait wait = {.process = P("T1")};
    assert_int_equal(gdn_ledger_wait_on(ledger, &wait, 0, &number), GDN_ERR_MISUSE);
}

static void tickets_are_limited_on_both_sides_together(void **state)
{
    (void)state;
    struct gdn_ledger_options options = {.tickets_max = 3};
    gdn_ledger *ledger = gdn_ledger_new(&options);
    assert_non_null(ledger);
    hold(ledger, "T1", "r", X); /* One ticket and one entry. */
    struct gdn_request request = {.process = P("T2"), .resource = R("r")};
    uint64_t number;
    struct gdn_message out;
    assert_int_equal(gdn_ledger_request(ledger, 0, &request, 0, &number, &out), GDN_ERR_LIMIT);
    arrive(ledger, 1, request_message("T3", "r", 1, X, 0));
    expect_turned_down(ledger, 1, request_message("T3", "r", 2, X, 0));
    assert_int_equal(gdn_ledger_request(ledger, 1, &request, 0, &number, &out), GDN_ERR_LIMIT);
    arrive(ledger, 1, message(GDN_VERB_CANCEL, "T3", "r", 1));
    assert_ok(gdn_ledger_request(ledger, 1, &request, 0, &number, &out));
    gdn_ledger_free(ledger);
}

/* ---- Waiting, described ---- */

static void waiting_tickets_come_oldest_first(void **state)
{
    gdn_ledger *ledger = *state;
    uint64_t a = ask(ledger, 2, "T1", "r", X);
    uint64_t b = ask(ledger, 2, "T2", "r", X);
    ask_with(ledger, 2, "T3", "r", X, GDN_REQUEST_NO_WAIT);
    uint64_t c = ask(ledger, 0, "T4", "r", X);
    assert_int_equal(oldest_waiting(ledger, 0), a);
    assert_int_equal(oldest_waiting(ledger, a), b);
    assert_int_equal(oldest_waiting(ledger, b), c);
    assert_int_equal(oldest_waiting(ledger, c), 0);
    /* It goes on from a ticket that has stopped waiting meanwhile. */
    cancel(ledger, b);
    assert_int_equal(oldest_waiting(ledger, b), c);
    arrive(ledger, 2, message(GDN_VERB_GRANT, "T1", "r", a));
    assert_int_equal(oldest_waiting(ledger, a), c);
}

/* RULES 14: attributes used to choose are fixed when the ticket is issued. */
static void description_is_fixed_when_the_ticket_is_issued(void **state)
{
    gdn_ledger *ledger = *state;
    struct gdn_process_info info = {.label = "checkout", .abortable = true};
    uint64_t before = ask(ledger, 2, "T1", "r", X);
    assert_ok(gdn_ledger_describe(ledger, P("T1"), &info));
    uint64_t first = ask(ledger, 2, "T1", "r", X);
    info.abortable = false;
    assert_ok(gdn_ledger_describe(ledger, P("T1"), &info));
    uint64_t second = ask(ledger, 2, "T1", "r", X);
    struct gdn_ticket_view view;
    assert_true(gdn_ledger_ticket(ledger, before, &view) && view.abortable);
    assert_true(gdn_ledger_ticket(ledger, first, &view) && view.abortable);
    assert_true(gdn_ledger_ticket(ledger, second, &view) && !view.abortable);
    end(ledger, "T1");
    uint64_t third = ask(ledger, 2, "T1", "r", X);
    assert_true(gdn_ledger_ticket(ledger, third, &view) && view.abortable);
}

/* ---- At home: what arrives from the issuer ---- */

static void remote_request_is_queued_and_granted(void **state)
{
    gdn_ledger *ledger = *state;
    struct gdn_effect effect = arrive(ledger, 4, request_message("T1", "r", 9, S, 0));
    assert_int_equal(effect.type, GDN_EFFECT_REQUESTED);
    assert_int_equal(effect.ticket.issuer, 4);
    assert_int_equal(effect.ticket.number, 9);
    struct gdn_message out;
    assert_ok(gdn_ledger_grant(ledger, ref(4, 9), &out));
    assert_int_equal(out.verb, GDN_VERB_GRANT);
    assert_int_equal(out.number, 9);
    assert_true(is_held(ledger, 4, 9));
    arrive(ledger, 4, message(GDN_VERB_RELEASE, "T1", "r", 9));
    assert_false(is_held(ledger, 4, 9));
    assert_int_equal(gdn_ledger_counters(ledger).crossed, 0);
    arrive(ledger, 4, message(GDN_VERB_RELEASE, "T1", "r", 9));
    assert_int_equal(gdn_ledger_counters(ledger).crossed, 1);
}

static void cancel_ends_a_ticket_queued_or_held(void **state)
{
    gdn_ledger *ledger = *state;
    arrive(ledger, 4, request_message("T1", "r", 1, X, 0));
    arrive(ledger, 4, request_message("T1", "r", 2, X, 0));
    grant(ledger, 4, 1);
    arrive(ledger, 4, message(GDN_VERB_CANCEL, "T1", "r", 2));
    arrive(ledger, 4, message(GDN_VERB_CANCEL, "T1", "r", 1));
    assert_int_equal(gdn_ledger_counters(ledger).resources, 0);
}

/* Only the issuer releases (RULES 10): T works at two nodes, and one of them ends. */
static void end_from_a_peer_ends_only_its_own_tickets(void **state)
{
    gdn_ledger *ledger = *state;
    arrive(ledger, 4, request_message("T", "r", 1, S, 0));
    arrive(ledger, 5, request_message("T", "r", 1, S, 0));
    uint64_t own = hold(ledger, "T", "r", S);
    grant(ledger, 4, 1);
    arrive(ledger, 4, message(GDN_VERB_END, "T", "", 0));
    assert_false(is_held(ledger, 4, 1));
    assert_true(is_queued(ledger, 5, 1));
    assert_true(is_held(ledger, 0, own));
    arrive(ledger, 4, message(GDN_VERB_END, "T", "", 0));
    assert_int_equal(gdn_ledger_counters(ledger).crossed, 1);
}

/* A peer's numbers index nothing until they are checked, and it ends nothing of others. */
static void what_no_correct_peer_sends_is_refused(void **state)
{
    gdn_ledger *ledger = *state;
    arrive(ledger, 4, request_message("T1", "r", 1, X, 0));
    uint64_t waiting = ask(ledger, 4, "T1", "q", X);
    uint64_t granted = ask(ledger, 4, "T1", "s", X);
    uint64_t local = ask(ledger, 0, "T1", "here", X);
    arrive(ledger, 4, message(GDN_VERB_GRANT, "T1", "s", granted));

    expect_refusal(ledger, 4, request_message("T1", "r", 1, X, 0), GDN_ERR_FORMAT);
    expect_refusal(ledger, 4, request_message("T1", "r", 0, X, 0), GDN_ERR_FORMAT);
    expect_turned_down(ledger, 4, request_message("T1", "r", 2, 15, 0));
    expect_refusal(ledger, 4, request_message("T1", "r", 2, X, 0x40), GDN_ERR_FORMAT);
    expect_refusal(ledger, 4, message(GDN_VERB_CANCEL, "T2", "r", 1), GDN_ERR_FORMAT);
    expect_refusal(ledger, 4, message(GDN_VERB_RELEASE, "T1", "r", 0), GDN_ERR_FORMAT);
    expect_refusal(ledger, 5, message(GDN_VERB_GRANT, "T1", "q", waiting), GDN_ERR_FORMAT);
    expect_refusal(ledger, 4, message(GDN_VERB_GRANT, "T2", "q", waiting), GDN_ERR_FORMAT);
    expect_refusal(ledger, 4, message(GDN_VERB_GRANT, "T1", "s", granted), GDN_ERR_FORMAT);
    expect_refusal(ledger, 4, message(GDN_VERB_GRANT, "T1", "here", local), GDN_ERR_FORMAT);
    expect_refusal(ledger, 5, message(GDN_VERB_WAKE, "T1", "q", waiting), GDN_ERR_FORMAT);
    expect_refusal(ledger, 0, message(GDN_VERB_WAKE, "T1", "here", local), GDN_ERR_FORMAT);
    expect_refusal(ledger, 4, message((enum gdn_verb)0, "T1", "r", 1), GDN_ERR_FORMAT);
    expect_refusal(ledger, 4, message((enum gdn_verb)99, "T1", "r", 1), GDN_ERR_FORMAT);
    expect_refusal(ledger, 0, message(GDN_VERB_CANCEL, "T1", "here", local), GDN_ERR_MISUSE);
    assert_true(is_queued(ledger, 4, 1) && is_queued(ledger, 0, local));
    assert_int_equal(oldest_waiting(ledger, 0), waiting);
}

/* ---- NO_WAIT ---- */

static void no_wait_at_home_is_queued_or_refused_at_once(void **state)
{
    gdn_ledger *ledger = *state;
    struct gdn_effect effect =
        arrive(ledger, 4, request_message("T1", "r", 1, S, GDN_REQUEST_NO_WAIT));
    assert_int_equal(effect.type, GDN_EFFECT_REQUESTED);
    grant(ledger, 4, 1);
    effect = arrive(ledger, 4, request_message("T2", "r", 2, X, GDN_REQUEST_NO_WAIT));
    assert_int_equal(effect.type, GDN_EFFECT_NONE);
    assert_true(effect.has_reply);
    assert_int_equal(effect.reply.verb, GDN_VERB_WAKE);
    assert_int_equal(effect.reply.number, 2);
    /* A hold would admit it, but a writer queues before it. */
    ask(ledger, 0, "T3", "r", X);
    effect = arrive(ledger, 4, request_message("T2", "r", 3, S, GDN_REQUEST_NO_WAIT));
    assert_true(effect.has_reply);
    assert_int_equal(gdn_ledger_counters(ledger).contested, 1);
    /* Its own process's conversion is not stopped by the writer. */
    effect = arrive(ledger, 4, request_message("T1", "r", 4, X, GDN_REQUEST_NO_WAIT));
    assert_int_equal(effect.type, GDN_EFFECT_REQUESTED);
}

static void no_wait_never_waits_at_the_issuer(void **state)
{
    gdn_ledger *ledger = *state;
    uint64_t number = ask_with(ledger, 4, "T1", "r", X, GDN_REQUEST_NO_WAIT);
    assert_int_equal(oldest_waiting(ledger, 0), 0);
    assert_int_equal(gdn_ledger_counters(ledger).tickets_waiting, 0);
    struct gdn_effect effect = arrive(ledger, 4, message(GDN_VERB_WAKE, "T1", "r", number));
    assert_int_equal(effect.type, GDN_EFFECT_REFUSED);
    assert_int_equal(effect.ticket.number, number);
    assert_false(is_live(ledger, number));
    number = ask_with(ledger, 4, "T1", "r", X, GDN_REQUEST_NO_WAIT);
    effect = arrive(ledger, 4, message(GDN_VERB_GRANT, "T1", "r", number));
    assert_int_equal(effect.type, GDN_EFFECT_GRANTED);
    assert_int_equal(gdn_ledger_counters(ledger).tickets_granted, 1);
}

static void no_wait_at_own_home_fails_at_once(void **state)
{
    gdn_ledger *ledger = *state;
    struct gdn_request request = {
        .process = P("T1"), .resource = R("r"), .flags = GDN_REQUEST_NO_WAIT};
    uint64_t number = 0;
    struct gdn_message out;
    assert_ok(gdn_ledger_request(ledger, 0, &request, 0, &number, &out));
    assert_int_equal(next_number(ledger, "r"), number);
    grant(ledger, 0, number);
    struct gdn_ledger_counters before = gdn_ledger_counters(ledger);
    request.process = P("T2");
    assert_int_equal(gdn_ledger_request(ledger, 0, &request, 0, &number, &out),
                     GDN_ERR_NOT_GRANTABLE);
    struct gdn_ledger_counters after = gdn_ledger_counters(ledger);
    assert_memory_equal(&before, &after, sizeof before);
}

#define fact(name) cmocka_unit_test_setup_teardown(name, make_ledger, free_ledger)

int main(void)
{
    const struct CMUnitTest tests[] = {
        fact(request_names_all_that_home_needs),
        fact(arrived_grant_ends_the_wait),
        fact(grant_that_crossed_a_cancel_is_only_counted),
        fact(release_sends_one_message_for_each_remote_ticket),
        fact(end_sends_one_message_for_each_home),
        fact(ticket_numbers_are_never_reused),
        fact(unknown_ticket_cannot_be_cancelled),
        fact(misuse_is_refused),
        fact(tickets_are_limited_on_both_sides_together),
        fact(waiting_tickets_come_oldest_first),
        fact(description_is_fixed_when_the_ticket_is_issued),
        fact(remote_request_is_queued_and_granted),
        fact(cancel_ends_a_ticket_queued_or_held),
        fact(end_from_a_peer_ends_only_its_own_tickets),
        fact(what_no_correct_peer_sends_is_refused),
        fact(no_wait_at_home_is_queued_or_refused_at_once),
        fact(no_wait_never_waits_at_the_issuer),
        fact(no_wait_at_own_home_fails_at_once),
    };
    return !!cmocka_run_group_tests(tests, NULL, NULL);
}
