/* SPDX-License-Identifier: MIT */
#include "tests/explore/plans.h"

#include <string.h>

#define RING  LAYOUT_RING
#define WHEEL LAYOUT_WHEEL
#define MESH  LAYOUT_MESH

/* One node starts, and the others hear of it by markers; or a detector starts them all, and its
 * word may come after the markers. */
#define BY_A   "start D1/1 A"
#define BY_D1  "start D1/1 ABC"
#define BY_TWO "start D1/1 A, start D2/1 B"

/* Named by shape, nodes, messages on each channel, and what else there is. */
const struct layout_plan plans[] = {
    /* One round. */
    {"pair-1", 2, MESH, 1, BY_A, .interleavings = 60},
    {"pair-2", 2, MESH, 2, BY_A, .interleavings = 8151},
    {"pair-2-all", 2, MESH, 2, "start D1/1 AB", .interleavings = 76351},
    {"pair-3", 2, MESH, 3, BY_A, .interleavings = 1648982, .night = true},
    {"ring3-1", 3, RING, 1, BY_A, .interleavings = 408},
    {"ring3-2", 3, RING, 2, BY_A, .interleavings = 701349},
    {"ring3-2-all", 3, RING, 2, BY_D1, .interleavings = 49614399, .night = true},
    {"ring3-2-paper", 3, RING, 2, BY_D1, .interleavings = 150273, .at_once = true},
    {"ring4-1", 4, RING, 1, BY_A, .interleavings = 2580},
    {"mesh3-1-paper", 3, MESH, 1, BY_A, .interleavings = 6152476, .at_once = true, .night = true},
    /* Two rounds of two initiators overlap. */
    {"pair-1-two", 2, MESH, 1, BY_TWO, .interleavings = 857},
    {"pair-1-two-all", 2, MESH, 1, "start D1/1 AB, start D2/1 AB", .interleavings = 64814},
    {"pair-2-two", 2, MESH, 2, BY_TWO, .interleavings = 257783},
    {"ring3-1-two", 3, RING, 1, BY_TWO, .interleavings = 9218},
    {"ring3-1-two-all", 3, RING, 1, "start D1/1 ABC, start D2/1 ABC", .interleavings = 30370618,
     .night = true},
    /* A newer round of the same initiator replaces the older; one is abandoned; one is collected.
     */
    {"pair-1-newer", 2, MESH, 1, "start D1/1 AB, start D1/2 AB", .interleavings = 15706},
    {"ring3-1-newer", 3, RING, 1, "start D1/1 ABC, start D1/2 ABC", .interleavings = 3907316,
     .night = true},
    {"pair-1-abandoned", 2, MESH, 1, "start D1/1 AB, abandon D1/1 AB, start D1/2 AB",
     .interleavings = 106783},
    {"pair-2-abandoned", 2, MESH, 2, "start D1/1 A, abandon D1/1 AB", .interleavings = 229603},
    {"ring3-1-collected", 3, RING, 1, "start D1/1 ABC, collect D1/1 ABC", .interleavings = 324116},
    {"pair-1-collected", 2, MESH, 1, "start D1/1 AB, collect D1/1 AB", .interleavings = 3564},
    {"pair-2-collected", 2, MESH, 2, "start D1/1 AB, collect D1/1 AB", .interleavings = 1530249,
     .night = true},
    /* Channels are opened during the round, or before, or after. */
    {"pair-2-late", 2, MESH, 2, "start D1/1 AB", .interleavings = 815647, .late = "A>B B>A"},
    {"ring3-1-late", 3, RING, 1, BY_A, .interleavings = 327607, .late = "B>A"},
    {"ring3-1-late-all", 3, RING, 1, BY_D1, .interleavings = 13335702, .late = "B>A",
     .night = true},
    {"ring3-1-late-two", 3, RING, 1, BY_TWO, .interleavings = 28713, .late = "A>B"},
};
const int plan_count = sizeof plans / sizeof plans[0];

const struct layout_plan *plans_find(const char *name)
{
    for (int p = 0; p < plan_count; p++) {
        if (strcmp(plans[p].name, name) == 0) return &plans[p];
    }
    return NULL;
}
