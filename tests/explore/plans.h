/* SPDX-License-Identifier: MIT */
/* The systems that are explored. */
#ifndef TESTS_EXPLORE_PLANS_H
#define TESTS_EXPLORE_PLANS_H

#include "tests/explore/layout.h"

extern const struct layout_plan plans[];
extern const int plan_count;

/* NULL: there is none of that name. */
const struct layout_plan *plans_find(const char *name);

#endif
