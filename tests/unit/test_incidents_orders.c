/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Orders to abort: without haste, never two for one core, and what becomes of each (RULES 14). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "incidents_fixture.h"

static void no_second_order_while_one_is_unanswered(void **state)
{
    (void)state;
    SEE(0, 1, {"A", {1, 2}, {2}});
    told_expect("  1 A: found, number 0\n  1 A: abort T2 at n2/102, ticket 2\n");
    SEE(10, 11, {"A", {1, 2}, {2}});
    SEE(20, 21, {"B", {2, 3}, {3}}); /* Not even for another member, by another name. */
    told_expect("");
}

static void another_core_has_its_own_orders(void **state)
{
    (void)state;
    SEE(0, 1, {"A", {1, 2}, {2}}, {"B", {3, 4}, {4}});
    told_expect("  1 A: found, number 0\n  1 A: abort T2 at n2/102, ticket 2\n"
                "  1 B: found, number 1\n  1 B: abort T4 at n4/104, ticket 4\n");
}

/* Three holders of S that all upgrade need two victims (RULES 2): they go together. */
static void all_victims_of_a_core_are_asked_at_once(void **state)
{
    (void)state;
    SEE(0, 1, {"A", {1, 2, 3}, {2, 3}});
    told_expect("  1 A: found, number 0\n"
                "  1 A: abort T2 at n2/102, ticket 2\n  1 A: abort T3 at n3/103, ticket 3\n");
    told_answer(3, 5, GDN__ORDER_ABORTED);
    told_expect("  5 A: aborted T3 at n3/103, ticket 3 after 4\n");
    SEE(10, 11, {"A", {1, 2, 3}, {2, 3}}); /* T2's is still unanswered. */
    told_expect("");
}

static void an_abort_is_told_with_its_time_and_the_deadlock_then_goes(void **state)
{
    (void)state;
    SEE(0, 1, {"A", {1, 2}, {2}});
    told_answer(2, 3, GDN__ORDER_ABORTED);
    SEE(10, 11, NOTHING);
    told_expect("  1 A: found, number 0\n  1 A: abort T2 at n2/102, ticket 2\n"
                "  3 A: aborted T2 at n2/102, ticket 2 after 2\n"
                " 11 A: gone after 10\n");
}

/* A cut that was begun before the answer shows the deadlock as it was; acting on it would kill a
 * second member. */
static void a_picture_older_than_the_answer_asks_for_nothing(void **state)
{
    (void)state;
    SEE(0, 1, {"A", {1, 2}, {2}});
    told_answer(2, 5, GDN__ORDER_ABORTED);
    told.length = 0;
    SEE(4, 6, {"A", {1, 2}, {1}});
    SEE(5, 7, {"A", {1, 2}, {1}});
    told_expect("");
    SEE(6, 8, {"A", {1, 2}, {1}});
    told_expect("  8 A: abort T1 at n1/101, ticket 1\n");
}

static void after_a_stale_answer_the_next_round_asks_again(void **state)
{
    (void)state;
    SEE(0, 1, {"A", {1, 2}, {2}});
    told_answer(2, 3, GDN__ORDER_STALE);
    told_expect("  1 A: found, number 0\n  1 A: abort T2 at n2/102, ticket 2\n"
                "  3 A: stale T2 at n2/102, ticket 2 after 2\n");
    assert_int_equal(gdn__incidents_at(told.incidents, 0)->last, GDN__ORDER_STALE);
    SEE(10, 11, {"A", {1, 2}, {2}});
    told_expect(" 11 A: abort T2 at n2/102, ticket 2\n");
}

/* Its manager would say the same again, round after round. Another victim is another matter. */
static void who_was_refused_is_not_asked_again(void **state)
{
    (void)state;
    SEE(0, 1, {"A", {1, 2}, {2}});
    told_answer(2, 3, GDN__ORDER_REFUSED);
    told.length = 0;
    SEE(10, 11, {"A", {1, 2}, {2}});
    told_expect("");
    SEE(20, 21, {"A", {1, 2}, {2, 1}});
    told_expect(" 21 A: abort T1 at n1/101, ticket 1\n");
}

static void an_order_without_an_answer_becomes_unknown_and_may_be_given_again(void **state)
{
    (void)state;
    assert_int_equal(gdn__incidents_deadline(told.incidents), INT64_MAX);
    SEE(0, 1, {"A", {1, 2}, {2}});
    assert_int_equal(gdn__incidents_deadline(told.incidents), (1 + TOLD_ORDER_MS) * 1000);
    told.length = 0;
    told_pass(TOLD_ORDER_MS);
    told_expect("");
    told_pass(TOLD_ORDER_MS + 1);
    told_expect(" 51 A: unknown T2 at n2/102, ticket 2 after 50\n");
    assert_int_equal(gdn__incidents_deadline(told.incidents), INT64_MAX);
    told_pass(TOLD_ORDER_MS + 2);
    told_expect("");
    SEE(60, 61, {"A", {1, 2}, {2}});
    told_expect(" 61 A: abort T2 at n2/102, ticket 2\n");
    assert_int_equal(gdn__incidents_deadline(told.incidents), (61 + TOLD_ORDER_MS) * 1000);
}

/* What became of it is worth knowing even late. */
static void an_answer_after_the_bound_is_told(void **state)
{
    (void)state;
    SEE(0, 1, {"A", {1, 2}, {2}});
    told_pass(TOLD_ORDER_MS + 1);
    told.length = 0;
    told_answer(2, 90, GDN__ORDER_ABORTED);
    told_answer(2, 95, GDN__ORDER_STALE); /* But only once. */
    told_expect(" 90 A: aborted T2 at n2/102, ticket 2 after 89\n");
}

/* The earliest order sets the deadline, and only those that are due become unknown. */
static void each_order_has_its_own_time(void **state)
{
    (void)state;
    SEE(0, 1, {"A", {1, 2}, {2}});
    SEE(10, 11, {"A", {1, 2}, {2}}, {"B", {3, 4}, {3}});
    told.length = 0;
    assert_int_equal(gdn__incidents_deadline(told.incidents), (1 + TOLD_ORDER_MS) * 1000);
    told_pass(TOLD_ORDER_MS + 1);
    told_expect(" 51 A: unknown T2 at n2/102, ticket 2 after 50\n");
    assert_int_equal(gdn__incidents_deadline(told.incidents), (11 + TOLD_ORDER_MS) * 1000);
}

static void a_lost_node_answers_nothing_any_more(void **state)
{
    (void)state;
    SEE(0, 1, {"A", {1, 2, 3}, {2, 3}});
    told_answer(3, 2, GDN__ORDER_STALE);
    told.length = 0;
    told.now_us = 7000;
    gdn__incidents_lose(told.incidents, "n2", 1, told.now_us); /* An older incarnation. */
    gdn__incidents_lose(told.incidents, "n9", 102, told.now_us);
    gdn__incidents_lose(told.incidents, "n3", 103, told.now_us); /* Has answered. */
    told_expect("");
    gdn__incidents_lose(told.incidents, "n2", 102, told.now_us);
    told_expect("  7 A: unknown T2 at n2/102, ticket 2 after 6\n");
}

/* Nothing that a node says unasked may change what is known. */
static void an_answer_that_nobody_asked_for_is_ignored(void **state)
{
    (void)state;
    told_answer(2, 0, GDN__ORDER_ABORTED);
    SEE(0, 1, {"A", {1, 2}, {2}});
    told.length = 0;
    told_answer(1, 2, GDN__ORDER_ABORTED); /* A member, but not the one that was asked. */
    gdn__incidents_answer(told.incidents, "n2", 999, 2, GDN__ORDER_ABORTED, 2000);
    gdn__incidents_answer(told.incidents, "n3", 102, 2, GDN__ORDER_ABORTED, 2000);
    gdn__incidents_answer(told.incidents, "n2", 102, 3, GDN__ORDER_ABORTED, 2000);
    told_expect("");
    assert_int_equal(gdn__incidents_at(told.incidents, 0)->last, GDN__ORDER_ASKED);
}

/* The abort took effect before its answer came: first the outcome, then the end. */
static void a_deadlock_is_not_gone_before_its_order_is_answered(void **state)
{
    (void)state;
    SEE(0, 1, {"A", {1, 2}, {2}});
    told.length = 0;
    SEE(10, 11, NOTHING);
    told_expect("");
    told_answer(2, 12, GDN__ORDER_ABORTED);
    SEE(20, 21, NOTHING);
    told_expect(" 12 A: aborted T2 at n2/102, ticket 2 after 11\n 21 A: gone after 20\n");
}

/* Two known deadlocks grow into one core. The order that it got counts for the whole of it,
 * whichever of the two a ticket was first seen in, and its answer is heard. */
static void an_order_holds_back_a_core_that_two_deadlocks_became(void **state)
{
    (void)state;
    SEE(0, 1, {"A", {1, 2}, {0}});
    SEE(1, 2, {"A", {1, 2}, {0}}, {"B", {3, 4}, {0}});
    SEE(10, 11, {"C", {1, 2, 3, 4}, {3}});
    told_expect("  1 A: found, number 0\n  2 B: found, number 1\n"
                " 11 A: abort T3 at n3/103, ticket 3\n");
    SEE(20, 21, {"C", {1, 2, 3, 4}, {3}});
    SEE(30, 31, {"C", {1, 2, 3, 4}, {1}});
    SEE(40, 41, {"B", {3, 4}, {4}});
    told_expect("");
    told_answer(3, 45, GDN__ORDER_ABORTED);
    told_expect(" 45 A: aborted T3 at n3/103, ticket 3 after 34\n");
}

int main(void)
{
#define RUN(test) cmocka_unit_test_setup_teardown(test, told_setup, told_teardown)
    const struct CMUnitTest tests[] = {
        RUN(no_second_order_while_one_is_unanswered),
        RUN(another_core_has_its_own_orders),
        RUN(all_victims_of_a_core_are_asked_at_once),
        RUN(an_abort_is_told_with_its_time_and_the_deadlock_then_goes),
        RUN(a_picture_older_than_the_answer_asks_for_nothing),
        RUN(after_a_stale_answer_the_next_round_asks_again),
        RUN(who_was_refused_is_not_asked_again),
        RUN(an_order_without_an_answer_becomes_unknown_and_may_be_given_again),
        RUN(an_answer_after_the_bound_is_told),
        RUN(each_order_has_its_own_time),
        RUN(a_lost_node_answers_nothing_any_more),
        RUN(an_answer_that_nobody_asked_for_is_ignored),
        RUN(a_deadlock_is_not_gone_before_its_order_is_answered),
        RUN(an_order_holds_back_a_core_that_two_deadlocks_became),
    };
    return !!cmocka_run_group_tests(tests, NULL, NULL);
}
