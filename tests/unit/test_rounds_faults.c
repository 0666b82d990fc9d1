/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Rounds when things go wrong: nodes come, go, stay silent, send nonsense, or fail for ever.
 * Stories with a virtual clock. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "rounds_fixture.h"
#include "tests/support/faulty.h"

#include <stdlib.h>
#include <string.h>

static struct watch watch;

/* ---- When a round starts and ends ---- */

static void without_a_period_only_suspicion_starts_rounds(void **state)
{
    (void)state;
    assert_true(watch_open(&watch, 0, 1000, NULL));
    watch_join(&watch, 1);
    assert_int_equal(watch_deadline(&watch), -2);
    watch_at(&watch, 3600000);
    watch_expect(&watch, "");
    watch_suspect(&watch);
    watch_report(&watch, 1, 1, NULL);
    watch_expect(&watch, "3600000 start 1 n1\n3600000 finish 1: n1\n");
    assert_int_equal(watch_deadline(&watch), -2);
}

/* What a hurried node hands over counts, with the channel that was still open. */
static void a_hurried_node_still_reports(void **state)
{
    (void)state;
    const struct watch_report sender = {.to = 2, .count = 3};
    const struct watch_report receiver = {.from = 1, .count = 1, .open = true};
    assert_true(watch_open(&watch, 0, 100, NULL));
    watch_join(&watch, 1);
    watch_join(&watch, 2);
    watch_suspect(&watch);
    watch_report(&watch, 1, 1, &sender);
    watch_at(&watch, 100);
    watch_at(&watch, 120);
    watch_report(&watch, 2, 1, &receiver);
    watch_expect(&watch, "   0 start 1 n1\n   0 start 1 n2\n"
                         " 100 collect 1 n2\n"
                         " 120 finish 1: n1 n2\n");
}

/* However long the deadline, who was hurried gets half a second. */
static void the_second_deadline_is_short(void **state)
{
    (void)state;
    assert_true(watch_open(&watch, 0, 10000, NULL));
    watch_join(&watch, 1);
    watch_suspect(&watch);
    watch_at(&watch, 10000);
    watch_set_clock(&watch, 10020);
    watch_heard(&watch, 1, 0); /* When the round began. */
    watch_at(&watch, 10020);
    assert_int_equal(watch_deadline(&watch), 10500);
    watch_at(&watch, 10500);
    watch_expect(&watch, "   0 start 1 n1\n"
                         "10000 collect 1 n1\n"
                         "10500 abandon 1 n1\n10500 finish 1:; missing n1\n");
}

/* Three nodes at 10 ms; n1 reports, the deadline of 100 ms passes. */
static void one_of_three_reports(void)
{
    assert_true(watch_open(&watch, 0, 100, NULL));
    for (uint32_t node = 1; node <= 3; node++) watch_join(&watch, node);
    watch_set_clock(&watch, 10);
    watch_suspect(&watch);
    watch_report(&watch, 1, 1, NULL);
    watch_at(&watch, 110);
    watch_expect(&watch, "  10 start 1 n1\n  10 start 1 n2\n  10 start 1 n3\n"
                         " 110 collect 1 n2\n 110 collect 1 n3\n");
    assert_int_equal(watch_deadline(&watch), 130);
    watch_set_clock(&watch, 130);
}

/* It hangs, or its link is cut: the second deadline is for those that are there. */
static void who_was_not_heard_during_the_round_is_not_waited_for(void **state)
{
    (void)state;
    one_of_three_reports();
    watch_heard(&watch, 1, 11);
    watch_heard(&watch, 2, 9);
    watch_expect(&watch, "");
    watch_heard(&watch, 3, 9);
    watch_expect(&watch, " 130 abandon 1 n2\n 130 abandon 1 n3\n"
                         " 130 finish 1: n1; missing n2 n3\n");
}

/* n2 has acknowledged the start, and may be about to report. */
static void who_was_heard_during_the_round_is_waited_for(void **state)
{
    (void)state;
    one_of_three_reports();
    watch_heard(&watch, 2, 11);
    watch_heard(&watch, 3, 9);
    watch_at(&watch, 130);
    assert_int_equal(watch_deadline(&watch), 160);
    watch_heard(&watch, 2, 9); /* Nobody is given up later. */
    watch_at(&watch, 159);
    watch_expect(&watch, "");
    watch_at(&watch, 160);
    watch_expect(&watch, " 160 abandon 1 n2\n 160 abandon 1 n3\n"
                         " 160 finish 1: n1; missing n2 n3\n");
}

/* Not to be waited for is not to be ignored. */
static void what_comes_while_others_are_waited_for_still_counts(void **state)
{
    (void)state;
    one_of_three_reports();
    watch_heard(&watch, 2, 11);
    watch_heard(&watch, 3, 9);
    watch_at(&watch, 140);
    watch_report(&watch, 3, 1, NULL);
    watch_expect(&watch, "");
    watch_report(&watch, 2, 1, NULL);
    watch_expect(&watch, " 140 finish 1: n1 n2 n3\n");
}

/* The detector slept beyond its deadline, and what nodes said meanwhile lies unread. Nobody is
 * given up for that. */
static void a_detector_that_slept_reads_before_it_gives_up(void **state)
{
    (void)state;
    assert_true(watch_open(&watch, 0, 100, NULL));
    watch_join(&watch, 1);
    watch_join(&watch, 2);
    watch_suspect(&watch);
    watch_set_clock(&watch, 5000);
    for (uint32_t node = 1; node <= 2; node++) watch_heard(&watch, node, -1);
    watch_at(&watch, 5000);
    watch_report(&watch, 1, 1, NULL);
    watch_report(&watch, 2, 1, NULL);
    watch_expect(&watch, "   0 start 1 n1\n   0 start 1 n2\n"
                         "5000 collect 1 n1\n5000 collect 1 n2\n"
                         "5000 finish 1: n1 n2\n");
}

/* ---- Coming and going (RULES 9) ---- */

static void an_expected_node_is_missing_while_it_is_away(void **state)
{
    (void)state;
    assert_true(watch_open(&watch, 0, 1000, "n2,n9,n1"));
    watch_join(&watch, 1);
    watch_suspect(&watch);
    watch_report(&watch, 1, 1, NULL);
    watch_join(&watch, 2);
    watch_suspect(&watch);
    watch_report(&watch, 1, 2, NULL);
    watch_report(&watch, 2, 2, NULL);
    watch_leave(&watch, 2);
    watch_suspect(&watch);
    watch_report(&watch, 1, 3, NULL);
    watch_expect(&watch, "   0 start 1 n1\n   0 finish 1: n1; missing n2 n9\n"
                         "   0 start 2 n1\n   0 start 2 n2\n   0 finish 2: n1 n2; missing n9\n"
                         "   0 start 3 n1\n   0 finish 3: n1; missing n2 n9\n");
}

/* n7 never dialled this detector, but n1 has a channel to it. */
static void a_node_that_only_others_name_is_missing(void **state)
{
    (void)state;
    const struct watch_report says = {.to = 7, .count = 1};
    assert_true(watch_open(&watch, 0, 1000, NULL));
    watch_join(&watch, 1);
    watch_suspect(&watch);
    watch_report(&watch, 1, 1, &says);
    watch_expect(&watch, "   0 start 1 n1\n   0 finish 1: n1; missing n7\n");
}

/* The one that left is told nothing: its channel is gone. */
static void leaving_restarts_the_round(void **state)
{
    (void)state;
    assert_true(watch_open(&watch, 0, 1000, NULL));
    for (uint32_t node = 1; node <= 3; node++) watch_join(&watch, node);
    watch_suspect(&watch);
    watch_leave(&watch, 1);
    watch_expect(&watch, "   0 start 1 n1\n   0 start 1 n2\n   0 start 1 n3\n"
                         "   0 abandon 1 n3\n   0 abandon 1 n2\n"
                         "   0 fail 1: n1 left during the round\n");
    watch_at(&watch, 10);
    watch_report(&watch, 2, 2, NULL);
    watch_report(&watch, 3, 2, NULL);
    watch_expect(&watch, "  10 start 2 n3\n  10 start 2 n2\n  10 finish 2: n2 n3\n");
}

static void coming_and_going_between_rounds_disturbs_nothing(void **state)
{
    (void)state;
    assert_true(watch_open(&watch, 100, 1000, NULL));
    watch_leave(&watch, 4); /* It was never here. */
    watch_join(&watch, 1);
    watch_join(&watch, 2);
    watch_leave(&watch, 1);
    watch_leave(&watch, 1);
    watch_expect(&watch, "");
    assert_int_equal(gdn__rounds_counters(watch.rounds).nodes, 1);
    watch_at(&watch, 100);
    watch_expect(&watch, " 100 start 1 n2\n");
}

static void the_last_one_to_leave_ends_everything(void **state)
{
    (void)state;
    assert_true(watch_open(&watch, 100, 1000, NULL));
    watch_join(&watch, 1);
    watch_at(&watch, 100);
    watch_leave(&watch, 1);
    watch_expect(&watch, " 100 start 1 n1\n 100 fail 1: n1 left during the round\n");
    assert_int_equal(watch_deadline(&watch), -2);
    watch_at(&watch, 5000);
    watch_expect(&watch, "");
}

/* ---- Answers that do not count ---- */

/* Each of these, taken for an answer, would end the round without n2's word. */
static void answers_of_other_rounds_are_ignored(void **state)
{
    (void)state;
    gdn_round_id stranger = watch_round(2), earlier = watch_round(2);
    stranger.initiator = gdn_node_named("another");
    earlier.incarnation--;
    assert_true(watch_open(&watch, 0, 1000, NULL));
    watch_join(&watch, 1);
    watch_join(&watch, 2);
    watch_report(&watch, 1, 0, NULL); /* Before there was any. */
    watch_suspect(&watch);
    watch_report(&watch, 1, 1, NULL);
    watch_report(&watch, 2, 1, NULL);
    watch_suspect(&watch);
    watch_report(&watch, 1, 2, NULL);
    watch_expect(&watch, "   0 start 1 n1\n   0 start 1 n2\n   0 finish 1: n1 n2\n"
                         "   0 start 2 n1\n   0 start 2 n2\n");
    watch_report(&watch, 2, 1, NULL);
    watch_fail(&watch, 2, 1, "late");
    watch_report(&watch, 2, 3, NULL);
    watch_report_of(&watch, 2, earlier, NULL);
    watch_report_of(&watch, 2, stranger, NULL);
    watch_report(&watch, 1, 2, NULL); /* Twice. */
    watch_fail(&watch, 1, 2, "after its report");
    watch_report(&watch, 3, 2, NULL); /* Not registered. */
    watch_report(&watch, 60000, 2, NULL);
    watch_expect(&watch, "");
    watch_report(&watch, 2, 2, NULL);
    watch_expect(&watch, "   0 finish 2: n1 n2\n");
}

static void expect_refused(const struct watch_report *says, const char *why)
{
    assert_true(watch_open(&watch, 0, 1000, NULL));
    watch_join(&watch, 1);
    watch_join(&watch, 2);
    watch_suspect(&watch);
    watch_report(&watch, 1, 1, says);
    watch.trace[watch.length] = '\0';
    if (strstr(watch.trace, why) == NULL) fail_msg("'%s' is not in:\n%s", why, watch.trace);
    watch.length = 0;
    watch_report(&watch, 2, 1, NULL);
    watch_expect(&watch, "   0 finish 1: n2; missing n1\n");
    assert_int_equal(gdn__rounds_counters(watch.rounds).reports_refused, 1);
    watch_close(&watch);
}

/* Its sender is named and counts as missing; the round goes on without it, because one broken node
 * must not hide the deadlocks of the others. */
static void a_report_that_makes_no_sense_is_refused_by_name(void **state)
{
    (void)state;
    expect_refused(&(struct watch_report){.speaks_for = 2},
                   "refuse 1: report of n1 refused: it speaks for n2, incarnation 102\n");
    expect_refused(&(struct watch_report){.incarnation = 99},
                   "refuse 1: report of n1 refused: it speaks for n1, incarnation 99\n");
    expect_refused(&(struct watch_report){.also = 3},
                   "refuse 1: report of n1 refused: it holds 2 nodes, not 1\n");
    expect_refused(&(struct watch_report){.to = 2, .twice = true},
                   "refuse 1: report of n1 refused: node n1: the channel to n2 stands there "
                   "twice\n");
    expect_refused(&(struct watch_report){.cut_off = 1}, "refuse 1: report of n1 refused: ");
}

/* ---- Rounds that fail ---- */

/* A half merged cut is of no use, and says so before the others have answered. */
static void reports_that_disagree_fail_the_round(void **state)
{
    (void)state;
    assert_true(watch_open(&watch, 0, 1000, NULL));
    for (uint32_t node = 1; node <= 3; node++) watch_join(&watch, node);
    watch_suspect(&watch);
    watch_report(&watch, 1, 1, NULL);
    watch_report(&watch, 2, 1, &(struct watch_report){.own_modes = true});
    watch_expect(&watch, "   0 start 1 n1\n   0 start 1 n2\n   0 start 1 n3\n"
                         "   0 abandon 1 n2\n   0 abandon 1 n3\n"
                         "   0 fail 1: the nodes use different lock modes\n");
}

/* Both lines come out of one step, and each keeps its own reason. */
static void the_last_report_may_be_refused_and_the_rest_not_balance(void **state)
{
    (void)state;
    assert_true(watch_open(&watch, 0, 1000, NULL));
    for (uint32_t node = 1; node <= 3; node++) watch_join(&watch, node);
    watch_suspect(&watch);
    watch_report(&watch, 1, 1, &(struct watch_report){.to = 2, .count = 3});
    watch_report(&watch, 2, 1, &(struct watch_report){.from = 1, .count = 4});
    watch_expect(&watch, "   0 start 1 n1\n   0 start 1 n2\n   0 start 1 n3\n");
    watch_report(&watch, 3, 1, &(struct watch_report){.also = 4});
    watch_expect(&watch, "   0 refuse 1: report of n3 refused: it holds 2 nodes, not 1\n"
                         "   0 fail 1: channel n1 -> n2 does not balance: sent 3, but taken 4 + "
                         "untagged 0 + recorded 0\n");
}

/* It is tried again, ever more slowly; then the round ends without the node that always fails. */
static void a_node_that_always_fails_does_not_hide_the_others(void **state)
{
    (void)state;
    assert_true(watch_open(&watch, 0, 1000, NULL));
    watch_join(&watch, 1);
    watch_join(&watch, 2);
    watch_suspect(&watch);
    watch_fail(&watch, 2, 1, "too much to record");
    watch_expect(&watch, "   0 start 1 n1\n   0 start 1 n2\n"
                         "   0 abandon 1 n1\n"
                         "   0 fail 1: n2 cannot report: too much to record\n");
    watch_at(&watch, 10);
    watch_fail(&watch, 2, 2, "again");
    watch_at(&watch, 30);
    watch_fail(&watch, 2, 3, "again");
    watch_expect(&watch, "  10 start 2 n1\n  10 start 2 n2\n"
                         "  10 abandon 2 n1\n  10 fail 2: n2 cannot report: again\n"
                         "  30 start 3 n1\n  30 start 3 n2\n"
                         "  30 abandon 3 n1\n  30 fail 3: n2 cannot report: again\n");
    watch_at(&watch, 70);
    watch_fail(&watch, 2, 4, "again");
    watch_report(&watch, 1, 4, NULL);
    watch_expect(&watch, "  70 start 4 n1\n  70 start 4 n2\n  70 finish 4: n1; missing n2\n");
    watch_suspect(&watch); /* Patience is new after a round that ended. */
    watch_fail(&watch, 2, 5, "again");
    watch_expect(&watch, "  70 start 5 n1\n  70 start 5 n2\n"
                         "  70 abandon 5 n1\n  70 fail 5: n2 cannot report: again\n");
}

/* Whoever asks during the pause gets the round that follows it, and no second one. */
static void suspicion_does_not_shorten_the_pause(void **state)
{
    (void)state;
    assert_true(watch_open(&watch, 5, 1000, NULL));
    watch_join(&watch, 1);
    watch_suspect(&watch);
    watch_fail(&watch, 1, 1, "not now");
    watch_expect(&watch, "   0 start 1 n1\n   0 fail 1: n1 cannot report: not now\n");
    watch_suspect(&watch);
    watch_at(&watch, 9);
    watch_expect(&watch, "");
    assert_int_equal(watch_deadline(&watch), 10);
    watch_at(&watch, 10);
    watch_report(&watch, 1, 2, NULL);
    watch_expect(&watch, "  10 start 2 n1\n  10 finish 2: n1\n");
    assert_int_equal(watch_deadline(&watch), 15); /* The period's. */
}

static void the_pause_doubles_up_to_a_second(void **state)
{
    static const int64_t pauses_ms[] = {10, 20, 40, 80, 160, 320, 640, 1000, 1000, 1000};
    (void)state;
    assert_true(watch_open(&watch, 0, 1000, NULL));
    watch_join(&watch, 1);
    watch_join(&watch, 2);
    watch_suspect(&watch);
    for (size_t i = 0; i < sizeof pauses_ms / sizeof pauses_ms[0]; i++) {
        watch_report(&watch, 1, i + 1, &(struct watch_report){.to = 2, .count = 1});
        watch_report(&watch, 2, i + 1, &(struct watch_report){.from = 1, .count = 2});
        int64_t now_ms = watch.now_us / 1000;
        assert_int_equal(watch_deadline(&watch), now_ms + pauses_ms[i]);
        watch_at(&watch, now_ms + pauses_ms[i]);
    }
    struct gdn__rounds_counters counters = gdn__rounds_counters(watch.rounds);
    assert_int_equal(counters.failed, 10);
    assert_int_equal(counters.started, 11);
    assert_int_equal(counters.finished, 0);
}

/* ---- Memory ---- */

static void join_at_last(struct faulty *faulty, uint32_t node)
{
    for (size_t failed = watch.failed_joins;; failed = watch.failed_joins) {
        watch_join(&watch, node);
        if (watch.failed_joins == failed) return;
        assert_true(faulty->failed > 0);
        assert_int_equal(gdn__rounds_counters(watch.rounds).nodes, node - 1);
    }
}

/* Until both nodes have joined and a round with both their reports has ended. */
static void live_through(struct faulty *faulty)
{
    const struct watch_report sent = {.to = 2, .count = 3}, taken = {.from = 1, .count = 3};
    watch.allocator = faulty_allocator(faulty);
    while (!watch_open(&watch, 0, 100, "n1,n2")) assert_true(faulty->failed > 0);
    for (uint32_t node = 1; node <= 2; node++) join_at_last(faulty, node);
    for (uint64_t round = 1; round <= 3; round++) {
        watch_suspect(&watch);
        watch_at(&watch, watch.now_us / 1000 + 10);
        watch_report(&watch, 1, round, &sent);
        watch_report(&watch, 2, round, &taken);
        watch.trace[watch.length] = '\0';
        if (strstr(watch.trace, ": n1 n2\n") != NULL) break;
        assert_true(faulty->failed > 0);
    }
    assert_non_null(strstr(watch.trace, ": n1 n2\n"));
    watch_close(&watch);
}

/* Whichever allocation fails, nothing leaks, nothing is taken for complete that is not, and with
 * memory the next round succeeds. */
static void every_allocation_may_fail(void **state)
{
    (void)state;
    struct faulty faulty;
    size_t runs = 0;
    do {
        faulty = (struct faulty){.allowed = runs++, .once = true};
        live_through(&faulty);
        assert_int_equal(faulty.live, 0);
    } while (faulty.failed > 0);
    assert_true(runs > 10);
}

/* ---- */

static int close_watch(void **state)
{
    (void)state;
    watch_close(&watch);
    watch = (struct watch){0};
    return 0;
}

int main(void)
{
#define RUN(test) cmocka_unit_test_teardown(test, close_watch)
    const struct CMUnitTest tests[] = {
        RUN(without_a_period_only_suspicion_starts_rounds),
        RUN(a_hurried_node_still_reports),
        RUN(the_second_deadline_is_short),
        RUN(who_was_not_heard_during_the_round_is_not_waited_for),
        RUN(who_was_heard_during_the_round_is_waited_for),
        RUN(what_comes_while_others_are_waited_for_still_counts),
        RUN(a_detector_that_slept_reads_before_it_gives_up),
        RUN(an_expected_node_is_missing_while_it_is_away),
        RUN(a_node_that_only_others_name_is_missing),
        RUN(leaving_restarts_the_round),
        RUN(coming_and_going_between_rounds_disturbs_nothing),
        RUN(the_last_one_to_leave_ends_everything),
        RUN(answers_of_other_rounds_are_ignored),
        RUN(a_report_that_makes_no_sense_is_refused_by_name),
        RUN(reports_that_disagree_fail_the_round),
        RUN(the_last_report_may_be_refused_and_the_rest_not_balance),
        RUN(a_node_that_always_fails_does_not_hide_the_others),
        RUN(suspicion_does_not_shorten_the_pause),
        RUN(the_pause_doubles_up_to_a_second),
        RUN(every_allocation_may_fail),
    };
    return !!cmocka_run_group_tests(tests, NULL, NULL);
}
