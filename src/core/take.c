/* SPDX-License-Identifier: MIT */
/* The inbox's way out: taking an item is what changes the books (RULES 7), and what a channel
 * counts as taken. */
#include "src/core/mem.h"
#include "src/core/site.h"

size_t gdn__site_items_waiting(const gdn_site *site)
{
    return site->inbox.count + (gdn_ledger_has_freed(site->ledger) ? 1 : 0) +
           (gdn_ledger_has_lost(site->ledger) ? 1 : 0);
}

bool gdn__site_take_is_timed(const gdn_site *site)
{
    return site->inbox.first == NULL || site->inbox.first->type != GDN__ARRIVAL_PAYLOAD;
}

/* In place and field by field: items are long, and every message is one. */
static void begin_item(gdn_site *site, uint32_t number, enum gdn_item_type type,
                       struct gdn_item *item)
{
    item->type = type;
    item->ticket = (gdn_ticket){.number = 0};
    item->process = (gdn_process_id){.id = {{0}}};
    item->resource = (gdn_resource_id){.id = {{0}}};
    item->cookie = 0;
    item->deadlock = (gdn_id){{0}};
    item->mode = item->flags = 0;
    item->units = 0;
    item->lost = false;
    item->bytes = NULL;
    item->length = 0;
    item->allocator = (struct gdn_allocator){.resize = NULL};
    if (number == 0) {
        item->peer = site->self;
        item->peer_name = site->name;
        item->peer_incarnation = site->incarnation;
        return;
    }
    const struct gdn__peer *peer = gdn__mesh_peer(site->mesh, number);
    item->peer = peer->id;
    item->peer_name = peer->name;
    item->peer_incarnation = peer->incarnation;
}

/* ---- What the ledger itself has to tell ---- */

static bool take_freed(gdn_site *site, struct gdn_item *item)
{
    gdn_resource_id resource;
    if (!gdn_ledger_take_freed(site->ledger, &resource)) return false;
    begin_item(site, 0, GDN_ITEM_RELEASED, item);
    item->resource = resource;
    return true;
}

static bool take_lost(gdn_site *site, struct gdn_item *item)
{
    uint64_t number;
    struct gdn_ticket_view view;
    if (!gdn_ledger_take_lost(site->ledger, &number, &view)) return false;
    begin_item(site, view.home, GDN_ITEM_REFUSED, item);
    item->ticket = gdn__site_ticket(site, (struct gdn_ticket_ref){0, number});
    item->process = view.process;
    item->resource = view.resource;
    item->mode = view.mode;
    item->cookie = view.cookie;
    item->lost = true;
    return true;
}

/* ---- Lock messages ---- */

static void count_as_taken(gdn_site *site, const struct gdn__arrival *arrival)
{
    site->messages_taken++;
    if (!arrival->counted) return; /* Its channel is gone. */
    gdn__channel_took(&gdn__mesh_peer(site->mesh, arrival->peer)->channel, arrival->bytes,
                      site->now_us);
    gdn__mesh_touch(site->mesh, arrival->peer);
    enum gdn_err err = gdn__site_participate(
        site, &(struct gdn_participant_event){.type = GDN_PARTICIPANT_MESSAGE_TAKEN,
                                              .channel = arrival->peer});
    (void)err; /* Taking allocates nothing and the channel is open. */
}

static bool item_of_effect(gdn_site *site, uint32_t peer, const struct gdn_effect *effect,
                           struct gdn_item *item)
{
    static const enum gdn_item_type types[] = {[GDN_EFFECT_REQUESTED] = GDN_ITEM_REQUESTED,
                                               [GDN_EFFECT_GRANTED] = GDN_ITEM_GRANTED,
                                               [GDN_EFFECT_REFUSED] = GDN_ITEM_REFUSED,
                                               [GDN_EFFECT_WOKEN] = GDN_ITEM_WOKEN};
    if (effect->type == GDN_EFFECT_NONE) return false;
    begin_item(site, peer, types[effect->type], item);
    item->ticket = gdn__site_ticket(site, effect->ticket);
    item->process = effect->process;
    item->resource = effect->resource;
    item->mode = effect->mode;
    item->flags = effect->flags;
    item->units = effect->units;
    item->cookie = effect->cookie;
    return true;
}

/* GDN_ERR_EMPTY: it took effect, and there is nothing for the application to hear. */
static enum gdn_err take_lock(gdn_site *site, const struct gdn__arrival *arrival,
                              struct gdn_item *item)
{
    struct gdn_effect effect;
    if (!gdn__site_reserve_locks(site, arrival->peer, 1)) return GDN_ERR_MEMORY;
    enum gdn_err err =
        gdn_ledger_apply(site->ledger, arrival->peer, &arrival->as.message, site->now_us, &effect);
    if (err == GDN_ERR_MEMORY) return err;
    count_as_taken(site, arrival);
    if (err != GDN_OK) {
        gdn__site_say(site, "!a lock message from %s was ignored: %s",
                      gdn__mesh_peer(site->mesh, arrival->peer)->name, gdn_err_text(err));
        return GDN_ERR_EMPTY;
    }
    if (effect.has_reply) gdn__site_send_lock(site, arrival->peer, &effect.reply);
    return item_of_effect(site, arrival->peer, &effect, item) ? GDN_OK : GDN_ERR_EMPTY;
}

/* ---- Aborts ---- */

/* Answer a detector. If memory is short it will find out that nobody answered. */
static void answer_abort(gdn_site *site, uint32_t peer, const struct gdn__abort *abort,
                         enum gdn__outcome outcome)
{
    const struct gdn__peer *detector = gdn__mesh_peer(site->mesh, peer);
    if (detector->state == GDN__PEER_LOST) return;
    struct gdn__aborted aborted = {*abort, outcome};
    gdn__put_aborted(gdn__mesh_begin(site->mesh, peer, GDN__ABORTED), &aborted);
    (void)gdn__mesh_end(site->mesh, peer);
}

/* The order stands only while that very ticket of that very process waits (RULES 14). */
static enum gdn__outcome judge_abort(gdn_site *site, const struct gdn__abort *abort,
                                     struct gdn_ticket_view *view)
{
    if (!gdn_ledger_ticket(site->ledger, abort->ticket, view) || view->granted) {
        return GDN__OUTCOME_STALE;
    }
    if (!gdn_id_equal(view->process.id, abort->process.id)) return GDN__OUTCOME_STALE;
    if (gdn__inbox_has_answer(&site->inbox, abort->ticket)) return GDN__OUTCOME_STALE;
    return view->abortable ? GDN__OUTCOME_ABORTED : GDN__OUTCOME_REFUSED;
}

enum gdn_err gdn__site_abort_arrived(gdn_site *site, uint32_t peer, const struct gdn__abort *abort)
{
    struct gdn_ticket_view view;
    enum gdn__outcome outcome = judge_abort(site, abort, &view);
    if (outcome != GDN__OUTCOME_ABORTED) {
        answer_abort(site, peer, abort, outcome);
        return GDN_OK;
    }
    if (site->inbox.count >= site->items_max) return GDN_OK; /* It will be asked again. */
    struct gdn__arrival *arrival = gdn__arrival_new(&site->pool, GDN__ARRIVAL_ABORT, peer);
    if (arrival == NULL) return GDN_ERR_MEMORY;
    arrival->as.abort = *abort;
    gdn__inbox_push(&site->inbox, arrival);
    return GDN_OK;
}

/* Rechecks the ticket, ends it and queues the cancel in one step; a stale one never surfaces. */
static enum gdn_err take_abort(gdn_site *site, const struct gdn__arrival *arrival,
                               struct gdn_item *item)
{
    struct gdn_ticket_view view;
    struct gdn_outgoing out;
    const struct gdn__abort *abort = &arrival->as.abort;
    enum gdn__outcome outcome = judge_abort(site, abort, &view);
    if (outcome != GDN__OUTCOME_ABORTED) {
        answer_abort(site, arrival->peer, abort, outcome);
        return GDN_ERR_EMPTY;
    }
    if (!view.direct && !gdn__site_reserve_locks(site, view.home, 1)) return GDN_ERR_MEMORY;
    enum gdn_err err = gdn_ledger_cancel(site->ledger, abort->ticket, &out);
    if (err != GDN_OK) return err;
    if (out.message.verb != 0) gdn__site_send_lock(site, out.peer, &out.message);
    answer_abort(site, arrival->peer, abort, GDN__OUTCOME_ABORTED);
    begin_item(site, arrival->peer, GDN_ITEM_ABORTED, item);
    item->ticket = gdn__site_ticket(site, (struct gdn_ticket_ref){0, abort->ticket});
    item->process = view.process;
    item->resource = view.resource;
    item->mode = view.mode;
    item->cookie = view.cookie;
    item->deadlock = abort->deadlock;
    return GDN_OK;
}

/* ---- Taking ---- */

static enum gdn_err take_payload(gdn_site *site, struct gdn__arrival *arrival,
                                 struct gdn_item *item)
{
    uint8_t *bytes = gdn__arrival_take_payload(arrival);
    if (bytes == NULL) return GDN_ERR_MEMORY;
    count_as_taken(site, arrival);
    begin_item(site, arrival->peer, GDN_ITEM_PAYLOAD, item);
    item->bytes = bytes;
    item->length = arrival->bytes;
    item->allocator = site->allocator;
    return GDN_OK;
}

/* A grant by this node itself that a cancel or end has overtaken is not heard of, just as one by
 * another node is not. */
static enum gdn_err take_notice(gdn_site *site, const struct gdn__arrival *arrival,
                                struct gdn_item *item)
{
    struct gdn_ticket_view view;
    bool granted = arrival->as.item.type == GDN_ITEM_GRANTED;
    if (granted && !gdn_ledger_ticket(site->ledger, arrival->as.item.ticket.number, &view)) {
        return GDN_ERR_EMPTY;
    }
    *item = arrival->as.item;
    return GDN_OK;
}

static enum gdn_err take_arrival(gdn_site *site, struct gdn__arrival *arrival,
                                 struct gdn_item *item)
{
    switch (arrival->type) {
    case GDN__ARRIVAL_LOCK:
        return take_lock(site, arrival, item);
    case GDN__ARRIVAL_PAYLOAD:
        return take_payload(site, arrival, item);
    case GDN__ARRIVAL_ABORT:
        return take_abort(site, arrival, item);
    case GDN__ARRIVAL_NOTICE:
        return take_notice(site, arrival, item);
    }
    return GDN_ERR_MISUSE;
}

/* Whoever waits for room in our inbox looks again. */
static void tell_of_room(gdn_site *site)
{
    if (site->inbox.count >= site->items_max) return;
    site->found_inbox_full = false;
    site->peers_changed = true;
}

enum gdn_err gdn__site_take(gdn_site *site, struct gdn_item *item)
{
    for (;;) {
        if (take_lost(site, item) || take_freed(site, item)) return GDN_OK;
        struct gdn__arrival *first = site->inbox.first;
        if (first == NULL) return GDN_ERR_EMPTY;
        enum gdn_err err = take_arrival(site, first, item);
        if (err == GDN_ERR_MEMORY) return err; /* It stays. */
        gdn__arrival_release(gdn__inbox_pop(&site->inbox));
        if (site->found_inbox_full) tell_of_room(site);
        if (err != GDN_ERR_EMPTY) return err;
    }
}

/* ---- A peer is gone ---- */

/* A message of the dead takes effect now: a release that arrived is a release. Requests and grants
 * mean nothing any more. */
static void settle_message(gdn_site *site, struct gdn__arrival *arrival)
{
    struct gdn_effect effect;
    enum gdn_verb verb = arrival->as.message.verb;
    if (verb == GDN_VERB_REQUEST || verb == GDN_VERB_GRANT) {
        gdn__arrival_release(arrival);
        return;
    }
    enum gdn_err err =
        gdn_ledger_apply(site->ledger, arrival->peer, &arrival->as.message, site->now_us, &effect);
    if (err != GDN_OK) gdn__site_say(site, "!%s", gdn_err_text(err));
    if (err == GDN_OK && item_of_effect(site, arrival->peer, &effect, &arrival->as.item)) {
        /* A wait that it ended: the application must hear. Rounds that recorded the message fail
         * with its channel and do not look at it again. */
        arrival->type = GDN__ARRIVAL_NOTICE;
        gdn__inbox_push(&site->inbox, arrival);
    } else {
        gdn__arrival_release(arrival);
    }
}

void gdn__site_settle_mail(gdn_site *site, uint32_t peer)
{
    struct gdn__arrival *arrival;
    while ((arrival = gdn__inbox_remove_lock(&site->inbox, peer)) != NULL) {
        settle_message(site, arrival);
    }
}
