/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "detector/analysis/victims.h"

#include "detector/analysis/quotient.h"
#include "detector/analysis/reduce.h"
#include "src/core/mem.h"

/* Where needs are not all all-of, sets of one size are tried one after the other: as long as they
 * are no more than this, counted in tickets and members gone through. */
#define TRIAL_WORK_MAX (UINT64_C(1) << 21)

/* Sparing one of many goes through nearly all of the core: as long as it is no more than this. */
#define PRUNE_WORK_MAX (UINT64_C(1) << 19)

/* A process that may be aborted, and the vertices through which others wait for it. */
struct candidate {
    size_t first, count; /* In vertices[] of the trial. */
};

struct trial {
    struct gdn__graph graph;
    struct gdn__reduction reduction;
    uint32_t *members; /* Processes: those that may be aborted, the preferred ones first, then the
                          others. */
    size_t member_count, candidate_count, ticket_count;
    struct candidate *candidates;
    uint32_t *number; /* By vertex: where in members[] its process is; GDN_NONE: it is of none. */
    uint32_t *vertices;
    uint32_t *removed; /* Scratch: vertices of the set under trial. */
    uint32_t *chosen;  /* Candidates of the set under trial, in order. */
    size_t chosen_count;
};

/* ---- Members ---- */

/* The owners of tickets. Every ticket in the graph was issued by a node that answered (RULES 10),
 * so each can be ended by name. */
static void list_members(struct trial *t, const struct gdn__fold *fold, uint32_t *seen)
{
    size_t end = t->ticket_count; /* Those that may not be aborted grow down from here. */
    size_t last = end;
    for (uint32_t v = 0; v < t->graph.vertex_count; v++) {
        if (t->graph.vertices[v].kind != GDN__VERTEX_TICKET) continue;
        uint32_t process = fold->waits[t->graph.vertices[v].ref].process;
        if (seen[process] != 0) continue;
        seen[process] = UINT32_MAX;
        if (fold->cut->processes[process].abortable) {
            t->members[t->candidate_count++] = process;
        } else {
            t->members[--last] = process;
        }
    }
    t->member_count = t->candidate_count + (end - last);
    memmove(&t->members[t->candidate_count], &t->members[last], (end - last) * sizeof *t->members);
}

static void group_vertices(struct trial *t, const uint32_t *number_of)
{
    for (uint32_t v = 0; v < t->graph.vertex_count; v++) {
        const struct gdn__vertex *vertex = &t->graph.vertices[v];
        uint32_t found = gdn__vertex_is_party(vertex) ? number_of[vertex->ref] : 0;
        t->number[v] = found == 0 ? GDN_NONE : found - 1;
        if (t->number[v] < t->candidate_count) t->candidates[t->number[v]].count++;
    }
    size_t first = 0;
    for (size_t c = 0; c < t->candidate_count; c++) {
        t->candidates[c].first = first;
        first += t->candidates[c].count;
        t->candidates[c].count = 0;
    }
    for (uint32_t v = 0; v < t->graph.vertex_count; v++) {
        if (t->number[v] >= t->candidate_count) continue;
        struct candidate *candidate = &t->candidates[t->number[v]];
        t->vertices[candidate->first + candidate->count++] = v;
    }
}

/* There are no more members than tickets, and most vertices of a large core are hubs. */
static bool allocate_members(struct trial *t)
{
    const struct gdn_allocator *memory = &t->graph.memory;
    size_t parties = 0;
    for (uint32_t v = 0; v < t->graph.vertex_count; v++) {
        t->ticket_count += t->graph.vertices[v].kind == GDN__VERTEX_TICKET;
        parties += gdn__vertex_is_party(&t->graph.vertices[v]);
    }
    t->members = gdn__alloc(memory, t->ticket_count * sizeof *t->members);
    t->candidates = gdn__calloc(memory, t->ticket_count * sizeof *t->candidates);
    t->number = gdn__alloc(memory, t->graph.vertex_count * sizeof *t->number);
    t->vertices = gdn__alloc(memory, parties * sizeof *t->vertices);
    t->removed = gdn__alloc(memory, parties * sizeof *t->removed);
    t->chosen = gdn__alloc(memory, t->ticket_count * sizeof *t->chosen);
    return t->members != NULL && t->candidates != NULL && t->number != NULL &&
           t->vertices != NULL && t->removed != NULL && t->chosen != NULL;
}

/* @p number_of: by process, zeroes, and zeroes again on return. */
static enum gdn_err find_members(struct trial *t, const struct gdn__fold *fold,
                                 const struct gdn__preference *preference, uint32_t *number_of)
{
    if (!allocate_members(t)) return GDN_ERR_MEMORY;
    list_members(t, fold, number_of);
    bool sorted = gdn__preference_sort(preference, t->members, t->candidate_count) &&
                  gdn__preference_sort(preference, t->members + t->candidate_count,
                                       t->member_count - t->candidate_count);
    for (size_t m = 0; m < t->member_count; m++) number_of[t->members[m]] = (uint32_t)m + 1;
    group_vertices(t, number_of);
    for (size_t m = 0; m < t->member_count; m++) number_of[t->members[m]] = 0;
    return sorted ? GDN_OK : GDN_ERR_MEMORY;
}

/* ---- Trying a set ---- */

static size_t add_vertices(struct trial *t, size_t candidate, size_t count)
{
    const struct candidate *found = &t->candidates[candidate];
    for (size_t i = 0; i < found->count; i++) t->removed[count++] = t->vertices[found->first + i];
    return count;
}

/* Whether the graph is freed without the chosen ones; @p except (an index in chosen[]) stays in. */
static bool is_freed_without(struct trial *t, size_t except)
{
    size_t count = 0;
    for (size_t i = 0; i < t->chosen_count; i++) {
        if (i != except) count = add_vertices(t, t->chosen[i], count);
    }
    return gdn__reduce(&t->reduction, t->removed, count);
}

static bool chosen_free(struct trial *t)
{
    return is_freed_without(t, SIZE_MAX);
}

/* What reducing once counts for. Not the size of the graph: how many hubs a queue is drawn with may
 * depend on the order in which its holders are listed, and what is chosen must not. */
static uint64_t step_cost(const struct trial *t)
{
    return (uint64_t)t->ticket_count + t->member_count;
}

/* ---- All sets of one size, the preferred ones first ---- */

static bool may_try_size(const struct trial *t, size_t size)
{
    uint64_t sets = 1;
    for (size_t i = 0; i < size; i++) {
        sets = sets * (t->candidate_count - i) / (i + 1);
        if (sets > TRIAL_WORK_MAX) return false;
    }
    return sets * step_cost(t) <= TRIAL_WORK_MAX;
}

/* The next set in lexicographic order; false after the last. */
static bool next_set(struct trial *t)
{
    size_t size = t->chosen_count, n = t->candidate_count;
    for (size_t i = size; i-- > 0;) {
        if (t->chosen[i] == n - size + i) continue;
        t->chosen[i]++;
        for (size_t j = i + 1; j < size; j++) t->chosen[j] = t->chosen[j - 1] + 1;
        return true;
    }
    return false;
}

static bool try_size(struct trial *t, size_t size)
{
    t->chosen_count = size;
    for (size_t i = 0; i < size; i++) t->chosen[i] = (uint32_t)i;
    do {
        if (chosen_free(t)) return true;
    } while (next_set(t));
    return false;
}

/* In a core too large to try each: the one that the policy prefers, as every ring needs. */
static bool try_preferred(struct trial *t)
{
    t->chosen_count = 1;
    t->chosen[0] = 0;
    return chosen_free(t);
}

/* With one victim found, how many others would have done, and the next best of them. */
static void count_alone(struct trial *t, struct gdn__choice *choice)
{
    uint32_t best = t->chosen[0];
    choice->alone_count = 1;
    while (next_set(t)) {
        if (!chosen_free(t)) continue;
        if (choice->alone_count++ == 1) {
            choice->runner_up = t->members[t->chosen[0]];
        }
    }
    t->chosen[0] = best;
}

/* ---- Too many sets: greedy, then without what turns out not to be needed ---- */

/* What is still stuck and on a way between two cycles: the rest can be left out of sight. */
struct remainder {
    bool *gone;
    uint32_t *waiters; /* By vertex: edges from vertices not gone. */
    uint32_t *worklist;
    size_t seen; /* How much of the reduction's worklist has been taken note of. */
};

static size_t forget(const struct trial *t, struct remainder *r, uint32_t v, size_t end)
{
    if (r->gone[v]) return end;
    r->gone[v] = true;
    for (uint32_t e = t->graph.first[v]; e < t->graph.first[v + 1]; e++) {
        uint32_t to = t->graph.to[e];
        if (--r->waiters[to] == 0 && !r->gone[to]) r->worklist[end++] = to;
    }
    return end;
}

/* Forget what was freed since, and what nobody left waits for. */
static void trim(const struct trial *t, struct remainder *r)
{
    for (; r->seen < t->reduction.freed_count; r->seen++) {
        size_t end = forget(t, r, t->reduction.worklist[r->seen], 0);
        for (size_t done = 0; done < end; done++) end = forget(t, r, r->worklist[done], end);
    }
}

static bool is_gone(const struct trial *t, const struct remainder *r, size_t candidate)
{
    const struct candidate *c = &t->candidates[candidate];
    for (size_t i = 0; i < c->count; i++) {
        if (!r->gone[t->vertices[c->first + i]]) return false;
    }
    return true;
}

static void choose_greedily(struct trial *t, struct remainder *r)
{
    t->chosen_count = 0;
    for (uint32_t v = 0; v < t->graph.vertex_count; v++) {
        r->waiters[v] = t->graph.in_first[v + 1] - t->graph.in_first[v];
    }
    bool freed = gdn__reduce(&t->reduction, NULL, 0);
    for (size_t c = 0; !freed && c < t->candidate_count; c++) {
        if (is_gone(t, r, c)) continue;
        size_t count = add_vertices(t, c, 0);
        t->chosen[t->chosen_count++] = (uint32_t)c;
        freed = gdn__reduce_further(&t->reduction, t->removed, count);
        trim(t, r);
    }
}

/* The least preferred are spared first. */
static void prune(struct trial *t)
{
    uint64_t work = 0;
    for (size_t i = t->chosen_count; i-- > 0 && t->chosen_count > 1;) {
        work += step_cost(t);
        if (work > PRUNE_WORK_MAX) return;
        if (!is_freed_without(t, i)) continue;
        t->chosen_count--;
        memmove(&t->chosen[i], &t->chosen[i + 1], (t->chosen_count - i) * sizeof *t->chosen);
    }
}

static enum gdn_err choose_from_many(struct trial *t)
{
    const struct gdn_allocator *memory = &t->graph.memory;
    size_t count = t->graph.vertex_count;
    struct remainder r = {0};
    r.gone = gdn__calloc(memory, count * sizeof *r.gone);
    r.waiters = gdn__alloc(memory, count * sizeof *r.waiters);
    r.worklist = gdn__alloc(memory, count * sizeof *r.worklist);
    bool fits = r.gone != NULL && r.waiters != NULL && r.worklist != NULL;
    if (fits) {
        choose_greedily(t, &r);
        prune(t);
    }
    gdn__free(memory, r.gone);
    gdn__free(memory, r.waiters);
    gdn__free(memory, r.worklist);
    return fits ? GDN_OK : GDN_ERR_MEMORY;
}

/* ---- All of it ---- */

/* Where every member may be aborted there is nothing to try: every cycle leads through one. */
static bool all_free(struct trial *t)
{
    if (t->candidate_count == t->member_count) return true;
    t->chosen_count = t->candidate_count;
    for (size_t i = 0; i < t->candidate_count; i++) t->chosen[i] = (uint32_t)i;
    return chosen_free(t);
}

/* Where all needs are all-of, freeing the core is breaking its cycles. */
static enum gdn_err choose_by_cycles(struct trial *t, struct gdn__choice *choice, bool *done)
{
    struct gdn__quotient quotient;
    *done = false;
    enum gdn_err err = gdn__quotient_init(&quotient, &t->graph, t->number,
                                          (uint32_t)t->member_count, (uint32_t)t->candidate_count);
    if (err == GDN_OK && quotient.drawn) {
        err = gdn__breaker_find(&t->graph.memory, &quotient.digraph, t->chosen, &t->chosen_count,
                                &choice->minimal);
        *done = err == GDN_OK && chosen_free(t);
    }
    gdn__quotient_fini(&quotient, &t->graph.memory);
    return err;
}

static enum gdn_err choose(struct trial *t, struct gdn__choice *choice)
{
    if (t->candidate_count == 0 || !all_free(t)) {
        t->chosen_count = 0;
        return GDN_OK;
    }
    if (may_try_size(t, 1) && try_size(t, 1)) {
        choice->minimal = true;
        count_alone(t, choice);
        return GDN_OK;
    }
    if (!may_try_size(t, 1) && try_preferred(t)) {
        choice->minimal = true;
        return GDN_OK;
    }
    bool done;
    enum gdn_err err = choose_by_cycles(t, choice, &done);
    if (err != GDN_OK || done) return err;
    for (size_t size = 2; size <= t->candidate_count && may_try_size(t, size); size++) {
        choice->minimal = try_size(t, size);
        if (choice->minimal) return GDN_OK;
    }
    err = choose_from_many(t);
    choice->minimal = t->chosen_count == 1;
    return err;
}

static enum gdn_err hand_out(const struct trial *t, struct gdn__choice *choice)
{
    choice->candidate_count = t->candidate_count;
    choice->member_count = t->member_count;
    choice->victims = gdn__alloc(&t->graph.memory, t->chosen_count * sizeof *choice->victims);
    if (choice->victims == NULL) return GDN_ERR_MEMORY;
    choice->victim_count = t->chosen_count;
    for (size_t i = 0; i < t->chosen_count; i++) {
        choice->victims[i] = t->members[t->chosen[i]];
    }
    return GDN_OK;
}

enum gdn_err gdn__victims_choose(const struct gdn__fold *fold, const struct gdn__graph *stuck,
                                 const uint32_t *vertices, size_t count, uint32_t *place,
                                 uint32_t *number_of, const struct gdn__preference *preference,
                                 struct gdn__choice *choice)
{
    struct trial t = {0};
    *choice = (struct gdn__choice){.runner_up = GDN_NONE};
    enum gdn_err err = gdn__graph_part(stuck, vertices, count, place, &t.graph);
    if (err != GDN_OK) return err;
    err = gdn__reduction_init(&t.reduction, &t.graph);
    if (err == GDN_OK) err = find_members(&t, fold, preference, number_of);
    if (err == GDN_OK) err = choose(&t, choice);
    if (err == GDN_OK) err = hand_out(&t, choice);

    const struct gdn_allocator memory = t.graph.memory;
    gdn__reduction_fini(&t.reduction);
    gdn__free(&memory, t.members);
    gdn__free(&memory, t.candidates);
    gdn__free(&memory, t.number);
    gdn__free(&memory, t.vertices);
    gdn__free(&memory, t.removed);
    gdn__free(&memory, t.chosen);
    gdn__graph_fini(&t.graph);
    return err;
}
