/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Runs a script of demos/lockd/script.h on real processes: the nodes, and a gordiand of their own.
 * A test is such a script, and what must be known of it afterwards. */
#ifndef TESTS_SCENARIO_H
#define TESTS_SCENARIO_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

struct scenario {
    char directory[256]; /* Private; holds all files of the run. */
    char *told;          /* What lockd said on stderr. */
    char *report;        /* gordiand's stdout. */
    json_t *events;      /* gordiand's events, an array. */
    json_t *verdict;     /* Of the first kept cut with a deadlock in it; else NULL. */
    int status;          /* Of lockd: 0 when every step, node and gordiand did well. */
};

/* A cmocka setup and teardown: *state is a struct scenario. */
int scenario_setup(void **state);
int scenario_teardown(void **state);

/* Play @p script with more options for lockd, up to a NULL. Fails the test when lockd does. */
void scenario_play(struct scenario *scenario, const char *script, ...);

/* How many of gordiand's events are of that kind. */
size_t scenario_count(const struct scenario *scenario, const char *kind);

/* Deadlock @p index of the verdict has exactly these members, in order; a NULL ends them. */
void scenario_expect_members(const struct scenario *scenario, size_t index, ...);

/* Over all deadlocks of the verdict: witness edges that are marked so ("in_flight", "queued"). */
size_t scenario_marked_edges(const struct scenario *scenario, const char *mark);

#endif
