/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What applications and lock managers do with the items that they take. The truth takes the
 * messages that came with each. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include "src/core/site.h"
#include "tests/sim/sim.h"
#include <cmocka.h>

static struct sim_driver *driver_of(struct sim *sim, int node, uint64_t number)
{
    for (int i = 0; i < sim->driver_count; i++) {
        struct sim_driver *driver = &sim->drivers[i];
        bool its = driver->node == node && driver->waiting && driver->number == number;
        if (its) return driver;
    }
    return NULL;
}

static void on_answer(struct sim *sim, int node, const struct gdn_item *item)
{
    struct sim_driver *driver = driver_of(sim, node, item->ticket.number);
    bool granted = item->type == GDN_ITEM_GRANTED;
    if (driver == NULL && !granted) return; /* Of a process that has ended meanwhile. */
    if (driver == NULL) {
        sim_broken(SIM_ORACLE_SITE, "%s hears of a ticket that nobody waits on", sim_nodes[node]);
    }
    const struct truth_ticket *ticket = truth_ticket(&sim->truth.nodes[node], driver->number);
    if (granted != (ticket != NULL && ticket->granted)) {
        sim_broken(SIM_ORACLE_SITE, "%s hears %s, which is not so", sim_nodes[node],
                   granted ? "granted" : "that a wait is over");
    }
    driver->waiting = false;
    if (!granted) return;
    driver->held[driver->wanted] = 1 + driver->wish.mode;
    driver->brief[driver->wanted] = (driver->wish.flags & GDN_REQUEST_BRIEF) != 0;
}

static void on_peer_lost(struct sim *sim, int node, const struct gdn_item *item)
{
    struct gdn_event event = {.type = GDN_EVENT_ORPHANS_DROPPED};
    event.as.peer = item->peer;
    sim_must(world_event(sim->world, sim_nodes[node], &event, NULL), "drop orphans");
    sim->spontaneous++; /* What the dead held stood until now. */
    sim->moved++;
    truth_drop_orphans(&sim->truth, node, sim_node_of_name(sim, item->peer_name));
}

static void on_item(struct sim *sim, int node, const struct gdn_item *item)
{
    switch (item->type) {
    case GDN_ITEM_REQUESTED:
    case GDN_ITEM_RELEASED:
        if (sim->shape->habits[SIM_LAZY] && !sim->healed) return;
        (void)sim_grant(sim, node, sim_resource_of(sim, item->resource));
        return;
    case GDN_ITEM_GRANTED:
    case GDN_ITEM_REFUSED:
    case GDN_ITEM_WOKEN:
        on_answer(sim, node, item);
        return;
    case GDN_ITEM_ABORTED:
        sim_abort_taken(sim, node, item);
        return;
    case GDN_ITEM_PEER_LOST:
        on_peer_lost(sim, node, item);
        return;
    case GDN_ITEM_PAYLOAD:
    case GDN_ITEM_PEER_UP:
        return;
    }
}

#define PEEKED 256

struct peeked {
    struct truth_peer from;
    bool counted;
};

struct truth_peer sim_peer(const struct sim *sim, const struct gdn__peer *peer)
{
    return (struct truth_peer){sim_node_of_name(sim, peer->name), peer->incarnation,
                               peer->association};
}

/* What lies in the inbox that a channel counts, oldest first. */
static int peek(const struct sim *sim, int node, struct peeked *list)
{
    const gdn_site *site = world_site(sim->world, sim_nodes[node]);
    int count = 0;
    for (const struct gdn__arrival *a = site->inbox.first; a != NULL; a = a->next) {
        if (a->type != GDN__ARRIVAL_LOCK && a->type != GDN__ARRIVAL_PAYLOAD) continue;
        if (count == PEEKED) break;
        const struct gdn__peer *peer = gdn__mesh_peer(site->mesh, a->peer);
        list[count++] = (struct peeked){sim_peer(sim, peer), a->counted};
    }
    return count;
}

static void note_taken(struct sim *sim, int node, const struct peeked *list, uint64_t taken)
{
    for (uint64_t i = 0; i < taken; i++) {
        if (!list[i].counted) continue; /* A payload of the dead. */
        if (!truth_take(&sim->truth, node, list[i].from)) {
            sim_broken(SIM_ORACLE_SITE, "%s took a message that %s did not send", sim_nodes[node],
                       sim_nodes[list[i].from.node]);
        }
    }
}

static void add_outcome(struct sim *sim, int node, const struct gdn_item *item)
{
    uint64_t word = (uint64_t)item->type + 16 * (uint64_t)node + 256 * item->ticket.number;
    sim->outcome = (sim->outcome ^ word) * UINT64_C(0x100000001b3) + item->mode;
}

static uint64_t messages_taken(const struct sim *sim, int node)
{
    return gdn_site_counters(world_site(sim->world, sim_nodes[node])).messages_taken;
}

bool sim_take(struct sim *sim, int node)
{
    struct peeked list[PEEKED];
    struct gdn_item item;
    uint64_t before = messages_taken(sim, node);
    int count = peek(sim, node, list);
    bool took = world_take(sim->world, sim_nodes[node], &item);
    uint64_t taken = messages_taken(sim, node) - before;
    assert_true(taken <= (uint64_t)count);
    note_taken(sim, node, list, taken);
    if (took) {
        add_outcome(sim, node, &item);
        on_item(sim, node, &item);
    }
    return took || taken > 0;
}
