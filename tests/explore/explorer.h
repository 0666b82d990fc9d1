/* SPDX-License-Identifier: MIT */
/* Goes through every execution of a layout, depth first, and has each judged when nothing is left
 * to happen.
 *
 * Two actions are independent when they happen at different nodes: an execution is changed neither
 * for any node nor for the judge when two such neighbours change places. Of all executions that
 * differ only so, sleep sets (P. Godefroid: Partial-Order Methods for the Verification of
 * Concurrent Systems, LNCS 1032, 1996, chapter 5) let one through: an action that was tried before
 * another one need not be tried after it until something has happened at its own node.
 *
 *     tried:  a            then b            a sleeps here, unless b is at the same node as a
 *             +-- ...      +-- (a sleeps)
 *
 * With @c plain every order is gone through instead. */
#ifndef TESTS_EXPLORE_EXPLORER_H
#define TESTS_EXPLORE_EXPLORER_H

#include "tests/explore/histories.h"
#include "tests/explore/judge.h"

#define EXPLORER_LENGTH_MAX 128 /* Of an execution. */

struct explorer_options {
    bool plain;
    uint64_t again_every; /* Run every n-th execution again as a whole; 0: none. */
    /* Told of each execution: a number for the nodes' histories, by which those that differ in more
     * than the order of independent actions differ. May be NULL. */
    void (*tell)(void *context, uint64_t end);
    void *context;
};

struct explorer_found {
    uint64_t interleavings; /* Complete executions. */
    uint64_t asleep;        /* Ways given up because all that was left slept. */
    uint64_t again;         /* Executions run again as a whole. */
    size_t histories;       /* Local histories that were run. */
    struct judge_counts rounds;
    bool broken;
    char why[256];
    uint8_t schedule[EXPLORER_LENGTH_MAX]; /* Of the first execution that broke: actions. */
    int length;
};

/* Stops at the first execution that is not as it must be. */
void explorer_run(const struct layout *layout, const struct explorer_options *options,
                  struct explorer_found *found);

/* The actions up to the one that is being tried; how many. For whoever is called when that ends the
 * program. */
int explorer_under_way(uint8_t *schedule);

#endif
