/* SPDX-License-Identifier: MIT */
/* The local histories of a layout's nodes, as trees.
 *
 * A node is a function of what has happened at it, in order: that is the house rule of the core
 * (same state and same events, same actions). So each local history is gone through once, from the
 * start, by a real member, and what became of it is kept. A state of the whole system is then one
 * history of each node, and the explorer walks from state to state without running anything twice.
 * That the rule holds is not assumed: whole executions are run again, and compared (explorer.h). */
#ifndef TESTS_EXPLORE_HISTORIES_H
#define TESTS_EXPLORE_HISTORIES_H

#include "tests/explore/facts.h"
#include <stddef.h>

struct histories;

/* Borrows the layout. Failures to allocate end the program. */
struct histories *histories_new(const struct layout *layout);
void histories_free(struct histories *histories);

/* The history of @p node in which nothing has happened. */
uint32_t histories_root(const struct histories *histories, int node);
/* The one in which that happens next. */
uint32_t histories_next(struct histories *histories, uint32_t history, int action, uint32_t item);
/* Borrowed until the next histories_next(). */
const struct facts *histories_facts(const struct histories *histories, uint32_t history);
/* A number for what happened in it, the same in every store: histories that differ have different
 * ones, but for chance (2^-64). */
uint64_t histories_mark(const struct histories *histories, uint32_t history);
/* How many were run. */
size_t histories_count(const struct histories *histories);

#endif
