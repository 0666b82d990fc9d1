/* SPDX-License-Identifier: MIT */
/* What can happen while memory is short at a node or at a detector. "A" and "B" are nodes, "D1" is
 * a detector, and all are connected (story_fixture.h). */
#ifndef TESTS_STORY_MEMORY_STORIES_H
#define TESTS_STORY_MEMORY_STORIES_H

#include "tests/sim/world.h"

struct memory_story {
    const char *name;               /* NULL: the last was before it. */
    void (*before)(struct world *); /* With memory enough. */
    void (*event)(struct world *);
    const char *starved; /* NULL: A */
};

/* What A says, what it takes, what the network brings it, and who comes and goes. */
extern const struct memory_story memory_verbs[], memory_items[], memory_mail[], memory_peers[];

#endif
