/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What applications do: transactions that lock, convert, wait for each other and end, and lock
 * managers that take their mail. The truth hears of each thing after the site has agreed to it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include "src/core/site.h"
#include "tests/sim/sim.h"
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static gdn_ticket ticket_of(const struct sim *sim, int node, uint64_t number)
{
    return (gdn_ticket){gdn_node_named(sim_nodes[node]), sim->truth.nodes[node].incarnation,
                        number};
}

/* Errors that a correct caller can meet; then nothing happened. */
static bool is_refusal(enum gdn_err err)
{
    return err == GDN_ERR_FULL || err == GDN_ERR_NOT_CONNECTED || err == GDN_ERR_UNKNOWN_NODE;
}

static bool went_through(enum gdn_err err, const char *verb)
{
    if (err == GDN_OK) return true;
    if (!is_refusal(err)) sim_broken(SIM_ORACLE_SITE, "%s: %s", verb, gdn_err_text(err));
    return false;
}

static void must(enum gdn_err err, const char *verb)
{
    if (err != GDN_OK) sim_broken(SIM_ORACLE_SITE, "%s: %s", verb, gdn_err_text(err));
}

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

static bool is_there(const struct sim *sim, int node)
{
    return sim->truth.nodes[node].incarnation != 0;
}

static bool some_branch_waits(const struct sim *sim, int process)
{
    for (int i = 0; i < sim->driver_count; i++) {
        if (sim->drivers[i].process == process && sim->drivers[i].waiting) return true;
    }
    return false;
}

/* ---- Requests ---- */

static void dial(struct sim *sim, int from, int to)
{
    world_dial(sim->world, sim_nodes[from], sim_nodes[to]);
}

static void describe(struct sim *sim, const struct sim_driver *driver)
{
    struct gdn_process_info info = {.label = sim_processes[driver->process],
                                    .started_us = world_time_us(sim->world),
                                    .abortable = driver->process != 0};
    if (!sim->shape->habits[SIM_STUBBORN]) info.abortable = true;
    must(world_describe(sim->world, sim_nodes[driver->node], sim_processes[driver->process], &info),
         "describe");
}

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
    if (sim->shape->habits[SIM_STUBBORN]) describe(sim, driver);
    enum gdn_err err =
        world_ask(sim->world, sim_nodes[driver->node], sim_nodes[home],
                  sim_processes[driver->process], sim_resources[resource], how, &ticket);
    check_turned_down(sim, driver, resource, wish, err);
    if (err == GDN_ERR_NOT_GRANTABLE || !went_through(err, "request")) {
        bool known = err == GDN_ERR_FULL || err == GDN_ERR_NOT_GRANTABLE;
        if (!known) dial(sim, driver->node, home);
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

/* ---- Waits on processes ---- */

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

static void wait_on(struct sim *sim, struct sim_driver *driver, uint64_t random)
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
    if (sim->shape->habits[SIM_STUBBORN]) describe(sim, driver);
    struct gdn_event event = {.type = GDN_EVENT_WAITED_ON};
    event.as.waited_on.process = gdn_process_named(sim_processes[driver->process]);
    event.as.waited_on.needs = said;
    event.as.waited_on.count = (size_t)count;
    must(world_event(sim->world, sim_nodes[driver->node], &event, &ticket), "wait on");
    tell_needs(sim, driver->process, shape, needs, count);
    truth_wait_on(&sim->truth, driver->node, driver->process, needs, count, ticket.number);
    driver->waiting = true;
    driver->number = ticket.number;
    driver->wanted = TRUTH_DIRECT;
}

static bool is_unanswered(const struct truth_need *need, int process)
{
    return need->process == process && !need->met && !need->owed;
}

/* From now on the process owes a wake to everyone who waits for it. */
static void owe_wakes(struct sim *sim, int process, int from)
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

static bool pay_one(struct sim *sim, const struct sim_owed *owed)
{
    const struct truth_node *there = &sim->truth.nodes[owed->to];
    if (there->incarnation != owed->incarnation || !is_there(sim, owed->from)) return true;
    struct gdn_event event = {.type = GDN_EVENT_WOKEN};
    event.as.woken.ticket = ticket_of(sim, owed->to, owed->number);
    event.as.woken.process = gdn_process_named(sim_processes[owed->process]);
    event.as.woken.by = gdn_process_named(sim_processes[owed->by]);
    enum gdn_err err = world_event(sim->world, sim_nodes[owed->from], &event, NULL);
    if (err == GDN_ERR_UNKNOWN_TICKET) return false; /* It does not know that incarnation yet. */
    if (!went_through(err, "wake")) {
        if (err != GDN_ERR_FULL) dial(sim, owed->from, owed->to);
        return false;
    }
    truth_wake(&sim->truth, owed->from, owed->to, owed->number, owed->process, owed->by);
    return true;
}

/* False: it still owes something. */
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

/* ---- Ends ---- */

void sim_end_process(struct sim *sim, int process)
{
    int from = -1;
    for (int i = 0; i < sim->driver_count; i++) {
        struct sim_driver *driver = &sim->drivers[i];
        if (driver->process != process || !is_there(sim, driver->node)) continue;
        must(world_end(sim->world, sim_nodes[driver->node], sim_processes[process]), "end");
        truth_end(&sim->truth, driver->node, process);
        driver->waiting = false;
        memset(driver->held, 0, sizeof driver->held);
        if (from < 0) from = driver->node;
    }
    sim->must_end[process] = false;
    if (from >= 0) owe_wakes(sim, process, from);
    (void)sim_pay(sim, process);
}

bool sim_give_up(struct sim *sim, struct sim_driver *driver)
{
    /* Refused or woken by its own node: the answer lies in its inbox. */
    if (truth_ticket(&sim->truth.nodes[driver->node], driver->number) == NULL) return false;
    sim->spontaneous++;
    must(world_cancel(sim->world, sim_nodes[driver->node],
                      ticket_of(sim, driver->node, driver->number)),
         "cancel");
    world_say(sim->world, "  a wait is given up");
    truth_cancel(&sim->truth, driver->node, driver->number);
    driver->waiting = false;
    return true;
}

static void give_back(struct sim *sim, struct sim_driver *driver, int resource)
{
    must(world_release_lock(sim->world, sim_nodes[driver->node], sim_processes[driver->process],
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
        if (direct && is_there(sim, driver->node)) (void)sim_give_up(sim, driver);
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
    if (went_through(err, "payload")) {
        truth_send(&sim->truth, node, to, amount);
    } else if (err != GDN_ERR_FULL) {
        dial(sim, node, to);
    }
}

/* ---- One step of an application ---- */

void sim_act(struct sim *sim, uint64_t random)
{
    struct sim_driver *driver = &sim->drivers[sim_mix(&random) % (uint64_t)sim->driver_count];
    const bool *habits = sim->shape->habits;
    if (!is_there(sim, driver->node)) return;
    if (habits[SIM_TOKENS] && sim_mix(&random) % 3 == 0) {
        send_token(sim, driver->node, random);
        return;
    }
    if (habits[SIM_LAZY] && sim_mix(&random) % 3 == 0) {
        int resource = (int)(sim_mix(&random) % (uint64_t)sim->shape->resources);
        int home = truth_home_of(&sim->truth, resource);
        if (is_there(sim, home)) (void)sim_grant(sim, home, resource);
        return;
    }
    if (habits[SIM_JUMPING] && sim_mix(&random) % 8 == 0) {
        int resource = (int)(sim_mix(&random) % (uint64_t)sim->shape->resources);
        int home = truth_home_of(&sim->truth, resource);
        if (is_there(sim, home)) sim_requeue_one(sim, home, resource, random);
        return;
    }
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
        wait_on(sim, driver, random);
    } else {
        request_something(sim, driver, random);
    }
}

/* ---- Managers ---- */

static void refuse(struct sim *sim, int node, int resource, const struct truth_entry *entry)
{
    struct gdn_event event = {.type = GDN_EVENT_REFUSED};
    event.as.ticket = ticket_of(sim, entry->issuer, entry->number);
    event.as.ticket.incarnation = entry->incarnation;
    must(world_event(sim->world, sim_nodes[node], &event, NULL), "refuse");
    world_say(sim->world, "  a request is turned down");
    sim->spontaneous++;
    truth_refuse(&sim->truth, node, resource, entry);
}

/* Whatever may be granted, in the order in which the site offers it, which must be the true one. */
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
        must(world_event(sim->world, sim_nodes[node], &event, NULL), "grant");
        truth_grant(&sim->truth, node, resource, &entry);
        granted = true;
    }
}

/* Some entry moves before some other one, or to the tail. */
void sim_requeue_one(struct sim *sim, int node, int resource, uint64_t random)
{
    const struct truth_list *queue = &sim->truth.nodes[node].homes[resource].queue;
    if (queue->count < 2) return;
    int at = (int)(sim_mix(&random) % (uint64_t)queue->count);
    int before = (int)(sim_mix(&random) % (uint64_t)(queue->count + 1));
    struct truth_entry moved = queue->entries[at];
    struct gdn_event event = {.type = GDN_EVENT_REQUEUED};
    if (before == at) return;
    event.as.requeued.ticket = ticket_of(sim, moved.issuer, moved.number);
    event.as.requeued.ticket.incarnation = moved.incarnation;
    if (before < queue->count) {
        const struct truth_entry *other = &queue->entries[before];
        event.as.requeued.before = ticket_of(sim, other->issuer, other->number);
        event.as.requeued.before.incarnation = other->incarnation;
    }
    must(world_event(sim->world, sim_nodes[node], &event, NULL), "requeue");
    world_say(sim->world, "  an entry is moved");
    sim->spontaneous++;
    sim->moved++;
    truth_requeue(&sim->truth, node, resource, &moved, before);
}

/* The last in line. */
void sim_refuse_one(struct sim *sim, int node, uint64_t random)
{
    int resource = (int)(random % (uint64_t)sim->shape->resources);
    const struct truth_home *home = &sim->truth.nodes[node].homes[resource];
    if (home->queue.count == 0) return;
    struct truth_entry entry = home->queue.entries[home->queue.count - 1];
    refuse(sim, node, resource, &entry);
    sim_count(sim, SIM_REFUSE);
}

/* ---- Taking ---- */

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
    must(world_event(sim->world, sim_nodes[node], &event, NULL), "drop orphans");
    sim->spontaneous++; /* What the dead held stood until now. */
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

/* ---- The healed phase ---- */

static bool is_waited_for(const struct sim *sim, int process)
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

static bool has_something(const struct sim *sim, int process)
{
    for (int i = 0; i < sim->driver_count; i++) {
        const struct sim_driver *driver = &sim->drivers[i];
        if (driver->process != process) continue;
        for (int r = 0; r < sim->shape->resources; r++) {
            if (driver->held[r] != 0) return true;
        }
    }
    return sim->must_end[process] || is_waited_for(sim, process);
}

static bool owes(const struct sim *sim, int process)
{
    for (int i = 0; i < sim->owed_count; i++) {
        if (sim->owed[i].by == process) return true;
    }
    return false;
}

bool sim_wind_down(struct sim *sim)
{
    bool busy = false;
    end_brief_holds(sim);
    for (int p = 0; p < sim->shape->processes; p++) {
        bool stays = !sim_pay(sim, p) || (some_branch_waits(sim, p) && !sim->must_end[p]);
        bool ends = !stays && has_something(sim, p) && !owes(sim, p);
        if (ends) sim_end_process(sim, p);
        busy |= stays || ends;
    }
    return busy;
}
