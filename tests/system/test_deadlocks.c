/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Deadlocks across real node processes: found, named exactly, broken once, and then all go on. */
#include "tests/support/scenario.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* T1 at n1 holds R1 at n1 and asks for R2 at n2, …, the last asks for R1: a ring over all nodes.
 * The last to begin is the youngest, so it is the victim and the others follow backwards. */
static void write_ring(char *script, size_t bytes, int nodes)
{
    size_t used = 0;
    for (int i = 1; i <= nodes; i++) {
        used += (size_t)snprintf(script + used, bytes - used,
                                 "resource R%d home n%d\nn%d T%d begin\nn%d T%d lock R%d\n"
                                 "await T%d granted\n",
                                 i, i, i, i, i, i, i, i);
    }
    for (int i = 1; i <= nodes; i++) {
        used += (size_t)snprintf(script + used, bytes - used, "n%d T%d lock R%d\nawait T%d %s\n", i,
                                 i, i % nodes + 1, i, i < nodes ? "blocked" : "aborted");
    }
    for (int i = nodes - 1; i >= 1; i--) {
        used += (size_t)snprintf(script + used, bytes - used, "await T%d granted\nn%d T%d commit\n",
                                 i, i, i);
    }
    used += (size_t)snprintf(script + used, bytes - used, "await event aborted\nawait rounds 3\n");
    assert_true(used < bytes);
}

static void play_ring(struct scenario *scenario, int nodes)
{
    char script[4096];
    write_ring(script, sizeof script, nodes);
    scenario_play(scenario, script, NULL);
    assert_int_equal(scenario_count(scenario, "deadlock"), 1);
    assert_int_equal(scenario_count(scenario, "aborted"), 1);
}

static void a_ring_of_two_nodes_is_found_and_broken(void **state)
{
    struct scenario *scenario = *state;
    play_ring(scenario, 2);
    scenario_expect_members(scenario, 0, "T1", "T2", NULL);
}

static void a_ring_of_three_nodes_is_found_and_broken(void **state)
{
    struct scenario *scenario = *state;
    play_ring(scenario, 3);
    scenario_expect_members(scenario, 0, "T1", "T2", "T3", NULL);
}

static void a_ring_of_eight_nodes_is_found_and_broken(void **state)
{
    struct scenario *scenario = *state;
    play_ring(scenario, 8);
    scenario_expect_members(scenario, 0, "T1", "T2", "T3", "T4", "T5", "T6", "T7", "T8", NULL);
}

/* The classic upgrade: both read, both want to write, neither can. Inside one resource, so only
 * the holds of each other stand between them. */
static void two_readers_that_both_upgrade_cost_one_victim(void **state)
{
    struct scenario *scenario = *state;
    scenario_play(scenario,
                  "resource R home n2\n"
                  "n1 T1 begin\nn2 T2 begin\n"
                  "n1 T1 lock R shared\nawait T1 granted\n"
                  "n2 T2 lock R shared\nawait T2 granted\n"
                  "n1 T1 lock R exclusive\nawait T1 blocked\n"
                  "n2 T2 lock R exclusive\nawait T2 aborted\n"
                  "await T1 granted\nn1 T1 commit\nawait event aborted\nawait rounds 3\n",
                  NULL);
    assert_int_equal(scenario_count(scenario, "aborted"), 1);
    scenario_expect_members(scenario, 0, "T1", "T2", NULL);
}

/* RULES 2: with three of them one victim is not enough, for two still block each other. */
static void three_readers_that_all_upgrade_cost_two_victims(void **state)
{
    struct scenario *scenario = *state;
    scenario_play(scenario,
                  "resource R home n1\n"
                  "n1 T1 begin\nn2 T2 begin\nn3 T3 begin\n"
                  "n1 T1 lock R shared\nawait T1 granted\n"
                  "n2 T2 lock R shared\nawait T2 granted\n"
                  "n3 T3 lock R shared\nawait T3 granted\n"
                  "n1 T1 lock R\nawait T1 blocked\n"
                  "n2 T2 lock R\nn3 T3 lock R\n"
                  "await T2 aborted\nawait T3 aborted\n"
                  "await T1 granted\nn1 T1 commit\nawait event aborted 2\nawait rounds 3\n",
                  NULL);
    assert_int_equal(scenario_count(scenario, "aborted"), 2);
}

static void two_deadlocks_at_once_are_two_and_both_are_broken(void **state)
{
    struct scenario *scenario = *state;
    scenario_play(scenario,
                  "resource A home n1\nresource B home n2\nresource C home n3\nresource D home n1\n"
                  "n1 T1 begin\nn2 T2 begin\nn3 T3 begin\nn1 T4 begin\n"
                  "n1 T1 lock A\nawait T1 granted\nn2 T2 lock B\nawait T2 granted\n"
                  "n3 T3 lock C\nawait T3 granted\nn1 T4 lock D\nawait T4 granted\n"
                  "n1 T1 lock B\nawait T1 blocked\nn3 T3 lock D\nawait T3 blocked\n"
                  "n2 T2 lock A\nn1 T4 lock C\n"
                  "await T2 aborted\nawait T4 aborted\n"
                  "await T1 granted\nawait T3 granted\nn1 T1 commit\nn3 T3 commit\n"
                  "await event aborted 2\nawait rounds 3\n",
                  NULL);
    assert_int_equal(scenario_count(scenario, "deadlock"), 2);
    assert_int_equal(scenario_count(scenario, "aborted"), 2);
}

/* Who is merely stuck behind a deadlock is no member of it and never its victim, young as it may
 * be. (It waits for C: in A's queue, before T2's request, it would be part of the ring.) */
static void a_tail_is_not_the_victim(void **state)
{
    struct scenario *scenario = *state;
    scenario_play(scenario,
                  "resource A home n1\nresource B home n2\nresource C home n1\n"
                  "n1 T1 begin\nn2 T2 begin\n"
                  "n1 T1 lock A\nawait T1 granted\nn1 T1 lock C\nawait T1 granted\n"
                  "n2 T2 lock B\nawait T2 granted\n"
                  "n1 T1 lock B\nawait T1 blocked\n"
                  "n3 T7 begin\nn3 T7 lock C\nawait T7 blocked\n"
                  "n2 T2 lock A\nawait T2 aborted\n"
                  "await T1 granted\nn1 T1 commit\nawait T7 granted\nn3 T7 commit\n"
                  "await event aborted\nawait rounds 3\n",
                  NULL);
    scenario_expect_members(scenario, 0, "T1", "T2", NULL);
    assert_int_equal(scenario_count(scenario, "aborted"), 1);
}

/* T3 could share A with T1, but stands behind T2, which cannot: only the order of A's queue closes
 * this ring, and the report says so. */
static void a_ring_through_queue_order_is_found_and_marked(void **state)
{
    struct scenario *scenario = *state;
    scenario_play(scenario,
                  "resource A home n1\nresource B home n2\n"
                  "n1 T1 begin\nn2 T2 begin\nn3 T3 begin\n"
                  "n1 T1 lock A shared\nawait T1 granted\nn3 T3 lock B\nawait T3 granted\n"
                  "n2 T2 lock A\nawait T2 blocked\nn3 T3 lock A shared\nawait T3 blocked\n"
                  "n1 T1 lock B\nawait event deadlock\n"
                  "n1 T1 cancel\nawait T1 cancelled\nn1 T1 commit\n"
                  "await T2 granted\nn2 T2 commit\nawait T3 granted\nn3 T3 commit\n",
                  "--resolve", "none", NULL);
    scenario_expect_members(scenario, 0, "T1", "T2", "T3", NULL);
    assert_int_equal(scenario_marked_edges(scenario, "queued"), 1);
}

/* The youngest would be T2, but its manager said that it must not be aborted. */
static void an_unabortable_member_is_spared(void **state)
{
    struct scenario *scenario = *state;
    scenario_play(scenario,
                  "resource A home n1\nresource B home n2\n"
                  "n1 T1 begin\nn2 T2 begin \"\" unabortable\n"
                  "n1 T1 lock A\nawait T1 granted\nn2 T2 lock B\nawait T2 granted\n"
                  "n1 T1 lock B\nawait T1 blocked\n"
                  "n2 T2 lock A\nawait T1 aborted\n"
                  "await T2 granted\nn2 T2 commit\nawait event aborted\n",
                  NULL);
    assert_int_equal(scenario_count(scenario, "aborted"), 1);
}

int main(void)
{
#define RUN(test) cmocka_unit_test_setup_teardown(test, scenario_setup, scenario_teardown)
    const struct CMUnitTest tests[] = {
        RUN(a_ring_of_two_nodes_is_found_and_broken),
        RUN(a_ring_of_three_nodes_is_found_and_broken),
        RUN(a_ring_of_eight_nodes_is_found_and_broken),
        RUN(two_readers_that_both_upgrade_cost_one_victim),
        RUN(three_readers_that_all_upgrade_cost_two_victims),
        RUN(two_deadlocks_at_once_are_two_and_both_are_broken),
        RUN(a_tail_is_not_the_victim),
        RUN(a_ring_through_queue_order_is_found_and_marked),
        RUN(an_unabortable_member_is_spared),
    };
    return !!cmocka_run_group_tests(tests, NULL, NULL);
}
