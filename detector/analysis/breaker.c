/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "detector/analysis/breaker.h"

#define EXACT_MAX GDN__BREAKER_EXACT_MAX

/* A graph of few vertices as rows of bits. */
struct dense {
    uint64_t out[EXACT_MAX], in[EXACT_MAX];
    uint64_t alive;
};

static uint64_t bit(unsigned v)
{
    return UINT64_C(1) << v;
}

static unsigned count_bits(uint64_t set)
{
    return (unsigned)__builtin_popcountll(set);
}

/* The lowest of a set that is not empty. */
static unsigned lowest(uint64_t set)
{
    return (unsigned)__builtin_ctzll(set);
}

/* ---- Changing the graph ---- */

static void drop(struct dense *d, unsigned v)
{
    for (uint64_t left = d->in[v]; left != 0; left &= left - 1) d->out[lowest(left)] &= ~bit(v);
    for (uint64_t left = d->out[v]; left != 0; left &= left - 1) d->in[lowest(left)] &= ~bit(v);
    d->alive &= ~bit(v);
}

/* Every way through v remains, without v. It has no loop. */
static void bypass(struct dense *d, unsigned v)
{
    for (uint64_t left = d->in[v]; left != 0; left &= left - 1) d->out[lowest(left)] |= d->out[v];
    for (uint64_t left = d->out[v]; left != 0; left &= left - 1) d->in[lowest(left)] |= d->in[v];
    drop(d, v);
}

/* Contracts as far as it goes; how many had to go. */
static unsigned contract(struct dense *d)
{
    unsigned gone = 0;
    for (bool changed = true; changed;) {
        changed = false;
        for (uint64_t left = d->alive; left != 0; left &= left - 1) {
            unsigned v = lowest(left);
            bool loop = (d->out[v] & bit(v)) != 0;
            unsigned in = count_bits(d->in[v]), out = count_bits(d->out[v]);
            if (!loop && in > 1 && out > 1) continue;
            changed = true;
            gone += loop;
            if (loop || in == 0 || out == 0) {
                drop(d, v);
            } else {
                bypass(d, v);
            }
        }
    }
    return gone;
}

/* ---- The search ---- */

/* Of two that wait for each other one must go: disjoint pairs count. */
static unsigned lower_bound(const struct dense *d)
{
    unsigned pairs = 0;
    uint64_t single = d->alive;
    for (uint64_t left = d->alive; left != 0; left &= left - 1) {
        unsigned v = lowest(left);
        uint64_t both = d->in[v] & d->out[v] & single;
        if ((single & bit(v)) == 0 || both == 0) continue;
        single &= ~(bit(v) | bit(lowest(both)));
        pairs++;
    }
    return pairs == 0 ? 1 : pairs;
}

static unsigned busiest(const struct dense *d)
{
    unsigned best = 0, most = 0;
    for (uint64_t left = d->alive; left != 0; left &= left - 1) {
        unsigned v = lowest(left);
        unsigned ways = count_bits(d->in[v]) * count_bits(d->out[v]);
        if (ways <= most) continue;
        most = ways;
        best = v;
    }
    return best;
}

/* How few must go; budget + 1 when they are more than @p budget, or too many choices were looked
 * at. It calls itself no deeper than there are vertices. */
static unsigned find_fewest(struct dense d, unsigned budget, unsigned *choices)
{
    unsigned gone = contract(&d);
    if (gone > budget) return budget + 1;
    if (d.alive == 0) return gone;
    if (gone + lower_bound(&d) > budget || ++*choices > GDN__BREAKER_CHOICES_MAX) return budget + 1;

    unsigned v = busiest(&d);
    struct dense without = d;
    drop(&without, v);
    unsigned best = gone + 1 + find_fewest(without, budget - gone - 1, choices);
    bypass(&d, v);
    unsigned kept = gone + find_fewest(d, best - gone - 1, choices);
    return kept < best ? kept : best;
}

/* The first set of @p size in lexicographic order: each vertex goes if the rest can do with one
 * less, and is bypassed for good if not. */
static size_t find_first(struct dense d, unsigned size, unsigned *choices, uint32_t *chosen)
{
    size_t count = 0;
    for (uint64_t left = d.alive; size > 0 && left != 0; left &= left - 1) {
        unsigned v = lowest(left);
        struct dense without = d;
        drop(&without, v);
        if (find_fewest(without, size - 1, choices) < size) {
            chosen[count++] = v;
            size--;
            d = without;
        } else {
            bypass(&d, v);
        }
    }
    return count;
}

static void fill(struct dense *d, const struct gdn__digraph *graph)
{
    *d = (struct dense){.alive = 0};
    for (uint32_t v = 0; v < graph->count; v++) {
        d->alive |= bit(v);
        for (uint32_t e = graph->first[v]; e < graph->first[v + 1]; e++) {
            d->out[v] |= bit(graph->to[e]);
            d->in[graph->to[e]] |= bit(v);
        }
    }
    for (uint32_t v = 0; v < graph->count; v++) {
        if (graph->fixed[v]) bypass(d, v);
    }
}

/* False: it would take too long. */
static bool find_exactly(const struct gdn__digraph *graph, uint32_t *chosen, size_t *chosen_count)
{
    struct dense d;
    unsigned choices = 0;
    fill(&d, graph);
    unsigned size = find_fewest(d, graph->count, &choices);
    if (choices > GDN__BREAKER_CHOICES_MAX) return false;
    *chosen_count = find_first(d, size, &choices, chosen);
    return choices <= GDN__BREAKER_CHOICES_MAX;
}

enum gdn_err gdn__breaker_find(const struct gdn_allocator *memory, const struct gdn__digraph *graph,
                               uint32_t *chosen, size_t *chosen_count, bool *fewest)
{
    *fewest = graph->count <= EXACT_MAX && find_exactly(graph, chosen, chosen_count);
    if (*fewest) return GDN_OK;
    enum gdn_err err = gdn__breaker_find_greedily(memory, graph, chosen, chosen_count);
    *fewest = err == GDN_OK && *chosen_count <= 1;
    return err;
}
