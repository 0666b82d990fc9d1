/* SPDX-License-Identifier: MIT */
/* Worlds in which stories begin, and what they all say. "A", "B" and "C" are nodes, "D1" and "D2"
 * detectors that only collect (world.h). */
#ifndef TESTS_STORY_STORY_FIXTURE_H
#define TESTS_STORY_STORY_FIXTURE_H

#include "tests/sim/world.h"

/* So many of them, all connected. @p a and @p b are the options of the first two nodes; NULL: as
 * usual. The caller frees it. */
struct world *story_world(int nodes, int detectors, const struct world_options *a,
                          const struct world_options *b);

/* For cmocka: two nodes and a detector; three nodes and two detectors. */
int story_begin_two(void **state);
int story_begin_three(void **state);
int story_end(void **state);

#define STORY_OF_TWO(name)   cmocka_unit_test_setup_teardown(name, story_begin_two, story_end)
#define STORY_OF_THREE(name) cmocka_unit_test_setup_teardown(name, story_begin_three, story_end)

/* Process @p process of @p node asks @p home for it; nothing is delivered. */
gdn_ticket story_ask(struct world *world, const char *node, const char *home, const char *process,
                     const char *resource, uint8_t mode);
/* The same, and gets it; the trace is forgotten. */
void story_lock(struct world *world, const char *node, const char *home, const char *process,
                const char *resource, uint8_t mode);

/* T1 of A and T2 of B hold one lock each and want the other's; by these tickets. */
void story_deadlock(struct world *world, gdn_ticket *first, gdn_ticket *second);

#endif
