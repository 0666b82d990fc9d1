/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Breaking all cycles of a directed graph: the fewest where it can be told, few where not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "analysis_world.h"
#include "detector/analysis/breaker.h"
#include "src/core/mem.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define SMALL 10

struct graph {
    struct gdn__digraph digraph;
    uint32_t *first, *to, capacity;
    bool *fixed;
};

static struct gdn_allocator usual;

static void begin(struct graph *g, uint32_t count, uint32_t capacity)
{
    *g = (struct graph){.capacity = capacity};
    g->first = calloc(count + 1, sizeof *g->first);
    g->to = calloc(capacity + 1, sizeof *g->to);
    g->fixed = calloc(count, sizeof *g->fixed);
    assert_true(g->first != NULL && g->to != NULL && g->fixed != NULL);
    g->digraph = (struct gdn__digraph){count, g->first, g->to, g->fixed};
}

/* Edges are added vertex by vertex. */
static void add(struct graph *g, uint32_t from, uint32_t to)
{
    uint32_t at = g->first[from + 1];
    assert_true(at < g->capacity);
    g->to[at] = to;
    for (uint32_t v = from + 1; v <= g->digraph.count; v++) g->first[v] = at + 1;
}

static void end(struct graph *g)
{
    free(g->first);
    free(g->to);
    free(g->fixed);
}

static bool has_cycle_without(const struct gdn__digraph *graph, const bool *gone)
{
    uint32_t left = 0;
    bool *done = calloc(graph->count, sizeof *done);
    for (uint32_t v = 0; v < graph->count; v++) {
        done[v] = gone[v];
        left += !gone[v];
    }
    for (bool changed = true; changed;) {
        changed = false;
        for (uint32_t v = 0; v < graph->count; v++) {
            bool waits = done[v];
            for (uint32_t e = graph->first[v]; e < graph->first[v + 1]; e++) {
                waits |= !done[graph->to[e]];
            }
            if (waits) continue;
            done[v] = changed = true;
            left--;
        }
    }
    free(done);
    return left > 0;
}

static bool breaks(const struct gdn__digraph *graph, unsigned set)
{
    bool gone[SMALL] = {false};
    for (uint32_t v = 0; v < graph->count; v++) gone[v] = (set >> v & 1) != 0;
    return !has_cycle_without(graph, gone);
}

/* Whether the lowest member that only one of the two has is x's. */
static bool is_preferred(unsigned x, unsigned y)
{
    unsigned differ = x ^ y;
    return (x & differ & -differ) != 0;
}

/* The smallest set, and of those the first in lexicographic order; 0 with *possible false: none. */
static unsigned best_by_definition(const struct gdn__digraph *graph, bool *possible)
{
    unsigned best = 0;
    *possible = false;
    for (unsigned set = 0; set < 1u << graph->count; set++) {
        bool allowed = true;
        for (uint32_t v = 0; v < graph->count; v++) {
            allowed &= (set >> v & 1) == 0 || !graph->fixed[v];
        }
        if (!allowed || !breaks(graph, set)) continue;
        int sizes = __builtin_popcount(set) - __builtin_popcount(best);
        if (!*possible || sizes < 0 || (sizes == 0 && is_preferred(set, best))) best = set;
        *possible = true;
    }
    return best;
}

static void make_random(struct graph *g, uint64_t *seed)
{
    uint32_t count = 1 + (uint32_t)world_below(seed, SMALL);
    int percent = 5 + world_below(seed, 40);
    begin(g, count, count * count);
    for (uint32_t v = 0; v < count; v++) {
        g->fixed[v] = world_below(seed, 6) == 0;
        for (uint32_t u = 0; u < count; u++) {
            if (world_below(seed, 100) < percent) add(g, v, u);
        }
    }
}

static unsigned as_set(const uint32_t *chosen, size_t count)
{
    unsigned set = 0;
    for (size_t i = 0; i < count; i++) set |= 1u << chosen[i];
    return set;
}

static void the_fewest_are_found_and_of_those_the_preferred(void **state)
{
    (void)state;
    uint64_t seed = 1;
    size_t broken = 0, fewest_sum = 0, greedy_sum = 0;
    for (int run = 0; run < 6000; run++) {
        struct graph g;
        uint32_t chosen[SMALL];
        size_t count = 0;
        bool possible, fewest;
        uint64_t of_run = seed;
        make_random(&g, &of_run);
        unsigned best = best_by_definition(&g.digraph, &possible);
        if (possible) {
            assert_int_equal(gdn__breaker_find(&usual, &g.digraph, chosen, &count, &fewest),
                             GDN_OK);
            if (!fewest || as_set(chosen, count) != best) fail_msg("seed %" PRIu64, seed);
            fewest_sum += count;
            assert_int_equal(gdn__breaker_find_greedily(&usual, &g.digraph, chosen, &count),
                             GDN_OK);
            if (!breaks(&g.digraph, as_set(chosen, count))) fail_msg("seed %" PRIu64, seed);
            greedy_sum += count;
            broken++;
        }
        end(&g);
        (void)world_random(&seed);
    }
    print_message("%zu graphs: %zu removed at least, %zu greedily\n", broken, fewest_sum,
                  greedy_sum);
    assert_true(broken > 3000 && greedy_sum * 20 <= fewest_sum * 21);
}

static void in_a_ring_the_preferred_goes(void **state)
{
    (void)state;
    const uint32_t count = 200000;
    struct graph g;
    begin(&g, count, count);
    for (uint32_t v = 0; v < count; v++) g.first[v + 1] = v + 1;
    /* 7 is no divisor: one ring through all, in an order of its own. */
    for (uint32_t v = 0; v < count; v++) g.to[v] = (v + 77777) % count;
    uint32_t *chosen = malloc(count * sizeof *chosen);
    size_t chosen_count;
    bool fewest;
    g.fixed[0] = g.fixed[1] = true;
    assert_int_equal(gdn__breaker_find(&usual, &g.digraph, chosen, &chosen_count, &fewest), GDN_OK);
    assert_int_equal(chosen_count, 1);
    assert_int_equal(chosen[0], 2);
    assert_true(fewest);
    free(chosen);
    end(&g);
}

/* As many as hold and upgrade: all but one must go, the least preferred stays. */
static void of_those_who_all_wait_for_each_other_one_stays(void **state)
{
    (void)state;
    static const uint32_t sizes[] = {2, 64, 65, 300};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        struct graph g;
        uint32_t chosen[300];
        size_t count;
        bool fewest;
        begin(&g, sizes[i], sizes[i] * sizes[i]);
        for (uint32_t v = 0; v < sizes[i]; v++) {
            for (uint32_t u = 0; u < sizes[i]; u++) {
                if (u != v) add(&g, v, u);
            }
        }
        assert_int_equal(gdn__breaker_find(&usual, &g.digraph, chosen, &count, &fewest), GDN_OK);
        assert_int_equal(count, sizes[i] - 1);
        assert_int_equal(chosen[count - 1], sizes[i] - 2);
        assert_int_equal(fewest, sizes[i] <= GDN__BREAKER_EXACT_MAX);
        end(&g);
    }
}

/* What greedy leaves is broken, and nothing of it could be spared. */
static void a_large_graph_is_broken_without_waste(void **state)
{
    (void)state;
    uint64_t seed = 7;
    for (int run = 0; run < 20; run++) {
        const uint32_t count = 400;
        struct graph g;
        uint32_t chosen[400];
        size_t chosen_count;
        bool fewest, gone[400] = {false};
        begin(&g, count, count * 4);
        for (uint32_t v = 0; v < count; v++) {
            for (int i = 1 + world_below(&seed, 3); i > 0; i--) {
                add(&g, v, (uint32_t)world_below(&seed, (int)count));
            }
        }
        assert_int_equal(gdn__breaker_find(&usual, &g.digraph, chosen, &chosen_count, &fewest),
                         GDN_OK);
        for (size_t i = 0; i < chosen_count; i++) {
            assert_true(i == 0 || chosen[i] > chosen[i - 1]);
            gone[chosen[i]] = true;
        }
        assert_false(has_cycle_without(&g.digraph, gone));
        for (size_t i = 0; i < chosen_count; i++) {
            gone[chosen[i]] = false;
            assert_true(has_cycle_without(&g.digraph, gone));
            gone[chosen[i]] = true;
        }
        end(&g);
    }
}

/* A graph on which the search in full gives up: it says so, and greedy takes over. */
static void a_search_that_takes_too_long_is_given_up(void **state)
{
    (void)state;
    uint64_t seed = 3;
    size_t given_up = 0;
    for (int run = 0; run < 3; run++) {
        struct graph g;
        uint32_t chosen[64];
        size_t count;
        bool fewest, gone[64] = {false};
        begin(&g, 64, 64 * 8);
        for (uint32_t v = 0; v < 64; v++) {
            for (int i = 0; i < 7; i++) add(&g, v, (uint32_t)world_below(&seed, 64));
        }
        assert_int_equal(gdn__breaker_find(&usual, &g.digraph, chosen, &count, &fewest), GDN_OK);
        given_up += !fewest;
        for (size_t i = 0; i < count; i++) gone[chosen[i]] = true;
        assert_false(has_cycle_without(&g.digraph, gone));
        end(&g);
    }
    assert_true(given_up > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_fewest_are_found_and_of_those_the_preferred),
        cmocka_unit_test(in_a_ring_the_preferred_goes),
        cmocka_unit_test(of_those_who_all_wait_for_each_other_one_stays),
        cmocka_unit_test(a_large_graph_is_broken_without_waste),
        cmocka_unit_test(a_search_that_takes_too_long_is_given_up),
    };
    usual = gdn__allocator_or_default(NULL);
    return !!cmocka_run_group_tests(tests, NULL, NULL);
}
