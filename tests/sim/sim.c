/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include "src/core/site.h"
#include "tests/sim/sim.h"
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A deadlock that exists once all is healed, and every node is registered, is gone after at most:
 * the patience of its youngest wait and one more (suspicions repeat at that interval), a round and
 * its retry, and one more patience and round where queue order had its chance first. */
#define BOUND_US      INT64_C(1500000)
#define HEAL_LIMIT_US INT64_C(60000000)
#define TOKENS        12

const char *const sim_nodes[TRUTH_NODES] = {"A", "B", "C", "D"};
const char *const sim_detectors[SIM_DETECTORS] = {"D1", "D2"};
const char *const sim_processes[TRUTH_PROCESSES] = {"T0", "T1", "T2", "T3", "T4", "T5", "T6", "T7"};
const char *const sim_resources[TRUTH_RESOURCES] = {"r0", "r1", "r2", "r3", "r4", "r5"};

struct sim_report *sim_report;

/* ---- Names ---- */

const char *sim_oracle_word(enum sim_oracle oracle)
{
    static const char *const words[] = {
#define SIM_ORACLE_WORD(name, word, text) word,
        SIM_ORACLES(SIM_ORACLE_WORD)
#undef SIM_ORACLE_WORD
    };
    return words[oracle];
}

const char *sim_place(const struct sim *sim, int place)
{
    return place < sim->shape->nodes ? sim_nodes[place] : sim_detectors[place - sim->shape->nodes];
}

int sim_node_of_name(const struct sim *sim, const char *name)
{
    for (int i = 0; i < sim->shape->nodes; i++) {
        if (strcmp(sim_nodes[i], name) == 0) return i;
    }
    fail_msg("no node is called %s", name);
    return -1;
}

static gdn_id process_ids[TRUTH_PROCESSES], resource_ids[TRUTH_RESOURCES];

static void learn_ids(void)
{
    for (int i = 0; i < TRUTH_PROCESSES; i++) process_ids[i] = gdn_id_from_name(sim_processes[i]);
    for (int i = 0; i < TRUTH_RESOURCES; i++) resource_ids[i] = gdn_id_from_name(sim_resources[i]);
}

int sim_process_of(const struct sim *sim, gdn_process_id id)
{
    (void)sim;
    for (int i = 0; i < TRUTH_PROCESSES; i++) {
        if (gdn_id_equal(process_ids[i], id.id)) return i;
    }
    fail_msg("a process that is none of ours");
    return -1;
}

int sim_resource_of(const struct sim *sim, gdn_resource_id id)
{
    (void)sim;
    for (int i = 0; i < TRUTH_RESOURCES; i++) {
        if (gdn_id_equal(resource_ids[i], id.id)) return i;
    }
    fail_msg("a resource that is none of ours");
    return -1;
}

void sim_broken(enum sim_oracle oracle, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(sim_report->why, sizeof sim_report->why, format, arguments);
    va_end(arguments);
    sim_report->oracle = oracle;
    sim_report->broken = true;
    (void)fflush(NULL);
    _exit(1);
}

/* ---- The chaos phase ---- */

static void suspect(struct sim *sim, uint64_t random)
{
    if (sim->plan->steady || sim->shape->detectors == 0) return;
    world_suspect(sim->world, sim_detectors[random % (uint64_t)sim->shape->detectors]);
}

/* Mostly a few milliseconds; sometimes long enough for what is lost to be sent again. */
static void tick(struct sim *sim, uint64_t random)
{
    int64_t ms = (int64_t)(1 + random % 10);
    if (random % 64 == 63 && !sim->plan->steady) ms = 250;
    world_advance(sim->world, world_time_us(sim->world) + 1000 * ms);
}

static void mend_links(struct sim *sim)
{
    int places = sim->shape->nodes + sim->shape->detectors;
    for (int from = 0; from < places; from++) {
        for (int to = 0; to < places; to++) {
            if (sim->severed[from][to] == 0 || --sim->severed[from][to] > 0) continue;
            world_release(sim->world, sim_place(sim, from), sim_place(sim, to));
        }
    }
}

static void do_step(struct sim *sim, const struct sim_step *step)
{
    int node = (int)(step->random % (uint64_t)sim->shape->nodes);
    switch (step->kind) {
    case SIM_ACT:
        sim_act(sim, step->random);
        break;
    case SIM_TAKE:
        if (sim->slow[node] == 0) (void)sim_take(sim, node);
        break;
    case SIM_DELIVER:
        if (sim->plan->steady) {
            sim_deliver_steadily(sim, step->random);
        } else {
            (void)world_deliver_one(sim->world, step->random);
        }
        break;
    case SIM_TICK:
        tick(sim, step->random);
        break;
    case SIM_SUSPECT:
        suspect(sim, step->random);
        break;
    case SIM_SUFFER:
        if (sim->shape->chance[step->fault] > 0) sim_suffer(sim, step->fault, step->random);
        break;
    }
    if (sim->plan->steady) sim_watch_steadily(sim, ~step->random);
    for (int n = 0; n < sim->shape->nodes; n++) sim->slow[n] -= sim->slow[n] > 0;
    mend_links(sim);
}

/* ---- The healed phase ---- */

/* How long each wait has been in a core since all is well. */
struct ages {
    struct truth_ended ticket[TRUTH_WAITS];
    int64_t since_us[TRUTH_WAITS];
    int count;
};

/* Nobody keeps a channel to the dead. */
static bool nobody_is_haunted(struct sim *sim)
{
    for (int n = 0; n < sim->shape->nodes; n++) {
        const gdn_site *site = world_site(sim->world, sim_nodes[n]);
        for (uint32_t i = 1; i < gdn__mesh_count(site->mesh); i++) {
            const struct gdn__peer *peer = gdn__mesh_peer(site->mesh, i);
            if (peer->role != GDN__ROLE_NODE || peer->incarnation == 0) continue;
            if (peer->state == GDN__PEER_LOST || peer->state == GDN__PEER_DIALLED) continue;
            int other = sim_node_of_name(sim, peer->name);
            if (peer->incarnation != sim->truth.nodes[other].incarnation) return false;
        }
    }
    return true;
}

static bool all_registered(struct sim *sim)
{
    for (int d = 0; d < sim->shape->detectors; d++) {
        gdn__watch *watch = world_watch(sim->world, sim_detectors[d]);
        size_t living = 0;
        for (size_t i = 0; i < gdn__watch_node_count(watch); i++) {
            const struct gdn__peer *peer =
                gdn__mesh_peer(gdn__watch_mesh(watch), gdn__watch_node(watch, i).peer);
            int node = sim_node_of_name(sim, peer->name);
            living += peer->incarnation == sim->truth.nodes[node].incarnation;
        }
        if (living != (size_t)sim->shape->nodes) return false;
        if (gdn__watch_node_count(watch) != living) return false;
    }
    return true;
}

static void check_ages(struct sim *sim, struct ages *ages, bool well)
{
    static struct truth_judged judged;
    static struct ages next;
    int64_t now_us = world_time_us(sim->world);
    truth_judge(sim->truth.nodes, sim->shape->nodes, &judged);
    next.count = 0;
    for (int i = 0; i < judged.wait_count && well; i++) {
        const struct truth_wait *wait = &judged.waits[i];
        int64_t since_us = now_us;
        if (wait->core < 0) continue;
        for (int k = 0; k < ages->count; k++) {
            const struct truth_ended *known = &ages->ticket[k];
            bool same = known->incarnation == wait->incarnation && known->number == wait->number;
            if (same) since_us = ages->since_us[k];
        }
        if (now_us - since_us > BOUND_US) {
            sim_broken(SIM_ORACLE_ALIVE, "%s is stuck %lld ms after all is healed",
                       sim_processes[wait->process], (long long)(now_us - since_us) / 1000);
        }
        next.ticket[next.count].incarnation = wait->incarnation;
        next.ticket[next.count].number = wait->number;
        next.since_us[next.count++] = since_us;
    }
    *ages = next;
}

/* Without resolving detectors a person would step in. */
static void break_one(struct sim *sim)
{
    static struct truth_judged judged;
    truth_judge(sim->truth.nodes, sim->shape->nodes, &judged);
    for (int i = 0; i < judged.wait_count; i++) {
        if (judged.waits[i].core < 0) continue;
        sim->spontaneous++;
        sim_end_process(sim, judged.waits[i].process);
        return;
    }
}

static bool deliver_all(struct sim *sim)
{
    bool moved = false;
    while (world_deliver_one(sim->world, 0)) moved = true;
    for (int n = 0; n < sim->shape->nodes; n++) {
        while (sim_take(sim, n)) moved = true;
        for (int r = n; r < sim->shape->resources; r += sim->shape->nodes) {
            if (sim_grant(sim, n, r)) moved = true;
        }
    }
    return moved;
}

static bool rounds_are_complete(const struct sim *sim)
{
    for (int d = 0; d < sim->shape->detectors; d++) {
        if (sim->complete_rounds[d] == 0) return false;
    }
    return true;
}

static void check_end(struct sim *sim)
{
    uint64_t found = 0;
    for (int n = 0; n < sim->shape->nodes; n++) {
        struct gdn_site_counters counters = gdn_site_counters(world_site(sim->world, sim_nodes[n]));
        found |= sim->truth.nodes[n].tokens;
        if (counters.ledger.tickets_waiting == 0 && counters.ledger.tickets_granted == 0 &&
            counters.ledger.contested == 0) {
            continue;
        }
        sim_broken(SIM_ORACLE_ALIVE, "all have ended, and %s still keeps tickets", sim_nodes[n]);
    }
    if (sim->crashes == 0 && found != sim->tokens) {
        sim_broken(SIM_ORACLE_CONSERVED, "tokens %llx are left of %llx", (unsigned long long)found,
                   (unsigned long long)sim->tokens);
    }
}

static void heal(struct sim *sim)
{
    static struct ages ages;
    int64_t until_us = world_time_us(sim->world) + HEAL_LIMIT_US;
    int rested = 0;
    ages.count = 0;
    sim_heal(sim);
    for (;;) {
        while (deliver_all(sim)) continue;
        bool busy = sim_wind_down(sim);
        bool well = all_registered(sim) && nobody_is_haunted(sim);
        if (sim->shape->resolves) check_ages(sim, &ages, well);
        if (deliver_all(sim)) continue;
        if (!busy && well && rounds_are_complete(sim) && ++rested > 2) break;
        for (int d = 0; d < sim->shape->detectors && !busy && well; d++) {
            world_suspect(sim->world, sim_detectors[d]);
        }
        if (busy && well && !sim->shape->resolves) break_one(sim);
        int64_t next_us = world_deadline_us(sim->world);
        if (next_us == INT64_MAX || next_us > until_us) next_us = until_us;
        if (world_time_us(sim->world) >= until_us) {
            sim_broken(SIM_ORACLE_ALIVE, "%s a minute after all is healed",
                       !well  ? "not all nodes are registered"
                       : busy ? "some processes have not ended"
                              : "no round is complete");
        }
        world_advance(sim->world, next_us);
    }
    check_end(sim);
}

/* ---- A run ---- */

static void begin(struct sim *sim)
{
    sim->truth.node_count = sim->shape->nodes;
    world_set_hooks(sim->world, &(struct world_hooks){.context = NULL});
    for (int n = 0; n < sim->shape->nodes; n++) sim_start_node(sim, n);
    for (int d = 0; d < sim->shape->detectors; d++) sim_start_detector(sim, d);
    for (int n = 0; n < sim->shape->nodes; n++) sim_connect_node(sim, n);
    struct world_hooks hooks = sim_hooks(sim);
    world_set_hooks(sim->world, &hooks);
    for (int t = 0; sim->shape->habits[SIM_TOKENS] && t < TOKENS; t++) {
        sim->truth.nodes[t % sim->shape->nodes].tokens |= UINT64_C(1) << t;
        sim->tokens |= UINT64_C(1) << t;
    }
    sim_add_drivers(sim, sim->plan->seed);
    for (int ms = 0; ms < 50; ms++) {
        world_advance(sim->world, world_time_us(sim->world) + 1000);
        while (world_deliver_one(sim->world, 0)) continue;
    }
}

struct sim_outcome sim_run(const struct sim_plan *plan, struct sim_counts *counts)
{
    static struct sim sim;
    struct sim_outcome outcome;
    learn_ids();
    memset(&sim, 0, sizeof sim);
    sim.plan = plan;
    sim.shape = &plan->shape;
    sim.counts = counts;
    sim.world = world_new();
    world_narrate(sim.world, plan->narrate ? stderr : NULL);
    begin(&sim);
    for (sim.step = 0; sim.step < plan->step_count; sim.step++) {
        sim_report->step = sim.step;
        do_step(&sim, &plan->steps[sim.step]);
    }
    outcome.middle = sim_hash(&sim);
    heal(&sim);
    outcome.end = sim_hash(&sim);
    counts->faults[SIM_SECOND] += plan->shape.detectors > 1;
    counts->faults[SIM_MEMORY] += world_starved(sim.world);
    counts->steps += (uint64_t)plan->step_count;
    world_free(sim.world);
    truth_fini(&sim.truth);
    return outcome;
}

void sim_try(const struct sim_plan *plan, struct sim_counts *counts)
{
    (void)sim_run(plan, counts);
    counts->runs++;
    if (plan->seed % 8 == 0) sim_compare(plan, counts);
}
