/* SPDX-License-Identifier: MIT */
/* A peer's incarnation is gone: what it queued leaves, what it held becomes ours for the manager
 * to keep or drop, and what we asked of it has come to nothing. */
#include "ledger.h"

#include "mem.h"
#include <stdlib.h>

/* What one loss changes, gathered and allocated before anything is changed. In order of ticket
 * numbers, because the order of the maps is nobody's business. */
struct loss {
    struct gdn__entry **entries; /* Of the lost peer. */
    struct gdn__ticket **heirs;  /* For each entry that is held, the orphan's ticket; else NULL. */
    size_t entry_count;
    struct gdn__ticket **tickets; /* Of ours, homed there. */
    struct gdn__lost **notes;     /* For each ticket without a grant; else NULL. */
    size_t ticket_count;
};

static int compare_numbers(uint64_t a, uint64_t b)
{
    return (a > b) - (a < b);
}

static int compare_entries(const void *a, const void *b)
{
    const struct gdn__entry *const *x = a, *const *y = b;
    return compare_numbers((*x)->number, (*y)->number);
}

static int compare_tickets(const void *a, const void *b)
{
    const struct gdn__ticket *const *x = a, *const *y = b;
    return compare_numbers((*x)->number, (*y)->number);
}

/* The four arrays, large enough for all tickets and entries there are. */
static bool allocate_arrays(struct gdn_ledger *ledger, struct loss *loss)
{
    size_t entries_bytes = ledger->entries.used * sizeof(void *);
    size_t tickets_bytes = ledger->tickets.used * sizeof(void *);
    loss->entries = gdn__calloc(&ledger->allocator, entries_bytes);
    loss->heirs = gdn__calloc(&ledger->allocator, entries_bytes);
    loss->tickets = gdn__calloc(&ledger->allocator, tickets_bytes);
    loss->notes = gdn__calloc(&ledger->allocator, tickets_bytes);
    return loss->entries != NULL && loss->heirs != NULL && loss->tickets != NULL &&
           loss->notes != NULL;
}

static void gather(const struct gdn_ledger *ledger, uint32_t peer, struct loss *loss)
{
    const struct gdn__map_slot *slot;
    size_t position = 0;
    while ((slot = gdn__map_each(&ledger->entries, &position)) != NULL) {
        struct gdn__entry *entry = (struct gdn__entry *)slot->value;
        if (entry->account->peer == peer) loss->entries[loss->entry_count++] = entry;
    }
    position = 0;
    while ((slot = gdn__map_each(&ledger->tickets, &position)) != NULL) {
        struct gdn__ticket *ticket = (struct gdn__ticket *)slot->value;
        if (ticket->account->peer == peer) loss->tickets[loss->ticket_count++] = ticket;
    }
    qsort(loss->entries, loss->entry_count, sizeof(void *), compare_entries);
    qsort(loss->tickets, loss->ticket_count, sizeof(void *), compare_tickets);
}

static struct gdn__ticket *prepare_heir(struct gdn_ledger *ledger, const struct gdn__entry *entry,
                                        gdn_node_id node)
{
    gdn_process_id process = entry->account->process->id;
    struct gdn__account *account = gdn__account_open(ledger, process, 0);
    if (account == NULL) return NULL;
    struct gdn__ticket *ticket = gdn__ticket_prepare(ledger, account, sizeof node);
    if (ticket == NULL) return NULL;
    ticket->resource = entry->resource->id;
    ticket->mode = entry->mode;
    ticket->flags = entry->flags;
    ticket->state = GDN__TICKET_GRANTED;
    memcpy(ticket->tail, &node, sizeof node);
    return ticket;
}

static bool prepare(struct gdn_ledger *ledger, gdn_node_id node, struct loss *loss)
{
    size_t heir_count = 0;
    for (size_t i = 0; i < loss->entry_count; i++) {
        if (!loss->entries[i]->held) continue;
        loss->heirs[i] = prepare_heir(ledger, loss->entries[i], node);
        if (loss->heirs[i] == NULL) return false;
        heir_count++;
    }
    if (!gdn__map_reserve(&ledger->tickets, heir_count)) return false;
    if (!gdn__map_reserve(&ledger->pairs, heir_count)) return false;
    for (size_t i = 0; i < loss->ticket_count; i++) {
        if (loss->tickets[i]->state == GDN__TICKET_GRANTED) continue;
        loss->notes[i] = gdn__calloc(&ledger->allocator, sizeof *loss->notes[i]);
        if (loss->notes[i] == NULL) return false;
    }
    return true;
}

static void take_back(struct gdn_ledger *ledger, struct loss *loss)
{
    for (size_t i = 0; i < loss->entry_count; i++) {
        if (loss->heirs[i] != NULL) gdn__ticket_discard(ledger, loss->heirs[i]);
    }
    for (size_t i = 0; i < loss->entry_count; i++) {
        gdn__process_settle(ledger, loss->entries[i]->account->process);
    }
    for (size_t i = 0; i < loss->ticket_count; i++) {
        gdn__free(&ledger->allocator, loss->notes[i]);
    }
}

static void lose_entry(struct gdn_ledger *ledger, struct gdn__entry *entry,
                       struct gdn__ticket *heir, int64_t now_us)
{
    struct gdn__account *account = entry->account;
    if (heir == NULL) {
        gdn__entry_leave(ledger, entry);
    } else {
        gdn__ticket_issue(ledger, heir, now_us);
        gdn__entry_rename(ledger, entry, heir->account, heir->number);
    }
    gdn__account_settle(ledger, account);
}

static void lose_ticket(struct gdn_ledger *ledger, struct gdn__ticket *ticket,
                        struct gdn__lost *note)
{
    struct gdn__account *account = ticket->account;
    if (note != NULL) {
        note->number = ticket->number;
        note->view = gdn__ticket_view(ticket);
        gdn__link_insert(&ledger->lost, &note->in_lost);
    }
    gdn__ticket_drop(ledger, ticket);
    gdn__account_settle(ledger, account);
}

enum gdn_err gdn_ledger_peer_lost(gdn_ledger *ledger, uint32_t peer, gdn_node_id node,
                                  int64_t now_us)
{
    if (peer == 0) return GDN_ERR_MISUSE;
    enum gdn_err err = GDN_ERR_MEMORY;
    struct loss loss = {0};
    if (!allocate_arrays(ledger, &loss)) goto out;
    gather(ledger, peer, &loss);
    if (!prepare(ledger, node, &loss)) {
        take_back(ledger, &loss);
        goto out;
    }

    for (size_t i = 0; i < loss.entry_count; i++) {
        lose_entry(ledger, loss.entries[i], loss.heirs[i], now_us);
    }
    for (size_t i = 0; i < loss.ticket_count; i++) {
        lose_ticket(ledger, loss.tickets[i], loss.notes[i]);
    }
    err = GDN_OK;
out:
    gdn__free(&ledger->allocator, loss.notes);
    gdn__free(&ledger->allocator, loss.tickets);
    gdn__free(&ledger->allocator, loss.heirs);
    gdn__free(&ledger->allocator, loss.entries);
    return err;
}

bool gdn_ledger_has_lost(const gdn_ledger *ledger)
{
    return gdn__link_is_used(&ledger->lost);
}

bool gdn_ledger_take_lost(gdn_ledger *ledger, uint64_t *number, struct gdn_ticket_view *view)
{
    if (!gdn_ledger_has_lost(ledger)) return false;
    struct gdn__lost *first = GDN__OF(ledger->lost.next, struct gdn__lost, in_lost);
    gdn__link_remove(&first->in_lost);
    *number = first->number;
    *view = first->view;
    gdn__free(&ledger->allocator, first);
    return true;
}

void gdn__ledger_each_lost(const struct gdn_ledger *ledger,
                           void (*each)(void *context, uint32_t home), void *context)
{
    GDN__EACH(link, &ledger->lost)
    {
        each(context, GDN__OF(link, struct gdn__lost, in_lost)->view.home);
    }
}

/* ---- Orphans ---- */

static bool is_orphan_of(const struct gdn__ticket *ticket, gdn_node_id node)
{
    return memcmp(ticket->tail, &node, sizeof node) == 0;
}

size_t gdn_ledger_drop_orphans(gdn_ledger *ledger, gdn_node_id node)
{
    size_t count = 0;
    struct gdn__link *next;
    for (struct gdn__link *link = ledger->orphans.next; link != &ledger->orphans; link = next) {
        struct gdn__ticket *ticket = GDN__OF(link, struct gdn__ticket, in_line);
        next = link->next;
        if (!is_orphan_of(ticket, node)) continue;
        struct gdn__account *account = ticket->account;
        gdn__ticket_end(ledger, ticket);
        gdn__account_settle(ledger, account);
        count++;
    }
    return count;
}
