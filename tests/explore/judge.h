/* SPDX-License-Identifier: MIT */
/* What must be true when everything has happened, by the applications' own books. */
#ifndef TESTS_EXPLORE_JUDGE_H
#define TESTS_EXPLORE_JUDGE_H

#include "tests/explore/facts.h"
#include <stddef.h>

/* Of the rounds of complete executions. */
struct judge_counts {
    uint64_t stood;     /* Complete, consistent, exact. */
    uint64_t in_flight; /* Of those: with recorded messages. */
    uint64_t refused;   /* Detectors throw them away: a channel opened too late for one end. */
    uint64_t ended;     /* Replaced or abandoned before every node had reported. */
};

/* @p facts: of each node. False: @p why says what is not true. */
bool judge_execution(const struct layout *layout, const struct facts *const *facts,
                     struct judge_counts *counts, char *why, size_t why_bytes);

#endif
