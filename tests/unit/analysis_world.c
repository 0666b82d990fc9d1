/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "analysis_world.h"
#include <string.h>

uint64_t world_random(uint64_t *seed)
{
    uint64_t x = *seed += UINT64_C(0x9e3779b97f4a7c15);
    x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
    return x ^ (x >> 31);
}

int world_below(uint64_t *seed, int limit)
{
    return (int)(world_random(seed) % (uint64_t)limit);
}

bool world_chance(uint64_t *seed, int percent)
{
    return world_below(seed, 100) < percent;
}

/* ---- Making ---- */

/* Default modes, or three of which any pair may conflict, in one direction or both. */
static void make_modes(struct world *w, uint64_t *seed)
{
    static const char *const names[] = {"a", "b", "c"};
    w->modes = gdn_modes_default();
    if (world_chance(seed, 60)) return;
    w->modes.count = 3;
    for (int m = 0; m < 3; m++) {
        w->modes.names[m] = names[m];
        w->modes.conflicts[m] = (uint16_t)world_below(seed, 8);
    }
}

static void make_places(struct world *w, uint64_t *seed, unsigned kind)
{
    for (int r = 0; r < RESOURCES; r++) {
        w->home_of[r] = world_below(seed, NODES);
        w->unordered[r] = world_chance(seed, 15);
        w->capacity[r] = world_chance(seed, 25) ? 1 + (uint32_t)world_below(seed, 4) : 0;
    }
    bool whole = (kind & WORLD_WHOLE) != 0;
    int missing = !whole && world_chance(seed, 20) ? world_below(seed, NODES) : NOWHERE;
    for (int n = 0; n < NODES; n++) {
        w->reported[n] = n != missing;
        w->waits_listed[n] = world_chance(seed, 90);
        for (int to = 0; to < NODES; to++) {
            bool late = n == missing ? world_chance(seed, 80)
                                     : missing != NOWHERE && world_chance(seed, 10);
            w->open[n][to] = n != to && late;
        }
    }
    for (int p = 0; p < PROCESSES; p++) {
        w->abortable[p] = world_chance(seed, 85);
        w->started_us[p] = world_chance(seed, 20) ? 0 : 1000000 * (1 + world_below(seed, 4));
    }
}

static void add_message(struct world *w, struct world_message message)
{
    bool fits = w->message_count < THINGS && message.from != message.to;
    if (fits) w->messages[w->message_count++] = message;
}

/* What may become of a ticket for a lock between its request and the cut. */
enum fate {
    FATE_HELD,
    FATE_GRANTED, /* The grant is in flight. */
    FATE_QUEUED,
    FATE_QUEUED_TOO, /* The commonest fate counts twice. */
    FATE_ASKED,      /* The request is in flight. */
    FATE_ASKED_AND_GONE,
    FATE_CANCELLED_QUEUED,
    FATE_CANCELLED_HELD,
    FATE_RELEASED,
    FATE_RELEASED_UNNAMED,
    FATE_QUEUED_UNWAITED,
    FATE_REFUSED,
    FATE_UNKNOWN_AT_HOME,
    FATE_COUNT
};

static bool is_listed(enum fate fate)
{
    return fate == FATE_GRANTED || fate == FATE_QUEUED || fate == FATE_QUEUED_TOO ||
           fate == FATE_ASKED || fate == FATE_REFUSED || fate == FATE_UNKNOWN_AT_HOME;
}

static bool is_held(enum fate fate)
{
    return fate == FATE_HELD || fate == FATE_GRANTED || fate == FATE_CANCELLED_HELD ||
           fate == FATE_RELEASED || fate == FATE_RELEASED_UNNAMED;
}

static bool is_queued(enum fate fate)
{
    return fate == FATE_QUEUED || fate == FATE_QUEUED_TOO || fate == FATE_CANCELLED_QUEUED ||
           fate == FATE_QUEUED_UNWAITED;
}

static void send_of(struct world *w, uint64_t *seed, unsigned kind, enum fate fate,
                    struct world_message message)
{
    struct world_message back = message;
    back.from = message.to;
    back.to = message.from;
    if (fate == FATE_ASKED || fate == FATE_ASKED_AND_GONE) {
        struct world_message request = message;
        request.verb = GDN_VERB_REQUEST;
        if (world_chance(seed, 20)) request.flags = (uint8_t)world_below(seed, 8);
        /* None means one, and what is more than there is will be refused. */
        if (world_chance(seed, 10)) request.units = (uint32_t)world_below(seed, 6);
        add_message(w, request);
    }
    if (fate == FATE_GRANTED) back.verb = GDN_VERB_GRANT;
    if (fate == FATE_REFUSED) back.verb = GDN_VERB_WAKE;
    if (fate == FATE_REFUSED && world_chance(seed, 30)) back.by = world_below(seed, PROCESSES);
    if (fate == FATE_GRANTED || fate == FATE_REFUSED) add_message(w, back);
    bool cancelled =
        fate == FATE_ASKED_AND_GONE || fate == FATE_CANCELLED_QUEUED || fate == FATE_CANCELLED_HELD;
    if (cancelled) message.verb = GDN_VERB_CANCEL;
    if (fate == FATE_RELEASED || fate == FATE_RELEASED_UNNAMED) message.verb = GDN_VERB_RELEASE;
    if (fate == FATE_RELEASED_UNNAMED) {
        message.ticket = 0;
        bool by_others = (kind & WORLD_WHOLE) == 0;
        if (by_others && world_chance(seed, 40)) message.from = world_below(seed, NODES);
    }
    if (message.verb == GDN_VERB_CANCEL || message.verb == GDN_VERB_RELEASE)
        add_message(w, message);
}

static uint32_t make_units(const struct world *w, uint64_t *seed, int resource)
{
    uint32_t capacity = w->capacity[resource];
    return capacity == 0 ? 0 : 1 + (uint32_t)world_below(seed, (int)capacity);
}

/* What a ticket has at the home of a resource, and between there and its issuer. */
static void make_request(struct world *w, uint64_t *seed, unsigned kind, enum fate fate,
                         struct world_wait asked)
{
    uint32_t units = make_units(w, seed, asked.resource);
    if (units > 0) asked.mode = 0;
    if (is_held(fate) && w->hold_count < THINGS) {
        w->holds[w->hold_count++] = (struct world_hold){.resource = asked.resource,
                                                        .process = asked.process,
                                                        .issuer = asked.node,
                                                        .ticket = asked.ticket,
                                                        .mode = asked.mode,
                                                        .brief = world_chance(seed, 20),
                                                        .units = units};
    }
    if (is_queued(fate) && w->entry_count < THINGS) {
        w->entries[w->entry_count++] = (struct world_entry){.resource = asked.resource,
                                                            .process = asked.process,
                                                            .issuer = asked.node,
                                                            .ticket = asked.ticket,
                                                            .mode = asked.mode,
                                                            .units = units};
    }
    struct world_message message = {.from = asked.node,
                                    .to = w->home_of[asked.resource],
                                    .process = asked.process,
                                    .resource = asked.resource,
                                    .by = NOWHERE,
                                    .ticket = asked.ticket,
                                    .mode = asked.mode,
                                    .units = units};
    send_of(w, seed, kind, fate, message);
}

static void make_lock_ticket(struct world *w, uint64_t *seed, unsigned kind)
{
    enum fate fate = (enum fate)world_below(seed, FATE_COUNT);
    int process = world_below(seed, PROCESSES), issuer = world_below(seed, NODES);
    int resource = world_below(seed, RESOURCES), home = w->home_of[resource];
    if (world_chance(seed, 60)) issuer = process % NODES;
    if (world_chance(seed, 50)) fate = world_chance(seed, 50) ? FATE_HELD : FATE_QUEUED;
    if (issuer == home && !is_held(fate)) fate = FATE_QUEUED;
    if (issuer == home && is_held(fate)) fate = FATE_HELD;
    struct world_wait asked = {.node = issuer,
                               .process = process,
                               .resource = resource,
                               .ticket = ++w->last_ticket[issuer],
                               .mode = (uint8_t)world_below(seed, (int)w->modes.count)};
    if (is_listed(fate)) w->waits[w->wait_count++] = asked;
    make_request(w, seed, kind, fate, asked);
}

static bool names_resource(const struct world_wait *wait, int resource)
{
    for (int i = 0; i < wait->need_count; i++) {
        const struct world_need *need = &wait->needs[i];
        if (need->kind == GDN_NEED_RESOURCE && need->resource == resource) return true;
    }
    return false;
}

/* For one that the wait does not name yet: queued for it, its request in flight, or held. */
static bool make_resource_need(struct world *w, uint64_t *seed, unsigned kind,
                               struct world_wait *wait)
{
    static const enum fate fates[] = {FATE_QUEUED, FATE_QUEUED, FATE_QUEUED, FATE_ASKED, FATE_HELD};
    int resource = world_below(seed, RESOURCES);
    if (names_resource(wait, resource)) return false;
    wait->needs[wait->need_count++] = (struct world_need){
        .kind = GDN_NEED_RESOURCE, .process = NOWHERE, .resource = resource, .branch = NOWHERE};
    enum fate fate = fates[world_below(seed, 5)];
    if (fate == FATE_ASKED && wait->node == w->home_of[resource]) fate = FATE_QUEUED;
    make_request(w, seed, kind, fate,
                 (struct world_wait){.node = wait->node,
                                     .process = wait->process,
                                     .resource = resource,
                                     .ticket = wait->ticket,
                                     .mode = (uint8_t)world_below(seed, (int)w->modes.count)});
    return true;
}

static void make_need(struct world *w, uint64_t *seed, unsigned kind, struct world_wait *wait,
                      int depth)
{
    bool any = (kind & WORLD_CHOICES) != 0;
    if (wait->need_count == NEEDS) return;
    if (world_chance(seed, 30) && make_resource_need(w, seed, kind, wait)) return;
    struct world_need *need = &wait->needs[wait->need_count++];
    int room = (NEEDS - wait->need_count) / 3;
    if (depth < 2 && room >= 2 && world_chance(seed, any ? 50 : 20)) {
        int children = 1 + world_below(seed, room < 3 ? room : 3);
        int at_least = any ? 1 + world_below(seed, children) : children;
        *need = (struct world_need){
            .kind = GDN_NEED_GROUP, .at_least = (uint32_t)at_least, .children = (uint32_t)children};
        int before = wait->need_count;
        for (int i = 0; i < children; i++) make_need(w, seed, kind, wait, depth + 1);
        assert_true(wait->need_count - before >= children);
        return;
    }
    *need = (struct world_need){
        .kind = GDN_NEED_PROCESS,
        .process = world_below(seed, PROCESSES),
        .resource = world_chance(seed, 30) ? world_below(seed, RESOURCES) : NOWHERE,
        .branch = world_chance(seed, 20) ? world_below(seed, NODES) : NOWHERE,
        .queued = world_chance(seed, 20)};
    if (need->branch != NOWHERE) need->branch_id = (uint32_t)world_below(seed, 2);
}

static void make_direct_wait(struct world *w, uint64_t *seed, unsigned kind)
{
    struct world_wait *wait = &w->waits[w->wait_count++];
    int process = world_below(seed, PROCESSES);
    int node = world_chance(seed, 60) ? process % NODES : world_below(seed, NODES);
    *wait = (struct world_wait){
        .node = node, .process = process, .resource = NOWHERE, .ticket = ++w->last_ticket[node]};
    int needs = 1 + world_below(seed, 2);
    for (int i = 0; i < needs; i++) make_need(w, seed, kind, wait, 0);
    if (!world_chance(seed, 30)) return;

    const struct world_need *woken = &wait->needs[world_below(seed, wait->need_count)];
    bool named = woken->kind == GDN_NEED_PROCESS && world_chance(seed, 90);
    add_message(w, (struct world_message){.verb = GDN_VERB_WAKE,
                                          .from = world_below(seed, NODES),
                                          .to = node,
                                          .process = process,
                                          .resource = NOWHERE,
                                          .by = named ? woken->process : NOWHERE,
                                          .ticket = world_chance(seed, 70) ? wait->ticket : 0});
}

/* A process ends its work between two nodes; what it asked before that goes with it. */
static void make_end(struct world *w, uint64_t *seed)
{
    add_message(w, (struct world_message){.verb = GDN_VERB_END,
                                          .from = world_below(seed, NODES),
                                          .to = world_below(seed, NODES),
                                          .process = world_below(seed, PROCESSES),
                                          .resource = NOWHERE,
                                          .by = NOWHERE});
}

void world_make(struct world *w, uint64_t *seed, unsigned kind)
{
    bool any = (kind & WORLD_CHOICES) != 0;
    memset(w, 0, sizeof *w);
    make_modes(w, seed);
    make_places(w, seed, kind);
    int steps = 4 + world_below(seed, 18);
    int direct = any ? 40 : world_chance(seed, 50) ? 15 : 0;
    for (int i = 0; i < steps; i++) {
        if (world_chance(seed, direct)) {
            make_direct_wait(w, seed, kind);
        } else if (world_chance(seed, 4)) {
            make_end(w, seed);
        } else {
            make_lock_ticket(w, seed, kind);
        }
    }
}
