/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Who stands in line for a resource in a cut, and whom each waits for. Part of truth.h. */
#ifndef TESTS_SIM_TRUTH_LINE_H
#define TESTS_SIM_TRUTH_LINE_H

#include "tests/sim/truth.h"

/* Of each wait that is in a line: who blocks it, or, of a pool, whose units it needs back. */
void truth_find_blockers(const struct truth_node *nodes, int count, struct truth_judged *judged);

#endif
