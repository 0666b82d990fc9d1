/* SPDX-License-Identifier: MIT */
/* One wait or hold, as its issuer knows it. */
#include "ledger.h"

#include "mem.h"
#include <assert.h>

static bool is_direct(const struct gdn__ticket *ticket)
{
    return ticket->need_count != 0;
}

static uint32_t home_of(const struct gdn__ticket *ticket)
{
    return ticket->account->peer;
}

struct gdn__ticket *gdn__ticket_find(const struct gdn_ledger *ledger, uint64_t number)
{
    return (struct gdn__ticket *)gdn__map_get(&ledger->tickets, gdn__number_key(0, number));
}

/* ---- Tickets of one process and resource ----
 *
 * A release names both and must not search all of its process's tickets. The key mixes two ids
 * into one, so a ring can, if hardly ever, hold several pairs: whoever walks it compares. */

static uint64_t mix(uint64_t x)
{
    x = (x ^ (x >> 32)) * UINT64_C(0xd6e8feb86659fd93);
    x = (x ^ (x >> 32)) * UINT64_C(0xd6e8feb86659fd93);
    return x ^ (x >> 32);
}

static struct gdn__key pair_key(gdn_process_id process, gdn_resource_id resource)
{
    struct gdn__key p = gdn__key_of_id(process.id);
    struct gdn__key r = gdn__key_of_id(resource.id);
    uint64_t seed = mix(p.a ^ mix(p.b));
    return (struct gdn__key){mix(seed ^ r.a), mix(~seed ^ r.b)};
}

static struct gdn__ticket *ring_of(const struct gdn_ledger *ledger, struct gdn__key pair)
{
    return (struct gdn__ticket *)gdn__map_get(&ledger->pairs, pair);
}

static void join_ring(struct gdn_ledger *ledger, struct gdn__ticket *ticket)
{
    struct gdn__process *process = ticket->account->process;
    if (is_direct(ticket)) {
        gdn__link_insert(&process->directs, &ticket->ring);
        return;
    }
    struct gdn__key pair = pair_key(process->id, ticket->resource);
    struct gdn__ticket *first = ring_of(ledger, pair);
    if (first != NULL) {
        gdn__link_insert(&first->ring, &ticket->ring);
        return;
    }
    bool fits = gdn__map_put(&ledger->pairs, pair, (uintptr_t)ticket);
    assert(fits);
    (void)fits;
}

static void leave_ring(struct gdn_ledger *ledger, struct gdn__ticket *ticket)
{
    struct gdn__ticket *next = GDN__OF(ticket->ring.next, struct gdn__ticket, ring);
    gdn__link_remove(&ticket->ring);
    if (is_direct(ticket)) return;

    struct gdn__key pair = pair_key(ticket->account->process->id, ticket->resource);
    if (ring_of(ledger, pair) != ticket) return;
    (void)gdn__map_remove(&ledger->pairs, pair);
    if (next == ticket) return;
    bool fits = gdn__map_put(&ledger->pairs, pair, (uintptr_t)next);
    assert(fits); /* The slot just left is free. */
    (void)fits;
}

struct gdn__ticket *gdn__ticket_granted_after(const struct gdn_ledger *ledger,
                                              gdn_process_id process, gdn_resource_id resource,
                                              uint64_t after)
{
    struct gdn__ticket *first = ring_of(ledger, pair_key(process, resource));
    if (first == NULL) return NULL;
    struct gdn__ticket *ticket = first;
    do {
        if (ticket->state == GDN__TICKET_GRANTED && ticket->number > after &&
            gdn__same_process(ticket->account->process->id, process) &&
            gdn__same_resource(ticket->resource, resource)) {
            return ticket;
        }
        ticket = GDN__OF(ticket->ring.next, struct gdn__ticket, ring);
    } while (ticket != first);
    return NULL;
}

/* ---- A ticket's life ---- */

struct gdn__ticket *gdn__ticket_prepare(struct gdn_ledger *ledger, struct gdn__account *account,
                                        size_t tail_bytes)
{
    if (!gdn__map_reserve(&ledger->tickets, 1)) return NULL;
    if (!gdn__map_reserve(&ledger->pairs, 1)) return NULL;
    struct gdn__ticket *ticket = gdn__calloc(&ledger->allocator, sizeof *ticket + tail_bytes);
    if (ticket == NULL) return NULL;
    ticket->account = account;
    gdn__link_init(&ticket->of_account);
    gdn__link_init(&ticket->in_line);
    gdn__link_init(&ticket->ring);
    return ticket;
}

void gdn__ticket_discard(struct gdn_ledger *ledger, struct gdn__ticket *ticket)
{
    gdn__free(&ledger->allocator, ticket);
}

void gdn__ticket_issue(struct gdn_ledger *ledger, struct gdn__ticket *ticket, int64_t now_us)
{
    ticket->number = ++ledger->last_number;
    ticket->since_us = now_us;
    ticket->description = ticket->account->process->description;
    if (ticket->description != NULL) ticket->description->users++;
    bool fits =
        gdn__map_put(&ledger->tickets, gdn__number_key(0, ticket->number), (uintptr_t)ticket);
    assert(fits);
    (void)fits;
    join_ring(ledger, ticket);
    gdn__link_insert(&ticket->account->tickets, &ticket->of_account);

    switch (ticket->state) {
    case GDN__TICKET_WAITING:
        gdn__link_insert(&ledger->waiting, &ticket->in_line);
        ledger->counters.tickets_waiting++;
        break;
    case GDN__TICKET_ASKING:
        break;
    case GDN__TICKET_GRANTED:
        gdn__link_insert(&ledger->orphans, &ticket->in_line);
        ledger->counters.tickets_granted++;
        break;
    }
}

static void stop_waiting(struct gdn_ledger *ledger, struct gdn__ticket *ticket)
{
    if (ticket->state != GDN__TICKET_WAITING) return;
    gdn__link_remove(&ticket->in_line);
    ledger->counters.tickets_waiting--;
}

void gdn__ticket_grant(struct gdn_ledger *ledger, struct gdn__ticket *ticket)
{
    stop_waiting(ledger, ticket);
    ticket->state = GDN__TICKET_GRANTED;
    ledger->counters.tickets_granted++;
}

void gdn__ticket_drop(struct gdn_ledger *ledger, struct gdn__ticket *ticket)
{
    stop_waiting(ledger, ticket);
    if (ticket->state == GDN__TICKET_GRANTED) {
        gdn__link_remove(&ticket->in_line);
        ledger->counters.tickets_granted--;
    }
    leave_ring(ledger, ticket);
    gdn__link_remove(&ticket->of_account);
    (void)gdn__map_remove(&ledger->tickets, gdn__number_key(0, ticket->number));
    gdn__description_leave(ledger, ticket->description);
    gdn__free(&ledger->allocator, ticket);
}

void gdn__ticket_end(struct gdn_ledger *ledger, struct gdn__ticket *ticket)
{
    if (home_of(ticket) == 0 && !is_direct(ticket)) {
        gdn__entry_leave(ledger, gdn__entry_find(ledger, 0, ticket->number));
    }
    gdn__ticket_drop(ledger, ticket);
}

struct gdn_ticket_view gdn__ticket_view(const struct gdn__ticket *ticket)
{
    return (struct gdn_ticket_view){
        .process = ticket->account->process->id,
        .resource = ticket->resource,
        .direct = is_direct(ticket),
        .granted = ticket->state == GDN__TICKET_GRANTED,
        .abortable = ticket->description == NULL || ticket->description->info.abortable,
        .home = home_of(ticket),
        .mode = ticket->mode,
        .cookie = ticket->cookie,
        .since_us = ticket->since_us,
    };
}
