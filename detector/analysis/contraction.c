/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "detector/analysis/contraction.h"

#include "src/core/mem.h"

#define UNKNOWN GDN_NONE
#define ON_WAY  (GDN_NONE - 1)

static bool has_one_way(const struct gdn__rows *rows, uint32_t v)
{
    return rows->first[v + 1] - rows->first[v] == 1;
}

static uint32_t only_way(const struct gdn__rows *rows, uint32_t v)
{
    return rows->to[rows->first[v]];
}

/* Goes the only ways from @p v until somebody is known, has several or none, or is met again; that
 * one stands for all on the way. @p way is scratch. */
static void follow(struct gdn__contraction *c, uint32_t v, uint32_t *way)
{
    size_t length = 0;
    while (c->stands[v] == UNKNOWN && has_one_way(c->rows, v)) {
        c->stands[v] = ON_WAY;
        way[length++] = v;
        v = only_way(c->rows, v);
    }
    if (c->stands[v] == UNKNOWN || c->stands[v] == ON_WAY) c->stands[v] = v;
    for (size_t i = 0; i < length; i++) c->stands[way[i]] = c->stands[v];
}

/* The edges of those that stand for themselves, loops left out; how many. @p to NULL: counts. */
static size_t draw(const struct gdn__contraction *c, uint32_t *first, uint32_t *to)
{
    const struct gdn__rows *rows = c->rows;
    size_t count = 0;
    for (uint32_t v = 0; v < rows->count; v++) {
        if (c->stands[v] != v) continue;
        if (to != NULL) first[c->number[v]] = (uint32_t)count;
        for (uint32_t e = rows->first[v]; e < rows->first[v + 1]; e++) {
            uint32_t next = c->stands[rows->to[e]];
            if (next == v) continue;
            if (to != NULL) to[count] = c->number[next];
            count++;
        }
    }
    if (to != NULL) first[c->small.count] = (uint32_t)count;
    return count;
}

enum gdn_err gdn__contraction_init(struct gdn__contraction *c, const struct gdn_allocator *memory,
                                   const struct gdn__rows *rows)
{
    *c = (struct gdn__contraction){.rows = rows};
    c->stands = gdn__alloc(memory, rows->count * sizeof *c->stands);
    c->number = gdn__alloc(memory, rows->count * sizeof *c->number);
    if (c->stands == NULL || c->number == NULL) return GDN_ERR_MEMORY;
    for (uint32_t v = 0; v < rows->count; v++) c->stands[v] = UNKNOWN;
    for (uint32_t v = 0; v < rows->count; v++) follow(c, v, c->number);
    for (uint32_t v = 0; v < rows->count; v++) {
        if (c->stands[v] == v) c->number[v] = c->small.count++;
    }
    c->first = gdn__alloc(memory, ((size_t)c->small.count + 1) * sizeof *c->first);
    c->to = gdn__alloc(memory, draw(c, NULL, NULL) * sizeof *c->to);
    if (c->first == NULL || c->to == NULL) return GDN_ERR_MEMORY;
    (void)draw(c, c->first, c->to);
    c->small.first = c->first;
    c->small.to = c->to;
    return GDN_OK;
}

void gdn__contraction_fini(struct gdn__contraction *c, const struct gdn_allocator *memory)
{
    gdn__free(memory, c->stands);
    gdn__free(memory, c->number);
    gdn__free(memory, c->first);
    gdn__free(memory, c->to);
}

/* An edge within a component ends at one of it; so does the way on from there. */
static void join(const struct gdn__contraction *c, uint32_t v, uint32_t *label)
{
    uint32_t joined = label[c->stands[v]];
    for (; c->stands[v] != v && label[v] != joined; v = only_way(c->rows, v)) label[v] = joined;
}

void gdn__contraction_expand(const struct gdn__contraction *c, const uint32_t *small_label,
                             uint32_t *label)
{
    const struct gdn__rows *rows = c->rows;
    /* A component is called after the first of it that stands for itself. */
    uint32_t *named = c->first; /* Not needed any more. */
    for (uint32_t n = 0; n < c->small.count; n++) named[n] = UNKNOWN;
    for (uint32_t v = 0; v < rows->count; v++) {
        label[v] = v;
        if (c->stands[v] != v) continue;
        uint32_t *name = &named[small_label[c->number[v]]];
        if (*name == UNKNOWN) *name = v;
        label[v] = *name;
    }
    for (uint32_t v = 0; v < rows->count; v++) {
        if (c->stands[v] != v) continue;
        for (uint32_t e = rows->first[v]; e < rows->first[v + 1]; e++) {
            uint32_t next = rows->to[e];
            if (label[c->stands[next]] == label[v]) join(c, next, label);
        }
    }
}
