/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a direct wait is for, and what of it has come. Part of truth.h. */
#ifndef TESTS_SIM_TRUTH_NEEDS_H
#define TESTS_SIM_TRUTH_NEEDS_H

#include <stdbool.h>
#include <stdint.h>

#define TRUTH_NEEDS 6
#define TRUTH_GROUP (-1) /* Instead of a process. */

/* In prefix order as in struct gdn_need; the outermost level is all-of. */
struct truth_need {
    int8_t process; /* TRUTH_GROUP: at least at_least of the count needs that follow. */
    uint8_t at_least, count;
    bool met;  /* A process. */
    bool owed; /* It has ended, and its wake is on the way or will be; the simulator's. */
};

/* The need at *at, which moves behind it, is met, if @p free of the processes (NULL: none) count as
 * answers. */
bool truth_need_is_met(const struct truth_need *needs, int *at, const bool *free);
/* All are met, if @p free do. */
bool truth_needs_are_met(const struct truth_need *needs, int count, const bool *free);
/* A wake by that process meets the first listing of it that is not met; false: there is none. */
bool truth_meet(struct truth_need *needs, int count, int by);

#endif
