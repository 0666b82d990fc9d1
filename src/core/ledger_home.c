/* SPDX-License-Identifier: MIT */
/* The manager's side: verbs on the resources that this node is home to. */
#include "ledger.h"

static const struct gdn_message nothing_to_send;

enum gdn_err gdn_ledger_set_unordered(gdn_ledger *ledger, gdn_resource_id id, bool unordered)
{
    if (!gdn_id_is_set(id.id)) return GDN_ERR_ID;
    struct gdn__resource *resource = gdn__resource_open(ledger, id);
    if (resource == NULL) return GDN_ERR_MEMORY;
    resource->unordered = unordered;
    gdn__resource_mark_freed(ledger, resource);
    gdn__resource_settle(ledger, resource);
    return GDN_OK;
}

enum gdn_err gdn_ledger_set_capacity(gdn_ledger *ledger, gdn_resource_id id, uint32_t capacity)
{
    if (!gdn_id_is_set(id.id)) return GDN_ERR_ID;
    struct gdn__resource *resource = gdn__resource_open(ledger, id);
    if (resource == NULL) return GDN_ERR_MEMORY;
    bool allowed = gdn__resource_may_have(resource, capacity);
    if (allowed) {
        gdn__holders_will_change(ledger, resource); /* A cut under way shows what it was. */
        resource->capacity = capacity;
        gdn__resource_mark_freed(ledger, resource);
    }
    gdn__resource_settle(ledger, resource);
    return allowed ? GDN_OK : GDN_ERR_MISUSE;
}

bool gdn_ledger_next(const gdn_ledger *ledger, gdn_resource_id id, struct gdn_ticket_ref *ticket)
{
    const struct gdn__resource *resource = gdn__resource_find(ledger, id);
    const struct gdn__entry *entry = resource == NULL ? NULL : gdn__resource_next(ledger, resource);
    if (entry == NULL) return false;
    *ticket = (struct gdn_ticket_ref){entry->account->peer, entry->number};
    return true;
}

static struct gdn__entry *find_queued(const struct gdn_ledger *ledger, struct gdn_ticket_ref ticket)
{
    struct gdn__entry *entry = gdn__entry_find(ledger, ticket.issuer, ticket.number);
    return entry == NULL || entry->held ? NULL : entry;
}

enum gdn_err gdn_ledger_requeue(gdn_ledger *ledger, struct gdn_ticket_ref ticket,
                                struct gdn_ticket_ref before)
{
    struct gdn__entry *entry = find_queued(ledger, ticket);
    if (entry == NULL) return GDN_ERR_UNKNOWN_TICKET;
    struct gdn__entry *other = NULL;
    if (before.number != 0) {
        other = find_queued(ledger, before);
        if (other == NULL) return GDN_ERR_UNKNOWN_TICKET;
        if (other == entry || other->resource != entry->resource) return GDN_ERR_MISUSE;
    }
    gdn__entry_requeue(ledger, entry, other);
    return GDN_OK;
}

static struct gdn_message answer(enum gdn_verb verb, const struct gdn__entry *entry)
{
    return (struct gdn_message){.verb = verb,
                                .mode = entry->mode,
                                .number = entry->number,
                                .process = entry->account->process->id,
                                .resource = entry->resource->id};
}

enum gdn_err gdn_ledger_grant(gdn_ledger *ledger, struct gdn_ticket_ref ref,
                              struct gdn_message *out)
{
    struct gdn__entry *entry = find_queued(ledger, ref);
    if (entry == NULL) return GDN_ERR_UNKNOWN_TICKET;
    if (!gdn__entry_is_free(ledger, entry)) return GDN_ERR_NOT_GRANTABLE;

    gdn__entry_grant(ledger, entry);
    if (ref.issuer == 0) {
        gdn__ticket_grant(ledger, gdn__ticket_find(ledger, ref.number));
        *out = nothing_to_send;
    } else {
        *out = answer(GDN_VERB_GRANT, entry);
    }
    ledger->counters.grants++;
    return GDN_OK;
}

enum gdn_err gdn_ledger_refuse(gdn_ledger *ledger, struct gdn_ticket_ref ref,
                               struct gdn_message *out)
{
    struct gdn__entry *entry = find_queued(ledger, ref);
    if (entry == NULL) return GDN_ERR_UNKNOWN_TICKET;

    struct gdn__account *account = entry->account;
    *out = ref.issuer == 0 ? nothing_to_send : answer(GDN_VERB_WAKE, entry);
    if (ref.issuer == 0) gdn__ticket_drop(ledger, gdn__ticket_find(ledger, ref.number));
    gdn__entry_leave(ledger, entry);
    gdn__account_settle(ledger, account);
    ledger->counters.wakes++;
    return GDN_OK;
}

bool gdn_ledger_entry(const gdn_ledger *ledger, struct gdn_ticket_ref ticket,
                      struct gdn_entry_view *view)
{
    const struct gdn__entry *entry = gdn__entry_find(ledger, ticket.issuer, ticket.number);
    if (entry == NULL) return false;
    *view = (struct gdn_entry_view){.process = entry->account->process->id,
                                    .resource = entry->resource->id,
                                    .held = entry->held,
                                    .mode = entry->mode,
                                    .flags = entry->flags,
                                    .units = entry->units};
    return true;
}

/* ---- Resources whose queue may be servable ---- */

bool gdn_ledger_has_freed(const gdn_ledger *ledger)
{
    return gdn__link_is_used(&ledger->freed);
}

bool gdn_ledger_take_freed(gdn_ledger *ledger, gdn_resource_id *resource)
{
    if (!gdn_ledger_has_freed(ledger)) return false;
    struct gdn__resource *first = GDN__OF(ledger->freed.next, struct gdn__resource, in_freed);
    gdn__link_remove(&first->in_freed);
    *resource = first->id;
    return true;
}
