/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/sim/truth_needs.h"

#include <stddef.h>

bool truth_need_is_met(const struct truth_need *needs, int *at, const bool *free)
{
    const struct truth_need *need = &needs[(*at)++];
    if (need->process != TRUTH_GROUP) return need->met || (free != NULL && free[need->process]);
    int met = 0;
    for (int i = 0; i < need->count; i++) met += truth_need_is_met(needs, at, free);
    return met >= need->at_least;
}

bool truth_needs_are_met(const struct truth_need *needs, int count, const bool *free)
{
    bool all = true;
    for (int at = 0; at < count;) all &= truth_need_is_met(needs, &at, free);
    return all;
}

bool truth_meet(struct truth_need *needs, int count, int by)
{
    for (int i = 0; i < count; i++) {
        if (needs[i].process == TRUTH_GROUP || needs[i].process != by || needs[i].met) continue;
        needs[i].met = true;
        return true;
    }
    return false;
}
