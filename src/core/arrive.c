/* SPDX-License-Identifier: MIT */
/* What comes in from the mesh: peers that open, come up and are lost, and their records. */
#include "src/core/ledger.h"
#include "src/core/mem.h"
#include "src/core/site.h"

#include <assert.h>
#include <string.h>

/* ---- Peers ---- */

static bool is_node(gdn_site *site, uint32_t number)
{
    return gdn__mesh_peer(site->mesh, number)->role == GDN__ROLE_NODE;
}

/* Channels to and from detectors are outside the cut (RULES 9). */
static enum gdn_err on_opening(void *context, uint32_t number, struct gdn__open *open)
{
    gdn_site *site = context;
    if (!is_node(site, number)) return GDN_OK;
    open->count = gdn_participant_cut_rounds(site->participant, open->rounds);
    return gdn__site_participate(site, &(struct gdn_participant_event){
                                           .type = GDN_PARTICIPANT_OPENED_OUT, .channel = number});
}

static enum gdn_err on_opened(void *context, uint32_t number, const struct gdn__open *open)
{
    gdn_site *site = context;
    if (!is_node(site, number)) return GDN_OK;
    if (!gdn__site_reserve_markers(site)) return GDN_ERR_MEMORY;
    struct gdn_participant_event event = {.type = GDN_PARTICIPANT_OPENED_IN,
                                          .channel = number,
                                          .rounds = open->rounds,
                                          .count = open->count};
    return gdn__site_participate(site, &event);
}

/* Tell the application. */
static bool notify(gdn_site *site, const struct gdn__peer *peer, enum gdn_item_type type)
{
    struct gdn__arrival *notice = gdn__arrival_new(&site->pool, GDN__ARRIVAL_NOTICE, peer->number);
    if (notice == NULL) return false;
    notice->as.item = (struct gdn_item){.type = type,
                                        .peer = peer->id,
                                        .peer_name = peer->name,
                                        .peer_incarnation = peer->incarnation};
    gdn__inbox_push(&site->inbox, notice);
    return true;
}

static bool do_owed(gdn_site *site, const struct gdn__peer *peer, enum gdn__owed what)
{
    switch (what) {
    case GDN__OWED_UP:
        return notify(site, peer, GDN_ITEM_PEER_UP);
    case GDN__OWED_BOOKS:
        return gdn_ledger_peer_lost(site->ledger, peer->number, peer->id, site->now_us) == GDN_OK;
    case GDN__OWED_LOST:
        return notify(site, peer, GDN_ITEM_PEER_LOST);
    }
    return false;
}

/* In order: what comes later waits for what comes before. */
static void pay_peer(gdn_site *site, struct gdn__peer *peer)
{
    for (unsigned what = GDN__OWED_UP; what <= GDN__OWED_LOST; what *= 2) {
        if ((peer->owed & what) == 0) continue;
        if (!do_owed(site, peer, (enum gdn__owed)what)) return;
        peer->owed &= ~what;
    }
}

static void owe(gdn_site *site, struct gdn__peer *peer, unsigned what)
{
    peer->owed |= what;
    pay_peer(site, peer);
    if (peer->owed == 0) return;
    gdn__site_say(site, "!out of memory: what concerns %s is done later", peer->name);
    site->owes = true;
}

void gdn__site_pay(gdn_site *site)
{
    if (!site->owes) return;
    site->owes = false;
    for (uint32_t i = 1; i < gdn__mesh_count(site->mesh); i++) {
        struct gdn__peer *peer = gdn__mesh_peer(site->mesh, i);
        pay_peer(site, peer);
        if (peer->owed != 0) site->owes = true;
    }
}

static void on_up(void *context, uint32_t number)
{
    gdn_site *site = context;
    site->peers_changed = true;
    if (is_node(site, number)) owe(site, gdn__mesh_peer(site->mesh, number), GDN__OWED_UP);
}

static void on_lost(void *context, uint32_t number)
{
    gdn_site *site = context;
    struct gdn__peer *peer = gdn__mesh_peer(site->mesh, number);
    struct gdn_participant_event event = {.type = GDN_PARTICIPANT_CHANNEL_LOST, .channel = number};
    site->peers_changed = true;
    if (peer->role == GDN__ROLE_DETECTOR) {
        event.type = GDN_PARTICIPANT_INITIATOR_LOST;
        event.round = (gdn_round_id){peer->id, peer->incarnation, 0};
    } else {
        gdn__site_settle_mail(site, number);
        owe(site, peer, GDN__OWED_BOOKS | (peer->was_up ? GDN__OWED_LOST : 0U));
    }
    enum gdn_err err = gdn__site_participate(site, &event);
    assert(err == GDN_OK); /* What ends rounds needs no memory. */
    (void)err;
}

/* ---- Whom our books name ---- */

static void refer(void *context, uint32_t number)
{
    const gdn_site *site = context;
    if (number != 0) gdn__mesh_refer(site->mesh, number);
}

/* A lost peer's channels are closed, its accounts are settled, and the rounds that its channels
 * had a part in have failed, with all that they recorded. What is left of it are items that the
 * application has not taken. */
static void on_refer(void *context)
{
    gdn_site *site = context;
    const struct gdn__arrival *arrival = site->inbox.first;
    for (; arrival != NULL; arrival = arrival->next) refer(site, arrival->peer);
    gdn__ledger_each_lost(site->ledger, refer, site);
}

static void on_say(void *context, const char *line)
{
    gdn__site_say(context, "%s", line);
}

/* ---- Records in ---- */

/* Requests, wakes of direct waits and payloads must keep to our window; the peer knows it. */
static enum gdn_err check_room(gdn_site *site, uint32_t peer, size_t bytes)
{
    const struct gdn__channel *channel = &gdn__mesh_peer(site->mesh, peer)->channel;
    return gdn__channel_may_arrive(channel, bytes) ? GDN_OK : GDN_ERR_LIMIT;
}

/* What needs no window has a bound all the same, far beyond what a correct peer can owe. */
static enum gdn_err check_untaken(gdn_site *site, uint32_t peer)
{
    const struct gdn__channel *channel = &gdn__mesh_peer(site->mesh, peer)->channel;
    uint64_t untaken = channel->messages_arrived - channel->messages_taken;
    return untaken < site->untaken_max ? GDN_OK : GDN_ERR_LIMIT;
}

static enum gdn_err arrived(gdn_site *site, struct gdn__arrival *arrival, size_t bytes)
{
    struct gdn_participant_event event = {.type = GDN_PARTICIPANT_MESSAGE_ARRIVED,
                                          .channel = arrival->peer,
                                          .message =
                                              arrival->type == GDN__ARRIVAL_LOCK ? arrival : NULL,
                                          .bytes = bytes};
    enum gdn_err err = gdn__site_participate(site, &event);
    if (err != GDN_OK) {
        gdn__arrival_release(arrival);
        return err;
    }
    arrival->counted = true;
    arrival->bytes = bytes;
    gdn__channel_arrived(&gdn__mesh_peer(site->mesh, arrival->peer)->channel, bytes);
    gdn__inbox_push(&site->inbox, arrival);
    return GDN_OK;
}

static enum gdn_err lock_arrived(gdn_site *site, uint32_t peer, const struct gdn__record *record)
{
    struct gdn_message message;
    if (!gdn__get_lock(record, &message)) return GDN_ERR_FORMAT;
    enum gdn_err err = gdn__site_is_windowed(&message) ? check_room(site, peer, record->length)
                                                       : check_untaken(site, peer);
    if (err != GDN_OK) return err;
    struct gdn__arrival *arrival = gdn__arrival_new(&site->pool, GDN__ARRIVAL_LOCK, peer);
    if (arrival == NULL) return GDN_ERR_MEMORY;
    arrival->as.message = message;
    return arrived(site, arrival, record->length);
}

static enum gdn_err payload_arrived(gdn_site *site, uint32_t peer, const struct gdn__record *record)
{
    if (check_room(site, peer, record->length) != GDN_OK) return GDN_ERR_LIMIT;
    struct gdn__arrival *arrival =
        gdn__arrival_new_payload(&site->pool, peer, record->body, record->length);
    if (arrival == NULL) return GDN_ERR_MEMORY;
    return arrived(site, arrival, record->length);
}

static enum gdn_err marker_arrived(gdn_site *site, uint32_t peer, const struct gdn__record *record)
{
    struct gdn_participant_event event = {.type = GDN_PARTICIPANT_MARKER_ARRIVED, .channel = peer};
    if (!gdn__get_round_id(record, &event.round)) return GDN_ERR_FORMAT;
    if (!gdn__site_reserve_markers(site)) return GDN_ERR_MEMORY;
    return gdn__site_participate(site, &event);
}

/* A detector speaks for its own rounds only. */
static enum gdn_err order_arrived(gdn_site *site, uint32_t number, const struct gdn__record *record,
                                  enum gdn_participant_event_type type)
{
    const struct gdn__peer *peer = gdn__mesh_peer(site->mesh, number);
    struct gdn_participant_event event = {.type = type};
    if (!gdn__get_round_id(record, &event.round)) return GDN_ERR_FORMAT;
    if (event.round.incarnation != peer->incarnation ||
        !gdn_id_equal(event.round.initiator.id, peer->id.id)) {
        return GDN_ERR_FORMAT;
    }
    if (!gdn__site_reserve_markers(site)) return GDN_ERR_MEMORY;
    return gdn__site_participate(site, &event);
}

static enum gdn_err node_record(gdn_site *site, uint32_t peer, const struct gdn__record *record)
{
    if (record->type == GDN__LOCK) return lock_arrived(site, peer, record);
    if (record->type == GDN__MARKER) return marker_arrived(site, peer, record);
    if (record->type == GDN__PAYLOAD) return payload_arrived(site, peer, record);
    return GDN_ERR_FORMAT;
}

static enum gdn_err detector_record(gdn_site *site, uint32_t peer, const struct gdn__record *record)
{
    struct gdn__abort abort;
    if (record->type == GDN__START) {
        return order_arrived(site, peer, record, GDN_PARTICIPANT_START_ARRIVED);
    }
    if (record->type == GDN__COLLECT) {
        return order_arrived(site, peer, record, GDN_PARTICIPANT_COLLECT_ARRIVED);
    }
    if (record->type == GDN__ABANDON) {
        return order_arrived(site, peer, record, GDN_PARTICIPANT_ROUND_ABANDONED);
    }
    if (record->type != GDN__ABORT || !gdn__get_abort(record, &abort)) return GDN_ERR_FORMAT;
    return gdn__site_abort_arrived(site, peer, &abort);
}

static enum gdn_err on_arrived(void *context, uint32_t peer, const struct gdn__record *record)
{
    gdn_site *site = context;
    return is_node(site, peer) ? node_record(site, peer, record)
                               : detector_record(site, peer, record);
}

struct gdn__mesh_events gdn__site_mesh_events(gdn_site *site)
{
    return (struct gdn__mesh_events){.context = site,
                                     .opening = on_opening,
                                     .opened = on_opened,
                                     .up = on_up,
                                     .lost = on_lost,
                                     .arrived = on_arrived,
                                     .refer = on_refer,
                                     .say = on_say};
}
