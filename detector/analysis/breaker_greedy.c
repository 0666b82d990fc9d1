/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "detector/analysis/breaker.h"

#include "src/core/mem.h"

#define NONE UINT32_MAX

/* So many edges in a row are looked through for repeats, which bypassing makes. */
#define REPEATS_LOOKED_FOR 8

/* Putting back what turns out not to be needed stops after so many steps. */
#define PRUNE_WORK_MAX (UINT64_C(1) << 24)

/* The edges are nodes of two lists each: those out of one vertex, and those into one. A bypassed
 * vertex lives on in the one that stands for it, so that lists join without being walked. */
struct edge {
    uint32_t end[2];  /* From, to; as they were: see stands_for(). */
    uint32_t next[2]; /* In the list of end[side]. */
    uint32_t previous[2];
};

enum {
    OUT = 0,
    IN = 1
}; /* An edge is in the OUT list of its end[0], in the IN list of its end[1]. */

struct list {
    uint32_t head, tail, count;
};

struct vertex {
    struct list edges[2];
    uint32_t in_place_of; /* Itself while it is there. */
    bool alive, loop, queued;
};

struct entry {
    uint64_t ways;
    uint32_t vertex;
};

struct thinning {
    const struct gdn__digraph *graph;
    struct vertex *vertices;
    struct edge *edges;
    uint32_t *worklist; /* A ring of graph->count; each vertex is in it at most once. */
    size_t work_first, work_count;
    struct gdn_allocator memory;
    struct entry *heap; /* Most ways first. What it says of a vertex may be old. */
    size_t heap_count, heap_capacity;
    uint32_t *chosen;
    size_t chosen_count;
};

/* ---- Lists ---- */

static uint32_t stands_for(struct thinning *t, uint32_t v)
{
    while (t->vertices[v].in_place_of != v) {
        uint32_t above = t->vertices[v].in_place_of;
        t->vertices[v].in_place_of = t->vertices[above].in_place_of;
        v = above;
    }
    return v;
}

static uint32_t end_of(struct thinning *t, uint32_t e, int side)
{
    return stands_for(t, t->edges[e].end[side]);
}

static void unlink_edge(struct thinning *t, uint32_t e, int side)
{
    struct list *list = &t->vertices[end_of(t, e, side)].edges[side];
    uint32_t next = t->edges[e].next[side], previous = t->edges[e].previous[side];
    if (previous == NONE) {
        list->head = next;
    } else {
        t->edges[previous].next[side] = next;
    }
    if (next == NONE) {
        list->tail = previous;
    } else {
        t->edges[next].previous[side] = previous;
    }
    list->count--;
}

static void append_edge(struct thinning *t, uint32_t e, int side)
{
    struct list *list = &t->vertices[t->edges[e].end[side]].edges[side];
    t->edges[e].next[side] = NONE;
    t->edges[e].previous[side] = list->tail;
    if (list->tail == NONE) {
        list->head = e;
    } else {
        t->edges[list->tail].next[side] = e;
    }
    list->tail = e;
    list->count++;
}

static void join_lists(struct thinning *t, uint32_t into, uint32_t from, int side)
{
    struct list *a = &t->vertices[into].edges[side], *b = &t->vertices[from].edges[side];
    if (b->head == NONE) return;
    if (a->head == NONE) {
        *a = *b;
    } else {
        t->edges[a->tail].next[side] = b->head;
        t->edges[b->head].previous[side] = a->tail;
        a->tail = b->tail;
        a->count += b->count;
    }
    *b = (struct list){NONE, NONE, 0};
}

/* ---- Worklist ---- */

static void look_at(struct thinning *t, uint32_t v)
{
    if (!t->vertices[v].alive || t->vertices[v].queued) return;
    t->vertices[v].queued = true;
    t->worklist[(t->work_first + t->work_count++) % t->graph->count] = v;
}

static uint32_t take_next(struct thinning *t)
{
    uint32_t v = t->worklist[t->work_first];
    t->work_first = (t->work_first + 1) % t->graph->count;
    t->work_count--;
    t->vertices[v].queued = false;
    return v;
}

static void remove_edge(struct thinning *t, uint32_t e)
{
    unlink_edge(t, e, OUT);
    unlink_edge(t, e, IN);
    look_at(t, end_of(t, e, OUT));
    look_at(t, end_of(t, e, IN));
}

static void remove_vertex(struct thinning *t, uint32_t v)
{
    t->vertices[v].alive = false;
    for (int side = OUT; side <= IN; side++) {
        while (t->vertices[v].edges[side].head != NONE) {
            remove_edge(t, t->vertices[v].edges[side].head);
        }
    }
}

static void choose(struct thinning *t, uint32_t v)
{
    t->chosen[t->chosen_count++] = v;
    remove_vertex(t, v);
}

/* ---- Heap: most ways first, then the preferred ---- */

static uint64_t ways_through(const struct thinning *t, uint32_t v)
{
    const struct vertex *vertex = &t->vertices[v];
    return (uint64_t)vertex->edges[IN].count * vertex->edges[OUT].count;
}

static bool goes_before(struct entry a, struct entry b)
{
    return a.ways != b.ways ? a.ways > b.ways : a.vertex < b.vertex;
}

static bool push(struct thinning *t, uint32_t v)
{
    if (!gdn__grow(&t->memory, &t->heap, t->heap_count, &t->heap_capacity, sizeof *t->heap)) {
        return false;
    }
    struct entry entry = {ways_through(t, v), v};
    size_t at = t->heap_count++;
    while (at > 0 && goes_before(entry, t->heap[(at - 1) / 2])) {
        t->heap[at] = t->heap[(at - 1) / 2];
        at = (at - 1) / 2;
    }
    t->heap[at] = entry;
    return true;
}

static struct entry pop(struct thinning *t)
{
    struct entry first = t->heap[0], last = t->heap[--t->heap_count];
    size_t at = 0;
    for (size_t child; (child = 2 * at + 1) < t->heap_count; at = child) {
        if (child + 1 < t->heap_count && goes_before(t->heap[child + 1], t->heap[child])) child++;
        if (!goes_before(t->heap[child], last)) break;
        t->heap[at] = t->heap[child];
    }
    t->heap[at] = last;
    return first;
}

/* ---- Contracting ---- */

static int other(int side)
{
    return side == OUT ? IN : OUT;
}

/* Removes the edges from @p a to @p b; how many there were. The shorter list is walked. */
static size_t remove_between(struct thinning *t, uint32_t a, uint32_t b)
{
    bool from_a = t->vertices[a].edges[OUT].count <= t->vertices[b].edges[IN].count;
    int side = from_a ? OUT : IN;
    uint32_t far = from_a ? b : a;
    size_t removed = 0;
    for (uint32_t e = t->vertices[from_a ? a : b].edges[side].head, next; e != NONE; e = next) {
        next = t->edges[e].next[side];
        if (end_of(t, e, other(side)) != far) continue;
        remove_edge(t, e);
        removed++;
    }
    return removed;
}

/* Of a few edges on one side, those to the same neighbour are one. */
static void remove_repeats(struct thinning *t, uint32_t v, int side)
{
    if (t->vertices[v].edges[side].count > REPEATS_LOOKED_FOR) return;
    for (uint32_t e = t->vertices[v].edges[side].head; e != NONE; e = t->edges[e].next[side]) {
        uint32_t neighbour = end_of(t, e, other(side));
        for (uint32_t f = t->edges[e].next[side], next; f != NONE; f = next) {
            next = t->edges[f].next[side];
            if (end_of(t, f, other(side)) == neighbour) remove_edge(t, f);
        }
    }
}

/* v leaves its ways to u, its only neighbour on one side. */
static bool bypass(struct thinning *t, uint32_t v, uint32_t u, int side)
{
    remove_edge(t, t->vertices[v].edges[side].head);
    size_t back = side == IN ? remove_between(t, v, u) : remove_between(t, u, v);
    t->vertices[u].loop |= back > 0;
    t->vertices[v].alive = false;
    t->vertices[v].in_place_of = u;
    join_lists(t, u, v, OUT);
    join_lists(t, u, v, IN);
    look_at(t, u);
    return t->graph->fixed[u] || push(t, u);
}

/* Whether every cycle through v leads through its only neighbour on that side, and that one may
 * go. Where this is so both ways the preferred one stays. */
static bool try_bypass(struct thinning *t, uint32_t v, int side, bool *done)
{
    const struct vertex *vertex = &t->vertices[v];
    *done = false;
    if (vertex->edges[side].count != 1) return true;
    uint32_t u = end_of(t, vertex->edges[side].head, other(side));
    if (t->graph->fixed[u] && !t->graph->fixed[v]) return true;
    bool mutual = t->vertices[u].edges[other(side)].count == 1 && !t->vertices[u].loop;
    bool same = t->graph->fixed[u] == t->graph->fixed[v];
    *done = true;
    if (mutual && same && v < u) return bypass(t, u, v, other(side));
    return bypass(t, v, u, side);
}

static bool contract(struct thinning *t, uint32_t v)
{
    struct vertex *vertex = &t->vertices[v];
    if (vertex->loop) {
        choose(t, v);
        return true;
    }
    remove_repeats(t, v, IN);
    remove_repeats(t, v, OUT);
    if (vertex->edges[IN].count == 0 || vertex->edges[OUT].count == 0) {
        remove_vertex(t, v);
        return true;
    }
    bool done;
    if (!try_bypass(t, v, IN, &done)) return false;
    return done || try_bypass(t, v, OUT, &done);
}

static bool contract_all(struct thinning *t)
{
    while (t->work_count > 0) {
        uint32_t v = take_next(t);
        if (t->vertices[v].alive && !contract(t, v)) return false;
    }
    return true;
}

/* ---- All of it ---- */

static bool fill(struct thinning *t)
{
    const struct gdn__digraph *graph = t->graph;
    for (uint32_t v = 0; v < graph->count; v++) {
        t->vertices[v] = (struct vertex){
            .edges = {{NONE, NONE, 0}, {NONE, NONE, 0}}, .in_place_of = v, .alive = true};
    }
    for (uint32_t v = 0; v < graph->count; v++) {
        for (uint32_t e = graph->first[v]; e < graph->first[v + 1]; e++) {
            t->edges[e].end[OUT] = v;
            t->edges[e].end[IN] = graph->to[e];
            if (graph->to[e] == v) {
                t->vertices[v].loop = true;
                t->edges[e].next[OUT] = NONE; /* In no list. */
                continue;
            }
            append_edge(t, e, OUT);
            append_edge(t, e, IN);
        }
    }
    for (uint32_t v = 0; v < graph->count; v++) {
        look_at(t, v);
        if (!graph->fixed[v] && !push(t, v)) return false;
    }
    return true;
}

static bool thin_out(struct thinning *t)
{
    if (!contract_all(t)) return false;
    while (t->heap_count > 0) {
        struct entry entry = pop(t);
        if (!t->vertices[entry.vertex].alive) continue;
        if (ways_through(t, entry.vertex) < entry.ways) {
            if (!push(t, entry.vertex)) return false;
            continue;
        }
        choose(t, entry.vertex);
        if (!contract_all(t)) return false;
    }
    return true;
}

/* Whether the graph without the chosen ones, but with chosen[kept], has no cycle: peeled from
 * those that wait for nobody, it vanishes. pending[] is scratch. */
static bool is_broken(struct thinning *t, const uint32_t *in_first, const uint32_t *in_from,
                      size_t kept, uint32_t *pending)
{
    const struct gdn__digraph *graph = t->graph;
    size_t end = 0, done = 0;
    for (uint32_t v = 0; v < graph->count; v++) pending[v] = graph->first[v + 1] - graph->first[v];
    for (size_t i = 0; i < t->chosen_count; i++) {
        if (i != kept) pending[t->chosen[i]] = 0;
    }
    for (uint32_t v = 0; v < graph->count; v++) {
        if (pending[v] == 0) t->worklist[end++] = v;
    }
    for (; done < end; done++) {
        uint32_t v = t->worklist[done];
        for (uint32_t e = in_first[v]; e < in_first[v + 1]; e++) {
            uint32_t waiter = in_from[e];
            if (pending[waiter] != 0 && --pending[waiter] == 0) t->worklist[end++] = waiter;
        }
    }
    return end == graph->count;
}

static void turn_around(const struct gdn__digraph *graph, uint32_t *in_first, uint32_t *in_from)
{
    uint32_t edges = graph->first[graph->count];
    for (uint32_t v = 0; v <= graph->count; v++) in_first[v] = 0;
    for (uint32_t e = 0; e < edges; e++) in_first[graph->to[e]]++;
    uint32_t sum = 0;
    for (uint32_t v = 0; v <= graph->count; v++) in_first[v] = sum += in_first[v];
    for (uint32_t v = graph->count; v-- > 0;) {
        for (uint32_t e = graph->first[v]; e < graph->first[v + 1]; e++) {
            in_from[--in_first[graph->to[e]]] = v;
        }
    }
}

/* The least preferred are spared first. */
static bool prune(struct thinning *t)
{
    const struct gdn__digraph *graph = t->graph;
    size_t rows = (size_t)graph->count + 1, edges = graph->first[graph->count];
    uint32_t *in_first = gdn__alloc(&t->memory, (rows + edges + rows) * sizeof *in_first);
    if (in_first == NULL) return false;
    uint32_t *in_from = in_first + rows, *pending = in_from + edges;
    turn_around(graph, in_first, in_from);
    uint64_t work = 0;
    for (size_t i = t->chosen_count; i-- > 0 && t->chosen_count > 1;) {
        work += rows + edges;
        if (work > PRUNE_WORK_MAX) break;
        if (!is_broken(t, in_first, in_from, i, pending)) continue;
        t->chosen_count--;
        memmove(&t->chosen[i], &t->chosen[i + 1], (t->chosen_count - i) * sizeof *t->chosen);
    }
    gdn__free(&t->memory, in_first);
    return true;
}

static void sort(uint32_t *numbers, size_t count, bool *there, uint32_t limit)
{
    for (uint32_t v = 0; v < limit; v++) there[v] = false;
    for (size_t i = 0; i < count; i++) there[numbers[i]] = true;
    size_t sorted = 0;
    for (uint32_t v = 0; v < limit; v++) {
        if (there[v]) numbers[sorted++] = v;
    }
}

enum gdn_err gdn__breaker_find_greedily(const struct gdn_allocator *memory,
                                        const struct gdn__digraph *graph, uint32_t *chosen,
                                        size_t *chosen_count)
{
    struct thinning t = {.graph = graph, .memory = *memory, .chosen = chosen};
    size_t edges = graph->first[graph->count];
    t.vertices = gdn__alloc(memory, graph->count * sizeof *t.vertices);
    t.edges = gdn__alloc(memory, edges * sizeof *t.edges);
    t.worklist = gdn__alloc(memory, graph->count * sizeof *t.worklist);
    bool *there = gdn__alloc(memory, graph->count * sizeof *there);
    bool fits = t.vertices != NULL && t.edges != NULL && t.worklist != NULL && there != NULL &&
                fill(&t) && thin_out(&t);
    if (fits) {
        sort(chosen, t.chosen_count, there, graph->count);
        fits = prune(&t);
        *chosen_count = t.chosen_count;
    }
    gdn__free(memory, t.vertices);
    gdn__free(memory, t.edges);
    gdn__free(memory, t.worklist);
    gdn__free(memory, there);
    gdn__free(memory, t.heap);
    return fits ? GDN_OK : GDN_ERR_MEMORY;
}
