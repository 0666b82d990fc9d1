/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Strongly connected components, by contraction, sweeps and igraph, against their definition. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "analysis_world.h"
#include "detector/analysis/components.h"
#include "detector/analysis/contraction.h"
#include "detector/analysis/sweep.h"

#include "src/core/mem.h"
#include "tests/support/faulty.h"
#include "tests/support/replay.h"
#include <inttypes.h>
#include <string.h>

#define VERTICES 24
#define EDGES    (VERTICES * 4)

struct graph {
    struct gdn__rows rows;
    uint32_t first[VERTICES + 1], to[EDGES];
    bool reaches[VERTICES][VERTICES]; /* In any number of steps, none included. */
};

static struct gdn_allocator usual;

/* Blocks of vertices that mostly lead to each other, with loops and repeats among the edges, and
 * some vertices that have one way out. */
static void make_random(struct graph *g, uint64_t *seed)
{
    uint32_t count = 1 + (uint32_t)world_below(seed, VERTICES);
    int ways = 1 + world_below(seed, 4), lonely = world_below(seed, 100);
    uint32_t block = 1 + (uint32_t)world_below(seed, (int)count);
    uint32_t edges = 0;
    for (uint32_t v = 0; v < count; v++) {
        g->first[v] = edges;
        int out = world_below(seed, 100) < lonely ? 1 : world_below(seed, ways + 1);
        for (int i = 0; i < out; i++) {
            bool away = world_below(seed, 8) == 0;
            uint32_t begin = away ? 0 : v / block * block;
            uint32_t end = away || begin + block > count ? count : begin + block;
            g->to[edges++] = begin + (uint32_t)world_below(seed, (int)(end - begin));
        }
    }
    g->first[count] = edges;
    g->rows = (struct gdn__rows){count, g->first, g->to};
}

static void close_transitively(struct graph *g)
{
    uint32_t count = g->rows.count;
    memset(g->reaches, 0, sizeof g->reaches);
    for (uint32_t v = 0; v < count; v++) {
        g->reaches[v][v] = true;
        for (uint32_t e = g->first[v]; e < g->first[v + 1]; e++) g->reaches[v][g->to[e]] = true;
    }
    for (uint32_t by = 0; by < count; by++) {
        for (uint32_t v = 0; v < count; v++) {
            for (uint32_t u = 0; u < count; u++) {
                g->reaches[v][u] |= g->reaches[v][by] && g->reaches[by][u];
            }
        }
    }
}

static bool is_right(const struct graph *g, const uint32_t *label)
{
    for (uint32_t v = 0; v < g->rows.count; v++) {
        if (label[v] >= g->rows.count) return false;
        for (uint32_t u = 0; u < v; u++) {
            bool together = g->reaches[v][u] && g->reaches[u][v];
            if (together != (label[v] == label[u])) return false;
        }
    }
    return true;
}

/* How many vertices of the contracted graph are left to igraph. */
static uint32_t count_left(const struct graph *g)
{
    struct gdn__contraction contraction;
    uint32_t label[VERTICES], left = 0;
    assert_int_equal(gdn__contraction_init(&contraction, &usual, &g->rows), GDN_OK);
    assert_int_equal(gdn__sweep(&usual, &contraction.small, label, &left), GDN_OK);
    gdn__contraction_fini(&contraction, &usual);
    return left;
}

static void two_are_together_that_reach_each_other(void **state)
{
    (void)state;
    uint64_t seed = number_from_environment("GDN_SEED", 1),
             runs = number_from_environment("GDN_RUNS", 20000);
    size_t left_over = 0;
    for (uint64_t i = 0; i < runs; i++) {
        struct graph g;
        uint32_t label[VERTICES];
        char why[256] = "";
        uint64_t of_run = seed;
        make_random(&g, &of_run);
        close_transitively(&g);
        enum gdn_err err = gdn__components_find(&usual, &g.rows, label, why, sizeof why);
        if (err != GDN_OK || !is_right(&g, label)) {
            fail_msg("replay: GDN_SEED=%" PRIu64 " GDN_RUNS=1 %s", seed, why);
        }
        left_over += count_left(&g) != 0;
        (void)world_random(&seed);
    }
    print_message("%" PRIu64 " graphs, igraph was asked about %zu\n", runs, left_over);
    assert_true(runs < 1000 || left_over * 200 > runs);
}

/* As many rings as these side by side, and before them as many that lead into one another: each
 * vertex has one way out, so a vertex for each ring is left, and nothing for igraph. */
static void rings_become_a_vertex_each(void **state)
{
    (void)state;
    enum { RINGS = 5, LENGTH = 3, TAIL = 4 };
    struct graph g = {.rows.count = RINGS * LENGTH + TAIL};
    for (uint32_t v = 0; v < g.rows.count; v++) {
        uint32_t ring = v / LENGTH * LENGTH;
        g.first[v + 1] = v + 1;
        g.to[v] = v >= RINGS * LENGTH ? v - 1 : ring + (v - ring + 1) % LENGTH;
    }
    g.rows.first = g.first;
    g.rows.to = g.to;
    close_transitively(&g);
    struct gdn__contraction contraction;
    assert_int_equal(gdn__contraction_init(&contraction, &usual, &g.rows), GDN_OK);
    assert_int_equal(contraction.small.count, RINGS);
    assert_int_equal(contraction.first[RINGS], 0);
    gdn__contraction_fini(&contraction, &usual);
    uint32_t label[VERTICES];
    assert_int_equal(gdn__components_find(&usual, &g.rows, label, NULL, 0), GDN_OK);
    assert_true(is_right(&g, label));
    assert_int_equal(count_left(&g), 0);
}

static void every_allocation_of_it_may_fail(void **state)
{
    (void)state;
    uint64_t seed = 11;
    for (int run = 0; run < 40; run++) {
        struct graph g;
        make_random(&g, &seed);
        close_transitively(&g);
        struct faulty faulty = {0};
        enum gdn_err err = GDN_ERR_MEMORY;
        for (size_t left = 0; err == GDN_ERR_MEMORY; left++) {
            uint32_t label[VERTICES];
            faulty.allowed = left;
            struct gdn_allocator memory = faulty_allocator(&faulty);
            err = gdn__components_find(&memory, &g.rows, label, NULL, 0);
            assert_int_equal(faulty.live, 0);
            assert_true(err == GDN_ERR_MEMORY || (err == GDN_OK && is_right(&g, label)));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(two_are_together_that_reach_each_other),
        cmocka_unit_test(rings_become_a_vertex_each),
        cmocka_unit_test(every_allocation_of_it_may_fail),
    };
    usual = gdn__allocator_or_default(NULL);
    return !!cmocka_run_group_tests(tests, NULL, NULL);
}
