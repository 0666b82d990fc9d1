/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "detector/analysis/sweep.h"

#include "src/core/mem.h"

enum direction { FORWARD, BACKWARD };

struct sweep {
    struct gdn__rows rows[2];  /* By direction. */
    uint32_t *first_in, *from; /* Of rows[BACKWARD]. */
    uint32_t *degree[2];       /* By direction and vertex: edges to those not settled. */
    uint8_t *seen;             /* By vertex: bit d: it was reached in direction d. */
    uint32_t *worklist;
    uint32_t *label;
    uint32_t left;
};

static void turn_around(struct sweep *s)
{
    const struct gdn__rows *rows = &s->rows[FORWARD];
    uint32_t count = rows->count, sum = 0;
    for (uint32_t v = 0; v <= count; v++) s->first_in[v] = 0;
    for (uint32_t e = 0; e < rows->first[count]; e++) s->first_in[rows->to[e]]++;
    for (uint32_t v = 0; v <= count; v++) s->first_in[v] = sum += s->first_in[v];
    for (uint32_t v = count; v-- > 0;) {
        for (uint32_t e = rows->first[v]; e < rows->first[v + 1]; e++) {
            s->from[--s->first_in[rows->to[e]]] = v;
        }
    }
    s->rows[BACKWARD] = (struct gdn__rows){count, s->first_in, s->from};
}

/* ---- Settling ---- */

static bool is_settled(const struct sweep *s, uint32_t v)
{
    return s->label[v] != GDN_NONE;
}

/* Its neighbours in @p direction have one edge less the other way; those that have none left are
 * alone, and settled by it. The new end of the worklist. */
static size_t leave(struct sweep *s, uint32_t v, enum direction direction, size_t end)
{
    const struct gdn__rows *rows = &s->rows[direction];
    uint32_t *degree = s->degree[direction == FORWARD ? BACKWARD : FORWARD];
    for (uint32_t e = rows->first[v]; e < rows->first[v + 1]; e++) {
        uint32_t neighbour = rows->to[e];
        if (--degree[neighbour] != 0 || is_settled(s, neighbour)) continue;
        s->label[neighbour] = neighbour;
        s->worklist[end++] = neighbour;
    }
    return end;
}

/* The settled ones in worklist[0..end), and whoever lies on no cycle without them. */
static void leave_all(struct sweep *s, size_t end)
{
    for (size_t done = 0; done < end; done++) {
        end = leave(s, s->worklist[done], FORWARD, end);
        end = leave(s, s->worklist[done], BACKWARD, end);
    }
    s->left -= (uint32_t)end;
}

static void trim(struct sweep *s)
{
    size_t end = 0;
    for (uint32_t v = 0; v < s->rows[FORWARD].count; v++) {
        for (int d = FORWARD; d <= BACKWARD; d++) {
            s->degree[d][v] = s->rows[d].first[v + 1] - s->rows[d].first[v];
        }
        bool between = s->degree[FORWARD][v] != 0 && s->degree[BACKWARD][v] != 0;
        s->label[v] = between ? GDN_NONE : v;
        if (!between) s->worklist[end++] = v;
    }
    leave_all(s, end);
}

/* ---- The component of one vertex ---- */

static uint32_t busiest(const struct sweep *s)
{
    uint64_t most = 0;
    uint32_t best = 0;
    for (uint32_t v = 0; v < s->rows[FORWARD].count; v++) {
        uint64_t ways = (uint64_t)s->degree[FORWARD][v] * s->degree[BACKWARD][v];
        if (is_settled(s, v) || ways <= most) continue;
        most = ways;
        best = v;
    }
    return best;
}

/* Marks whoever is not settled and is reached from @p start; how many, in the worklist. */
static size_t reach(struct sweep *s, uint32_t start, enum direction direction)
{
    const struct gdn__rows *rows = &s->rows[direction];
    uint8_t bit = (uint8_t)(1u << direction);
    size_t end = 0;
    s->seen[start] |= bit;
    s->worklist[end++] = start;
    for (size_t done = 0; done < end; done++) {
        uint32_t v = s->worklist[done];
        for (uint32_t e = rows->first[v]; e < rows->first[v + 1]; e++) {
            uint32_t next = rows->to[e];
            if (is_settled(s, next) || (s->seen[next] & bit) != 0) continue;
            s->seen[next] |= bit;
            s->worklist[end++] = next;
        }
    }
    return end;
}

/* Settles it; how many it has. */
static size_t take_component(struct sweep *s, uint32_t start)
{
    (void)reach(s, start, FORWARD);
    size_t backward = reach(s, start, BACKWARD), found = 0;
    for (size_t i = 0; i < backward; i++) {
        uint32_t v = s->worklist[i];
        if ((s->seen[v] & 1u << FORWARD) == 0) continue;
        s->label[v] = start;
        s->worklist[found++] = v;
    }
    memset(s->seen, 0, s->rows[FORWARD].count * sizeof *s->seen);
    leave_all(s, found);
    return found;
}

/* ---- All of it ---- */

static bool allocate(struct sweep *s, const struct gdn_allocator *memory)
{
    const struct gdn__rows *rows = &s->rows[FORWARD];
    size_t bytes = rows->count * sizeof(uint32_t);
    s->first_in = gdn__alloc(memory, bytes + sizeof(uint32_t));
    s->from = gdn__alloc(memory, rows->first[rows->count] * sizeof *s->from);
    s->degree[FORWARD] = gdn__alloc(memory, bytes);
    s->degree[BACKWARD] = gdn__alloc(memory, bytes);
    s->seen = gdn__calloc(memory, rows->count * sizeof *s->seen);
    s->worklist = gdn__alloc(memory, bytes);
    return s->first_in != NULL && s->from != NULL && s->degree[FORWARD] != NULL &&
           s->degree[BACKWARD] != NULL && s->seen != NULL && s->worklist != NULL;
}

enum gdn_err gdn__sweep(const struct gdn_allocator *memory, const struct gdn__rows *rows,
                        uint32_t *label, uint32_t *left)
{
    struct sweep s = {.rows[FORWARD] = *rows, .label = label, .left = rows->count};
    bool fits = allocate(&s, memory);
    if (fits) {
        turn_around(&s);
        trim(&s);
        for (size_t before = s.left, found = s.left; s.left > 0 && found * 2 >= before;) {
            before = s.left;
            found = take_component(&s, busiest(&s));
        }
        *left = s.left;
    }
    gdn__free(memory, s.first_in);
    gdn__free(memory, s.from);
    gdn__free(memory, s.degree[FORWARD]);
    gdn__free(memory, s.degree[BACKWARD]);
    gdn__free(memory, s.seen);
    gdn__free(memory, s.worklist);
    return fits ? GDN_OK : GDN_ERR_MEMORY;
}
