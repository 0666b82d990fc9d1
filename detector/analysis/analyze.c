/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The way from cut to verdict: fold, graph, reduce, cores, and for each core what there is to say.
 */
#include "detector/analysis/build.h"
#include "detector/analysis/core.h"
#include "detector/analysis/cores.h"
#include "detector/analysis/naming.h"
#include "detector/analysis/reason.h"
#include "detector/analysis/reduce.h"
#include "detector/analysis/reorder.h"
#include "detector/analysis/tail.h"
#include "detector/analysis/witness.h"
#include "src/core/mem.h"
#include <stdio.h>
#include <stdlib.h>

struct analysis {
    gdn_verdict *verdict;
    const struct gdn_allocator *memory;
    struct gdn__preference preference;
    struct gdn__fold fold;
    struct gdn__graph graph; /* First the whole, then what is stuck. */
    bool any_stuck;
    uint32_t *place; /* Scratch of gdn__graph_part(). */
    struct gdn__naming naming;
    uint32_t core_count;
    uint32_t *vertices;        /* Core by core: */
    size_t *first;             /* core c has vertices[first[c]..first[c + 1]). */
    uint32_t *group;           /* By core: the first core that it shares a process with, directly or
                                  through others. */
    uint32_t *owner;           /* By process: 1 + the first core it is a member of. */
    struct gdn_victim **exits; /* By core: for each member the ticket that an abort would name. */
    char *why;
    size_t why_bytes;
};

/* ---- Counting ---- */

static enum gdn_err count_processes(struct analysis *a)
{
    const struct gdn__graph *graph = &a->graph;
    size_t count = a->fold.cut->process_count;
    bool *concerned = gdn__calloc(a->memory, count * sizeof *concerned);
    if (concerned == NULL) return GDN_ERR_MEMORY;
    for (uint32_t v = 0; v < graph->vertex_count; v++) {
        bool waited_for = graph->in_first[v + 1] != graph->in_first[v];
        if (gdn__vertex_is_party(&graph->vertices[v]) && waited_for) {
            concerned[graph->vertices[v].ref] = true;
        }
    }
    for (size_t p = 0; p < count; p++) {
        a->verdict->waiting_count += a->fold.waiting[p];
        a->verdict->process_count += a->fold.waiting[p] || concerned[p];
    }
    gdn__free(a->memory, concerned);
    return GDN_OK;
}

/* ---- What is stuck, and its cores ---- */

/* From here on only what is stuck matters. */
static enum gdn_err narrow_to_stuck(struct analysis *a)
{
    struct gdn__reduction reduction;
    enum gdn_err err = gdn__reduction_init(&reduction, &a->graph);
    size_t count = 0;
    if (err == GDN_OK && !gdn__reduce(&reduction, NULL, 0)) {
        for (uint32_t v = 0; v < a->graph.vertex_count; v++) {
            if (reduction.pending[v] != 0) reduction.worklist[count++] = v;
        }
        uint32_t *place = reduction.pending; /* Not needed any more. */
        memset(place, 0, a->graph.vertex_count * sizeof *place);
        err = gdn__graph_narrow(&a->graph, reduction.worklist, count, place);
    }
    gdn__reduction_fini(&reduction);
    a->any_stuck = count > 0;
    return err;
}

static void group_vertices(struct analysis *a, const uint32_t *core_of)
{
    for (uint32_t v = 0; v < a->graph.vertex_count; v++) {
        if (core_of[v] != GDN_NONE) a->first[core_of[v] + 1]++;
    }
    for (uint32_t c = 0; c < a->core_count; c++) a->first[c + 1] += a->first[c];
    for (uint32_t v = 0; v < a->graph.vertex_count; v++) {
        if (core_of[v] != GDN_NONE) a->vertices[a->first[core_of[v]]++] = v;
    }
    for (uint32_t c = a->core_count; c > 0; c--) a->first[c] = a->first[c - 1];
    a->first[0] = 0;
}

static enum gdn_err find_cores(struct analysis *a)
{
    size_t count = a->graph.vertex_count;
    uint32_t *core_of = gdn__alloc(a->memory, count * sizeof *core_of);
    a->place = gdn__calloc(a->memory, count * sizeof *a->place);
    a->vertices = gdn__alloc(a->memory, count * sizeof *a->vertices);
    a->owner = gdn__calloc(a->memory, a->fold.cut->process_count * sizeof *a->owner);
    enum gdn_err err = GDN_ERR_MEMORY;
    if (core_of != NULL && a->place != NULL && a->vertices != NULL && a->owner != NULL) {
        err = gdn__cores_find(&a->graph, core_of, &a->core_count, a->why, a->why_bytes);
    }
    if (err == GDN_OK) {
        size_t cores = a->core_count;
        a->first = gdn__calloc(a->memory, (cores + 1) * sizeof *a->first);
        a->group = gdn__alloc(a->memory, cores * sizeof *a->group);
        a->exits = gdn__calloc(a->memory, cores * sizeof(struct gdn_victim *));
        a->verdict->deadlocks = gdn__calloc(a->memory, cores * sizeof *a->verdict->deadlocks);
        bool fits = a->first != NULL && a->group != NULL && a->exits != NULL &&
                    a->verdict->deadlocks != NULL;
        if (!fits) err = GDN_ERR_MEMORY;
    }
    if (err == GDN_OK) {
        a->verdict->deadlock_count = a->core_count;
        group_vertices(a, core_of);
    }
    gdn__free(a->memory, core_of);
    return err;
}

/* ---- One core: members, tickets, id ---- */

/* The core's tickets are sorted by process name, so members come out sorted, each with its first
 * ticket. */
static enum gdn_err list_members(struct analysis *a, uint32_t c, const struct gdn__core *core)
{
    struct gdn_deadlock *deadlock = &a->verdict->deadlocks[c];
    size_t count = core->ticket_count;
    deadlock->members = gdn__alloc(a->memory, count * sizeof *deadlock->members);
    deadlock->tickets = gdn__alloc(a->memory, count * sizeof *deadlock->tickets);
    a->exits[c] = gdn__alloc(a->memory, count * sizeof **a->exits);
    if (deadlock->members == NULL || deadlock->tickets == NULL || a->exits[c] == NULL) {
        return GDN_ERR_MEMORY;
    }
    for (size_t i = 0; i < count; i++) {
        const struct gdn__wait *wait = gdn__core_wait(core, core->tickets[i]);
        deadlock->tickets[i] = (struct gdn_cut_ticket){wait->issuer, wait->number};
        if (i > 0 && deadlock->members[deadlock->member_count - 1] == wait->process) continue;
        struct gdn_victim *exit = &a->exits[c][deadlock->member_count];
        *exit = (struct gdn_victim){wait->process, wait->issuer, wait->number};
        deadlock->members[deadlock->member_count++] = wait->process;
    }
    deadlock->ticket_count = count;
    return gdn__naming_name(&a->naming, deadlock);
}

static uint32_t find_group(struct analysis *a, uint32_t core)
{
    while (a->group[core] != core) {
        a->group[core] = a->group[a->group[core]]; /* Halve the path for the next search. */
        core = a->group[core];
    }
    return core;
}

/* Cores that share a process choose victims together (RULES 11), unless an order frees them. */
static void join_group(struct analysis *a, uint32_t c)
{
    const struct gdn_deadlock *deadlock = &a->verdict->deadlocks[c];
    a->group[c] = c;
    if (deadlock->reorder_count > 0 || deadlock->victim_reason != NULL) return;
    for (size_t i = 0; i < deadlock->member_count; i++) {
        uint32_t *owner = &a->owner[deadlock->members[i]];
        if (*owner == 0) *owner = c + 1;
        uint32_t x = find_group(a, *owner - 1), y = find_group(a, c);
        a->group[x < y ? y : x] = x < y ? x : y;
    }
}

/* Where an abort answers nobody who waits for a message, nobody is proposed (RULES 11). */
static enum gdn_err look_for_messages(struct analysis *a, const struct gdn__core *core,
                                      struct gdn_deadlock *deadlock)
{
    const gdn_cut *cut = a->fold.cut;
    if (a->preference.policy == GDN_POLICY_NONE || deadlock->reorder_count > 0) return GDN_OK;
    for (size_t i = 0; i < core->ticket_count; i++) {
        const struct gdn__wait *wait = gdn__core_wait(core, core->tickets[i]);
        bool direct = wait->resource == GDN_NONE && wait->node != GDN_NONE;
        if (!direct || !cut->nodes[wait->node].aborts_unanswered) continue;
        const char *name = cut->parties[cut->nodes[wait->node].party].name;
        return gdn__reason_unanswered(cut, name, deadlock);
    }
    return GDN_OK;
}

static enum gdn_err describe_core(struct analysis *a, uint32_t c)
{
    struct gdn_deadlock *deadlock = &a->verdict->deadlocks[c];
    struct gdn__core core;
    size_t first = a->first[c], count = a->first[c + 1] - first;
    enum gdn_err err =
        gdn__core_init(&core, &a->fold, &a->graph, &a->vertices[first], count, a->place);
    if (err == GDN_OK) err = list_members(a, c, &core);
    if (err == GDN_OK) {
        deadlock->model = core.model;
        err = gdn__witness_find(&core, deadlock);
    }
    if (err == GDN_OK) err = gdn__reorder_find(&core, deadlock);
    if (err == GDN_OK) err = look_for_messages(a, &core, deadlock);
    if (err == GDN_OK) join_group(a, c);
    gdn__core_fini(&core);
    return err;
}

static enum gdn_err find_tails(struct analysis *a)
{
    struct gdn__tails tails;
    const gdn_cut *cut = a->fold.cut;
    if (a->first[a->core_count] == a->graph.vertex_count) return GDN_OK; /* All are in cores. */
    enum gdn_err err = gdn__tails_init(&tails, &a->graph, cut->process_count);
    for (uint32_t c = 0; err == GDN_OK && c < a->core_count; c++) {
        const struct gdn_deadlock *deadlock = &a->verdict->deadlocks[c];
        for (size_t i = 0; i < deadlock->member_count; i++) {
            tails.is_member[deadlock->members[i]] = true;
        }
    }
    for (uint32_t c = 0; err == GDN_OK && c < a->core_count; c++) {
        struct gdn_deadlock *deadlock = &a->verdict->deadlocks[c];
        size_t first = a->first[c], count = a->first[c + 1] - first;
        err = gdn__tails_find(&tails, c, &a->vertices[first], count, &deadlock->tail,
                              &deadlock->tail_count);
        if (err == GDN_OK) gdn__names_sort(cut, deadlock->tail, deadlock->tail_count);
    }
    gdn__tails_fini(&tails);
    return err;
}

/* ---- Victims, group by group ---- */

struct group {
    struct gdn__choice choice;
    uint32_t *position; /* By process: 1 + where it is among the victims; 0: it is none. */
    bool several;       /* Cores. */
};

static int compare_positions(const void *a, const void *b, void *position)
{
    uint32_t x = ((const uint32_t *)position)[((const struct gdn_victim *)a)->process];
    uint32_t y = ((const uint32_t *)position)[((const struct gdn_victim *)b)->process];
    return x < y ? -1 : x > y;
}

static enum gdn_err name_victims(struct analysis *a, const struct group *group, uint32_t c)
{
    struct gdn_deadlock *deadlock = &a->verdict->deadlocks[c];
    size_t count = 0;
    for (size_t i = 0; i < deadlock->member_count; i++) {
        count += group->position[deadlock->members[i]] != 0;
    }
    struct gdn_victim *victims = gdn__alloc(a->memory, count * sizeof *victims);
    if (victims == NULL) return GDN_ERR_MEMORY;
    count = 0;
    for (size_t i = 0; i < deadlock->member_count; i++) {
        if (group->position[deadlock->members[i]] != 0) victims[count++] = a->exits[c][i];
    }
    qsort_r(victims, count, sizeof *victims, compare_positions, group->position);
    if (deadlock->reorder_count > 0) { /* An order frees it: nobody need be aborted. */
        deadlock->otherwise = victims;
        deadlock->otherwise_count = count;
        return GDN_OK;
    }
    deadlock->victims = victims;
    deadlock->victim_count = count;
    deadlock->victims_minimal = group->choice.minimal;
    return gdn__reason_write(a->verdict->names, &a->preference, &group->choice, group->several,
                             deadlock);
}

/* The cores members[0..count) of one group. */
static enum gdn_err choose_for_group(struct analysis *a, const uint32_t *members, size_t count,
                                     uint32_t *vertices, uint32_t *position)
{
    struct group group = {.position = position, .several = count > 1};
    size_t vertex_count = 0;
    const uint32_t *of_group = count == 1 ? &a->vertices[a->first[members[0]]] : vertices;
    for (size_t i = 0; i < count; i++) {
        size_t first = a->first[members[i]], size = a->first[members[i] + 1] - first;
        if (count > 1)
            memcpy(&vertices[vertex_count], &a->vertices[first], size * sizeof *vertices);
        vertex_count += size;
    }
    enum gdn_err err = gdn__victims_choose(&a->fold, &a->graph, of_group, vertex_count, a->place,
                                           position, &a->preference, &group.choice);
    if (err != GDN_OK) return err;
    for (size_t i = 0; i < group.choice.victim_count; i++) {
        position[group.choice.victims[i]] = (uint32_t)i + 1;
    }
    for (size_t i = 0; err == GDN_OK && i < count; i++) err = name_victims(a, &group, members[i]);
    for (size_t i = 0; i < group.choice.victim_count; i++) position[group.choice.victims[i]] = 0;
    gdn__free(a->memory, group.choice.victims);
    return err;
}

static int compare_groups(const void *a, const void *b, void *group)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    uint32_t group_x = ((const uint32_t *)group)[x], group_y = ((const uint32_t *)group)[y];
    if (group_x != group_y) return group_x < group_y ? -1 : 1;
    return x < y ? -1 : x > y;
}

/* All cores, those of a group side by side; how many. */
static size_t line_up(struct analysis *a, uint32_t *cores)
{
    size_t count = 0;
    for (uint32_t c = 0; c < a->core_count; c++) {
        a->group[c] = find_group(a, c);
        if (a->verdict->deadlocks[c].victim_reason == NULL) cores[count++] = c;
    }
    if (count > 1) qsort_r(cores, count, sizeof *cores, compare_groups, a->group);
    return count;
}

static enum gdn_err choose_victims(struct analysis *a)
{
    uint32_t *cores = gdn__alloc(a->memory, a->core_count * sizeof *cores);
    uint32_t *vertices = gdn__alloc(a->memory, a->graph.vertex_count * sizeof *vertices);
    uint32_t *position = gdn__calloc(a->memory, a->fold.cut->process_count * sizeof *position);
    enum gdn_err err = GDN_ERR_MEMORY;
    if (cores != NULL && vertices != NULL && position != NULL) {
        err = GDN_OK;
        size_t count = line_up(a, cores);
        for (size_t from = 0, end; err == GDN_OK && from < count; from = end) {
            for (end = from + 1; end < count; end++) {
                if (a->group[cores[end]] != a->group[cores[from]]) break;
            }
            err = choose_for_group(a, &cores[from], end - from, vertices, position);
        }
    }
    gdn__free(a->memory, cores);
    gdn__free(a->memory, vertices);
    gdn__free(a->memory, position);
    return err;
}

static enum gdn_err give_other_reasons(struct analysis *a)
{
    enum gdn_err err = GDN_OK;
    for (uint32_t c = 0; err == GDN_OK && c < a->core_count; c++) {
        struct gdn_deadlock *deadlock = &a->verdict->deadlocks[c];
        if (deadlock->victim_reason != NULL) continue;
        err = gdn__reason_write(a->verdict->names, &a->preference, NULL, false, deadlock);
    }
    return err;
}

/* ---- All of it ---- */

static int compare_deadlocks(const void *a, const void *b, void *cut)
{
    const struct gdn_deadlock *x = a, *y = b;
    int order = gdn__names_compare(cut, x->members[0], y->members[0]);
    return order != 0 ? order : gdn_id_compare(x->id, y->id);
}

static enum gdn_err judge_cores(struct analysis *a)
{
    enum gdn_err err = find_cores(a);
    if (err == GDN_OK) err = gdn__naming_init(&a->naming, a->fold.cut);
    for (uint32_t c = 0; err == GDN_OK && c < a->core_count; c++) err = describe_core(a, c);
    if (err == GDN_OK) err = find_tails(a);
    if (err == GDN_OK && a->preference.policy != GDN_POLICY_NONE) err = choose_victims(a);
    if (err == GDN_OK) err = give_other_reasons(a);
    if (err != GDN_OK) return err;
    qsort_r(a->verdict->deadlocks, a->core_count, sizeof *a->verdict->deadlocks, compare_deadlocks,
            (void *)a->fold.cut);
    return GDN_OK;
}

static enum gdn_err judge(struct analysis *a)
{
    enum gdn_err err = gdn__build(&a->fold, &a->graph);
    if (err == GDN_OK) err = count_processes(a);
    if (err == GDN_OK) err = narrow_to_stuck(a);
    if (err == GDN_OK && a->any_stuck) err = judge_cores(a);
    return err;
}

static void release(struct analysis *a)
{
    gdn__graph_fini(&a->graph);
    gdn__free(a->memory, a->place);
    gdn__naming_fini(&a->naming, a->memory);
    gdn__free(a->memory, a->vertices);
    gdn__free(a->memory, a->first);
    gdn__free(a->memory, a->group);
    gdn__free(a->memory, a->owner);
    for (uint32_t c = 0; a->exits != NULL && c < a->core_count; c++) {
        gdn__free(a->memory, a->exits[c]);
    }
    gdn__free(a->memory, a->exits);
    gdn__fold_fini(&a->fold);
    gdn__preference_fini(&a->preference);
}

static gdn_verdict *new_verdict(const gdn_cut *cut)
{
    gdn_verdict *verdict = gdn__calloc(&cut->allocator, sizeof *verdict);
    if (verdict == NULL) return NULL;
    verdict->cut = cut;
    verdict->names = gdn__alloc(&cut->allocator, sizeof *verdict->names);
    if (verdict->names != NULL && gdn__names_init(verdict->names, cut) == GDN_OK) return verdict;
    gdn_verdict_free(verdict);
    return NULL;
}

static enum gdn_err analyze(struct analysis *a, const gdn_cut *cut, enum gdn_policy policy)
{
    a->verdict = new_verdict(cut);
    if (a->verdict == NULL) return GDN_ERR_MEMORY;
    gdn__graph_init(&a->graph, a->memory);
    enum gdn_err err = gdn__preference_init(&a->preference, cut, policy);
    enum gdn_err folded = gdn__fold_init(&a->fold, cut);
    if (err == GDN_OK) err = folded;
    if (err == GDN_OK) {
        a->verdict->complete = a->fold.mail.complete;
        err = judge(a);
    }
    release(a);
    return err;
}

enum gdn_err gdn_analyze(const gdn_cut *cut, enum gdn_policy policy, gdn_verdict **verdict,
                         char *why, size_t why_bytes)
{
    struct analysis a = {.memory = &cut->allocator, .why = why, .why_bytes = why_bytes};
    if (why_bytes > 0) why[0] = '\0';
    enum gdn_err err = analyze(&a, cut, policy);
    if (err == GDN_OK) {
        *verdict = a.verdict;
        return GDN_OK;
    }
    if (why_bytes > 0 && why[0] == '\0') (void)snprintf(why, why_bytes, "%s", gdn_err_text(err));
    gdn_verdict_free(a.verdict);
    return err;
}
