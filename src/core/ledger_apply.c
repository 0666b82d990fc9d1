/* SPDX-License-Identifier: MIT */
/* Lock messages that arrived. A ticket is requested, held or ended, and "ended wins" (RULES 3):
 * whatever names a ticket that has ended crossed it on the way, changes nothing and is counted.
 * What no correct peer sends is told from that and refused. */
#include "ledger.h"

#include "needs.h"

#define REQUEST_FLAGS (GDN_REQUEST_BRIEF | GDN_REQUEST_FRONT | GDN_REQUEST_NO_WAIT)

static enum gdn_err crossed(struct gdn_ledger *ledger)
{
    ledger->counters.crossed++;
    return GDN_OK;
}

static void tell_of_ticket(struct gdn_effect *effect, enum gdn_effect_type type,
                           const struct gdn__ticket *ticket)
{
    effect->type = type;
    effect->ticket = (struct gdn_ticket_ref){0, ticket->number};
    effect->process = ticket->account->process->id;
    effect->resource = ticket->resource;
    effect->mode = ticket->mode;
    effect->flags = ticket->flags;
    effect->units = 0;
    effect->cookie = ticket->cookie;
}

static void end_ticket(struct gdn_ledger *ledger, struct gdn__ticket *ticket)
{
    struct gdn__account *account = ticket->account;
    gdn__ticket_drop(ledger, ticket);
    gdn__account_settle(ledger, account);
}

/* ---- At home ---- */

/* The answer to a NO_WAIT request that cannot be granted. */
static void turn_down(struct gdn_ledger *ledger, const struct gdn_message *message,
                      struct gdn_effect *effect)
{
    effect->has_reply = true;
    effect->reply = (struct gdn_message){.verb = GDN_VERB_WAKE,
                                         .mode = message->mode,
                                         .number = message->number,
                                         .process = message->process,
                                         .resource = message->resource};
    ledger->counters.wakes++;
}

static void tell_of_request(uint32_t peer, const struct gdn_message *message, uint32_t units,
                            struct gdn_effect *effect)
{
    effect->type = GDN_EFFECT_REQUESTED;
    effect->ticket = (struct gdn_ticket_ref){peer, message->number};
    effect->process = message->process;
    effect->resource = message->resource;
    effect->mode = message->mode;
    effect->flags = message->flags;
    effect->units = units;
    effect->cookie = 0;
}

static bool can_be_queued(const struct gdn_ledger *ledger, const struct gdn_message *message)
{
    return !gdn__ledger_is_full(ledger, 1) && message->mode < ledger->modes.count &&
           gdn__resource_has_units(ledger, message->resource, message->units);
}

static enum gdn_err apply_request(struct gdn_ledger *ledger, uint32_t peer,
                                  const struct gdn_message *message, int64_t now_us,
                                  struct gdn_effect *effect)
{
    if (message->number == 0) return GDN_ERR_FORMAT;
    if ((message->flags & ~REQUEST_FLAGS) != 0) return GDN_ERR_FORMAT;
    if (gdn__entry_find(ledger, peer, message->number) != NULL) return GDN_ERR_FORMAT;
    /* Whoever asks must hear of it: what would make room may lie behind this message. */
    if (!can_be_queued(ledger, message)) {
        ledger->counters.requests++;
        turn_down(ledger, message, effect);
        return GDN_OK;
    }

    struct gdn__account *account = gdn__account_open(ledger, message->process, peer);
    if (account == NULL) return GDN_ERR_MEMORY;
    struct gdn__wanted wanted = {message->resource, message->units, message->branch_id,
                                 message->mode, message->flags};
    struct gdn__entry *entry = gdn__entry_prepare(ledger, account, wanted);
    if (entry == NULL) {
        gdn__account_settle(ledger, account);
        return GDN_ERR_MEMORY;
    }

    ledger->counters.requests++;
    bool no_wait = (message->flags & GDN_REQUEST_NO_WAIT) != 0;
    if (no_wait && !gdn__entry_would_be_free(ledger, entry)) {
        gdn__entry_discard(ledger, entry);
        gdn__account_settle(ledger, account);
        turn_down(ledger, message, effect);
        return GDN_OK;
    }
    gdn__entry_queue(ledger, entry, message->number, now_us);
    tell_of_request(peer, message, entry->units, effect);
    return GDN_OK;
}

/* Release and cancel: either ends its ticket, queued or held. */
static enum gdn_err apply_finish(struct gdn_ledger *ledger, uint32_t peer,
                                 const struct gdn_message *message, uint64_t *verb_count)
{
    if (message->number == 0) return GDN_ERR_FORMAT;
    struct gdn__entry *entry = gdn__entry_find(ledger, peer, message->number);
    if (entry != NULL && !gdn__same_process(entry->account->process->id, message->process)) {
        return GDN_ERR_FORMAT;
    }

    ++*verb_count;
    if (entry == NULL) return crossed(ledger);
    struct gdn__account *account = entry->account;
    gdn__entry_leave(ledger, entry);
    gdn__account_settle(ledger, account);
    return GDN_OK;
}

/* Only the issuer releases: what other nodes' tickets of the process hold here stays. */
static enum gdn_err apply_end(struct gdn_ledger *ledger, uint32_t peer,
                              const struct gdn_message *message)
{
    ledger->counters.ends++;
    struct gdn__process *process = gdn__process_find(ledger, message->process);
    struct gdn__account *account = process == NULL ? NULL : gdn__account_find(process, peer);
    if (account == NULL || !gdn__link_is_used(&account->entries)) return crossed(ledger);

    while (gdn__link_is_used(&account->entries)) {
        gdn__entry_leave(ledger, GDN__OF(account->entries.next, struct gdn__entry, of_account));
    }
    gdn__account_settle(ledger, account);
    return GDN_OK;
}

/* ---- At the issuer ---- */

/* A grant or a refusal answers an unanswered request of that process at that home. */
static bool is_answer_to(const struct gdn__ticket *ticket, uint32_t peer,
                         const struct gdn_message *message)
{
    return peer != 0 && ticket->account->peer == peer && ticket->need_count == 0 &&
           ticket->state != GDN__TICKET_GRANTED &&
           gdn__same_process(ticket->account->process->id, message->process);
}

static enum gdn_err apply_grant(struct gdn_ledger *ledger, uint32_t peer,
                                const struct gdn_message *message, struct gdn_effect *effect)
{
    struct gdn__ticket *ticket = gdn__ticket_find(ledger, message->number);
    if (ticket != NULL && !is_answer_to(ticket, peer, message)) return GDN_ERR_FORMAT;

    ledger->counters.grants++;
    if (ticket == NULL) return crossed(ledger);
    gdn__ticket_grant(ledger, ticket);
    tell_of_ticket(effect, GDN_EFFECT_GRANTED, ticket);
    return GDN_OK;
}

/* One listing of the waker is met in one ticket (RULES 4). False: it is listed no more. */
static bool wake_direct(struct gdn_ledger *ledger, struct gdn__ticket *ticket, gdn_process_id by,
                        struct gdn_effect *effect)
{
    if (!gdn__needs_meet(ticket, by)) return false;
    if (ticket->unmet_count == 0) {
        tell_of_ticket(effect, GDN_EFFECT_WOKEN, ticket);
        end_ticket(ledger, ticket);
    }
    return true;
}

/* Message semantics: the oldest wait of the process that still lists the waker. */
static enum gdn_err wake_any(struct gdn_ledger *ledger, const struct gdn_message *message,
                             struct gdn_effect *effect)
{
    struct gdn__process *process = gdn__process_find(ledger, message->process);
    if (process == NULL) return crossed(ledger);
    GDN__EACH(link, &process->directs)
    {
        struct gdn__ticket *ticket = GDN__OF(link, struct gdn__ticket, ring);
        if (wake_direct(ledger, ticket, message->by, effect)) return GDN_OK;
    }
    return crossed(ledger);
}

static enum gdn_err apply_wake(struct gdn_ledger *ledger, uint32_t peer,
                               const struct gdn_message *message, struct gdn_effect *effect)
{
    struct gdn__ticket *ticket = NULL;
    if (message->number != 0) ticket = gdn__ticket_find(ledger, message->number);
    bool is_lock = ticket != NULL && ticket->need_count == 0;
    if (is_lock && !is_answer_to(ticket, peer, message)) return GDN_ERR_FORMAT;

    ledger->counters.wakes++;
    if (message->number == 0) return wake_any(ledger, message, effect);
    if (ticket == NULL) return crossed(ledger);
    if (is_lock) {
        tell_of_ticket(effect, GDN_EFFECT_REFUSED, ticket);
        end_ticket(ledger, ticket);
        return GDN_OK;
    }
    bool theirs = gdn__same_process(ticket->account->process->id, message->process);
    return theirs && wake_direct(ledger, ticket, message->by, effect) ? GDN_OK : crossed(ledger);
}

enum gdn_err gdn_ledger_apply(gdn_ledger *ledger, uint32_t peer, const struct gdn_message *message,
                              int64_t now_us, struct gdn_effect *effect)
{
    if (peer == 0 && message->verb != GDN_VERB_WAKE) return GDN_ERR_MISUSE;
    effect->type = GDN_EFFECT_NONE;
    effect->has_reply = false;
    switch (message->verb) {
    case GDN_VERB_REQUEST:
        return apply_request(ledger, peer, message, now_us, effect);
    case GDN_VERB_GRANT:
        return apply_grant(ledger, peer, message, effect);
    case GDN_VERB_RELEASE:
        return apply_finish(ledger, peer, message, &ledger->counters.releases);
    case GDN_VERB_CANCEL:
        return apply_finish(ledger, peer, message, &ledger->counters.cancels);
    case GDN_VERB_END:
        return apply_end(ledger, peer, message);
    case GDN_VERB_WAKE:
        return apply_wake(ledger, peer, message, effect);
    }
    return GDN_ERR_FORMAT;
}
