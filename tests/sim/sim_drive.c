/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What applications do: transactions that lock, convert, wait for each other and end. The truth
 * hears of each thing after the site has agreed to it. */
#include "tests/sim/sim.h"
#include <string.h>

/* ---- Verbs, and what sites say to them ---- */

bool sim_is_there(const struct sim *sim, int node)
{
    return sim->truth.nodes[node].incarnation != 0;
}

gdn_ticket sim_ticket(const struct sim *sim, int node, uint64_t number)
{
    return (gdn_ticket){gdn_node_named(sim_nodes[node]), sim->truth.nodes[node].incarnation,
                        number};
}

static bool is_refusal(enum gdn_err err)
{
    return err == GDN_ERR_FULL || err == GDN_ERR_NOT_CONNECTED || err == GDN_ERR_UNKNOWN_NODE;
}

bool sim_went_through(enum gdn_err err, const char *verb)
{
    if (err == GDN_OK) return true;
    if (!is_refusal(err)) sim_broken(SIM_ORACLE_SITE, "%s: %s", verb, gdn_err_text(err));
    return false;
}

void sim_must(enum gdn_err err, const char *verb)
{
    if (err != GDN_OK) sim_broken(SIM_ORACLE_SITE, "%s: %s", verb, gdn_err_text(err));
}

void sim_dial(struct sim *sim, int from, int to)
{
    world_dial(sim->world, sim_nodes[from], sim_nodes[to]);
}

void sim_describe(struct sim *sim, const struct sim_driver *driver)
{
    struct gdn_process_info info = {.label = sim_processes[driver->process],
                                    .started_us = world_time_us(sim->world),
                                    .abortable = driver->process != 0};
    if (!sim->shape->habits[SIM_STUBBORN]) info.abortable = true;
    sim_must(
        world_describe(sim->world, sim_nodes[driver->node], sim_processes[driver->process], &info),
        "describe");
}

/* ---- Drivers ---- */

void sim_add_drivers(struct sim *sim, uint64_t random)
{
    for (int p = 0; p < sim->shape->processes; p++) {
        int node = p % sim->shape->nodes;
        sim->drivers[sim->driver_count++] = (struct sim_driver){.process = p, .node = node};
        if (!sim->shape->habits[SIM_BRANCHES] || sim_mix(&random) % 3 != 0) continue;
        int other = (node + 1) % sim->shape->nodes;
        sim->drivers[sim->driver_count++] = (struct sim_driver){.process = p, .node = other};
    }
}

static bool some_branch_waits(const struct sim *sim, int process)
{
    for (int i = 0; i < sim->driver_count; i++) {
        if (sim->drivers[i].process == process && sim->drivers[i].waiting) return true;
    }
    return false;
}

/* ---- Requests ---- */

/* Its own node turns down at once what it cannot grant. */
static void check_turned_down(const struct sim *sim, const struct sim_driver *driver, int resource,
                              struct truth_wish wish, enum gdn_err err)
{
    int home = truth_home_of(&sim->truth, resource);
    if ((wish.flags & GDN_REQUEST_NO_WAIT) == 0 || home != driver->node) return;
    bool free = truth_home_is_free(&sim->truth.nodes[home].homes[resource], driver->process, wish);
    if (free == (err == GDN_OK)) return;
    sim_broken(SIM_ORACLE_SITE, "%s %s: a request that does not wait: %s", sim_nodes[home],
               sim_resources[resource], gdn_err_text(err));
}

static void request(struct sim *sim, struct sim_driver *driver, int resource,
                    struct truth_wish wish)
{
    gdn_ticket ticket;
    int home = truth_home_of(&sim->truth, resource);
    struct gdn_request how = {.mode = wish.mode, .flags = wish.flags, .units = wish.units};
    if (sim->shape->habits[SIM_STUBBORN]) sim_describe(sim, driver);
    enum gdn_err err =
        world_ask(sim->world, sim_nodes[driver->node], sim_nodes[home],
                  sim_processes[driver->process], sim_resources[resource], how, &ticket);
    check_turned_down(sim, driver, resource, wish, err);
    if (err == GDN_ERR_NOT_GRANTABLE || !sim_went_through(err, "request")) {
        bool known = err == GDN_ERR_FULL || err == GDN_ERR_NOT_GRANTABLE;
        if (!known) sim_dial(sim, driver->node, home);
        return;
    }
    if (ticket.incarnation != sim->truth.nodes[driver->node].incarnation ||
        truth_ticket(&sim->truth.nodes[driver->node], ticket.number) != NULL) {
        sim_broken(SIM_ORACLE_SITE, "a ticket was used twice");
    }
    truth_request(&sim->truth, driver->node, driver->process, resource, wish, ticket.number);
    driver->waiting = true;
    driver->number = ticket.number;
    driver->wanted = resource;
    driver->wish = wish;
}

static bool sibling_wants(const struct sim *sim, const struct sim_driver *driver, int resource)
{
    for (int i = 0; i < sim->driver_count; i++) {
        const struct sim_driver *other = &sim->drivers[i];
        if (other == driver || other->process != driver->process) continue;
        if (other->waiting && other->wanted == resource) return true;
    }
    return false;
}

/* It could end up waiting for itself alone, and nobody may abort it. */
static bool would_be_hopeless(const struct sim *sim, const struct sim_driver *driver, int resource)
{
    bool stubborn = sim->shape->habits[SIM_STUBBORN] && driver->process == 0;
    bool has = false;
    for (int i = 0; i < sim->driver_count; i++) {
        const struct sim_driver *own = &sim->drivers[i];
        if (own->process == driver->process && own->held[resource] != 0) has = true;
    }
    return stubborn && has && sim_is_pool(sim, resource);
}

static void request_something(struct sim *sim, struct sim_driver *driver, uint64_t random)
{
    int resource = (int)(sim_mix(&random) % (uint64_t)sim->shape->resources);
    bool upgrades = sim->shape->habits[SIM_UPGRADES];
    uint8_t mode =
        sim_mix(&random) % (upgrades ? 2 : 3) == 0 ? GDN_MODE_SHARED : GDN_MODE_EXCLUSIVE;
    int held = driver->held[resource];
    if (held == 1 + GDN_MODE_EXCLUSIVE || sibling_wants(sim, driver, resource)) return;
    if (held != 0 && !upgrades) return;
    if (would_be_hopeless(sim, driver, resource)) return;
    struct truth_wish wish = {.mode = held != 0 ? GDN_MODE_EXCLUSIVE : mode};
    if (sim_is_pool(sim, resource)) {
        wish = (struct truth_wish){.units = (uint8_t)(1 + sim_mix(&random) % SIM_CAPACITY)};
    }
    const bool *habits = sim->shape->habits;
    if (habits[SIM_TRIES] && sim_mix(&random) % 4 == 0) wish.flags |= GDN_REQUEST_NO_WAIT;
    if (habits[SIM_JUMPING] && sim_mix(&random) % 4 == 0) wish.flags |= GDN_REQUEST_FRONT;
    bool brief = habits[SIM_BRIEF] && sim_mix(&random) % 3 == 0;
    if (held != 0 ? driver->brief[resource] : brief) wish.flags |= GDN_REQUEST_BRIEF;
    request(sim, driver, resource, wish);
}

/* ---- Ends ---- */

void sim_end_process(struct sim *sim, int process)
{
    int from = -1;
    for (int i = 0; i < sim->driver_count; i++) {
        struct sim_driver *driver = &sim->drivers[i];
        if (driver->process != process || !sim_is_there(sim, driver->node)) continue;
        sim_must(world_end(sim->world, sim_nodes[driver->node], sim_processes[process]), "end");
        truth_end(&sim->truth, driver->node, process);
        driver->waiting = false;
        memset(driver->held, 0, sizeof driver->held);
        if (from < 0) from = driver->node;
    }
    sim->must_end[process] = false;
    if (from >= 0) sim_owe_wakes(sim, process, from);
    (void)sim_pay(sim, process);
}

bool sim_give_up(struct sim *sim, struct sim_driver *driver)
{
    /* Refused or woken by its own node: the answer lies in its inbox. */
    if (truth_ticket(&sim->truth.nodes[driver->node], driver->number) == NULL) return false;
    sim->spontaneous++;
    sim_must(world_cancel(sim->world, sim_nodes[driver->node],
                          sim_ticket(sim, driver->node, driver->number)),
             "cancel");
    world_say(sim->world, "  a wait is given up");
    truth_cancel(&sim->truth, driver->node, driver->number);
    driver->waiting = false;
    return true;
}

static void give_back(struct sim *sim, struct sim_driver *driver, int resource)
{
    sim_must(world_release_lock(sim->world, sim_nodes[driver->node], sim_processes[driver->process],
                                sim_resources[resource]),
             "release");
    truth_release(&sim->truth, driver->node, driver->process, resource);
    driver->held[resource] = 0;
}

/* Whoever does not wait may give back what is brief; what is kept to the end only early ones do. */
static void release_early(struct sim *sim, struct sim_driver *driver, uint64_t random)
{
    int resource = (int)(random % (uint64_t)sim->shape->resources);
    bool early = sim->shape->habits[SIM_EARLY_RELEASE] && !some_branch_waits(sim, driver->process);
    for (int i = 0; driver->held[resource] == 0 && i < sim->shape->resources; i++) {
        resource = (resource + 1) % sim->shape->resources;
    }
    if (driver->held[resource] == 0) return;
    if (early || driver->brief[resource]) give_back(sim, driver, resource);
}

/* A branch that goes on ends its brief holds, whether or not the others of its process wait. */
static void end_brief_holds(struct sim *sim)
{
    for (int i = 0; i < sim->driver_count; i++) {
        struct sim_driver *driver = &sim->drivers[i];
        for (int r = 0; !driver->waiting && r < sim->shape->resources; r++) {
            if (driver->held[r] != 0 && driver->brief[r]) give_back(sim, driver, r);
        }
    }
}

static bool has_granted(const struct truth_node *node, int process, int resource)
{
    for (int i = 0; i < node->ticket_count; i++) {
        const struct truth_ticket *ticket = &node->tickets[i];
        bool same = ticket->process == process && ticket->resource == resource;
        if (same && ticket->granted) return true;
    }
    return false;
}

/* A node has lost another: what its processes held or waited for there is gone, but what a newer
 * life has granted already, and a wake may have been lost on the way. */
void sim_lost_peer(struct sim *sim, int node, int peer)
{
    for (int i = 0; i < sim->driver_count; i++) {
        struct sim_driver *driver = &sim->drivers[i];
        if (driver->node != node) continue;
        for (int r = peer; r < TRUTH_RESOURCES; r += sim->shape->nodes) {
            if (!has_granted(&sim->truth.nodes[node], driver->process, r)) driver->held[r] = 0;
        }
        bool direct = driver->waiting && driver->wanted == TRUTH_DIRECT;
        if (direct) sim->must_end[driver->process] = true;
    }
}

/* The node goes: its processes with it, and those that waited for them give up. */
void sim_forget_node(struct sim *sim, int node)
{
    for (int i = 0; i < sim->driver_count; i++) {
        struct sim_driver *driver = &sim->drivers[i];
        if (driver->node != node) continue;
        driver->waiting = false;
        memset(driver->held, 0, sizeof driver->held);
        sim->must_end[driver->process] = true;
    }
    for (int i = 0; i < sim->driver_count; i++) {
        struct sim_driver *driver = &sim->drivers[i];
        bool direct = driver->waiting && driver->wanted == TRUTH_DIRECT;
        if (direct && sim_is_there(sim, driver->node)) (void)sim_give_up(sim, driver);
    }
    sim->owed_count = 0;
}

/* ---- Tokens ---- */

static void send_token(struct sim *sim, int node, uint64_t random)
{
    uint64_t tokens = sim->truth.nodes[node].tokens;
    int to = (int)(sim_mix(&random) % (uint64_t)sim->shape->nodes);
    if (tokens == 0 || to == node) return;
    uint64_t amount = tokens & (~tokens + 1);
    struct gdn_event event = {.type = GDN_EVENT_PAYLOAD_SENT};
    event.as.payload.to = gdn_node_named(sim_nodes[to]);
    event.as.payload.bytes = &amount;
    event.as.payload.length = sizeof amount;
    enum gdn_err err = world_event(sim->world, sim_nodes[node], &event, NULL);
    if (sim_went_through(err, "payload")) {
        truth_send(&sim->truth, node, to, amount);
    } else if (err != GDN_ERR_FULL) {
        sim_dial(sim, node, to);
    }
}

/* ---- One step of an application ---- */

void sim_act(struct sim *sim, uint64_t random)
{
    struct sim_driver *driver = &sim->drivers[sim_mix(&random) % (uint64_t)sim->driver_count];
    const bool *habits = sim->shape->habits;
    if (!sim_is_there(sim, driver->node)) return;
    if (habits[SIM_TOKENS] && sim_mix(&random) % 3 == 0) {
        send_token(sim, driver->node, random);
        return;
    }
    if (sim_manage(sim, &random)) return;
    if (!sim_pay(sim, driver->process)) return;
    if (sim->must_end[driver->process]) {
        sim_end_process(sim, driver->process);
        return;
    }
    if (driver->waiting) return;
    uint64_t choice = sim_mix(&random) % 12;
    if (choice < 2) {
        if (!some_branch_waits(sim, driver->process)) sim_end_process(sim, driver->process);
    } else if (choice == 2 && (habits[SIM_EARLY_RELEASE] || habits[SIM_BRIEF])) {
        release_early(sim, driver, sim_mix(&random));
    } else if (choice == 3 && (habits[SIM_DIRECT] || habits[SIM_CHOICES])) {
        sim_wait_on(sim, driver, random);
    } else {
        request_something(sim, driver, random);
    }
}

/* ---- The healed phase ---- */

static bool has_something(const struct sim *sim, int process)
{
    for (int i = 0; i < sim->driver_count; i++) {
        const struct sim_driver *driver = &sim->drivers[i];
        if (driver->process != process) continue;
        for (int r = 0; r < sim->shape->resources; r++) {
            if (driver->held[r] != 0) return true;
        }
    }
    return sim->must_end[process] || sim_is_waited_for(sim, process);
}

bool sim_wind_down(struct sim *sim)
{
    bool busy = false;
    end_brief_holds(sim);
    for (int p = 0; p < sim->shape->processes; p++) {
        bool stays = !sim_pay(sim, p) || (some_branch_waits(sim, p) && !sim->must_end[p]);
        bool ends = !stays && has_something(sim, p) && !sim_owes(sim, p);
        if (ends) sim_end_process(sim, p);
        busy |= stays || ends;
    }
    return busy;
}
