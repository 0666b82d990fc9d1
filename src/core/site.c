/* SPDX-License-Identifier: MIT */
#include "src/core/site.h"

#include "src/core/ledger.h"
#include "src/core/mem.h"
#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define LOG_BYTES_MAX 65536

void gdn__site_say(gdn_site *site, const char *format, ...)
{
    char line[1024];
    if (site->log.length > LOG_BYTES_MAX) return;
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(line, sizeof line - 1, format, arguments);
    va_end(arguments);
    gdn__put_bytes(&site->log, line, strlen(line));
    gdn__put_u8(&site->log, '\n');
}

/* ---- Lock messages out ---- */

bool gdn__site_reserve_locks(gdn_site *site, uint32_t number, size_t count)
{
    if (number == 0) return true;
    struct gdn__peer *peer = gdn__mesh_peer(site->mesh, number);
    if (peer->state != GDN__PEER_OPENING && peer->state != GDN__PEER_UP) return true;
    return gdn__channel_reserve(&peer->channel, count * GDN__LOCK_RECORD_BYTES);
}

void gdn__site_send_lock(gdn_site *site, uint32_t number, const struct gdn_message *message)
{
    struct gdn__peer *peer = gdn__mesh_peer(site->mesh, number);
    if (peer->state == GDN__PEER_LOST) return;
    gdn__put_lock(gdn__mesh_begin(site->mesh, number, GDN__LOCK), message);
    bool numbered = gdn__mesh_end(site->mesh, number);
    assert(numbered); /* Its room was reserved. */
    (void)numbered;
    site->messages_sent++;
    enum gdn_err err = gdn__site_participate(
        site,
        &(struct gdn_participant_event){.type = GDN_PARTICIPANT_MESSAGE_SENT, .channel = number});
    assert(err == GDN_OK);
    (void)err;
}

/* ---- Tickets ---- */

gdn_ticket gdn__site_ticket(gdn_site *site, struct gdn_ticket_ref ref)
{
    if (ref.issuer == 0) return (gdn_ticket){site->self, site->incarnation, ref.number};
    const struct gdn__peer *peer = gdn__mesh_peer(site->mesh, ref.issuer);
    return (gdn_ticket){peer->id, peer->incarnation, ref.number};
}

bool gdn__site_ref(const gdn_site *site, gdn_ticket ticket, struct gdn_ticket_ref *ref)
{
    ref->number = ticket.number;
    ref->issuer = 0;
    if (ticket.incarnation == site->incarnation) {
        return gdn_id_equal(ticket.issuer.id, site->self.id);
    }
    ref->issuer = gdn__mesh_find_incarnation(site->mesh, ticket.incarnation);
    return ref->issuer != 0 &&
           gdn_id_equal(gdn__mesh_peer(site->mesh, ref->issuer)->id.id, ticket.issuer.id);
}

/* ---- Suspicion ---- */

/* The oldest wait outlasts its patience: tell now, and again while any does. A wait that came later
 * is seen by the next telling, at most one patience after it. INT64_MAX: nobody waits. */
static int64_t suspicion_deadline(const gdn_site *site)
{
    uint64_t number;
    int64_t since_us;
    if (!gdn_ledger_waiting_after(site->ledger, 0, &number, &since_us)) return INT64_MAX;
    int64_t due = since_us + site->patience_us;
    int64_t again = site->suspected_at_us + site->patience_us;
    return site->suspected && again > due ? again : due;
}

static void tell_detector(gdn_site *site, uint32_t number, const struct gdn__suspect *suspect)
{
    const struct gdn__peer *peer = gdn__mesh_peer(site->mesh, number);
    if (peer->role != GDN__ROLE_DETECTOR || peer->state != GDN__PEER_UP) return;
    /* One that does not listen needs no second telling: the first is still resent. */
    if (peer->channel.retained.length - peer->channel.retained_at > GDN__FRAME_BYTES_SOFT) return;
    gdn__put_suspect(gdn__mesh_begin(site->mesh, number, GDN__SUSPECT), suspect);
    (void)gdn__mesh_end(site->mesh, number);
}

static void suspect_if_due(gdn_site *site)
{
    struct gdn__suspect suspect;
    struct gdn_ticket_view view;
    int64_t since_us;
    if (suspicion_deadline(site) > site->now_us) return;
    if (!gdn_ledger_waiting_after(site->ledger, 0, &suspect.ticket, &since_us)) return;
    if (!gdn_ledger_ticket(site->ledger, suspect.ticket, &view)) return;
    suspect.process = view.process;
    suspect.waited_us = (uint64_t)(site->now_us - since_us);
    for (uint32_t i = 1; i < gdn__mesh_count(site->mesh); i++) tell_detector(site, i, &suspect);
    site->suspected = true;
    site->suspected_at_us = site->now_us;
}

/* ---- Making and freeing ---- */

static bool make_parts(gdn_site *site, const struct gdn_site_options *options)
{
    struct gdn_ledger_options ledger = {
        .modes = &site->modes, .tickets_max = options->tickets_max, .allocator = &site->allocator};
    struct gdn_participant_options participant = {.recording_max = site->recording_max,
                                                  .retain = gdn__arrival_retain,
                                                  .release = gdn__arrival_release,
                                                  .allocator = &site->allocator};
    struct gdn__mesh_options mesh = {
        .name = options->name,
        .endpoint = options->endpoint,
        .incarnation = options->incarnation,
        .role = GDN__ROLE_NODE,
        .limits =
            gdn__channel_limits_of(options->silence_ms, options->window, options->window_bytes),
        .allocator = site->allocator,
        .events = gdn__site_mesh_events(site)};
    site->ledger = gdn_ledger_new(&ledger);
    site->participant = gdn_participant_new(&participant);
    site->mesh = gdn__mesh_new(&mesh);
    site->name = gdn__strdup(&site->allocator, options->name);
    return site->ledger != NULL && site->participant != NULL && site->mesh != NULL &&
           site->name != NULL;
}

/* The mode names outlive the caller's. */
static bool copy_modes(gdn_site *site, const struct gdn_modes *modes)
{
    site->modes = gdn_modes_default();
    if (modes == NULL) return true;
    if (!gdn_modes_are_valid(modes)) return false;
    struct gdn_modes copy = *modes;
    for (uint32_t i = 0; i < modes->count; i++) {
        copy.names[i] = gdn__strdup(&site->allocator, modes->names[i]);
        if (copy.names[i] == NULL) {
            while (i > 0) gdn__free(&site->allocator, (void *)(uintptr_t)copy.names[--i]);
            return false;
        }
    }
    site->modes = copy;
    site->modes_given = true;
    return true;
}

/* What needs no window is owed for tickets: an answer for each of ours, an end for each of theirs,
 * and those that a cancel overtakes. Of all that not twice as much can lie here. */
static size_t untaken_max(const gdn_site *site, const struct gdn_site_options *options)
{
    size_t tickets = options->tickets_max != 0 ? options->tickets_max : GDN__TICKETS_DEFAULT;
    size_t window = options->window != 0 ? options->window : GDN__WINDOW_DEFAULT;
    if (tickets > SIZE_MAX / 8 || site->items_max > SIZE_MAX / 8) return SIZE_MAX;
    return 2 * (tickets + site->items_max + window);
}

gdn_site *gdn_site_new(const struct gdn_site_options *options)
{
    struct gdn_allocator allocator = gdn__allocator_or_default(options->allocator);
    if (!gdn_name_is_valid(options->name) || !gdn_name_is_valid(options->endpoint)) return NULL;
    if (options->incarnation == 0) return NULL;
    if (options->silence_ms != 0 && options->silence_ms < GDN__SILENCE_MS_MIN) return NULL;
    if (options->window_bytes != 0 && options->window_bytes < GDN__WINDOW_BYTES_MIN) return NULL;
    gdn_site *site = gdn__calloc(&allocator, sizeof *site);
    if (site == NULL) return NULL;
    uint32_t patience_ms =
        options->patience_ms != 0 ? options->patience_ms : GDN__PATIENCE_MS_DEFAULT;
    site->allocator = allocator;
    site->self = gdn_node_named(options->name);
    site->incarnation = options->incarnation;
    site->patience_us = (int64_t)patience_ms * 1000;
    site->aborts_unanswered = options->aborts_unanswered;
    site->given_up_by_others = options->given_up_by_others;
    site->payload_max = options->payload_max != 0 ? options->payload_max : GDN__PAYLOAD_DEFAULT;
    site->recording_max =
        options->recording_max != 0 ? options->recording_max : GDN__RECORDING_DEFAULT;
    site->report_max = GDN__REPORT_BYTES_MAX;
    if (options->report_max != 0 && options->report_max < site->report_max) {
        site->report_max = options->report_max;
    }
    site->items_max = options->items_max != 0 ? options->items_max : GDN__ITEMS_DEFAULT;
    site->untaken_max = untaken_max(site, options);
    gdn__pool_init(&site->pool, &allocator);
    gdn__inbox_init(&site->inbox);
    gdn__buffer_init(&site->log, &site->allocator);
    if (!copy_modes(site, options->modes) || !make_parts(site, options)) {
        gdn_site_free(site);
        return NULL;
    }
    return site;
}

void gdn_site_free(gdn_site *site)
{
    if (site == NULL) return;
    struct gdn_allocator allocator = site->allocator;
    for (size_t i = 0; i < GDN_ROUNDS_MAX; i++) {
        gdn_capture_free(site->snapshots[i].capture);
        gdn_cut_free(site->snapshots[i].cut);
    }
    gdn__inbox_fini(&site->inbox);
    gdn_participant_free(site->participant);
    gdn__pool_fini(&site->pool);
    gdn_ledger_free(site->ledger);
    gdn__mesh_free(site->mesh);
    for (uint32_t i = 0; site->modes_given && i < site->modes.count; i++) {
        gdn__free(&allocator, (void *)(uintptr_t)site->modes.names[i]);
    }
    gdn__buffer_fini(&site->log);
    gdn__free(&allocator, site->outgoing);
    gdn__free(&allocator, site->homes);
    gdn__free(&allocator, site->frames);
    gdn__free(&allocator, site->dials);
    gdn__free(&allocator, site->name);
    gdn__free(&allocator, site);
}

/* ---- The way out ---- */

static void hand_out_frames(gdn_site *site, struct gdn_actions *actions)
{
    const struct gdn__packed *packed;
    const uint8_t *bytes;
    size_t count = gdn__mesh_pack(site->mesh, site->now_us, &packed, &bytes);
    if (count > site->frame_capacity) {
        struct gdn_frame *grown =
            site->allocator.resize(site->allocator.context, site->frames, count * sizeof *grown);
        if (grown != NULL) {
            site->frames = grown;
            site->frame_capacity = count;
        }
    }
    if (count > site->frame_capacity) count = site->frame_capacity; /* The rest is resent. */
    for (size_t i = 0; i < count; i++) {
        site->frames[i] =
            (struct gdn_frame){packed[i].link, bytes + packed[i].at, packed[i].length};
    }
    actions->frames = site->frames;
    actions->frame_count = count;
}

static void hand_out_dials(gdn_site *site, struct gdn_actions *actions)
{
    uint32_t link;
    const char *endpoint;
    size_t count = 0;
    while (gdn__grow(&site->allocator, &site->dials, count, &site->dial_capacity,
                     sizeof *site->dials) &&
           gdn__mesh_take_dial(site->mesh, &link, &endpoint)) {
        site->dials[count++] = (struct gdn_dial){link, endpoint};
    }
    actions->dials = site->dials;
    actions->dial_count = count;
}

static void hand_out(gdn_site *site, struct gdn_actions *actions)
{
    int64_t suspicion = suspicion_deadline(site);
    int64_t mesh = gdn__mesh_deadline(site->mesh);
    int64_t rounds = gdn__site_rounds_deadline(site);
    actions->deadline_us = suspicion < mesh ? suspicion : mesh;
    if (rounds < actions->deadline_us) actions->deadline_us = rounds;
    int64_t payment = site->owes ? site->now_us + GDN__OWED_RETRY_US : INT64_MAX;
    if (payment < actions->deadline_us) actions->deadline_us = payment;
    actions->wants_to_send = gdn__mesh_wants_to_send(site->mesh);
    actions->bytes_to_send = gdn__mesh_bytes_to_send(site->mesh);
    actions->items_waiting = gdn__site_items_waiting(site);
    actions->peers_changed = site->peers_changed;
    if (site->log.length > 0 && !site->log.failed) {
        gdn__put_u8(&site->log, 0);
        if (!site->log.failed) actions->log = (const char *)site->log.bytes;
    }
    site->peers_changed = false;
}

/* ---- The way in ---- */

static enum gdn_err step_frame_received(gdn_site *site, const struct gdn_event *event)
{
    enum gdn_err err = gdn__mesh_receive(site->mesh, event->as.frame.bytes, event->as.frame.length,
                                         event->as.frame.from, event->now_us);
    if (err != GDN_OK) site->frames_refused++;
    /* Every frame may make room; whoever waits for it looks again. */
    if (site->found_full) site->peers_changed = true;
    site->found_full = false;
    return err;
}

/* The item is long, and set by those who take one. */
static void begin_actions(struct gdn_actions *actions)
{
    actions->dials = NULL;
    actions->dial_count = 0;
    actions->frames = NULL;
    actions->frame_count = 0;
    actions->ticket = (gdn_ticket){.number = 0};
    actions->log = NULL;
}

static enum gdn_err step(gdn_site *site, const struct gdn_event *event, struct gdn_actions *actions)
{
    switch (event->type) {
    case GDN_EVENT_FRAME_RECEIVED:
        return step_frame_received(site, event);
    case GDN_EVENT_LINKS_READY:
        hand_out_dials(site, actions);
        hand_out_frames(site, actions);
        return GDN_OK;
    case GDN_EVENT_TIME_PASSED:
        gdn__mesh_passed(site->mesh, event->now_us);
        suspect_if_due(site);
        gdn__site_end_rounds(site);
        return GDN_OK;
    case GDN_EVENT_PEER_DIALLED:
        return gdn__mesh_dial(site->mesh, event->as.dial.name, event->as.dial.endpoint,
                              event->as.dial.detector ? GDN__ROLE_DETECTOR : GDN__ROLE_NODE,
                              event->now_us);
    case GDN_EVENT_CLOSING:
        gdn__mesh_close(site->mesh);
        return GDN_OK;
    case GDN_EVENT_ITEM_TAKEN:
        return gdn__site_take(site, &actions->item);
    case GDN_EVENT_DESCRIBED:
    case GDN_EVENT_REQUESTED:
    case GDN_EVENT_WAITED_ON:
    case GDN_EVENT_RELEASED:
    case GDN_EVENT_CANCELLED:
    case GDN_EVENT_ENDED:
    case GDN_EVENT_WOKEN:
    case GDN_EVENT_GRANTED:
    case GDN_EVENT_REFUSED:
    case GDN_EVENT_REQUEUED:
    case GDN_EVENT_UNORDERED:
    case GDN_EVENT_CAPACITY_SET:
    case GDN_EVENT_ORPHANS_DROPPED:
    case GDN_EVENT_PAYLOAD_SENT:
        return gdn__site_verb(site, event, actions);
    }
    return GDN_ERR_MISUSE;
}

enum gdn_err gdn_site_step(gdn_site *site, const struct gdn_event *event,
                           struct gdn_actions *actions)
{
    assert(site != NULL && event != NULL && actions != NULL);
    begin_actions(actions);
    gdn__buffer_clear(&site->log);
    site->now_us = event->now_us;
    gdn__site_pay(site);
    enum gdn_err err = step(site, event, actions);
    hand_out(site, actions);
    return err;
}

/* ---- Looking inside ---- */

bool gdn_site_next(const gdn_site *site, gdn_resource_id resource, gdn_ticket *ticket)
{
    struct gdn_ticket_ref ref;
    if (!gdn_ledger_next(site->ledger, resource, &ref)) return false;
    *ticket = gdn__site_ticket((gdn_site *)(uintptr_t)site, ref);
    return true;
}

uint64_t gdn_site_unacknowledged(const gdn_site *site)
{
    uint64_t count = 0;
    for (uint32_t i = 1; i < gdn__mesh_count(site->mesh); i++) {
        const struct gdn__peer *peer = gdn__mesh_peer(site->mesh, i);
        if (peer->state == GDN__PEER_UP) count += gdn__channel_unacknowledged(&peer->channel);
    }
    return count;
}

enum gdn_err gdn_site_inspect(gdn_site *site, int64_t now_us, gdn_cut **cut)
{
    uint32_t node;
    gdn_capture *capture;
    site->now_us = now_us;
    enum gdn_err err = gdn__site_record_self(site, cut, &node, &capture);
    if (err == GDN_OK) gdn_capture_free(capture);
    return err;
}

struct gdn_site_counters gdn_site_counters(const gdn_site *site)
{
    struct gdn_site_counters counters = {.ledger = gdn_ledger_counters(site->ledger),
                                         .messages_sent = site->messages_sent,
                                         .messages_taken = site->messages_taken,
                                         .rounds_reported = site->rounds_reported,
                                         .rounds_abandoned = site->rounds_abandoned,
                                         .rounds_under_way = site->rounds_under_way,
                                         .frames_refused = site->frames_refused,
                                         .items_waiting = gdn__site_items_waiting(site)};
    for (uint32_t i = 1; i < gdn__mesh_count(site->mesh); i++) {
        const struct gdn__peer *peer = gdn__mesh_peer(site->mesh, i);
        if (peer->state != GDN__PEER_UP) continue;
        if (peer->role == GDN__ROLE_NODE) counters.peers_connected++;
        if (peer->role == GDN__ROLE_DETECTOR) counters.detectors_connected++;
    }
    return counters;
}
