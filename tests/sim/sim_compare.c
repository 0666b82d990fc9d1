/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Oracle 6: rounds change nothing for applications. A run is made twice, with detectors and
 * without, on a schedule that both have in common, and what the applications have and heard must be
 * the same in the middle and at the end.
 *
 *     the applications' stream   who acts, who takes, which link carries all that waits on it, when
 *     the detectors' own stream  rounds and the links to and from detectors (sim_watch_steadily)
 *
 * Markers share the links with lock messages, and arrive with them. Links are good, no time passes
 * in which anything would be sent again, and windows are wide: what depends on acknowledgements is
 * not the applications' doing. Nobody is aborted by a detector. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include "tests/sim/sim.h"
#include <cmocka.h>
#include <string.h>

/* ---- What applications have and heard ---- */

static uint64_t mixed(uint64_t hash, uint64_t word)
{
    hash += word;
    return sim_mix(&hash);
}

static uint64_t hash_list(uint64_t hash, const struct truth_list *list)
{
    hash = mixed(hash, (uint64_t)list->count);
    for (int i = 0; i < list->count; i++) {
        const struct truth_entry *entry = &list->entries[i];
        hash = mixed(hash, entry->number * 64 + entry->wish.mode * 8U + (uint64_t)entry->issuer);
        hash = mixed(hash, (uint64_t)entry->process * 2 + entry->orphan);
    }
    return hash;
}

static uint64_t hash_ticket(uint64_t hash, const struct truth_ticket *ticket)
{
    hash = mixed(hash, ticket->number * 2 + ticket->granted);
    hash = mixed(hash, (uint64_t)(ticket->process * 64 + ticket->resource * 8 + ticket->wish.mode));
    for (int i = 0; i < ticket->need_count; i++) {
        hash = mixed(hash, (uint64_t)(ticket->needs[i].process * 2 + ticket->needs[i].met));
    }
    return hash;
}

static uint64_t hash_node(uint64_t hash, const struct truth_node *node)
{
    hash = mixed(hash, node->tokens);
    hash = mixed(hash, node->received);
    for (int i = 0; i < node->ticket_count; i++) hash = hash_ticket(hash, &node->tickets[i]);
    for (int r = 0; r < TRUTH_RESOURCES; r++) {
        hash = hash_list(hash, &node->homes[r].holders);
        hash = hash_list(hash, &node->homes[r].queue);
    }
    for (int other = 0; other < TRUTH_NODES; other++) {
        hash = mixed(hash, (uint64_t)node->out[other].count);
        hash = mixed(hash, (uint64_t)node->in[other].count);
    }
    return hash;
}

uint64_t sim_hash(const struct sim *sim)
{
    uint64_t hash = sim->outcome;
    for (int n = 0; n < sim->shape->nodes; n++) hash = hash_node(hash, &sim->truth.nodes[n]);
    for (int i = 0; i < sim->driver_count; i++) {
        const struct sim_driver *driver = &sim->drivers[i];
        hash = mixed(hash, driver->waiting ? driver->number : 0);
        for (int r = 0; r < TRUTH_RESOURCES; r++) hash = mixed(hash, (uint64_t)driver->held[r]);
    }
    return hash;
}

/* ---- Two schedules with one part in common ---- */

void sim_deliver_steadily(struct sim *sim, uint64_t random)
{
    int nodes = sim->shape->nodes;
    int from = (int)(random % (uint64_t)nodes), to = (int)(random / 8 % (uint64_t)nodes);
    if (from == to) return;
    while (world_deliver_from(sim->world, sim_nodes[from], sim_nodes[to])) continue;
}

void sim_watch_steadily(struct sim *sim, uint64_t random)
{
    for (int d = 0; d < sim->shape->detectors; d++) {
        if (sim_mix(&random) % 8 == 0) world_suspect(sim->world, sim_detectors[d]);
        for (int n = 0; n < sim->shape->nodes; n++) {
            if (sim_mix(&random) % 2 == 0) {
                (void)world_deliver_from(sim->world, sim_nodes[n], sim_detectors[d]);
            }
            if (sim_mix(&random) % 2 == 0) {
                (void)world_deliver_from(sim->world, sim_detectors[d], sim_nodes[n]);
            }
        }
    }
}

/* What applications do by themselves stays. */
static void make_steady(struct sim_plan *plan)
{
    for (int f = 0; f < SIM_FAULT_COUNT; f++) {
        bool stays = f == SIM_SLOW || f == SIM_TIMEOUT || f == SIM_REFUSE || f == SIM_SECOND;
        if (!stays) plan->shape.chance[f] = 0;
    }
    plan->steady = true;
    plan->shape.window = plan->shape.silence_ms = 0;
    plan->shape.resolves = false;
    plan->shape.deadline_us = INT64_C(1000000);
}

void sim_compare(const struct sim_plan *plan, struct sim_counts *counts)
{
    static struct sim_plan with, without;
    with = *plan;
    make_steady(&with);
    without = with;
    without.shape.detectors = 0;
    uint64_t rounds = counts->rounds;
    struct sim_outcome watched = sim_run(&with, counts), alone = sim_run(&without, counts);
    if (watched.middle != alone.middle || watched.end != alone.end) {
        sim_broken(SIM_ORACLE_OUTCOME, "applications end %s in another state without rounds",
                   watched.middle != alone.middle ? "the steps" : "the run");
    }
    counts->compared += counts->rounds > rounds;
}
