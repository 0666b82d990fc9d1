/* SPDX-License-Identifier: MIT */
#include "tests/explore/plans.h"

#include <string.h>

#define RING  LAYOUT_RING
#define WHEEL LAYOUT_WHEEL
#define LINE  LAYOUT_LINE
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
    {"ring4-1-all", 4, RING, 1, "start D1/1 ABCD", .interleavings = 383791},
    {"ring4-2", 4, RING, 2, BY_A, .interleavings = 55105079, .night = true},
    {"mesh3-1-paper", 3, MESH, 1, BY_A, .interleavings = 6152476, .at_once = true, .night = true},
    /* Two rounds of two initiators overlap. */
    {"pair-1-two", 2, MESH, 1, BY_TWO, .interleavings = 857},
    {"pair-1-two-all", 2, MESH, 1, "start D1/1 AB, start D2/1 AB", .interleavings = 64814},
    {"pair-2-two", 2, MESH, 2, BY_TWO, .interleavings = 257783, .night = true},
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
    {"pair-1-late", 2, MESH, 1, "start D1/1 AB", .interleavings = 4065, .late = "A>B B>A"},
    {"pair-2-late", 2, MESH, 2, "start D1/1 AB", .interleavings = 815647, .late = "A>B B>A",
     .night = true},
    {"ring3-1-late", 3, RING, 1, BY_A, .interleavings = 327607, .late = "B>A"},
    {"ring3-1-late-all", 3, RING, 1, BY_D1, .interleavings = 13335702, .late = "B>A",
     .night = true},
    {"ring3-1-late-two", 3, RING, 1, BY_TWO, .interleavings = 28713, .late = "A>B"},
    /* The same with whole sites: frames, acknowledgements, ledgers, the handshake that opens
       channels. */
    {"site-pair-1", 2, MESH, 1, BY_A, .interleavings = 60, .sites = true},
    {"site-pair-1-all", 2, MESH, 1, "start D1/1 AB", .interleavings = 379, .sites = true},
    {"site-pair-2", 2, MESH, 2, BY_A, .interleavings = 8151, .sites = true},
    {"site-line3-1", 3, LINE, 1, BY_A, .interleavings = 32406, .sites = true, .night = true},
    {"site-pair-1-two", 2, MESH, 1, BY_TWO, .interleavings = 857, .sites = true},
    {"site-mesh3-0-two", 3, MESH, 0, BY_TWO, .interleavings = 594, .sites = true},
    {"site-pair-1-newer", 2, MESH, 1, "start D1/1 AB, start D1/2 AB", .interleavings = 15706,
     .sites = true, .night = true},
    {"site-pair-1-abandoned", 2, MESH, 1, "start D1/1 A, abandon D1/1 AB", .interleavings = 761,
     .sites = true},
    {"site-pair-1-collected", 2, MESH, 1, "start D1/1 AB, collect D1/1 AB", .interleavings = 3564,
     .sites = true},
    {"site-pair-1-late", 2, MESH, 1, "start D1/1 AB", .interleavings = 11511, .sites = true,
     .late = "A>B"},
    {"site-pair-0-late-both", 2, MESH, 0, "start D1/1 AB", .interleavings = 2027, .sites = true,
     .late = "A>B B>A"},
    {"site-pair-1-late-both", 2, MESH, 1, "start D1/1 AB", .interleavings = 366961, .sites = true,
     .late = "A>B B>A", .night = true},
    {"site-pair-0-late-two", 2, MESH, 0, BY_TWO, .interleavings = 189, .sites = true,
     .late = "A>B"},
    {"site-pair-1-late-two", 2, MESH, 1, BY_TWO, .interleavings = 38719, .sites = true,
     .late = "A>B", .night = true},
    {"site-pair-1-late-newer", 2, MESH, 1, "start D1/1 AB, start D1/2 AB", .interleavings = 1293052,
     .sites = true, .late = "A>B", .night = true},
    {"site-line3-0-late", 3, LINE, 0, BY_A, .interleavings = 374, .sites = true, .late = "A>C"},
    {"site-line3-0-late-all", 3, LINE, 0, BY_D1, .interleavings = 15362, .sites = true,
     .late = "A>C"},
};
const int plan_count = sizeof plans / sizeof plans[0];

const struct layout_plan *plans_find(const char *name)
{
    for (int p = 0; p < plan_count; p++) {
        if (strcmp(plans[p].name, name) == 0) return &plans[p];
    }
    return NULL;
}
