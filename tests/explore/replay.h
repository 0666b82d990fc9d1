/* SPDX-License-Identifier: MIT */
/* One execution as a whole: real members side by side, the channels between them, one action after
 * the other, told if asked. */
#ifndef TESTS_EXPLORE_REPLAY_H
#define TESTS_EXPLORE_REPLAY_H

#include "tests/explore/facts.h"
#include <stdio.h>

struct replay;

/* Borrows the layout. */
struct replay *replay_new(const struct layout *layout);
void replay_free(struct replay *replay);
/* A line for each action from now on. */
void replay_narrate(struct replay *replay, FILE *narrator);
/* False: that cannot happen now. */
bool replay_act(struct replay *replay, int action);
/* All of these in order; false: one could not happen, or something still can. */
bool replay_all(struct replay *replay, const uint8_t *schedule, int length);
const struct facts *replay_facts(const struct replay *replay, int node);

#endif
