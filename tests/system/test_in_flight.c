/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Lock messages that have left their sender and were not taken: each kind is held there by an
 * application that is busy, while rounds are recorded. What the message does once it is taken
 * decides the verdict, not what the books still say. Every picture below would be judged wrong
 * from the books alone. */
#include "tests/support/scenario.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

static void expect_quiet(const struct scenario *scenario)
{
    assert_int_equal(scenario_count(scenario, "deadlock"), 0);
    assert_null(scenario->verdict);
}

/* T2's request for A is a message that nobody has read, and already closes the ring. */
static void a_request_in_flight_closes_a_deadlock(void **state)
{
    struct scenario *scenario = *state;
    scenario_play(scenario,
                  "resource A home n1\nresource B home n2\n"
                  "n1 T1 begin\nn2 T2 begin\n"
                  "n1 T1 lock A\nawait T1 granted\nn2 T2 lock B\nawait T2 granted\n"
                  "n1 T1 lock B\nawait T1 blocked\n"
                  "pause n1\n"
                  "n2 T2 lock A\nawait event deadlock\nawait T2 aborted\n"
                  "resume n1\nawait T1 granted\nn1 T1 commit\nawait event aborted\n",
                  NULL);
    scenario_expect_members(scenario, 0, "T1", "T2", NULL);
    assert_int_equal(scenario_marked_edges(scenario, "in_flight"), 1);
}

/* T1 holds A and asks for B, which is free though its home has not said so yet. T2 waits for A. */
static void a_request_in_flight_that_can_be_granted_blocks_nobody(void **state)
{
    struct scenario *scenario = *state;
    scenario_play(scenario,
                  "resource A home n1\nresource B home n2\n"
                  "n1 T1 begin\nn3 T2 begin\n"
                  "n1 T1 lock A\nawait T1 granted\n"
                  "n3 T2 lock A\nawait T2 blocked\n"
                  "pause n2\nn1 T1 lock B\nawait rounds 5\n"
                  "resume n2\nawait T1 granted\nn1 T1 commit\nawait T2 granted\n",
                  NULL);
    expect_quiet(scenario);
}

/* n2 has granted R to T1, whose node still counts it as waiting; T2 now waits for T1. */
static void a_grant_in_flight_opens_the_ring(void **state)
{
    struct scenario *scenario = *state;
    scenario_play(scenario,
                  "resource R home n2\nresource X home n3\n"
                  "n1 T1 begin\nn2 T2 begin\n"
                  "n1 T1 lock X\nawait T1 granted\nn2 T2 lock R\nawait T2 granted\n"
                  "n1 T1 lock R\nawait T1 blocked\n"
                  "pause n1\n"
                  "n2 T2 release R\nserve R\n" /* Sent when this returns. */
                  "n2 T2 lock X\nawait T2 blocked\nawait rounds 5\n"
                  "resume n1\nawait T1 granted\nn1 T1 commit\nawait T2 granted\n",
                  NULL);
    expect_quiet(scenario);
}

/* R's home still counts T2 as its holder; the release is on its way. */
static void a_release_in_flight_opens_the_ring(void **state)
{
    struct scenario *scenario = *state;
    scenario_play(scenario,
                  "resource R home n2\nresource X home n3\n"
                  "n3 T1 begin\nn1 T2 begin\n"
                  "n3 T1 lock X\nawait T1 granted\nn1 T2 lock R\nawait T2 granted\n"
                  "n3 T1 lock R\nawait T1 blocked\n"
                  "pause n2\n"
                  "n1 T2 release R\n"
                  "n1 T2 lock X\nawait T2 blocked\nawait rounds 5\n"
                  "resume n2\nawait T1 granted\nn3 T1 commit\nawait T2 granted\n",
                  NULL);
    expect_quiet(scenario);
}

/* T2 has committed and begun anew under its old name: R's home still counts it as the holder, and
 * its new wait for T1 is real. */
static void a_commit_in_flight_opens_the_ring(void **state)
{
    struct scenario *scenario = *state;
    scenario_play(scenario,
                  "resource R home n2\nresource X home n3\n"
                  "n3 T1 begin\nn1 T2 begin\n"
                  "n3 T1 lock X\nawait T1 granted\nn1 T2 lock R\nawait T2 granted\n"
                  "n3 T1 lock R\nawait T1 blocked\n"
                  "pause n2\n"
                  "n1 T2 commit\nn1 T2 begin\n"
                  "n1 T2 lock X\nawait T2 blocked\nawait rounds 5\n"
                  "resume n2\nawait T1 granted\nn3 T1 commit\nawait T2 granted\n",
                  NULL);
    expect_quiet(scenario);
}

/* R's home still has T1 in its queue; T1 has given up. */
static void a_cancel_in_flight_opens_the_ring(void **state)
{
    struct scenario *scenario = *state;
    scenario_play(scenario,
                  "resource R home n2\nresource X home n1\n"
                  "n1 T1 begin\nn3 T2 begin\n"
                  "n1 T1 lock X\nawait T1 granted\nn3 T2 lock R\nawait T2 granted\n"
                  "n1 T1 lock R\nawait T1 blocked\n"
                  "pause n2\n"
                  "n1 T1 cancel\nawait T1 cancelled\n"
                  "n3 T2 lock X\nawait T2 blocked\nawait rounds 5\n"
                  "resume n2\nn1 T1 commit\nawait T2 granted\n",
                  NULL);
    expect_quiet(scenario);
}

/* The same, where only queue order joins them: T3 stands behind T1's request for R, which T1 has
 * given up; T1 now waits for T3. Without that request nothing stands before T3. */
static void a_cancel_in_flight_leaves_the_queue(void **state)
{
    struct scenario *scenario = *state;
    scenario_play(scenario,
                  "resource R home n2\nresource Y home n1\n"
                  "n1 T1 begin\nn2 T2 begin\nn3 T3 begin\n"
                  "n3 T3 lock Y\nawait T3 granted\nn2 T2 lock R shared\nawait T2 granted\n"
                  "n1 T1 lock R\nawait T1 blocked\nn3 T3 lock R shared\nawait T3 blocked\n"
                  "pause n2\n"
                  "n1 T1 cancel\nawait T1 cancelled\n"
                  "n1 T1 lock Y\nawait T1 blocked\nawait rounds 5\n"
                  "resume n2\nawait T3 granted\nn3 T3 commit\nawait T1 granted\n",
                  NULL);
    expect_quiet(scenario);
}

/* Two messages about one ticket pass each other: n2 grants R to T1 while T1 gives up. Ended wins:
 * nobody holds R afterwards, and T1 waits for nothing. Meanwhile T1 holds X, which T2 waits for,
 * and T2 held R just before. */
static void a_cancel_that_crosses_its_grant_gives_the_lock_back(void **state)
{
    struct scenario *scenario = *state;
    scenario_play(scenario,
                  "resource R home n2\nresource X home n3\n"
                  "n1 T1 begin\nn2 T2 begin\nn3 T3 begin\n"
                  "n1 T1 lock X\nawait T1 granted\nn2 T2 lock R\nawait T2 granted\n"
                  "n1 T1 lock R\nawait T1 blocked\n"
                  "pause n1\n"
                  "n2 T2 release R\nserve R\n" /* The grant is on its way to n1, ... */
                  "pause n2\n"
                  "n1 T1 cancel\nawait T1 cancelled\n" /* ... and the cancel to n2. */
                  "n2 T2 lock X\nawait T2 blocked\nawait rounds 5\n"
                  "resume n2\nresume n1\n"
                  "n3 T3 lock R\nawait T3 granted\n"
                  "n1 T1 commit\nawait T2 granted\nawait rounds 3\n",
                  NULL);
    expect_quiet(scenario);
}

/* Nobody holds R any more, but its home has not come to serve the queue. T1, at its head, waits
 * for nobody; T2 waits for T1. */
static void a_queue_whose_head_is_grantable_is_no_deadlock(void **state)
{
    struct scenario *scenario = *state;
    scenario_play(scenario,
                  "resource R home n2\nresource X home n1\n"
                  "n1 T1 begin\nn2 T2 begin\n"
                  "n1 T1 lock X\nawait T1 granted\nn2 T2 lock R\nawait T2 granted\n"
                  "n1 T1 lock R\nawait T1 blocked\n"
                  "pause n2\n"
                  "n2 T2 release R\n" /* At home: at once, but nobody serves. */
                  "n2 T2 lock X\nawait T2 blocked\nawait rounds 5\n"
                  "resume n2\nawait T1 granted\nn1 T1 commit\nawait T2 granted\n",
                  NULL);
    expect_quiet(scenario);
}

int main(void)
{
#define RUN(test) cmocka_unit_test_setup_teardown(test, scenario_setup, scenario_teardown)
    const struct CMUnitTest tests[] = {
        RUN(a_request_in_flight_closes_a_deadlock),
        RUN(a_request_in_flight_that_can_be_granted_blocks_nobody),
        RUN(a_grant_in_flight_opens_the_ring),
        RUN(a_release_in_flight_opens_the_ring),
        RUN(a_commit_in_flight_opens_the_ring),
        RUN(a_cancel_in_flight_opens_the_ring),
        RUN(a_cancel_in_flight_leaves_the_queue),
        RUN(a_cancel_that_crosses_its_grant_gives_the_lock_back),
        RUN(a_queue_whose_head_is_grantable_is_no_deadlock),
    };
    return !!cmocka_run_group_tests(tests, NULL, NULL);
}
