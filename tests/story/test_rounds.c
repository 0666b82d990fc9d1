/* SPDX-License-Identifier: MIT */
/* One test for each thing that can happen to a round, told as a trace. Real sites, a network in
 * memory. "A" to "D" are nodes, "D1" and "D2" detectors. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include "src/core/wire.h"
#include "tests/story/story_fixture.h"
#include <cmocka.h>
#include <string.h>

#define EXCLUSIVE GDN_MODE_EXCLUSIVE
#define SHARED    GDN_MODE_SHARED

static void expect_cut(struct world *world, const char *detector, uint64_t round,
                       const char *expected)
{
    gdn_cut *cut = world_round_cut(world, detector, round, GDN_OK);
    assert_string_equal(world_describe_cut(world, cut), expected);
    gdn_cut_free(cut);
}

/* The paper's rules, with nothing in flight: START, a marker each way, two reports. */
static void a_quiet_round_takes_one_marker_for_each_channel(void **state)
{
    struct world *world = *state;
    uint64_t round = world_start(world, "D1");
    world_settle(world);
    world_expect_trace(world, "[D1 > A] start 1\n"
                              "[A > B] marker 1\n"
                              "[B > A] marker 1\n"
                              "[A > D1] report\n"
                              "[B > D1] report\n"
                              "[D1 > B] start 1\n");
    assert_int_equal(world_reports(world, "D1", round), 2);
    expect_cut(world, "D1", round, "");
}

/* B's application never takes its inbox; its state is recorded all the same. */
static void a_blocked_application_delays_no_round(void **state)
{
    struct world *world = *state;
    (void)story_ask(world, "A", "B", "T1", "x", EXCLUSIVE);
    world_settle(world);
    uint64_t round = world_start(world, "D1");
    world_settle(world);
    assert_int_equal(world_reports(world, "D1", round), 2);
    expect_cut(world, "D1", round,
               "A -> B: request T1 x\n"
               "A: T1 waits for x\n");
}

/* A request in flight to a resource that nobody waited for still finds its holder, although the
 * holder is gone by the time the request is recorded: the list is saved at its first change. */
static void a_request_in_flight_finds_its_holders_as_of_the_cut(void **state)
{
    struct world *world = *state;
    story_lock(world, "B", "B", "T2", "x", EXCLUSIVE);
    (void)story_ask(world, "A", "B", "T1", "x", EXCLUSIVE);
    world_hold(world, "A", "B");
    uint64_t round = world_start(world, "D1");
    world_settle(world); /* B has cut; A's request and marker are on the wire. */
    assert_int_equal(world_release_lock(world, "B", "T2", "x"), GDN_OK);
    world_release(world, "A", "B");
    world_settle(world);
    expect_cut(world, "D1", round,
               "A -> B: request T1 x\n"
               "A: T1 waits for x\n"
               "B: x held by T2\n");
}

/* B's grant left before the cut and lies untaken at A: the channel's state shows that T1 will soon
 * stop waiting. */
static void a_grant_in_flight_is_recorded_on_its_channel(void **state)
{
    struct world *world = *state;
    (void)story_ask(world, "A", "B", "T1", "x", EXCLUSIVE);
    world_settle(world);
    world_manage(world, "B");
    world_settle(world);
    uint64_t round = world_start(world, "D1");
    world_settle(world);
    expect_cut(world, "D1", round,
               "A: T1 waits for x\n"
               "B -> A: grant T1 x\n");
}

/* The same for a release and a cancel that B has not taken. */
static void releases_and_cancels_in_flight_are_recorded_in_order(void **state)
{
    struct world *world = *state;
    story_lock(world, "A", "B", "T1", "x", EXCLUSIVE);
    story_lock(world, "A", "B", "T2", "y", EXCLUSIVE);
    gdn_ticket ticket = story_ask(world, "A", "B", "T2", "x", EXCLUSIVE);
    world_settle(world);
    world_manage(world, "B");
    assert_int_equal(world_release_lock(world, "A", "T1", "x"), GDN_OK);
    assert_int_equal(world_cancel(world, "A", ticket), GDN_OK);
    assert_int_equal(world_end(world, "A", "T2"), GDN_OK);
    world_settle(world);
    uint64_t round = world_start(world, "D1");
    world_settle(world);
    gdn_cut *cut = world_round_cut(world, "D1", round, GDN_OK);
    const struct gdn_cut_node *b = &cut->nodes[cut->parties[gdn_cut_party(cut, "B", 102)].node];
    assert_int_equal(b->message_count, 3);
    assert_int_equal(b->messages[0].verb, GDN_VERB_RELEASE);
    assert_int_equal(b->messages[1].verb, GDN_VERB_CANCEL);
    assert_int_equal(b->messages[2].verb, GDN_VERB_END);
    gdn_cut_free(cut);
}

/* Three nodes: what arrives after the cut and before its marker belongs to that channel, and to no
 * other. */
static void what_arrives_between_cut_and_marker_is_recorded_on_its_channel(void **state)
{
    struct world *world = *state;
    world_hold(world, "A", "B");
    (void)story_ask(world, "A", "B", "T1", "x", EXCLUSIVE);
    (void)story_ask(world, "C", "B", "T3", "y", EXCLUSIVE);
    world_settle(world);
    world_manage(world, "B"); /* T3's request is taken: before the cut. */
    uint64_t round = world_start(world, "D1");
    world_settle(world); /* B cut on START; A's channel is open. */
    assert_int_equal(world_reports(world, "D1", round), 2);
    world_release(world, "A", "B");
    world_settle(world);
    assert_int_equal(world_reports(world, "D1", round), 3);
    expect_cut(world, "D1", round,
               "A -> B: request T1 x\n"
               "A: T1 waits for x\n"
               "B -> C: grant T3 y\n"
               "C: T3 waits for y\n");
}

/* A message sent after the sender's cut is behind its marker: not in the cut, although it arrives
 * while the receiver is still recording other channels. */
static void what_was_sent_after_the_cut_is_not_in_it(void **state)
{
    struct world *world = *state;
    world_hold(world, "C", "B");
    uint64_t round = world_start(world, "D1");
    world_settle(world);
    (void)story_ask(world, "A", "B", "T1", "x", EXCLUSIVE);
    world_settle(world);
    world_release(world, "C", "B");
    world_settle(world);
    expect_cut(world, "D1", round, "");
}

/* Payloads are only counted in scope waits. */
static void payloads_in_flight_are_counted(void **state)
{
    struct world *world = *state;
    assert_int_equal(world_send(world, "A", "B", "one"), GDN_OK);
    assert_int_equal(world_send(world, "A", "B", "two"), GDN_OK);
    world_settle(world);
    assert_true(world_take(world, "B", NULL));
    uint64_t round = world_start(world, "D1");
    world_settle(world);
    expect_cut(world, "D1", round, "A -> B: 1 untagged\n");
}

/* Two detectors, each with its own cut of the same moving system. */
static void rounds_of_two_initiators_overlap(void **state)
{
    struct world *world = *state;
    world_hold(world, "A", "B");
    uint64_t first = world_start(world, "D1");
    world_settle(world);
    (void)story_ask(world, "A", "B", "T1", "x", EXCLUSIVE);
    uint64_t second = world_start(world, "D2");
    world_settle(world);
    world_release(world, "A", "B");
    world_settle(world);
    expect_cut(world, "D1", first, "");
    expect_cut(world, "D2", second,
               "A -> B: request T1 x\n"
               "A: T1 waits for x\n");
}

/* The older round is given up everywhere; its late markers are ignored. */
static void a_newer_round_of_the_same_initiator_replaces_the_older(void **state)
{
    struct world *world = *state;
    world_hold(world, "A", "B");
    uint64_t first = world_start(world, "D1");
    world_settle(world);
    uint64_t second = world_start(world, "D1");
    world_settle(world);
    world_release(world, "A", "B");
    world_settle(world);
    assert_true(world_reports(world, "D1", first) < 3);
    assert_int_equal(world_reports(world, "D1", second), 3);
    expect_cut(world, "D1", second, "");
}

/* B hears of the round from A's marker; its START comes when it has reported already. */
static void a_start_behind_the_first_marker_changes_nothing(void **state)
{
    struct world *world = *state;
    world_hold(world, "D1", "B");
    uint64_t round = world_start(world, "D1");
    world_settle(world);
    assert_int_equal(world_reports(world, "D1", round), 2);
    world_release(world, "D1", "B");
    world_settle(world);
    assert_int_equal(world_reports(world, "D1", round), 2);
    expect_cut(world, "D1", round, "");
}

/* A joins while B still records: the list that opens A's channel says that A has not cut, so its
 * marker is awaited; when A's cut comes, so does its marker. */
static void a_channel_opened_during_a_round_is_part_of_it(void **state)
{
    struct world *world = world_new();
    (void)state;
    world_add_node(world, "A", NULL);
    world_add_node(world, "B", NULL);
    world_add_node(world, "C", NULL);
    world_add_detector(world, "D1");
    const char *const nodes[] = {"A", "B", "C"};
    for (int i = 0; i < 3; i++) world_dial(world, nodes[i], "D1");
    world_dial(world, "C", "B");
    world_pass_ms(world, 50);
    world_manage_all(world);

    world_hold(world, "C", "B");
    world_hold(world, "D1", "A");
    uint64_t round = world_start(world, "D1");
    world_settle(world); /* B has cut and waits for C's marker. A knows nothing. */
    world_dial(world, "A", "B");
    world_pass_ms(world, 50);
    world_manage_all(world);
    /* After B's cut, so after A's: not in the picture. */
    (void)story_ask(world, "A", "B", "T1", "x", EXCLUSIVE);
    world_release(world, "C", "B");
    world_release(world, "D1", "A");
    world_settle(world);
    assert_int_equal(world_reports(world, "D1", round), 3);
    expect_cut(world, "D1", round, "");
    world_free(world);
}

/* RULES 9: A has cut when it opens a channel to B. No marker will ever come on it; the list with
 * which it opens stands for one, and B, which has not been told to start, cuts before it takes what
 * A sent after its own cut. */
static void the_list_that_opens_a_channel_counts_as_markers(void **state)
{
    struct world *world = world_new();
    (void)state;
    const char *const nodes[] = {"A", "B", "C"};
    for (int i = 0; i < 3; i++) world_add_node(world, nodes[i], NULL);
    world_add_detector(world, "D1");
    for (int i = 0; i < 3; i++) world_dial(world, nodes[i], "D1");
    world_dial(world, "A", "C");
    world_pass_ms(world, 50);
    world_manage_all(world);

    world_hold(world, "C", "A");
    world_hold(world, "D1", "B");
    uint64_t round = world_start(world, "D1");
    world_settle(world); /* A has cut and waits for C's marker. B knows nothing. */
    world_dial(world, "A", "B");
    world_pass_ms(world, 50);
    (void)story_ask(world, "A", "B", "T1", "x", EXCLUSIVE);
    world_settle(world);
    world_manage_all(world); /* B takes the request: after its cut. */
    assert_int_equal(world_reports(world, "D1", round), 2);
    world_release(world, "C", "A");
    world_settle(world);
    assert_int_equal(world_reports(world, "D1", round), 3);
    expect_cut(world, "D1", round, "");
    world_free(world);
}

/* A peer is lost while a round spans it: the round fails, and the reason says who. */
static void a_round_that_loses_a_peer_fails_by_name(void **state)
{
    struct world *world = *state;
    world_hold(world, "A", "B");
    world_hold(world, "A", "C");
    uint64_t round = world_start(world, "D1");
    world_settle(world);
    world_drop(world, "A", "B"); /* A goes, and its markers with it. */
    world_drop(world, "A", "C");
    world_release(world, "A", "B");
    world_release(world, "A", "C");
    world_remove(world, "A", false);
    world_add_node(world, "A", NULL);
    world_dial(world, "A", "B");
    world_dial(world, "A", "C");
    world_pass_ms(world, 50);
    assert_non_null(strstr(world_failure(world, "D1", round), "A"));
}

/* The bound on recording: the round fails by name, and the traffic goes on. */
static void a_round_that_would_record_too_much_fails_by_name(void **state)
{
    (void)state;
    struct world_options options = {.recording_max = 100};
    struct world *world = story_world(2, 1, &options, &options);
    world_hold(world, "A", "B");
    const char *const processes[] = {"T1", "T2", "T3", "T4"};
    for (int i = 0; i < 4; i++) {
        (void)story_ask(world, "A", "B", processes[i], "x", SHARED);
    }
    uint64_t round = world_start(world, "D1");
    world_settle(world);
    world_release(world, "A", "B");
    world_settle(world);
    assert_non_null(strstr(world_failure(world, "D1", round), "maximum"));
    world_manage_all(world);
    struct gdn_site_counters counters = gdn_site_counters(world_site(world, "A"));
    assert_int_equal(counters.ledger.tickets_granted, 4);
    world_free(world);
}

/* At the deadline nodes hand over what they have; the channel that is open says so, and the check
 * forgives it what has not arrived. */
static void collecting_reports_open_channels(void **state)
{
    struct world *world = *state;
    world_hold(world, "A", "B");
    (void)story_ask(world, "A", "B", "T1", "x", EXCLUSIVE);
    uint64_t round = world_start(world, "D1");
    world_settle(world);
    assert_int_equal(world_reports(world, "D1", round), 1);
    world_collect(world, "D1", round);
    world_settle(world);
    assert_int_equal(world_reports(world, "D1", round), 2);
    expect_cut(world, "D1", round,
               "A -> B: open\n"
               "A: T1 waits for x\n");
}

/* Chandy and Lamport's channels are FIFO; ours stay so when frames are lost, and so does the cut.
 */
static void a_lost_frame_is_resent_before_anything_behind_it(void **state)
{
    struct world *world = *state;
    (void)story_ask(world, "A", "B", "T1", "x", EXCLUSIVE);
    world_drop(world, "A", "B");
    (void)story_ask(world, "A", "B", "T2", "x", EXCLUSIVE);
    uint64_t round = world_start(world, "D1");
    world_pass_ms(world, 1000);
    gdn_cut *cut = world_round_cut(world, "D1", round, GDN_OK);
    assert_string_equal(world_describe_cut(world, cut), "A -> B: request T1 x\n"
                                                        "A -> B: request T2 x\n"
                                                        "A: T1 waits for x\n"
                                                        "A: T2 waits for x\n");
    gdn_cut_free(cut);
}

/* ---- Incarnations ---- */

/* B dies without a word and comes back, and dials nobody: A, which had dialled it, meets the new
 * one, and rounds are complete again. */
static void a_restarted_peer_that_dials_nobody_is_met_again(void **state)
{
    (void)state;
    struct world *world = world_new();
    world_add_node(world, "A", NULL);
    world_add_node(world, "B", NULL);
    world_add_detector(world, "D1");
    world_dial(world, "A", "D1");
    world_dial(world, "A", "B");
    world_pass_ms(world, 50);
    world_remove(world, "B", false);
    world_add_node(world, "B", NULL);
    world_dial(world, "B", "D1");
    world_pass_ms(world, 3000);
    world_manage_all(world);
    (void)story_ask(world, "A", "B", "T1", "x", EXCLUSIVE);
    world_settle(world);
    uint64_t round = world_start(world, "D1");
    world_pass_ms(world, 300);
    expect_cut(world, "D1", round,
               "A -> B: request T1 x\n"
               "A: T1 waits for x\n");
    world_free(world);
}

/* A ticket of an earlier incarnation is never taken for a new one with its number (RULES 4). */
static void a_wake_for_an_earlier_incarnation_is_refused(void **state)
{
    struct world *world = *state;
    struct gdn_event wake = {.type = GDN_EVENT_WOKEN};
    wake.as.woken.ticket =
        (gdn_ticket){.issuer = gdn_node_named("B"), .incarnation = 99, .number = 1};
    wake.as.woken.process = gdn_process_named("T1");
    wake.as.woken.by = gdn_process_named("T2");
    assert_int_equal(world_event(world, "A", &wake, NULL), GDN_ERR_UNKNOWN_TICKET);
}

/* What the application gave up is not granted to it afterwards, here no more than elsewhere. */
static void a_cancel_overtakes_a_grant_by_the_own_node(void **state)
{
    struct world *world = *state;
    struct gdn_item item;
    gdn_ticket ticket = story_ask(world, "A", "A", "T1", "x", EXCLUSIVE);
    assert_true(world_take(world, "A", &item));
    assert_int_equal(world_grant(world, "A", "x"), 1);
    assert_int_equal(world_cancel(world, "A", ticket), GDN_OK);
    assert_false(world_take(world, "A", &item));
}

/* ---- Windows, suspicion ---- */

/* Both windows full, nobody takes: rounds complete, and what a request obliged us to send fits. */
static void full_windows_stop_neither_rounds_nor_releases(void **state)
{
    (void)state;
    struct world_options options = {.window = 4};
    struct world *world = story_world(2, 1, &options, &options);
    story_lock(world, "A", "B", "T1", "x", EXCLUSIVE);
    story_lock(world, "B", "A", "T2", "y", EXCLUSIVE);
    world_pass_ms(world, 20); /* The peers hear what was taken. */
    int sent = 0;
    while (world_send(world, "A", "B", "m") == GDN_OK) sent++;
    assert_int_equal(sent, 4);
    while (world_send(world, "B", "A", "m") == GDN_OK) continue;
    gdn_ticket ticket;
    assert_int_equal(world_request(world, "A", "B", "T1", "z", EXCLUSIVE, &ticket), GDN_ERR_FULL);
    assert_int_equal(world_release_lock(world, "A", "T1", "x"), GDN_OK);
    assert_int_equal(world_release_lock(world, "B", "T2", "y"), GDN_OK);
    uint64_t round = world_start(world, "D1");
    world_settle(world);
    assert_int_equal(world_reports(world, "D1", round), 2);
    expect_cut(world, "D1", round,
               "A -> B: 4 untagged\n"
               "A -> B: release T1 x\n"
               "B -> A: 4 untagged\n"
               "B -> A: release T2 y\n"
               "");
    world_free(world);
}

/* A wait is suspected once it outlasts its patience, and again while it lasts. */
static void suspicion_repeats_while_a_wait_lasts(void **state)
{
    struct world *world = *state;
    gdn_ticket first, second;
    story_deadlock(world, &first, &second);
    world_pass_ms(world, 90);
    assert_int_equal(world_suspicions(world, "D1"), 0);
    world_pass_ms(world, 20);
    size_t told = world_suspicions(world, "D1");
    assert_true(told >= 1);
    world_pass_ms(world, 500);
    assert_true(world_suspicions(world, "D1") >= told + 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORY_OF_TWO(a_quiet_round_takes_one_marker_for_each_channel),
        STORY_OF_TWO(a_blocked_application_delays_no_round),
        STORY_OF_TWO(a_request_in_flight_finds_its_holders_as_of_the_cut),
        STORY_OF_TWO(a_grant_in_flight_is_recorded_on_its_channel),
        STORY_OF_TWO(releases_and_cancels_in_flight_are_recorded_in_order),
        STORY_OF_THREE(what_arrives_between_cut_and_marker_is_recorded_on_its_channel),
        STORY_OF_THREE(what_was_sent_after_the_cut_is_not_in_it),
        STORY_OF_TWO(payloads_in_flight_are_counted),
        STORY_OF_THREE(rounds_of_two_initiators_overlap),
        STORY_OF_THREE(a_newer_round_of_the_same_initiator_replaces_the_older),
        STORY_OF_TWO(a_start_behind_the_first_marker_changes_nothing),
        cmocka_unit_test(a_channel_opened_during_a_round_is_part_of_it),
        cmocka_unit_test(the_list_that_opens_a_channel_counts_as_markers),
        STORY_OF_THREE(a_round_that_loses_a_peer_fails_by_name),
        cmocka_unit_test(a_round_that_would_record_too_much_fails_by_name),
        STORY_OF_TWO(collecting_reports_open_channels),
        STORY_OF_TWO(a_lost_frame_is_resent_before_anything_behind_it),
        cmocka_unit_test(a_restarted_peer_that_dials_nobody_is_met_again),
        STORY_OF_TWO(a_wake_for_an_earlier_incarnation_is_refused),
        STORY_OF_TWO(a_cancel_overtakes_a_grant_by_the_own_node),
        cmocka_unit_test(full_windows_stop_neither_rounds_nor_releases),
        STORY_OF_TWO(suspicion_repeats_while_a_wait_lasts),
    };
    return !!cmocka_run_group_tests(tests, NULL, NULL);
}
