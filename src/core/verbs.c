/* SPDX-License-Identifier: MIT */
/* What the application says. Each verb makes room first (in the channel, in the inbox), then
 * changes the ledger, then numbers the message: it cannot fail half way. */
#include "src/core/mem.h"
#include "src/core/site.h"

#include <string.h>

/* ---- Peers ---- */

/* The peer to send to; 0 is this node itself. */
static enum gdn_err peer_of(const gdn_site *site, gdn_node_id node, uint32_t *peer)
{
    *peer = 0;
    if (gdn_id_equal(node.id, site->self.id)) return GDN_OK;
    *peer = gdn__mesh_find(site->mesh, node);
    if (*peer == 0) return GDN_ERR_UNKNOWN_NODE;
    const struct gdn__peer *known = gdn__mesh_peer(site->mesh, *peer);
    if (known->role != GDN__ROLE_NODE) return GDN_ERR_UNKNOWN_NODE;
    return known->state == GDN__PEER_UP ? GDN_OK : GDN_ERR_NOT_CONNECTED;
}

bool gdn__site_is_windowed(const struct gdn_message *message)
{
    if (message->verb == GDN_VERB_REQUEST) return true;
    return message->verb == GDN_VERB_WAKE && gdn_id_is_set(message->by.id);
}

/* Requests, wakes of direct waits and payloads stop at the window; what they oblige us to send
 * later always fits. */
static enum gdn_err check_window(gdn_site *site, uint32_t peer, size_t bytes)
{
    if (gdn__channel_has_room(&gdn__mesh_peer(site->mesh, peer)->channel, bytes)) return GDN_OK;
    site->found_full = true;
    return GDN_ERR_FULL;
}

/* Each ticket brings items, and a cancel takes none of them back: while nobody takes there are no
 * more. */
static enum gdn_err check_inbox(gdn_site *site)
{
    if (site->inbox.count < site->items_max) return GDN_OK;
    site->found_inbox_full = true;
    return GDN_ERR_FULL;
}

enum gdn_err gdn_site_can_send(gdn_site *site, gdn_node_id node, bool *can_send)
{
    uint32_t peer;
    enum gdn_err err = peer_of(site, node, &peer);
    if (err == GDN_ERR_UNKNOWN_NODE) return err;
    *can_send = err == GDN_OK && check_inbox(site) == GDN_OK &&
                (peer == 0 || check_window(site, peer, GDN__LOCK_BODY_BYTES_MAX) == GDN_OK);
    return GDN_OK;
}

static gdn_ticket own_ticket(const gdn_site *site, uint64_t number)
{
    return (gdn_ticket){site->self, site->incarnation, number};
}

static bool is_own(const gdn_site *site, gdn_ticket ticket)
{
    return ticket.incarnation == site->incarnation && gdn_id_equal(ticket.issuer.id, site->self.id);
}

/* A notice for our own inbox. */
static struct gdn__arrival *new_notice(gdn_site *site, enum gdn_item_type type)
{
    struct gdn__arrival *notice = gdn__arrival_new(&site->pool, GDN__ARRIVAL_NOTICE, 0);
    if (notice == NULL) return NULL;
    notice->as.item = (struct gdn_item){.type = type,
                                        .peer = site->self,
                                        .peer_name = site->name,
                                        .peer_incarnation = site->incarnation};
    return notice;
}

/* ---- The requester's verbs ---- */

static enum gdn_err request_here(gdn_site *site, const struct gdn_request *request,
                                 gdn_ticket *ticket)
{
    struct gdn_message none;
    struct gdn_entry_view view = {.units = 0};
    uint64_t number;
    struct gdn__arrival *notice = new_notice(site, GDN_ITEM_REQUESTED);
    if (notice == NULL) return GDN_ERR_MEMORY;
    enum gdn_err err = gdn_ledger_request(site->ledger, 0, request, site->now_us, &number, &none);
    if (err != GDN_OK) {
        gdn__arrival_release(notice);
        return err;
    }
    *ticket = own_ticket(site, number);
    (void)gdn_ledger_entry(site->ledger, (struct gdn_ticket_ref){0, number}, &view);
    notice->as.item.ticket = *ticket;
    notice->as.item.process = request->process;
    notice->as.item.resource = request->resource;
    notice->as.item.mode = request->mode;
    notice->as.item.flags = request->flags;
    notice->as.item.units = view.units;
    notice->as.item.cookie = request->cookie;
    gdn__inbox_push(&site->inbox, notice);
    return GDN_OK;
}

static enum gdn_err request(gdn_site *site, gdn_node_id home, const struct gdn_request *request,
                            gdn_ticket *ticket)
{
    uint32_t peer;
    uint64_t number;
    struct gdn_message message;
    if (request->label != NULL && !gdn_name_is_valid(request->label)) return GDN_ERR_NAME;
    enum gdn_err err = peer_of(site, home, &peer);
    if (err == GDN_OK) err = check_inbox(site);
    if (err != GDN_OK) return err;
    if (peer == 0) return request_here(site, request, ticket);
    err = check_window(site, peer, GDN__LOCK_BODY_BYTES_MAX);
    if (err != GDN_OK) return err;
    if (!gdn__site_reserve_locks(site, peer, 1)) return GDN_ERR_MEMORY;
    err = gdn_ledger_request(site->ledger, peer, request, site->now_us, &number, &message);
    if (err != GDN_OK) return err;
    gdn__site_send_lock(site, peer, &message);
    *ticket = own_ticket(site, number);
    return GDN_OK;
}

static enum gdn_err wait_on(gdn_site *site, const struct gdn_event *event, gdn_ticket *ticket)
{
    uint64_t number;
    enum gdn_err err = check_inbox(site);
    if (err != GDN_OK) return err;
    err = gdn_ledger_wait_on(site->ledger, &event->as.waited_on, site->now_us, &number);
    if (err != GDN_OK) return err;
    *ticket = own_ticket(site, number);
    return GDN_OK;
}

/* Scratch for @p count outgoing messages. */
static bool grow_outgoing(gdn_site *site, size_t count)
{
    if (count <= site->outgoing_capacity) return true;
    uint32_t *homes =
        site->allocator.resize(site->allocator.context, site->homes, count * sizeof *homes);
    if (homes != NULL) site->homes = homes;
    struct gdn_outgoing *outgoing =
        site->allocator.resize(site->allocator.context, site->outgoing, count * sizeof *outgoing);
    if (outgoing != NULL) site->outgoing = outgoing;
    if (homes == NULL || outgoing == NULL) return false;
    site->outgoing_capacity = count;
    return true;
}

/* Room for a message to each of the first @p count homes: for the n-th of them there is room for n,
 * however many of those before it have the same home. */
static bool reserve_outgoing(gdn_site *site, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (!gdn__site_reserve_locks(site, site->homes[i], i + 1)) return false;
    }
    return true;
}

static void send_outgoing(gdn_site *site, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        gdn__site_send_lock(site, site->outgoing[i].peer, &site->outgoing[i].message);
    }
}

static enum gdn_err release(gdn_site *site, gdn_process_id process, gdn_resource_id resource)
{
    size_t room, count;
    do {
        room = site->outgoing_capacity;
        count = gdn_ledger_release_homes(site->ledger, process, resource, site->homes, room);
        if (!grow_outgoing(site, count)) return GDN_ERR_MEMORY;
    } while (count > room);
    if (!reserve_outgoing(site, count)) return GDN_ERR_MEMORY;
    enum gdn_err err = gdn_ledger_release(site->ledger, process, resource, site->outgoing, &count);
    if (err == GDN_OK) send_outgoing(site, count);
    return err;
}

static enum gdn_err end(gdn_site *site, gdn_process_id process)
{
    size_t room, count;
    if (!gdn_id_is_set(process.id)) return GDN_ERR_ID;
    do {
        room = site->outgoing_capacity;
        count = gdn_ledger_end_homes(site->ledger, process, site->homes, room);
        if (!grow_outgoing(site, count)) return GDN_ERR_MEMORY;
    } while (count > room);
    if (!reserve_outgoing(site, count)) return GDN_ERR_MEMORY;
    gdn_ledger_end(site->ledger, process, site->outgoing, &count);
    send_outgoing(site, count);
    return GDN_OK;
}

static enum gdn_err cancel(gdn_site *site, gdn_ticket ticket)
{
    struct gdn_ticket_view view;
    struct gdn_outgoing out;
    if (!is_own(site, ticket)) return GDN_ERR_UNKNOWN_TICKET;
    if (!gdn_ledger_ticket(site->ledger, ticket.number, &view)) return GDN_ERR_UNKNOWN_TICKET;
    if (!view.direct && !gdn__site_reserve_locks(site, view.home, 1)) return GDN_ERR_MEMORY;
    enum gdn_err err = gdn_ledger_cancel(site->ledger, ticket.number, &out);
    if (err == GDN_OK && out.message.verb != 0) {
        gdn__site_send_lock(site, out.peer, &out.message);
    }
    return err;
}

static enum gdn_err describe(gdn_site *site, gdn_process_id process,
                             const struct gdn_process_info *info)
{
    if (info->label != NULL && !gdn_name_is_valid(info->label)) return GDN_ERR_NAME;
    return gdn_ledger_describe(site->ledger, process, info);
}

/* ---- Waking direct waits ---- */

static enum gdn_err wake_here(gdn_site *site, const struct gdn_message *message)
{
    struct gdn_effect effect;
    struct gdn__arrival *notice = new_notice(site, GDN_ITEM_WOKEN);
    if (notice == NULL) return GDN_ERR_MEMORY;
    enum gdn_err err = gdn_ledger_apply(site->ledger, 0, message, site->now_us, &effect);
    if (err != GDN_OK || effect.type != GDN_EFFECT_WOKEN) {
        gdn__arrival_release(notice);
        return err;
    }
    notice->as.item.ticket = own_ticket(site, effect.ticket.number);
    notice->as.item.process = effect.process;
    notice->as.item.cookie = effect.cookie;
    gdn__inbox_push(&site->inbox, notice);
    return GDN_OK;
}

static enum gdn_err wake(gdn_site *site, gdn_ticket ticket, gdn_process_id process,
                         gdn_process_id by)
{
    uint32_t peer;
    struct gdn_message message = {
        .verb = GDN_VERB_WAKE, .number = ticket.number, .process = process, .by = by};
    if (!gdn_id_is_set(process.id) || !gdn_id_is_set(by.id)) return GDN_ERR_ID;
    enum gdn_err err = peer_of(site, ticket.issuer, &peer);
    if (err != GDN_OK) return err;
    uint64_t living = peer == 0 ? site->incarnation : gdn__mesh_peer(site->mesh, peer)->incarnation;
    if (ticket.number != 0 && ticket.incarnation != living) return GDN_ERR_UNKNOWN_TICKET;
    if (peer == 0) return wake_here(site, &message);
    err = check_window(site, peer, GDN__LOCK_BODY_BYTES_MAX);
    if (err != GDN_OK) return err;
    if (!gdn__site_reserve_locks(site, peer, 1)) return GDN_ERR_MEMORY;
    gdn__site_send_lock(site, peer, &message);
    return GDN_OK;
}

/* ---- The home's verbs ---- */

/* The issuer's answer to a ticket of our own: a notice; to a peer's: a message. */
static enum gdn_err answer(gdn_site *site, gdn_ticket ticket, enum gdn_item_type type,
                           enum gdn_err (*verb)(gdn_ledger *, struct gdn_ticket_ref,
                                                struct gdn_message *))
{
    struct gdn_ticket_ref ref;
    struct gdn_entry_view entry;
    struct gdn_ticket_view view = {.cookie = 0};
    struct gdn_message message;
    struct gdn__arrival *notice = NULL;
    if (!gdn__site_ref(site, ticket, &ref)) return GDN_ERR_UNKNOWN_TICKET;
    if (!gdn_ledger_entry(site->ledger, ref, &entry)) return GDN_ERR_UNKNOWN_TICKET;
    if (ref.issuer == 0) {
        notice = new_notice(site, type);
        if (notice == NULL) return GDN_ERR_MEMORY;
        (void)gdn_ledger_ticket(site->ledger, ref.number, &view);
    } else if (!gdn__site_reserve_locks(site, ref.issuer, 1)) {
        return GDN_ERR_MEMORY;
    }
    enum gdn_err err = verb(site->ledger, ref, &message);
    if (err != GDN_OK) {
        if (notice != NULL) gdn__arrival_release(notice);
        return err;
    }
    if (notice == NULL) {
        gdn__site_send_lock(site, ref.issuer, &message);
        return GDN_OK;
    }
    notice->as.item.ticket = ticket;
    notice->as.item.process = entry.process;
    notice->as.item.resource = entry.resource;
    notice->as.item.mode = entry.mode;
    notice->as.item.cookie = view.cookie;
    gdn__inbox_push(&site->inbox, notice);
    return GDN_OK;
}

static enum gdn_err requeue(gdn_site *site, gdn_ticket ticket, gdn_ticket before)
{
    struct gdn_ticket_ref ref, before_ref = {0, 0};
    if (!gdn__site_ref(site, ticket, &ref)) return GDN_ERR_UNKNOWN_TICKET;
    if (before.number != 0 && !gdn__site_ref(site, before, &before_ref)) {
        return GDN_ERR_UNKNOWN_TICKET;
    }
    return gdn_ledger_requeue(site->ledger, ref, before_ref);
}

/* A loss that the ledger does not know yet for want of memory: its orphans would be missed. */
static bool owes_books(gdn_site *site, gdn_node_id node)
{
    for (uint32_t i = 1; site->owes && i < gdn__mesh_count(site->mesh); i++) {
        const struct gdn__peer *peer = gdn__mesh_peer(site->mesh, i);
        if ((peer->owed & GDN__OWED_BOOKS) != 0 && gdn_id_equal(peer->id.id, node.id)) return true;
    }
    return false;
}

static enum gdn_err drop_orphans(gdn_site *site, gdn_node_id node)
{
    if (owes_books(site, node)) return GDN_ERR_MEMORY;
    if (gdn_ledger_drop_orphans(site->ledger, node) > 0) return GDN_OK;
    return gdn__mesh_knows_name(site->mesh, node) ? GDN_OK : GDN_ERR_UNKNOWN_NODE;
}

/* ---- Payloads ---- */

static enum gdn_err send_payload(gdn_site *site, gdn_node_id to, const void *bytes, size_t length)
{
    uint32_t peer;
    if (length > site->payload_max) return GDN_ERR_LIMIT;
    enum gdn_err err = peer_of(site, to, &peer);
    if (err != GDN_OK) return err;
    if (peer == 0) return GDN_ERR_MISUSE;
    /* Beyond the peer's whole window it would never fit. */
    if (length > gdn__mesh_peer(site->mesh, peer)->channel.agreed.window_bytes) {
        return GDN_ERR_LIMIT;
    }
    err = check_window(site, peer, length);
    if (err != GDN_OK) return err;
    struct gdn__buffer *body = gdn__mesh_begin(site->mesh, peer, GDN__PAYLOAD);
    gdn__put_bytes(body, bytes, length);
    if (!gdn__mesh_end(site->mesh, peer)) return GDN_ERR_MEMORY;
    site->messages_sent++;
    return gdn__site_participate(site, &(struct gdn_participant_event){
                                           .type = GDN_PARTICIPANT_MESSAGE_SENT, .channel = peer});
}

enum gdn_err gdn__site_verb(gdn_site *site, const struct gdn_event *event,
                            struct gdn_actions *actions)
{
    switch (event->type) {
    case GDN_EVENT_DESCRIBED:
        return describe(site, event->as.described.process, event->as.described.info);
    case GDN_EVENT_REQUESTED:
        return request(site, event->as.requested.home, event->as.requested.request,
                       &actions->ticket);
    case GDN_EVENT_WAITED_ON:
        return wait_on(site, event, &actions->ticket);
    case GDN_EVENT_RELEASED:
        return release(site, event->as.lock.process, event->as.lock.resource);
    case GDN_EVENT_CANCELLED:
        return cancel(site, event->as.ticket);
    case GDN_EVENT_ENDED:
        return end(site, event->as.lock.process);
    case GDN_EVENT_WOKEN:
        return wake(site, event->as.woken.ticket, event->as.woken.process, event->as.woken.by);
    case GDN_EVENT_GRANTED:
        return answer(site, event->as.ticket, GDN_ITEM_GRANTED, gdn_ledger_grant);
    case GDN_EVENT_REFUSED:
        return answer(site, event->as.ticket, GDN_ITEM_REFUSED, gdn_ledger_refuse);
    case GDN_EVENT_REQUEUED:
        return requeue(site, event->as.requeued.ticket, event->as.requeued.before);
    case GDN_EVENT_UNORDERED:
        return gdn_ledger_set_unordered(site->ledger, event->as.unordered.resource,
                                        event->as.unordered.on);
    case GDN_EVENT_CAPACITY_SET:
        return gdn_ledger_set_capacity(site->ledger, event->as.capacity.resource,
                                       event->as.capacity.units);
    case GDN_EVENT_ORPHANS_DROPPED:
        return drop_orphans(site, event->as.peer);
    case GDN_EVENT_PAYLOAD_SENT:
        return send_payload(site, event->as.payload.to, event->as.payload.bytes,
                            event->as.payload.length);
    case GDN_EVENT_FRAME_RECEIVED:
    case GDN_EVENT_LINKS_READY:
    case GDN_EVENT_TIME_PASSED:
    case GDN_EVENT_PEER_DIALLED:
    case GDN_EVENT_CLOSING:
    case GDN_EVENT_ITEM_TAKEN:
        break; /* Not verbs: gdn_site_step() keeps them. */
    }
    return GDN_ERR_MISUSE;
}
