/* SPDX-License-Identifier: MIT */
/* Cuts made by hand. */
#ifndef TESTS_UNIT_CUT_FIXTURE_H
#define TESTS_UNIT_CUT_FIXTURE_H

#include "ledger_fixture.h"

#include <gordian/cut.h>

/* A cut in which every field of every part has a value of its own: three nodes, two reports. NULL
 * when out of memory. Caller frees with gdn_cut_free(). */
gdn_cut *full_cut(const struct gdn_allocator *allocator);

/* The report of node @p name (incarnation 1) without anything in it; @p node is its index. */
gdn_cut *report_of(const char *name, uint32_t *node);

/* One direction of @p node with @p peer (incarnation 1), counted. */
void add_channel(gdn_cut *cut, uint32_t node, const char *peer, bool incoming, uint64_t count);

/* Every field of every part is the same. */
void assert_same_cut(const gdn_cut *a, const gdn_cut *b);

#endif
