/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "analysis_world.h"
#include <stdio.h>

struct emission {
    const struct world *world;
    gdn_cut *cut;
    uint64_t *seed;
    uint32_t party[NODES], process[PROCESSES], resource[RESOURCES];
};

static void shuffle(uint64_t *seed, int *order, int count)
{
    for (int i = 0; i < count; i++) order[i] = i;
    for (int i = count - 1; i > 0; i--) {
        int j = world_below(seed, i + 1), kept = order[i];
        order[i] = order[j];
        order[j] = kept;
    }
}

static void must(enum gdn_err err)
{
    assert_int_equal(err, GDN_OK);
}

static void emit_tables(struct emission *e)
{
    int order[PROCESSES];
    char name[8];
    shuffle(e->seed, order, PROCESSES);
    for (int i = 0; i < PROCESSES; i++) {
        int p = order[i];
        (void)snprintf(name, sizeof name, "p%d", p);
        e->process[p] = gdn_cut_process(e->cut, gdn_process_named(name), NULL);
        must(gdn_cut_name_process(e->cut, e->process[p], name));
        e->cut->processes[e->process[p]].abortable = e->world->abortable[p];
        e->cut->processes[e->process[p]].started_us = e->world->started_us[p];
    }
    shuffle(e->seed, order, RESOURCES);
    for (int i = 0; i < RESOURCES; i++) {
        (void)snprintf(name, sizeof name, "r%d", order[i]);
        e->resource[order[i]] = gdn_cut_resource(e->cut, gdn_resource_named(name), name);
    }
    shuffle(e->seed, order, NODES);
    for (int i = 0; i < NODES; i++) {
        (void)snprintf(name, sizeof name, "n%d", order[i]);
        e->party[order[i]] = gdn_cut_party(e->cut, name, 7);
    }
}

static void emit_home(struct emission *e, uint32_t node, int r)
{
    const struct world *w = e->world;
    struct gdn_cut_home home = {
        .resource = e->resource[r], .capacity = w->capacity[r], .unordered = w->unordered[r]};
    must(gdn_cut_add_home(e->cut, node, &home));
    int order[THINGS];
    shuffle(e->seed, order, w->hold_count);
    for (int i = 0; i < w->hold_count; i++) {
        const struct world_hold *hold = &w->holds[order[i]];
        if (hold->resource != r) continue;
        struct gdn_cut_holder holder = {.process = e->process[hold->process],
                                        .issuer = e->party[hold->issuer],
                                        .ticket = hold->ticket,
                                        .branch_id = world_branch_id(hold->ticket),
                                        .mode = hold->mode,
                                        .units = hold->units,
                                        .brief = hold->brief};
        must(gdn_cut_add_holder(e->cut, node, &holder));
    }
    for (int i = 0; i < w->entry_count; i++) {
        const struct world_entry *queued = &w->entries[i];
        if (queued->resource != r) continue;
        struct gdn_cut_entry entry = {.process = e->process[queued->process],
                                      .issuer = e->party[queued->issuer],
                                      .ticket = queued->ticket,
                                      .branch_id = world_branch_id(queued->ticket),
                                      .mode = queued->mode,
                                      .units = queued->units};
        must(gdn_cut_add_entry(e->cut, node, &entry));
    }
}

static void emit_wait(struct emission *e, uint32_t node, const struct world_wait *wait)
{
    bool direct = wait->resource == NOWHERE;
    struct gdn_cut_wait listed = {.process = e->process[wait->process],
                                  .resource = direct ? GDN_NONE : e->resource[wait->resource],
                                  .home = direct ? GDN_NONE
                                                 : e->party[e->world->home_of[wait->resource]],
                                  .ticket = wait->ticket,
                                  .branch_id = world_branch_id(wait->ticket),
                                  .mode = wait->mode};
    must(gdn_cut_add_wait(e->cut, node, &listed));
    for (int i = 0; i < wait->need_count; i++) {
        const struct world_need *need = &wait->needs[i];
        bool leaf = need->kind == GDN_NEED_PROCESS, resource = need->kind == GDN_NEED_RESOURCE;
        bool names = resource || (leaf && need->resource != NOWHERE);
        struct gdn_cut_need added = {
            .kind = need->kind,
            .process = leaf ? e->process[need->process] : GDN_NONE,
            .resource = names ? e->resource[need->resource] : GDN_NONE,
            .home = resource ? e->party[e->world->home_of[need->resource]] : GDN_NONE,
            .branch = leaf && need->branch != NOWHERE ? e->party[need->branch] : GDN_NONE,
            .branch_id = need->branch_id,
            .at_least = need->at_least,
            .child_count = need->children,
            .queued = need->queued};
        must(gdn_cut_add_need(e->cut, node, &added));
    }
}

static void emit_channel(struct emission *e, uint32_t node, int from, int to)
{
    const struct world *w = e->world;
    struct gdn_cut_channel channel = {
        .peer = e->party[from], .incoming = true, .open = w->open[from][to]};
    must(gdn_cut_add_channel(e->cut, node, &channel));
    for (int i = 0; i < w->message_count; i++) {
        const struct world_message *sent = &w->messages[i];
        if (sent->from != from || sent->to != to) continue;
        struct gdn_cut_message message = {
            .verb = sent->verb,
            .process = e->process[sent->process],
            .resource = sent->resource == NOWHERE ? GDN_NONE : e->resource[sent->resource],
            .by = sent->by == NOWHERE ? GDN_NONE : e->process[sent->by],
            .ticket = sent->ticket,
            .branch_id = sent->verb == GDN_VERB_REQUEST ? world_branch_id(sent->ticket) : 0,
            .mode = sent->mode,
            .units = sent->verb == GDN_VERB_REQUEST ? sent->units : 0,
            .flags = sent->flags};
        must(gdn_cut_add_message(e->cut, node, &message));
    }
}

static void emit_node(struct emission *e, int n)
{
    const struct world *w = e->world;
    uint32_t node;
    int order[THINGS];
    must(gdn_cut_add_node(e->cut, e->party[n], &node));
    e->cut->nodes[node].waits_listed = w->waits_listed[n];
    shuffle(e->seed, order, RESOURCES);
    for (int i = 0; i < RESOURCES; i++) {
        if (w->home_of[order[i]] == n) emit_home(e, node, order[i]);
    }
    shuffle(e->seed, order, w->wait_count);
    for (int i = 0; i < w->wait_count; i++) {
        const struct world_wait *wait = &w->waits[order[i]];
        if (wait->node == n && w->waits_listed[n]) emit_wait(e, node, wait);
    }
    shuffle(e->seed, order, NODES);
    for (int i = 0; i < NODES; i++) {
        if (order[i] != n) emit_channel(e, node, order[i], n);
    }
}

gdn_cut *world_cut(const struct world *world, uint64_t *seed)
{
    struct emission e = {.world = world, .cut = gdn_cut_new(NULL), .seed = seed};
    int order[NODES];
    char why[256];
    assert_non_null(e.cut);
    must(gdn_cut_set_modes(e.cut, &world->modes));
    emit_tables(&e);
    shuffle(seed, order, NODES);
    for (int i = 0; i < NODES; i++) {
        if (world->reported[order[i]]) emit_node(&e, order[i]);
    }
    must(gdn_cut_check(e.cut, why, sizeof why));
    return e.cut;
}

int world_process(const gdn_cut *cut, uint32_t process)
{
    return cut->processes[process].name[1] - '0';
}

int world_resource(const gdn_cut *cut, uint32_t resource)
{
    return cut->resources[resource].label[1] - '0';
}

int world_node(const gdn_cut *cut, uint32_t party)
{
    return cut->parties[party].name[1] - '0';
}
