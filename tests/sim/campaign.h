/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Many runs, one seed after the other, in a child process: so that whatever goes wrong (a broken
 * oracle, an assertion, a sanitizer's report, a hang) is noticed by a parent that still knows the
 * seed, cuts the run down to what matters and narrates it. */
#ifndef TESTS_SIM_CAMPAIGN_H
#define TESTS_SIM_CAMPAIGN_H

#include "tests/sim/sim.h"

struct campaign {
    uint64_t first_seed, runs;
    uint64_t allowed; /* Faults, a bit each. */
    bool quiet;       /* Only say what broke, and where; do not cut down. */
};

/* Words separated by commas, or "none"; all faults where there is no text. False: not a fault's. */
bool campaign_faults(const char *text, uint64_t *allowed);

/* From GDN_SEED, GDN_RUNS and GDN_FAULTS; with GDN_SHRINK=0 it is quiet. Faults that do not exist
 * end the program. */
struct campaign campaign_from_environment(uint64_t runs);

/* Prints the first seed, then what was counted. On a failure: the seed, the command that replays
 * it, and the narrated rest of the run. Returns whether every run held. */
bool campaign_run(const struct campaign *campaign, struct sim_counts *counts);

#endif
