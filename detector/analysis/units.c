/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "detector/analysis/units.h"

#include "src/core/mem.h"
#include <stdlib.h>

/* Less than any allowance less all units there are, which both fit in 62 bits, and far enough from
 * the smallest number that all of them may be added or taken away. */
#define NEVER (-7 * (INT64_C(1) << 60))

static bool is_exit(const struct gdn__share *share)
{
    return share->end == 0;
}

/* ---- Elements ---- */

void gdn__units_fini(struct gdn__units *units, const struct gdn_allocator *memory)
{
    gdn__free(memory, units->shares);
    gdn__free(memory, units->first);
    gdn__free(memory, units->of);
    *units = (struct gdn__units){.shares = NULL};
}

enum gdn_err gdn__units_add(struct gdn__units *units, const struct gdn_allocator *memory,
                            struct gdn__share share)
{
    if (units->count >= UINT32_MAX / 4) return GDN_ERR_LIMIT;
    if (!gdn__grow(memory, &units->shares, units->count, &units->capacity, sizeof *units->shares)) {
        return GDN_ERR_MEMORY;
    }
    units->shares[units->count++] = share;
    return GDN_OK;
}

enum gdn_err gdn__units_index(struct gdn__units *units, const struct gdn_allocator *memory,
                              size_t vertex_count)
{
    if (units->count == 0) return GDN_OK;
    units->first = gdn__calloc(memory, (vertex_count + 2) * sizeof *units->first);
    units->of = gdn__alloc(memory, units->count * sizeof *units->of);
    if (units->first == NULL || units->of == NULL) return GDN_ERR_MEMORY;
    /* Counted two places further on, so that filling leaves each row's beginning where it belongs.
     */
    for (size_t i = 0; i < units->count; i++) units->first[units->shares[i].vertex + 2]++;
    for (size_t v = 2; v <= vertex_count; v++) units->first[v] += units->first[v - 1];
    for (uint32_t i = 0; i < units->count; i++) {
        units->of[units->first[units->shares[i].vertex + 1]++] = i;
    }
    return GDN_OK;
}

/* ---- Parts ---- */

static int compare_numbers(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

/* How many of the sorted @p elements are below @p bound. */
static uint32_t count_below(const uint32_t *elements, size_t count, uint32_t bound)
{
    size_t low = 0, high = count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (elements[middle] < bound) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return (uint32_t)low;
}

/* The elements of these vertices, in their order; how many. @p elements NULL: only counts. */
static size_t gather(const struct gdn__units *units, const uint32_t *vertices, size_t count,
                     uint32_t *elements)
{
    size_t found = 0;
    for (size_t i = 0; i < count; i++) {
        for (uint32_t e = units->first[vertices[i]]; e < units->first[vertices[i] + 1]; e++) {
            if (elements != NULL) elements[found] = units->of[e];
            found++;
        }
    }
    if (elements != NULL) qsort(elements, found, sizeof *elements, compare_numbers);
    return found;
}

enum gdn_err gdn__units_part(const struct gdn__units *units, const struct gdn_allocator *memory,
                             const uint32_t *vertices, size_t count, const uint32_t *place,
                             struct gdn__units *part)
{
    if (units->first == NULL) return GDN_OK;
    size_t found = gather(units, vertices, count, NULL);
    if (found == 0) return GDN_OK;
    uint32_t *elements = gdn__alloc(memory, found * sizeof *elements);
    if (elements == NULL) return GDN_ERR_MEMORY;
    (void)gather(units, vertices, count, elements);
    enum gdn_err err = GDN_OK;
    for (size_t i = 0; err == GDN_OK && i < found; i++) {
        struct gdn__share share = units->shares[elements[i]];
        share.vertex = place[share.vertex] - 1;
        if (!is_exit(&share)) share.end = count_below(elements, found, share.end);
        err = gdn__units_add(part, memory, share);
    }
    gdn__free(memory, elements);
    return err;
}

/* ---- The tree ---- */

static int64_t larger(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

/* The maxima above a leaf anew. */
static void lift(struct gdn__returns *r, size_t node)
{
    for (node /= 2; node > 0; node /= 2) {
        r->best[node] = larger(r->best[2 * node], r->best[2 * node + 1]) + r->more[node];
    }
}

static void add_at(struct gdn__returns *r, size_t node, int64_t amount)
{
    r->best[node] += amount;
    if (node < r->leaves) r->more[node] += amount;
}

/* Add to the leaves from..end - 1. */
static void add_range(struct gdn__returns *r, size_t from, size_t end, int64_t amount)
{
    if (from >= end) return;
    size_t low = from + r->leaves, high = end + r->leaves;
    for (; low < high; low /= 2, high /= 2) {
        if ((low & 1) != 0) add_at(r, low++, amount);
        if ((high & 1) != 0) add_at(r, --high, amount);
    }
    lift(r, from + r->leaves);
    lift(r, end - 1 + r->leaves);
}

void gdn__returns_reset(struct gdn__returns *r)
{
    if (r->count == 0) return;
    memcpy(r->best + r->leaves, r->begin, r->leaves * sizeof *r->best);
    memset(r->more, 0, r->leaves * sizeof *r->more);
    for (size_t node = r->leaves - 1; node > 0; node--) {
        r->best[node] = larger(r->best[2 * node], r->best[2 * node + 1]);
    }
}

void gdn__returns_take(struct gdn__returns *r, uint32_t vertex)
{
    if (r->count == 0) return;
    const struct gdn__units *units = r->units;
    for (uint32_t e = units->first[vertex]; e < units->first[vertex + 1]; e++) {
        const struct gdn__share *share = &units->shares[units->of[e]];
        uint32_t place = r->place[units->of[e]];
        if (place == 0 || is_exit(share)) continue;
        add_range(r, place, r->end[place - 1], share->units);
    }
}

bool gdn__returns_next(struct gdn__returns *r, uint32_t *vertex)
{
    if (r->count == 0 || r->best[1] < 0) return false;
    size_t node = 1;
    int64_t above = 0;
    while (node < r->leaves) {
        above += r->more[node];
        node *= 2;
        if (r->best[node] + above < 0) node++;
    }
    r->best[node] = NEVER;
    lift(r, node);
    *vertex = r->units->shares[r->element[node - r->leaves]].vertex;
    return true;
}

/* ---- Beginning ---- */

static uint32_t group_of(const struct gdn__units *units, const uint32_t *group, uint32_t element)
{
    return group == NULL ? 0 : group[units->shares[element].vertex];
}

struct order {
    const struct gdn__units *units;
    const uint32_t *group;
};

static int compare_elements(const void *a, const void *b, void *context)
{
    const struct order *order = context;
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    uint32_t group_x = group_of(order->units, order->group, x);
    uint32_t group_y = group_of(order->units, order->group, y);
    if (group_x != group_y) return group_x < group_y ? -1 : 1;
    return (x > y) - (x < y);
}

static bool allocate(struct gdn__returns *r)
{
    const struct gdn_allocator *memory = &r->memory;
    size_t count = r->units->count;
    r->leaves = 1;
    while (r->leaves < count) r->leaves *= 2;
    r->element = gdn__alloc(memory, count * sizeof *r->element);
    r->end = gdn__alloc(memory, count * sizeof *r->end);
    r->place = gdn__calloc(memory, count * sizeof *r->place);
    r->begin = gdn__calloc(memory, r->leaves * sizeof *r->begin);
    r->best = gdn__calloc(memory, 2 * r->leaves * sizeof *r->best);
    r->more = gdn__calloc(memory, r->leaves * sizeof *r->more);
    return r->element != NULL && r->end != NULL && r->place != NULL && r->begin != NULL &&
           r->best != NULL && r->more != NULL;
}

/* The places from..end - 1 are one group. */
static void set_ends(struct gdn__returns *r, size_t from, size_t end)
{
    for (size_t i = from; i < end; i++) {
        const struct gdn__share *share = &r->units->shares[r->element[i]];
        r->place[r->element[i]] = (uint32_t)i + 1;
        r->end[i] = 0;
        if (is_exit(share)) continue;
        r->end[i] = (uint32_t)from + count_below(&r->element[from], end - from, share->end);
    }
}

static void arrange(struct gdn__returns *r, const uint32_t *group)
{
    struct order order = {r->units, group};
    for (uint32_t e = 0; e < r->units->count; e++) {
        if (group_of(r->units, group, e) != GDN_NONE) r->element[r->count++] = e;
    }
    if (group != NULL) {
        qsort_r(r->element, r->count, sizeof *r->element, compare_elements, &order);
    }
    for (size_t from = 0, end; from < r->count; from = end) {
        uint32_t here = group_of(r->units, group, r->element[from]);
        for (end = from; end < r->count; end++) {
            if (group_of(r->units, group, r->element[end]) != here) break;
        }
        set_ends(r, from, end);
    }
}

/* An exit begins with its allowance less all that it sees; summed up over the differences. */
static void set_beginnings(struct gdn__returns *r)
{
    int64_t out = 0;
    for (size_t i = 0; i < r->count; i++) {
        const struct gdn__share *share = &r->units->shares[r->element[i]];
        if (is_exit(share)) continue;
        if (i + 1 < r->leaves) r->begin[i + 1] += share->units;
        if (r->end[i] < r->leaves) r->begin[r->end[i]] -= share->units;
    }
    for (size_t i = 0; i < r->leaves; i++) {
        out += r->begin[i];
        const struct gdn__share *share = i < r->count ? &r->units->shares[r->element[i]] : NULL;
        r->begin[i] = share != NULL && is_exit(share) ? (int64_t)share->units - out : NEVER;
    }
}

enum gdn_err gdn__returns_init(struct gdn__returns *r, const struct gdn__units *units,
                               const struct gdn_allocator *memory, const uint32_t *group)
{
    *r = (struct gdn__returns){.units = units, .memory = *memory};
    if (units->first == NULL) return GDN_OK;
    if (!allocate(r)) return GDN_ERR_MEMORY;
    arrange(r, group);
    set_beginnings(r);
    gdn__returns_reset(r);
    return GDN_OK;
}

void gdn__returns_fini(struct gdn__returns *r)
{
    const struct gdn_allocator *memory = &r->memory;
    if (memory->resize == NULL) return; /* Never begun. */
    gdn__free(memory, r->element);
    gdn__free(memory, r->end);
    gdn__free(memory, r->place);
    gdn__free(memory, r->begin);
    gdn__free(memory, r->best);
    gdn__free(memory, r->more);
}
