/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Rounds run though applications do not: detecting deadlocks is about processes that are stuck
 * (DESIGN, promise 5; RULES 6). */
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

/* Had a round to wait for an application it would end at its deadline, here five seconds, and
 * fifty of them would take longer than any await. */
static void blocked_applications_delay_no_round(void **state)
{
    struct scenario *scenario = *state;
    scenario_play(scenario,
                  "resource A home n1\nresource B home n2\n"
                  "n1 T1 begin\nn2 T2 begin\nn3 T3 begin\n"
                  "n1 T1 lock A\nawait T1 granted\nn2 T2 lock B\nawait T2 granted\n"
                  "n1 T1 lock B\nawait T1 blocked\n"
                  "pause n1\npause n2\npause n3\n"
                  "await rounds 25\n"
                  "n2 T2 lock A\nawait event deadlock\nawait rounds 25\n",
                  "--resolve", "none", "--deadline", "5000", NULL);
    scenario_expect_members(scenario, 0, "T1", "T2", NULL);
    assert_int_equal(scenario_count(scenario, "deadlock"), 1);
}

/* Neither application takes, and both windows are full of payloads: nothing but markers, releases
 * and grants can be sent any more. They can, or the two would block each other for ever. */
static void two_full_windows_stop_neither_rounds_nor_releases_nor_grants(void **state)
{
    struct scenario *scenario = *state;
    scenario_play(scenario,
                  "resource R home n2\nresource S home n1\nresource U home n2\n"
                  "n1 T1 begin\nn2 T2 begin\nn2 T3 begin\nn1 T4 begin\nn1 T6 begin\nn2 T7 begin\n"
                  "n1 T1 lock R\nawait T1 granted\nn2 T2 lock R\nawait T2 blocked\n"
                  "n2 T3 lock S\nawait T3 granted\nn1 T4 lock S\nawait T4 blocked\n"
                  "n2 T7 lock U\nawait T7 granted\nn1 T6 lock U\nawait T6 blocked\n"
                  "pause n1\npause n2\n"
                  "fill n1 n2 200\nfill n2 n1 200\n"
                  "n1 T1 release R\nn2 T3 release S\nn2 T7 commit\nserve U\n"
                  "await rounds 10\n"
                  "resume n1\nresume n2\n"
                  "await T2 granted\nawait T4 granted\nawait T6 granted\nawait rounds 3\n",
                  "--window", "8", NULL);
    expect_quiet(scenario);
}

/* A cancel fits into a full window too, and opens the ring that the books still show. */
static void a_cancel_fits_into_a_full_window(void **state)
{
    struct scenario *scenario = *state;
    scenario_play(scenario,
                  "resource R home n2\nresource X home n1\n"
                  "n1 T1 begin\nn2 T2 begin\n"
                  "n1 T1 lock X\nawait T1 granted\nn2 T2 lock R\nawait T2 granted\n"
                  "n1 T1 lock R\nawait T1 blocked\n"
                  "pause n2\nfill n1 n2 200\n"
                  "n1 T1 cancel\nawait T1 cancelled\n"
                  "n2 T2 lock X\nawait T2 blocked\nawait rounds 5\n"
                  "resume n2\nn1 T1 commit\nawait T2 granted\n",
                  "--window", "8", NULL);
    expect_quiet(scenario);
}

int main(void)
{
#define RUN(test) cmocka_unit_test_setup_teardown(test, scenario_setup, scenario_teardown)
    const struct CMUnitTest tests[] = {
        RUN(blocked_applications_delay_no_round),
        RUN(two_full_windows_stop_neither_rounds_nor_releases_nor_grants),
        RUN(a_cancel_fits_into_a_full_window),
    };
    return !!cmocka_run_group_tests(tests, NULL, NULL);
}
