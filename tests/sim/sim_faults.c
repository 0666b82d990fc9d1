/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the network and the nodes suffer, and how they come back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include "src/core/handshake.h"
#include "src/core/site.h"
#include "tests/sim/sim.h"
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

const char *sim_fault_word(enum sim_fault fault)
{
    static const char *const words[] = {
#define SIM_FAULT_WORD(name, word, text) word,
        SIM_FAULTS(SIM_FAULT_WORD)
#undef SIM_FAULT_WORD
    };
    return words[fault];
}

void sim_count(struct sim *sim, enum sim_fault fault)
{
    sim->counts->faults[fault]++;
}

static void narrate(struct sim *sim, const char *what, const char *where, const char *to)
{
    char line[100];
    (void)snprintf(line, sizeof line, "  %s: %s%s%s", what, where, to == NULL ? "" : " > ",
                   to == NULL ? "" : to);
    world_say(sim->world, line);
}

/* ---- Coming ---- */

bool sim_is_pool(const struct sim *sim, int resource)
{
    return sim->shape->habits[SIM_POOLS] && resource % 2 == 1;
}

static void lift_order(struct sim *sim, int node, int resource)
{
    struct gdn_event event = {.type = GDN_EVENT_UNORDERED};
    event.as.unordered.resource = gdn_resource_named(sim_resources[resource]);
    event.as.unordered.on = true;
    assert_int_equal(world_event(sim->world, sim_nodes[node], &event, NULL), GDN_OK);
    sim->truth.nodes[node].homes[resource].unordered = true;
}

static void make_pool(struct sim *sim, int node, int resource)
{
    struct gdn_event event = {.type = GDN_EVENT_CAPACITY_SET};
    event.as.capacity.resource = gdn_resource_named(sim_resources[resource]);
    event.as.capacity.units = SIM_CAPACITY;
    assert_int_equal(world_event(sim->world, sim_nodes[node], &event, NULL), GDN_OK);
    sim->truth.nodes[node].homes[resource].capacity = SIM_CAPACITY;
}

/* Numbers of lost peers serve others as soon as they may, not when there are many (ADR 8). */
static void hurry_rows(gdn__mesh *mesh)
{
    mesh->collect_after = mesh->collect_at = mesh->given_up_kept = 0;
}

void sim_start_node(struct sim *sim, int node)
{
    struct world_options options = {.window = sim->shape->window,
                                    .silence_ms = sim->shape->silence_ms};
    world_add_node(sim->world, sim_nodes[node], &options);
    if (node % 2 == 1) hurry_rows(world_site(sim->world, sim_nodes[node])->mesh);
    truth_start(&sim->truth, node, world_site(sim->world, sim_nodes[node])->incarnation);
    sim->lost[node].count = 0;
    for (int r = node; r < sim->shape->resources; r += sim->shape->nodes) {
        if (sim_is_pool(sim, r)) make_pool(sim, node, r);
        if (sim->shape->habits[SIM_BARGING] && r % 3 == 1) lift_order(sim, node, r);
    }
}

void sim_connect_node(struct sim *sim, int node)
{
    for (int d = 0; d < sim->shape->detectors; d++) {
        world_dial(sim->world, sim_nodes[node], sim_detectors[d]);
    }
    bool late = sim->shape->chance[SIM_LATE] > 0 && !sim->healed;
    for (int other = 0; other < sim->shape->nodes && !late; other++) {
        bool there = other != node && sim_is_there(sim, other);
        if (there) world_dial(sim->world, sim_nodes[node], sim_nodes[other]);
    }
}

void sim_start_detector(struct sim *sim, int detector)
{
    struct world_watch options = {.period_us = sim->shape->period_us,
                                  .deadline_us = sim->shape->deadline_us,
                                  .silence_ms = sim->shape->silence_ms,
                                  .policy =
                                      sim->shape->resolves ? GDN_POLICY_YOUNGEST : GDN_POLICY_NONE};
    world_add_watch(sim->world, sim_detectors[detector], &options);
    sim->rounds[detector].number = 0;
}

/* ---- Going ---- */

static void restart_node(struct sim *sim, int node, bool goodbye)
{
    narrate(sim, goodbye ? "leaves and comes back" : "crashes and restarts", sim_nodes[node], NULL);
    sim->crashes++;
    sim->spontaneous++;
    world_remove(sim->world, sim_nodes[node], goodbye);
    truth_crash(&sim->truth, node);
    sim_forget_node(sim, node);
    sim_start_node(sim, node);
    sim_connect_node(sim, node);
}

static void restart_detector(struct sim *sim, int detector)
{
    narrate(sim, "restarts", sim_detectors[detector], NULL);
    sim_round_abandoned(sim, detector);
    world_remove(sim->world, sim_detectors[detector], false);
    for (int i = 0; i < sim->order_count; i++) {
        if (sim->orders[i].detector == detector) sim->orders[i].answered = true;
    }
    sim_start_detector(sim, detector);
}

/* ---- Links ---- */

static bool draw_link(const struct sim *sim, uint64_t random, int *from, int *to)
{
    uint64_t places = (uint64_t)(sim->shape->nodes + sim->shape->detectors);
    *from = (int)(sim_mix(&random) % places);
    *to = (int)(sim_mix(&random) % places);
    return *from != *to;
}

static void suffer_link(struct sim *sim, enum sim_fault fault, uint64_t random)
{
    int from, to;
    if (!draw_link(sim, random, &from, &to)) return;
    const char *sender = sim_place(sim, from), *receiver = sim_place(sim, to);
    bool happened = true;
    if (fault == SIM_LOSS) happened = world_drop(sim->world, sender, receiver);
    if (fault == SIM_REPEAT) happened = world_duplicate(sim->world, sender, receiver);
    if (fault == SIM_REORDER) happened = world_swap(sim->world, sender, receiver);
    if (fault == SIM_PARTITION) {
        world_hold(sim->world, sender, receiver);
        sim->severed[from][to] = 10 + (int)(random % 60);
    }
    if (!happened) return;
    narrate(sim, sim_fault_word(fault), sender, receiver);
    sim_count(sim, fault);
}

/* Anyone's random wait. */
static void time_out(struct sim *sim, uint64_t random)
{
    struct sim_driver *driver = &sim->drivers[random % (uint64_t)sim->driver_count];
    if (driver->waiting && sim_give_up(sim, driver)) sim_count(sim, SIM_TIMEOUT);
}

/* Of the next dozen or so; whether one is made is seen when the run ends. */
static void starve(struct sim *sim, uint64_t random)
{
    int places = sim->shape->nodes + sim->shape->detectors;
    const char *place = sim_place(sim, (int)(sim_mix(&random) % (uint64_t)places));
    narrate(sim, "memory will be short", place, NULL);
    world_starve(sim->world, place, (size_t)(sim_mix(&random) % 16));
}

void sim_suffer(struct sim *sim, enum sim_fault fault, uint64_t random)
{
    int node = (int)(random % (uint64_t)sim->shape->nodes);
    switch (fault) {
    case SIM_LOSS:
    case SIM_REPEAT:
    case SIM_REORDER:
    case SIM_PARTITION:
        suffer_link(sim, fault, random);
        return;
    case SIM_SLOW:
        sim->slow[node] = 10 + (int)(random % 80);
        sim_count(sim, fault);
        return;
    case SIM_CRASH:
    case SIM_LEAVE:
        restart_node(sim, node, fault == SIM_LEAVE);
        sim_count(sim, fault);
        return;
    case SIM_TIMEOUT:
        time_out(sim, random);
        return;
    case SIM_REFUSE:
        sim_refuse_one(sim, node, random / 8);
        return;
    case SIM_RESTART:
        restart_detector(sim, (int)(random % (uint64_t)sim->shape->detectors));
        sim_count(sim, fault);
        return;
    case SIM_MEMORY:
        starve(sim, random);
        return;
    case SIM_LATE: /* These are in the shape of the whole run. */
    case SIM_HURRY:
    case SIM_SECOND:
    case SIM_SILENCE:
    case SIM_FAULT_COUNT:
        return;
    }
}

void sim_heal(struct sim *sim)
{
    int places = sim->shape->nodes + sim->shape->detectors;
    sim->healed = true;
    world_feed_all(sim->world);
    world_say(sim->world, "  all is healed");
    for (int from = 0; from < places; from++) {
        for (int to = 0; to < places; to++) {
            if (from != to) world_release(sim->world, sim_place(sim, from), sim_place(sim, to));
        }
    }
}
