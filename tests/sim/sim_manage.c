/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Lock managers: what they grant, turn down and move. */
#include "tests/sim/sim.h"

static gdn_ticket ticket_of(const struct truth_entry *entry)
{
    return (gdn_ticket){gdn_node_named(sim_nodes[entry->issuer]), entry->incarnation,
                        entry->number};
}

/* The order in which the site offers requests must be the true one. */
bool sim_grant(struct sim *sim, int node, int resource)
{
    bool granted = false;
    struct gdn_event event = {.type = GDN_EVENT_GRANTED};
    gdn_resource_id id = gdn_resource_named(sim_resources[resource]);
    struct truth_entry entry;
    for (;;) {
        bool offered = gdn_site_next(world_site(sim->world, sim_nodes[node]), id, &event.as.ticket);
        bool expected = truth_home_next(&sim->truth.nodes[node].homes[resource], &entry);
        if (offered != expected) {
            sim_broken(SIM_ORACLE_SITE, "%s %s: %s is offered", sim_nodes[node],
                       sim_resources[resource], offered ? "too much" : "too little");
        }
        if (!offered) return granted;
        if (event.as.ticket.number != entry.number ||
            event.as.ticket.incarnation != entry.incarnation) {
            sim_broken(SIM_ORACLE_SITE, "%s %s: the wrong request is offered", sim_nodes[node],
                       sim_resources[resource]);
        }
        sim_must(world_event(sim->world, sim_nodes[node], &event, NULL), "grant");
        truth_grant(&sim->truth, node, resource, &entry);
        granted = true;
    }
}

/* Some entry moves before some other one, or to the tail. */
static void requeue_one(struct sim *sim, int node, int resource, uint64_t random)
{
    const struct truth_list *queue = &sim->truth.nodes[node].homes[resource].queue;
    if (queue->count < 2) return;
    int at = (int)(sim_mix(&random) % (uint64_t)queue->count);
    int before = (int)(sim_mix(&random) % (uint64_t)(queue->count + 1));
    struct truth_entry moved = queue->entries[at];
    struct gdn_event event = {.type = GDN_EVENT_REQUEUED};
    if (before == at) return;
    event.as.requeued.ticket = ticket_of(&moved);
    if (before < queue->count) event.as.requeued.before = ticket_of(&queue->entries[before]);
    sim_must(world_event(sim->world, sim_nodes[node], &event, NULL), "requeue");
    world_say(sim->world, "  an entry is moved");
    sim->spontaneous++;
    sim->moved++;
    truth_requeue(&sim->truth, node, resource, &moved, before);
}

bool sim_manage(struct sim *sim, uint64_t *random)
{
    bool grants = sim->shape->habits[SIM_LAZY] && sim_mix(random) % 3 == 0;
    bool moves = !grants && sim->shape->habits[SIM_JUMPING] && sim_mix(random) % 8 == 0;
    if (!grants && !moves) return false;
    int resource = (int)(sim_mix(random) % (uint64_t)sim->shape->resources);
    int home = truth_home_of(&sim->truth, resource);
    if (!sim_is_there(sim, home)) return true;
    if (grants) (void)sim_grant(sim, home, resource);
    if (moves) requeue_one(sim, home, resource, *random);
    return true;
}

static void refuse(struct sim *sim, int node, int resource, const struct truth_entry *entry)
{
    struct gdn_event event = {.type = GDN_EVENT_REFUSED};
    event.as.ticket = ticket_of(entry);
    sim_must(world_event(sim->world, sim_nodes[node], &event, NULL), "refuse");
    world_say(sim->world, "  a request is turned down");
    sim->spontaneous++;
    truth_refuse(&sim->truth, node, resource, entry);
}

void sim_refuse_one(struct sim *sim, int node, uint64_t random)
{
    int resource = (int)(random % (uint64_t)sim->shape->resources);
    const struct truth_home *home = &sim->truth.nodes[node].homes[resource];
    if (home->queue.count == 0) return;
    struct truth_entry entry = home->queue.entries[home->queue.count - 1];
    refuse(sim, node, resource, &entry);
    sim_count(sim, SIM_REFUSE);
}
