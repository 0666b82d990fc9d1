/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "bench/shapes.h"

#include <stdio.h>
#include <stdlib.h>

#define NODES 8

const char *shape_name(enum shape_kind kind)
{
    static const char *const names[SHAPE_COUNT] = {"chain", "star",  "random",
                                                   "ring",  "clump", "pairs"};
    return names[kind];
}

/* ---- Who waits for whom ---- */

static uint32_t below(uint64_t *seed, uint32_t limit)
{
    *seed = *seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)((*seed >> 32) * limit >> 32);
}

static bool reserve(struct shape *shape, size_t holds, size_t waits)
{
    shape->holds = calloc(holds, sizeof *shape->holds);
    shape->waits = calloc(waits, sizeof *shape->waits);
    return shape->holds != NULL && shape->waits != NULL;
}

static void hold(struct shape *shape, uint32_t process, uint32_t lock)
{
    shape->holds[shape->hold_count++] = (struct shape_stake){process, lock};
}

static void want(struct shape *shape, uint32_t process, uint32_t lock)
{
    shape->waits[shape->wait_count++] = (struct shape_stake){process, lock};
}

/* Lock i is wanted by process i and held by the one that it waits for. */
static void draw_chain(struct shape *shape, uint32_t waits, bool closed)
{
    shape->process_count = closed ? waits : waits + 1;
    shape->lock_count = waits;
    for (uint32_t i = 0; i < waits; i++) {
        hold(shape, (i + 1) % shape->process_count, i);
        want(shape, i, i);
    }
}

static void draw_star(struct shape *shape, uint32_t waits)
{
    shape->process_count = waits + 1;
    shape->lock_count = 1;
    hold(shape, waits, 0);
    for (uint32_t i = 0; i < waits; i++) want(shape, i, 0);
}

static void draw_random(struct shape *shape, uint32_t waits, uint64_t *seed)
{
    shape->process_count = waits * 10 / 13 + 2;
    shape->lock_count = waits;
    for (uint32_t i = 0; i < waits; i++) {
        uint32_t waiter = below(seed, shape->process_count);
        uint32_t step = 1 + below(seed, shape->process_count - 1);
        hold(shape, (waiter + step) % shape->process_count, i);
        want(shape, waiter, i);
    }
}

static void draw_clump(struct shape *shape, uint32_t waits)
{
    shape->process_count = waits;
    shape->lock_count = 1;
    shape->shared = true;
    for (uint32_t i = 0; i < waits; i++) {
        hold(shape, i, 0);
        want(shape, i, 0);
    }
}

static void draw_pairs(struct shape *shape, uint32_t waits)
{
    shape->process_count = shape->lock_count = waits;
    for (uint32_t i = 0; i < waits; i++) {
        hold(shape, i ^ 1, i);
        want(shape, i, i);
    }
}

/* Neighbours in a shape are no neighbours in the tables of a real cut. */
static bool shuffle(struct shape *shape, uint64_t *seed)
{
    uint32_t *place = calloc(shape->process_count, sizeof *place);
    if (place == NULL) return false;
    for (uint32_t i = 0; i < shape->process_count; i++) {
        uint32_t j = below(seed, i + 1);
        place[i] = place[j];
        place[j] = i;
    }
    for (size_t i = 0; i < shape->hold_count; i++) {
        shape->holds[i].process = place[shape->holds[i].process];
    }
    for (size_t i = 0; i < shape->wait_count; i++) {
        shape->waits[i].process = place[shape->waits[i].process];
    }
    free(place);
    return true;
}

bool shape_init(struct shape *shape, enum shape_kind kind, size_t waits)
{
    *shape = (struct shape){.shared = false};
    uint32_t count = (uint32_t)(waits + waits % 2);
    uint64_t seed = count + (uint64_t)kind;
    if (!reserve(shape, count, count)) return false;
    switch (kind) {
    case SHAPE_CHAIN:
    case SHAPE_RING:
        draw_chain(shape, count, kind == SHAPE_RING);
        break;
    case SHAPE_STAR:
        draw_star(shape, count);
        break;
    case SHAPE_RANDOM:
        draw_random(shape, count, &seed);
        break;
    case SHAPE_CLUMP:
        draw_clump(shape, count);
        break;
    case SHAPE_PAIRS:
        draw_pairs(shape, count);
        break;
    case SHAPE_COUNT:
        return false;
    }
    return shuffle(shape, &seed);
}

void shape_fini(struct shape *shape)
{
    free(shape->holds);
    free(shape->waits);
}

/* ---- As a cut ---- */

struct writer {
    const struct shape *shape;
    gdn_cut *cut;
    uint32_t party[NODES], node[NODES];
};

/* A process works at one node; a wait's number is its place in waits[]. */
static uint32_t issuer_of(const struct writer *w, uint32_t process)
{
    return w->party[process % NODES];
}

static bool add_tables(struct writer *w)
{
    gdn_node_id makers[2] = {gdn_node_named("processes"), gdn_node_named("locks")};
    for (uint32_t i = 0; i < NODES; i++) {
        char name[8];
        (void)snprintf(name, sizeof name, "n%u", (unsigned)i + 1);
        w->party[i] = gdn_cut_party(w->cut, name, 1);
        if (w->party[i] == GDN_NONE) return false;
        if (gdn_cut_add_node(w->cut, w->party[i], &w->node[i]) != GDN_OK) return false;
    }
    for (uint32_t i = 0; i < w->shape->process_count; i++) {
        gdn_process_id id = {gdn_id_from_counter(makers[0], i)};
        if (gdn_cut_process(w->cut, id, NULL) == GDN_NONE) return false;
    }
    for (uint32_t i = 0; i < w->shape->lock_count; i++) {
        gdn_resource_id id = {gdn_id_from_counter(makers[1], i)};
        if (gdn_cut_resource(w->cut, id, NULL) == GDN_NONE) return false;
    }
    return true;
}

static bool add_holders(struct writer *w, uint32_t lock, size_t *next)
{
    const struct shape *shape = w->shape;
    uint8_t mode = shape->shared ? GDN_MODE_SHARED : GDN_MODE_EXCLUSIVE;
    for (; *next < shape->hold_count && shape->holds[*next].lock == lock; ++*next) {
        uint32_t process = shape->holds[*next].process;
        struct gdn_cut_holder holder = {.process = process,
                                        .issuer = issuer_of(w, process),
                                        .ticket = shape->wait_count + *next + 1,
                                        .mode = mode};
        if (gdn_cut_add_holder(w->cut, w->node[lock % NODES], &holder) != GDN_OK) return false;
    }
    return true;
}

static bool add_queue(struct writer *w, uint32_t lock, size_t *next)
{
    const struct shape *shape = w->shape;
    for (; *next < shape->wait_count && shape->waits[*next].lock == lock; ++*next) {
        uint32_t process = shape->waits[*next].process;
        struct gdn_cut_entry entry = {.process = process,
                                      .issuer = issuer_of(w, process),
                                      .ticket = *next + 1,
                                      .mode = GDN_MODE_EXCLUSIVE};
        if (gdn_cut_add_entry(w->cut, w->node[lock % NODES], &entry) != GDN_OK) return false;
    }
    return true;
}

static bool add_homes(struct writer *w)
{
    size_t holds = 0, waits = 0;
    for (uint32_t lock = 0; lock < w->shape->lock_count; lock++) {
        struct gdn_cut_home home = {.resource = lock};
        if (gdn_cut_add_home(w->cut, w->node[lock % NODES], &home) != GDN_OK) return false;
        if (!add_holders(w, lock, &holds) || !add_queue(w, lock, &waits)) return false;
    }
    return true;
}

static bool add_waits(struct writer *w)
{
    const struct shape *shape = w->shape;
    if (shape->wait_count > SHAPE_LISTED_TWICE_MAX) return true;
    for (uint32_t i = 0; i < NODES; i++) w->cut->nodes[w->node[i]].waits_listed = true;
    for (size_t i = 0; i < shape->wait_count; i++) {
        struct gdn_cut_wait wait = {.process = shape->waits[i].process,
                                    .resource = shape->waits[i].lock,
                                    .home = w->party[shape->waits[i].lock % NODES],
                                    .ticket = i + 1,
                                    .waited_us = i,
                                    .mode = GDN_MODE_EXCLUSIVE};
        uint32_t node = w->node[shape->waits[i].process % NODES];
        if (gdn_cut_add_wait(w->cut, node, &wait) != GDN_OK) return false;
    }
    return true;
}

gdn_cut *shape_cut(const struct shape *shape)
{
    struct writer w = {.shape = shape, .cut = gdn_cut_new(NULL)};
    if (w.cut == NULL) return NULL;
    if (add_tables(&w) && add_homes(&w) && add_waits(&w)) return w.cut;
    gdn_cut_free(w.cut);
    return NULL;
}
