/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Random systems with random faults, each round judged against what is really so. `make sim` runs
 * this with SEED, RUNS and FAULTS of your choice; docs/testing.md says how to read a failure. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include "tests/sim/campaign.h"
#include <cmocka.h>

#define RUNS 1500

/* Else a word that nobody knows means none, and a campaign without faults looks like one with. */
static void faults_that_do_not_exist_are_refused(void **state)
{
    uint64_t allowed;
    (void)state;
    assert_true(campaign_faults(NULL, &allowed) && allowed == UINT64_MAX);
    assert_true(campaign_faults("", &allowed) && allowed == UINT64_MAX);
    assert_true(campaign_faults("none", &allowed) && allowed == 0);
    assert_true(campaign_faults("loss", &allowed));
    assert_int_equal(allowed, UINT64_C(1) << SIM_LOSS);
    assert_true(campaign_faults("repeat,loss", &allowed));
    assert_int_equal(allowed, UINT64_C(1) << SIM_LOSS | UINT64_C(1) << SIM_REPEAT);
    assert_false(campaign_faults("1000", &allowed));
    assert_false(campaign_faults("loss,", &allowed));
    assert_false(campaign_faults("loss,los", &allowed));
    assert_false(campaign_faults("none,loss", &allowed));
}

static void every_round_is_true(void **state)
{
    struct sim_counts counts;
    struct campaign campaign = campaign_from_environment(RUNS);
    (void)state;
    assert_true(campaign_run(&campaign, &counts));
    if (campaign.runs < RUNS || campaign.allowed != UINT64_MAX) return;
    /* The test would prove nothing otherwise. */
    assert_true(counts.rounds > 2 * campaign.runs);
    assert_true(counts.deadlocks > campaign.runs / 4);
    assert_true(counts.choices > campaign.runs / 50);
    assert_true(counts.aborts > campaign.runs / 20);
    assert_true(counts.incomplete > campaign.runs / 20);
    for (int f = 0; f < SIM_FAULT_COUNT; f++) assert_true(counts.faults[f] > campaign.runs / 100);
    for (int stage = 0; stage < 3; stage++) assert_true(counts.abandoned[stage] > 0);
    assert_true(counts.opened > 0 && counts.closed > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(faults_that_do_not_exist_are_refused),
                                       cmocka_unit_test(every_round_is_true)};
    return !!cmocka_run_group_tests(tests, NULL, NULL);
}
