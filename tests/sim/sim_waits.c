/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Waits on processes, and the wakes that those who have ended owe. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include "tests/sim/sim.h"
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

/* A dot stands for a process, "2/3" for a group of at least 2 of the next 3. */
static const char *const need_shapes[] = {".",      "..",        "1/2..",     "2/3...",
                                          ".1/2..", "1/2.2/2..", "2/3.1/2..."};

/* Reads a shape; how many needs it has, or 0 where the process would wait for itself. */
static int draw_needs(const struct sim *sim, int process, const char *shape, uint64_t *random,
                      struct truth_need *needs)
{
    int count = 0;
    for (const char *at = shape; *at != '\0'; count++) {
        if (*at != '.') {
            needs[count] = (struct truth_need){.process = TRUTH_GROUP,
                                               .at_least = (uint8_t)(at[0] - '0'),
                                               .count = (uint8_t)(at[2] - '0')};
            at += 3;
            continue;
        }
        /* The next one rather than another: for rings, and for wakes that come too late. */
        uint64_t draw = sim_mix(random);
        uint64_t others = (uint64_t)sim->shape->processes - 1;
        int further = draw % 2 == 0 ? 1 : 1 + (int)(draw / 2 % others);
        int other = (process + further) % sim->shape->processes;
        needs[count] = (struct truth_need){.process = (int8_t)other};
        at++;
    }
    return count;
}

static void tell_needs(struct sim *sim, int process, const char *shape,
                       const struct truth_need *needs, int count)
{
    char line[160];
    (void)snprintf(line, sizeof line, "  %s waits for %s:", sim_processes[process], shape);
    for (int i = 0; i < count; i++) {
        size_t used = strlen(line);
        if (needs[i].process == TRUTH_GROUP) continue;
        (void)snprintf(line + used, sizeof line - used, " %s", sim_processes[needs[i].process]);
    }
    world_say(sim->world, line);
}

void sim_wait_on(struct sim *sim, struct sim_driver *driver, uint64_t random)
{
    struct truth_need needs[TRUTH_NEEDS];
    struct gdn_need said[TRUTH_NEEDS];
    gdn_ticket ticket;
    uint64_t shapes = sim->shape->habits[SIM_CHOICES] ? 7 : 2;
    const char *shape = need_shapes[sim_mix(&random) % shapes];
    int count = draw_needs(sim, driver->process, shape, &random, needs);
    for (int i = 0; i < count; i++) {
        bool group = needs[i].process == TRUTH_GROUP;
        said[i] = group ? gdn_need_at_least(needs[i].at_least, needs[i].count)
                        : gdn_need_process(gdn_process_named(sim_processes[needs[i].process]));
    }
    if (sim->shape->habits[SIM_STUBBORN]) sim_describe(sim, driver);
    struct gdn_event event = {.type = GDN_EVENT_WAITED_ON};
    event.as.waited_on.process = gdn_process_named(sim_processes[driver->process]);
    event.as.waited_on.needs = said;
    event.as.waited_on.count = (size_t)count;
    sim_must(world_event(sim->world, sim_nodes[driver->node], &event, &ticket), "wait on");
    tell_needs(sim, driver->process, shape, needs, count);
    truth_wait_on(&sim->truth, driver->node, driver->process, needs, count, ticket.number);
    driver->waiting = true;
    driver->number = ticket.number;
    driver->wanted = TRUTH_DIRECT;
}

/* ---- Wakes ---- */

static bool is_unanswered(const struct truth_need *need, int process)
{
    return need->process == process && !need->met && !need->owed;
}

bool sim_is_waited_for(const struct sim *sim, int process)
{
    for (int n = 0; n < sim->shape->nodes; n++) {
        const struct truth_node *node = &sim->truth.nodes[n];
        for (int i = 0; i < node->ticket_count; i++) {
            const struct truth_ticket *ticket = &node->tickets[i];
            for (int k = 0; k < ticket->need_count; k++) {
                if (is_unanswered(&ticket->needs[k], process)) return true;
            }
        }
    }
    return false;
}

void sim_owe_wakes(struct sim *sim, int process, int from)
{
    for (int n = 0; n < sim->shape->nodes; n++) {
        struct truth_node *node = &sim->truth.nodes[n];
        for (int i = 0; i < node->ticket_count; i++) {
            struct truth_ticket *ticket = &node->tickets[i];
            for (int k = 0; k < ticket->need_count; k++) {
                if (!is_unanswered(&ticket->needs[k], process)) continue;
                ticket->needs[k].owed = true;
                assert_true(sim->owed_count < TRUTH_WAITS);
                sim->owed[sim->owed_count++] = (struct sim_owed){.from = from,
                                                                 .to = n,
                                                                 .incarnation = node->incarnation,
                                                                 .number = ticket->number,
                                                                 .process = ticket->process,
                                                                 .by = process};
            }
        }
    }
}

bool sim_owes(const struct sim *sim, int process)
{
    for (int i = 0; i < sim->owed_count; i++) {
        if (sim->owed[i].by == process) return true;
    }
    return false;
}

static bool pay_one(struct sim *sim, const struct sim_owed *owed)
{
    const struct truth_node *there = &sim->truth.nodes[owed->to];
    if (there->incarnation != owed->incarnation || !sim_is_there(sim, owed->from)) return true;
    struct gdn_event event = {.type = GDN_EVENT_WOKEN};
    event.as.woken.ticket = sim_ticket(sim, owed->to, owed->number);
    event.as.woken.process = gdn_process_named(sim_processes[owed->process]);
    event.as.woken.by = gdn_process_named(sim_processes[owed->by]);
    enum gdn_err err = world_event(sim->world, sim_nodes[owed->from], &event, NULL);
    if (err == GDN_ERR_UNKNOWN_TICKET) return false; /* It does not know that incarnation yet. */
    if (!sim_went_through(err, "wake")) {
        if (err != GDN_ERR_FULL) sim_dial(sim, owed->from, owed->to);
        return false;
    }
    truth_wake(&sim->truth, owed->from, owed->to, owed->number, owed->process, owed->by);
    return true;
}

bool sim_pay(struct sim *sim, int process)
{
    bool all = true;
    for (int i = 0; i < sim->owed_count;) {
        if (sim->owed[i].by != process || !pay_one(sim, &sim->owed[i])) {
            all &= sim->owed[i].by != process;
            i++;
            continue;
        }
        memmove(&sim->owed[i], &sim->owed[i + 1],
                (size_t)(--sim->owed_count - i) * sizeof sim->owed[0]);
    }
    return all;
}
