/* SPDX-License-Identifier: MIT */
/* Carries out what the participant asks: record the ledger, send markers, report. */
#include "src/core/codec.h"
#include "src/core/mem.h"
#include "src/core/site.h"
#include "src/core/utf8.h"

#include <assert.h>
#include <stdio.h>

/* ---- Recording our own state ---- */

/* The party of a peer in the cut under way. A lost peer's name is still known. */
static uint32_t party_of(void *context, gdn_cut *cut, uint32_t peer)
{
    gdn_site *site = context;
    if (peer == 0) return gdn_cut_party(cut, site->name, site->incarnation);
    const struct gdn__peer *known = gdn__mesh_peer(site->mesh, peer);
    return gdn_cut_party(cut, known->name, known->incarnation);
}

enum gdn_err gdn__site_record_self(gdn_site *site, gdn_cut **recorded, uint32_t *node,
                                   gdn_capture **capture)
{
    gdn_cut *cut = gdn_cut_new(&site->allocator);
    if (cut == NULL) return GDN_ERR_MEMORY;
    enum gdn_err err = site->modes_given ? gdn_cut_set_modes(cut, &site->modes) : GDN_OK;
    uint32_t party = party_of(site, cut, 0);
    if (party == GDN_NONE) err = GDN_ERR_MEMORY;
    if (err == GDN_OK) err = gdn_cut_add_node(cut, party, node);
    if (err == GDN_OK) {
        cut->nodes[*node].waits_listed = true;
        cut->nodes[*node].aborts_unanswered = site->aborts_unanswered;
        cut->nodes[*node].given_up_by_others = site->given_up_by_others;
        err = gdn_ledger_capture(site->ledger, cut, *node, party_of, site, site->now_us, capture);
    }
    if (err != GDN_OK) {
        gdn_cut_free(cut);
        return err;
    }
    *recorded = cut;
    return GDN_OK;
}

static void forget_state(gdn_site *site, uint32_t slot)
{
    struct gdn__snapshot *snapshot = &site->snapshots[slot];
    if (snapshot->round.number != 0) site->rounds_under_way--;
    gdn_capture_free(snapshot->capture);
    gdn_cut_free(snapshot->cut);
    *snapshot = (struct gdn__snapshot){.cut = NULL};
}

static void record_state(gdn_site *site, uint32_t slot, gdn_round_id round)
{
    struct gdn__snapshot *snapshot = &site->snapshots[slot];
    forget_state(site, slot);
    gdn__site_pay(site); /* The books first. */
    snapshot->round = round;
    snapshot->ends_at_us = site->now_us + GDN__ROUND_LIFE_US;
    site->rounds_under_way++;
    if (gdn__site_record_self(site, &snapshot->cut, &snapshot->node, &snapshot->capture) !=
        GDN_OK) {
        snapshot->cut = NULL; /* report() then says that it failed. */
        snapshot->capture = NULL;
    }
}

/* ---- Markers ---- */

bool gdn__site_reserve_markers(gdn_site *site)
{
    for (uint32_t i = 1; i < gdn__mesh_count(site->mesh); i++) {
        struct gdn__peer *peer = gdn__mesh_peer(site->mesh, i);
        if (peer->role != GDN__ROLE_NODE) continue;
        if (peer->state != GDN__PEER_OPENING && peer->state != GDN__PEER_UP) continue;
        size_t bytes = (size_t)GDN__MARKER_RECORD_BYTES * GDN_ROUNDS_MAX;
        if (!gdn__channel_reserve(&peer->channel, bytes)) return false;
    }
    return true;
}

static void send_marker(gdn_site *site, uint32_t peer, gdn_round_id round)
{
    gdn__put_round_id(gdn__mesh_begin(site->mesh, peer, GDN__MARKER), round);
    bool numbered = gdn__mesh_end(site->mesh, peer);
    assert(numbered); /* gdn__site_reserve_markers() made room. */
    (void)numbered;
}

/* ---- Reports ---- */

/* The detector's end of its channel, if it is there and keeps up. */
static struct gdn__peer *initiator_of(gdn_site *site, gdn_round_id round, uint32_t *number)
{
    *number = gdn__mesh_find_incarnation(site->mesh, round.incarnation);
    if (*number == 0) return NULL;
    struct gdn__peer *peer = gdn__mesh_peer(site->mesh, *number);
    if (peer->role != GDN__ROLE_DETECTOR || peer->state == GDN__PEER_LOST) return NULL;
    size_t backlog = peer->channel.retained.length - peer->channel.retained_at;
    return backlog > GDN__DETECTOR_BACKLOG ? NULL : peer;
}

static void say_failed(gdn_site *site, gdn_round_id round, const char *reason)
{
    uint32_t number;
    struct gdn__failed failed = {.round = round};
    site->rounds_abandoned++;
    if (initiator_of(site, round, &number) == NULL) return;
    (void)snprintf(failed.reason, sizeof failed.reason, "%s", reason);
    gdn__put_failed(gdn__mesh_begin(site->mesh, number, GDN__FAILED), &failed);
    (void)gdn__mesh_end(site->mesh, number);
}

static void fail(gdn_site *site, const struct gdn_participant_action *action)
{
    char reason[GDN_NAME_MAX + 1];
    const char *peer =
        action->channel == 0 ? NULL : gdn__mesh_peer(site->mesh, action->channel)->name;
    int shown = peer == NULL ? 0 : (int)gdn__text_cut(peer, 90); /* A whole text, too. */
    (void)snprintf(reason, sizeof reason, "%.150s%s%.*s", action->reason,
                   peer == NULL ? "" : ": channel with ", shown, peer == NULL ? "" : peer);
    gdn__site_say(site, "!round %llu abandoned: %s", (unsigned long long)action->round.number,
                  reason);
    say_failed(site, action->round, reason);
}

/* The resource that a message names: END names none, nor does the WAKE of a direct wait (all zero).
 */
static bool index_resource(gdn_cut *cut, const struct gdn_message *message, uint32_t *index)
{
    *index = GDN_NONE;
    if (message->verb == GDN_VERB_END) return true;
    if (message->verb == GDN_VERB_WAKE && !gdn_id_is_set(message->resource.id)) return true;
    *index = gdn_cut_resource(cut, message->resource, NULL);
    return *index != GDN_NONE;
}

static bool index_process(gdn_cut *cut, gdn_process_id process, uint32_t *index)
{
    *index = GDN_NONE;
    if (!gdn_id_is_set(process.id)) return true;
    *index = gdn_cut_process(cut, process, NULL);
    return *index != GDN_NONE;
}

static enum gdn_err add_message(struct gdn__snapshot *snapshot, const struct gdn_message *message)
{
    gdn_cut *cut = snapshot->cut;
    struct gdn_cut_message added = {.verb = message->verb,
                                    .ticket = message->number,
                                    .units = message->units,
                                    .branch_id = message->branch_id,
                                    .mode = message->mode,
                                    .flags = message->flags};
    added.process = gdn_cut_process(cut, message->process, NULL);
    if (added.process == GDN_NONE || !index_resource(cut, message, &added.resource) ||
        !index_process(cut, message->by, &added.by)) {
        return GDN_ERR_MEMORY;
    }
    enum gdn_err err = gdn_cut_add_message(cut, snapshot->node, &added);
    /* A request in flight finds its holders as of the cut. */
    if (err == GDN_OK && message->verb == GDN_VERB_REQUEST) {
        err = gdn_capture_resource(snapshot->capture, message->resource);
    }
    return err;
}

static enum gdn_err add_incoming(struct gdn__snapshot *snapshot, uint32_t party,
                                 const struct gdn_channel_record *record)
{
    struct gdn_cut_channel channel = {.peer = party,
                                      .incoming = true,
                                      .open = record->open,
                                      .counted = true,
                                      .count = record->taken,
                                      .untagged = record->untagged};
    enum gdn_err err = gdn_cut_add_channel(snapshot->cut, snapshot->node, &channel);
    for (size_t i = 0; err == GDN_OK && i < record->message_count; i++) {
        const struct gdn__arrival *arrival = record->messages[i];
        err = add_message(snapshot, &arrival->as.message);
    }
    return err;
}

static enum gdn_err add_channels(gdn_site *site, uint32_t slot)
{
    struct gdn__snapshot *snapshot = &site->snapshots[slot];
    enum gdn_err err = GDN_OK;
    for (uint32_t i = 1; err == GDN_OK && i < gdn__mesh_count(site->mesh); i++) {
        struct gdn_channel_record record;
        if (!gdn_participant_record(site->participant, slot, i, &record)) continue;
        /* A HELLO alone, perhaps a late one of the dead, is no channel; absent counters are 0. */
        if (!record.incoming && record.sent == 0 && !gdn__mesh_peer(site->mesh, i)->opened) {
            continue;
        }
        uint32_t party = party_of(site, snapshot->cut, i);
        if (party == GDN_NONE) return GDN_ERR_MEMORY;
        if (record.outgoing) {
            struct gdn_cut_channel channel = {.peer = party, .counted = true, .count = record.sent};
            err = gdn_cut_add_channel(snapshot->cut, snapshot->node, &channel);
        }
        if (err == GDN_OK && record.incoming) err = add_incoming(snapshot, party, &record);
    }
    return err;
}

static enum gdn_err send_report(gdn_site *site, uint32_t slot, gdn_round_id round)
{
    uint32_t number;
    uint8_t *bytes;
    size_t length;
    struct gdn__snapshot *snapshot = &site->snapshots[slot];
    if (initiator_of(site, round, &number) == NULL) return GDN_OK; /* Nobody to hear it. */
    if (snapshot->cut == NULL) return GDN_ERR_MEMORY;
    enum gdn_err err = add_channels(site, slot);
    if (err == GDN_OK && gdn_capture_failed(snapshot->capture)) err = GDN_ERR_MEMORY;
    if (err == GDN_OK) err = gdn__cut_encode(snapshot->cut, site->report_max, &bytes, &length);
    if (err != GDN_OK) return err;
    gdn__put_report(gdn__mesh_begin(site->mesh, number, GDN__REPORT), round, bytes, length);
    bool numbered = gdn__mesh_end(site->mesh, number);
    gdn__free(&site->allocator, bytes);
    if (!numbered) return GDN_ERR_MEMORY;
    site->rounds_reported++;
    return GDN_OK;
}

static void report(gdn_site *site, uint32_t slot, gdn_round_id round)
{
    enum gdn_err err = send_report(site, slot, round);
    bool large = err == GDN_ERR_LIMIT;
    if (err == GDN_OK) return;
    say_failed(site, round, large ? "its report would exceed report_max" : gdn_err_text(err));
}

/* ---- Actions, in order ---- */

static void carry_out(gdn_site *site, const struct gdn_participant_action *action)
{
    switch (action->type) {
    case GDN_PARTICIPANT_RECORD_STATE:
        record_state(site, action->slot, action->round);
        return;
    case GDN_PARTICIPANT_SEND_MARKER:
        send_marker(site, action->channel, action->round);
        return;
    case GDN_PARTICIPANT_REPORT:
        report(site, action->slot, action->round);
        return;
    case GDN_PARTICIPANT_FAIL:
        fail(site, action);
        return;
    case GDN_PARTICIPANT_FORGET_STATE:
        forget_state(site, action->slot);
        return;
    }
}

enum gdn_err gdn__site_participate(gdn_site *site, const struct gdn_participant_event *event)
{
    struct gdn_participant_actions actions;
    enum gdn_err err = gdn_participant_step(site->participant, event, &actions);
    for (size_t i = 0; i < actions.count; i++) carry_out(site, &actions.list[i]);
    return err;
}

/* ---- Rounds that nobody ends ---- */

int64_t gdn__site_rounds_deadline(const gdn_site *site)
{
    int64_t deadline_us = INT64_MAX;
    for (size_t i = 0; site->rounds_under_way > 0 && i < GDN_ROUNDS_MAX; i++) {
        const struct gdn__snapshot *snapshot = &site->snapshots[i];
        if (snapshot->round.number == 0 || snapshot->ends_at_us >= deadline_us) continue;
        deadline_us = snapshot->ends_at_us;
    }
    return deadline_us;
}

/* Its initiator may be one that we know from markers alone, and so never see die. */
void gdn__site_end_rounds(gdn_site *site)
{
    for (size_t i = 0; site->rounds_under_way > 0 && i < GDN_ROUNDS_MAX; i++) {
        const struct gdn__snapshot *snapshot = &site->snapshots[i];
        if (snapshot->round.number == 0 || snapshot->ends_at_us > site->now_us) continue;
        struct gdn_participant_event event = {.type = GDN_PARTICIPANT_ROUND_ABANDONED,
                                              .round = snapshot->round};
        gdn__site_say(site, "!round %llu abandoned: its initiator has not ended it for %d s",
                      (unsigned long long)event.round.number, (int)(GDN__ROUND_LIFE_US / 1000000));
        if (gdn__site_participate(site, &event) == GDN_OK) site->rounds_abandoned++;
    }
}
