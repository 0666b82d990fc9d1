/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "detector/analysis/quotient.h"

#include "src/core/mem.h"
#include <stdlib.h>

struct state {
    struct gdn__quotient *quotient;
    const struct gdn__graph *part;
    const uint32_t *number;
    uint32_t *vertex_of; /* By number. */
    uint32_t *stamp;     /* By vertex: 1 + the number of the process whose row saw it last. */
    uint32_t *worklist;
    uint32_t link_count;
};

static bool is_all_of_processes(const struct gdn__graph *part)
{
    for (uint32_t v = 0; v < part->vertex_count; v++) {
        uint32_t kind = part->vertices[v].kind;
        if (kind == GDN__VERTEX_BRANCH || kind == GDN__VERTEX_PLACE) return false;
        if (part->vertices[v].need != part->first[v + 1] - part->first[v]) return false;
    }
    return true;
}

static int compare_numbers(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

static bool add_link(struct state *s, uint32_t to)
{
    struct gdn__quotient *q = s->quotient;
    if (!gdn__grow(&s->part->memory, &q->to, s->link_count, &q->to_capacity, sizeof *q->to)) {
        return false;
    }
    q->to[s->link_count++] = to;
    return true;
}

/* The processes next after process @p from, over its tickets, hubs and groups. */
static bool draw_row(struct state *s, uint32_t from)
{
    const struct gdn__graph *part = s->part;
    size_t end = 0;
    s->worklist[end++] = s->vertex_of[from];
    for (size_t done = 0; done < end; done++) {
        uint32_t v = s->worklist[done];
        for (uint32_t e = part->first[v]; e < part->first[v + 1]; e++) {
            uint32_t to = part->to[e];
            if (s->stamp[to] == from + 1) continue;
            s->stamp[to] = from + 1;
            if (s->number[to] == GDN_NONE) {
                s->worklist[end++] = to;
            } else if (!add_link(s, s->number[to])) {
                return false;
            }
        }
    }
    return true;
}

/* Decided by links and members alone, so that it does not depend on how the part is drawn. */
static bool is_too_dense(const struct state *s, uint64_t rows, uint64_t count)
{
    uint64_t links = s->link_count;
    return links > GDN__QUOTIENT_LINKS_MAX || links > GDN__QUOTIENT_DENSITY_MAX * count ||
           links > GDN__QUOTIENT_DENSITY_MAX * rows + GDN__QUOTIENT_AHEAD_MAX;
}

static enum gdn_err draw(struct state *s, uint32_t count)
{
    struct gdn__quotient *q = s->quotient;
    for (uint32_t v = 0; v < s->part->vertex_count; v++) {
        if (s->number[v] != GDN_NONE) s->vertex_of[s->number[v]] = v;
    }
    for (uint32_t p = 0; p < count; p++) {
        q->first[p] = s->link_count;
        if (!draw_row(s, p)) return GDN_ERR_MEMORY;
        if (is_too_dense(s, p + 1, count)) return GDN_OK;
        size_t row = s->link_count - q->first[p];
        if (row > 1) qsort(&q->to[q->first[p]], row, sizeof *q->to, compare_numbers);
    }
    q->first[count] = s->link_count;
    q->digraph = (struct gdn__digraph){count, q->first, q->to, q->fixed};
    q->drawn = true;
    return GDN_OK;
}

enum gdn_err gdn__quotient_init(struct gdn__quotient *quotient, const struct gdn__graph *part,
                                const uint32_t *number, uint32_t count, uint32_t free_count)
{
    *quotient = (struct gdn__quotient){.drawn = false};
    if (!is_all_of_processes(part)) return GDN_OK;
    const struct gdn_allocator *memory = &part->memory;
    struct state s = {.quotient = quotient, .part = part, .number = number};
    size_t bytes = part->vertex_count * sizeof(uint32_t);
    s.vertex_of = gdn__alloc(memory, count * sizeof *s.vertex_of);
    s.stamp = gdn__calloc(memory, bytes);
    s.worklist = gdn__alloc(memory, bytes);
    quotient->first = gdn__alloc(memory, ((size_t)count + 1) * sizeof *quotient->first);
    quotient->fixed = gdn__alloc(memory, count * sizeof *quotient->fixed);
    enum gdn_err err = GDN_ERR_MEMORY;
    if (s.vertex_of != NULL && s.stamp != NULL && s.worklist != NULL && quotient->first != NULL &&
        quotient->fixed != NULL) {
        for (uint32_t p = 0; p < count; p++) quotient->fixed[p] = p >= free_count;
        err = draw(&s, count);
    }
    gdn__free(memory, s.vertex_of);
    gdn__free(memory, s.stamp);
    gdn__free(memory, s.worklist);
    return err;
}

void gdn__quotient_fini(struct gdn__quotient *quotient, const struct gdn_allocator *memory)
{
    gdn__free(memory, quotient->first);
    gdn__free(memory, quotient->to);
    gdn__free(memory, quotient->fixed);
}
