/* SPDX-License-Identifier: MIT */
/* The requester's side: verbs on tickets issued here, for resources anywhere. */
#include "ledger.h"

#include "mem.h"
#include "needs.h"

#define REQUEST_FLAGS (GDN_REQUEST_BRIEF | GDN_REQUEST_FRONT | GDN_REQUEST_NO_WAIT)

static const struct gdn_message nothing_to_send;

static struct gdn__ticket *first_ticket(const struct gdn__account *account)
{
    if (!gdn__link_is_used(&account->tickets)) return NULL;
    return GDN__OF(account->tickets.next, struct gdn__ticket, of_account);
}

static struct gdn_message message_about(enum gdn_verb verb, const struct gdn__ticket *ticket)
{
    return (struct gdn_message){.verb = verb,
                                .number = ticket->number,
                                .process = ticket->account->process->id,
                                .resource = ticket->resource};
}

/* ---- Verbs ---- */

static void fill_from_request(struct gdn__ticket *ticket, const struct gdn_request *request)
{
    ticket->resource = request->resource;
    ticket->mode = request->mode;
    ticket->flags = request->flags;
    ticket->cookie = request->cookie;
    ticket->branch_id = request->branch_id;
    bool waits = (request->flags & GDN_REQUEST_NO_WAIT) == 0;
    ticket->state = waits ? GDN__TICKET_WAITING : GDN__TICKET_ASKING;
    if (request->label != NULL) {
        ticket->label = (const char *)ticket->tail;
        memcpy(ticket->tail, request->label, strlen(request->label) + 1);
    }
}

static enum gdn_err check_request(const struct gdn_ledger *ledger, uint32_t home,
                                  const struct gdn_request *request)
{
    if (!gdn_id_is_set(request->process.id) || !gdn_id_is_set(request->resource.id)) {
        return GDN_ERR_ID;
    }
    if (request->mode >= ledger->modes.count) return GDN_ERR_MISUSE;
    if ((request->flags & ~REQUEST_FLAGS) != 0) return GDN_ERR_MISUSE;
    if (request->label != NULL && !gdn_name_is_valid(request->label)) return GDN_ERR_NAME;
    if (home == 0 && !gdn__resource_has_units(ledger, request->resource, request->units)) {
        return GDN_ERR_MISUSE;
    }
    return gdn__ledger_is_full(ledger, home == 0 ? 2 : 1) ? GDN_ERR_LIMIT : GDN_OK;
}

/* This node is also the home: the ticket needs its entry. */
static enum gdn_err prepare_own_entry(struct gdn_ledger *ledger, struct gdn__ticket *ticket,
                                      uint32_t units, struct gdn__entry **entry)
{
    struct gdn__wanted wanted = {ticket->resource, units, ticket->branch_id, ticket->mode,
                                 ticket->flags};
    struct gdn__entry *prepared = gdn__entry_prepare(ledger, ticket->account, wanted);
    if (prepared == NULL) return GDN_ERR_MEMORY;
    if (ticket->state == GDN__TICKET_ASKING && !gdn__entry_would_be_free(ledger, prepared)) {
        gdn__entry_discard(ledger, prepared);
        return GDN_ERR_NOT_GRANTABLE;
    }
    *entry = prepared;
    return GDN_OK;
}

enum gdn_err gdn_ledger_request(gdn_ledger *ledger, uint32_t home,
                                const struct gdn_request *request, int64_t now_us, uint64_t *number,
                                struct gdn_message *out)
{
    enum gdn_err err = check_request(ledger, home, request);
    if (err != GDN_OK) return err;

    struct gdn__account *account = gdn__account_open(ledger, request->process, home);
    if (account == NULL) return GDN_ERR_MEMORY;
    size_t label_bytes = request->label == NULL ? 0 : strlen(request->label) + 1;
    struct gdn__ticket *ticket = gdn__ticket_prepare(ledger, account, label_bytes);
    struct gdn__entry *entry = NULL;
    if (ticket == NULL) {
        err = GDN_ERR_MEMORY;
        goto settle_account;
    }
    fill_from_request(ticket, request);
    if (home == 0) err = prepare_own_entry(ledger, ticket, request->units, &entry);
    if (err != GDN_OK) goto discard_ticket;

    gdn__ticket_issue(ledger, ticket, now_us);
    if (home == 0) gdn__entry_queue(ledger, entry, ticket->number, now_us);
    ledger->counters.requests++;
    *number = ticket->number;
    *out = nothing_to_send;
    if (home != 0) {
        *out = message_about(GDN_VERB_REQUEST, ticket);
        out->mode = ticket->mode;
        out->flags = ticket->flags;
        out->units = request->units;
        out->branch_id = request->branch_id;
    }
    return GDN_OK;

discard_ticket:
    gdn__ticket_discard(ledger, ticket);
settle_account:
    gdn__account_settle(ledger, account);
    return err;
}

enum gdn_err gdn_ledger_wait_on(gdn_ledger *ledger, const struct gdn_wait *wait, int64_t now_us,
                                uint64_t *number)
{
    size_t tail_bytes;
    if (!gdn_id_is_set(wait->process.id)) return GDN_ERR_ID;
    enum gdn_err err = gdn__needs_check(wait->needs, wait->count, &tail_bytes);
    if (err != GDN_OK) return err;
    if (gdn__ledger_is_full(ledger, 1)) return GDN_ERR_LIMIT;

    struct gdn__account *account = gdn__account_open(ledger, wait->process, 0);
    if (account == NULL) return GDN_ERR_MEMORY;
    struct gdn__ticket *ticket = gdn__ticket_prepare(ledger, account, tail_bytes);
    if (ticket == NULL) {
        gdn__account_settle(ledger, account);
        return GDN_ERR_MEMORY;
    }

    gdn__needs_copy(ticket, wait->needs, wait->count);
    ticket->cookie = wait->cookie;
    ticket->branch_id = wait->branch_id;
    ticket->state = GDN__TICKET_WAITING;
    gdn__ticket_issue(ledger, ticket, now_us);
    *number = ticket->number;
    return GDN_OK;
}

/* Count one home, and note it if there is room. This node itself needs no message. */
static void add_home(uint32_t home, uint32_t *homes, size_t room, size_t *count)
{
    if (home == 0) return;
    if (*count < room) homes[*count] = home;
    ++*count;
}

size_t gdn_ledger_release_homes(const gdn_ledger *ledger, gdn_process_id process,
                                gdn_resource_id resource, uint32_t *homes, size_t room)
{
    size_t count = 0;
    struct gdn__ticket *ticket = gdn__ticket_granted_after(ledger, process, resource, 0);
    while (ticket != NULL) {
        add_home(ticket->account->peer, homes, room, &count);
        ticket = gdn__ticket_granted_after(ledger, process, resource, ticket->number);
    }
    return count;
}

enum gdn_err gdn_ledger_release(gdn_ledger *ledger, gdn_process_id process,
                                gdn_resource_id resource, struct gdn_outgoing *out,
                                size_t *out_count)
{
    struct gdn__ticket *ticket = gdn__ticket_granted_after(ledger, process, resource, 0);
    if (ticket == NULL) return GDN_ERR_NOT_HELD;

    size_t count = 0;
    for (; ticket != NULL; ticket = gdn__ticket_granted_after(ledger, process, resource, 0)) {
        struct gdn__account *account = ticket->account;
        if (account->peer != 0) {
            out[count++] =
                (struct gdn_outgoing){account->peer, message_about(GDN_VERB_RELEASE, ticket)};
        }
        gdn__ticket_end(ledger, ticket);
        gdn__account_settle(ledger, account);
        ledger->counters.releases++;
    }
    *out_count = count;
    return GDN_OK;
}

enum gdn_err gdn_ledger_cancel(gdn_ledger *ledger, uint64_t number, struct gdn_outgoing *out)
{
    struct gdn__ticket *ticket = gdn__ticket_find(ledger, number);
    if (ticket == NULL) return GDN_ERR_UNKNOWN_TICKET;

    struct gdn__account *account = ticket->account;
    *out = (struct gdn_outgoing){account->peer, nothing_to_send};
    if (account->peer != 0) out->message = message_about(GDN_VERB_CANCEL, ticket);
    gdn__ticket_end(ledger, ticket);
    gdn__account_settle(ledger, account);
    ledger->counters.cancels++;
    return GDN_OK;
}

size_t gdn_ledger_end_homes(const gdn_ledger *ledger, gdn_process_id id, uint32_t *homes,
                            size_t room)
{
    const struct gdn__process *process = gdn__process_find(ledger, id);
    if (process == NULL) return 0;
    size_t count = 0;
    GDN__EACH(link, &process->accounts)
    {
        struct gdn__account *account = GDN__OF(link, struct gdn__account, of_process);
        if (first_ticket(account) != NULL) add_home(account->peer, homes, room, &count);
    }
    return count;
}

void gdn_ledger_end(gdn_ledger *ledger, gdn_process_id id, struct gdn_outgoing *out,
                    size_t *out_count)
{
    size_t count = 0;
    struct gdn__process *process = gdn__process_find(ledger, id);
    ledger->counters.ends++;
    if (process == NULL) {
        *out_count = 0;
        return;
    }
    GDN__EACH(link, &process->accounts)
    {
        struct gdn__account *account = GDN__OF(link, struct gdn__account, of_process);
        struct gdn__ticket *ticket = first_ticket(account);
        if (account->peer != 0 && ticket != NULL) {
            struct gdn_message end = {.verb = GDN_VERB_END, .process = id};
            out[count++] = (struct gdn_outgoing){account->peer, end};
        }
        for (; ticket != NULL; ticket = first_ticket(account)) gdn__ticket_end(ledger, ticket);
    }
    gdn__description_leave(ledger, process->description);
    process->description = NULL;
    gdn__process_settle(ledger, process);
    *out_count = count;
}

/* ---- Looking ---- */

bool gdn_ledger_ticket(const gdn_ledger *ledger, uint64_t number, struct gdn_ticket_view *view)
{
    const struct gdn__ticket *ticket = gdn__ticket_find(ledger, number);
    if (ticket == NULL) return false;
    *view = gdn__ticket_view(ticket);
    return true;
}

bool gdn_ledger_waiting_after(const gdn_ledger *ledger, uint64_t after, uint64_t *number,
                              int64_t *since_us)
{
    const struct gdn__link *link = ledger->waiting.next;
    const struct gdn__ticket *last = after == 0 ? NULL : gdn__ticket_find(ledger, after);
    if (last != NULL && last->state == GDN__TICKET_WAITING) link = &last->in_line;
    for (; link != &ledger->waiting; link = link->next) {
        const struct gdn__ticket *ticket = GDN__OF(link, struct gdn__ticket, in_line);
        if (ticket->number <= after) continue;
        *number = ticket->number;
        *since_us = ticket->since_us;
        return true;
    }
    return false;
}
