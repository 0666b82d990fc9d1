/* SPDX-License-Identifier: MIT */
#include <gordian/participant.h>

#include "src/core/initiator.h"
#include "src/core/mem.h"
#include "src/core/round.h"
#include <assert.h>

/* A channel pair as it stands now. */
struct channel {
    bool out, in;
    uint64_t sent, taken;
    struct gdn__untaken untaken;
};

#define TOO_MUCH "it would record more than its maximum"

struct gdn_participant {
    struct gdn_allocator allocator;
    struct gdn_participant_options options; /* Its allocator is ours. */
    struct channel *channels;
    size_t channel_count, channel_capacity;
    struct gdn__round_table rounds;
    struct gdn__initiators initiators;
    uint64_t clock; /* Counts events. */
    struct gdn_participant_action *actions;
    size_t action_count, action_capacity;
};

/* Room for what one event can ask for: for each of @p rounds that may begin, a marker on every
 * channel and its begin and end; and the end of every round there is. Afterwards adding an action
 * cannot fail. What only ends rounds has its room from the start: a lost peer must not become one
 * that every later round waits for. */
static bool reserve_actions(gdn_participant *participant, size_t rounds)
{
    size_t wanted = rounds * (participant->channel_count + 4) + 2 * GDN_ROUNDS_MAX;
    if (wanted <= participant->action_capacity) return true;
    struct gdn_participant_action *grown = participant->allocator.resize(
        participant->allocator.context, participant->actions, wanted * sizeof *grown);
    if (grown == NULL) return false;
    participant->actions = grown;
    participant->action_capacity = wanted;
    return true;
}

gdn_participant *gdn_participant_new(const struct gdn_participant_options *options)
{
    struct gdn_allocator allocator = gdn__allocator_or_default(options->allocator);
    gdn_participant *participant = gdn__calloc(&allocator, sizeof *participant);
    if (participant == NULL) return NULL;
    participant->allocator = allocator;
    participant->options = *options;
    participant->options.allocator = &participant->allocator;
    if (!reserve_actions(participant, 0)) {
        gdn_participant_free(participant);
        return NULL;
    }
    return participant;
}

void gdn_participant_free(gdn_participant *participant)
{
    if (participant == NULL) return;
    struct gdn_allocator allocator = participant->allocator;
    GDN__EACH_ROUND(round, &participant->rounds)
    {
        round->ended = true;
    }
    gdn__round_free_ended(&participant->rounds, &participant->options);
    for (size_t i = 0; i < participant->channel_count; i++) {
        gdn__untaken_fini(&participant->channels[i].untaken, &participant->options);
    }
    gdn__free(&allocator, participant->channels);
    gdn__free(&allocator, participant->actions);
    gdn__free(&allocator, participant);
}

/* ---- Actions ---- */

static struct gdn_participant_action *act(gdn_participant *participant,
                                          enum gdn_participant_action_type type,
                                          const struct gdn__round *round)
{
    assert(participant->action_count < participant->action_capacity);
    struct gdn_participant_action *action = &participant->actions[participant->action_count++];
    *action = (struct gdn_participant_action){
        .type = type, .round = round->id, .slot = (uint32_t)(round - participant->rounds.slots)};
    return action;
}

/* ---- Rounds ---- */

/* Its initiator has moved on, or we have ended our part in it. */
static bool is_obsolete(const gdn_participant *participant, gdn_round_id id)
{
    const struct gdn__initiator *initiator = gdn__initiators_find(&participant->initiators, id);
    return initiator != NULL && id.number <= initiator->newest.number;
}

static void remember_cut(gdn_participant *participant, gdn_round_id id)
{
    gdn__initiators_remember(&participant->initiators, id, participant->clock);
}

static void abandon(gdn_participant *participant, struct gdn__round *round)
{
    act(participant, GDN_PARTICIPANT_FORGET_STATE, round);
    round->ended = true;
}

static void fail(gdn_participant *participant, struct gdn__round *round, uint32_t channel,
                 const char *reason)
{
    struct gdn_participant_action *action = act(participant, GDN_PARTICIPANT_FAIL, round);
    action->channel = channel;
    action->reason = reason;
    abandon(participant, round);
}

/* A newer round of an initiator replaces its older ones. */
static void abandon_older(gdn_participant *participant, gdn_round_id id)
{
    GDN__EACH_ROUND(round, &participant->rounds)
    {
        if (!gdn__same_initiator(round->id, id)) continue;
        if (round->id.number < id.number) abandon(participant, round);
    }
}

/* ---- Recording ---- */

/* Our part in a round: counters as of now, and what lies in the inbox. */
static bool record_channels(gdn_participant *participant, struct gdn__recording *recording)
{
    const struct gdn_participant_options *options = &participant->options;
    if (!gdn__recording_reach(recording, options, participant->channel_count)) return false;
    for (uint32_t i = 0; i < participant->channel_count; i++) {
        const struct channel *channel = &participant->channels[i];
        if (channel->out) gdn__recording_set_sent(recording, i, channel->sent);
        if (!channel->in) continue;
        if (!gdn__recording_open(recording, options, i, channel->taken, &channel->untaken)) {
            return false;
        }
    }
    return true;
}

/* A bound has been reached before it could begin: it fails here, by name. */
static void refuse_round(gdn_participant *participant, gdn_round_id id, const char *reason)
{
    abandon_older(participant, id);
    remember_cut(participant, id);
    struct gdn_participant_action *action = &participant->actions[participant->action_count++];
    *action = (struct gdn_participant_action){
        .type = GDN_PARTICIPANT_FAIL, .round = id, .reason = reason};
}

/* "Record own state, then a marker on every outgoing channel, with no application send in
 * between" (Chandy & Lamport 1985, Marker-Sending Rule). NULL with *err GDN_OK: refused. */
static struct gdn__round *begin_round(gdn_participant *participant, gdn_round_id id,
                                      enum gdn_err *err)
{
    *err = reserve_actions(participant, GDN_ROUNDS_MAX + 1) ? GDN_OK : GDN_ERR_MEMORY;
    if (*err != GDN_OK) return NULL;
    struct gdn__round *round = gdn__round_begin(&participant->rounds, id);
    if (round == NULL) {
        refuse_round(participant, id, "too many rounds are under way");
        return NULL;
    }
    if (!record_channels(participant, &round->recording)) {
        gdn__round_free(&participant->rounds, round, &participant->options);
        *err = GDN_ERR_MEMORY;
        return NULL;
    }
    if (round->recording.bytes > participant->options.recording_max) {
        gdn__round_free(&participant->rounds, round, &participant->options);
        refuse_round(participant, id, TOO_MUCH);
        return NULL;
    }
    abandon_older(participant, id);
    remember_cut(participant, id);
    act(participant, GDN_PARTICIPANT_RECORD_STATE, round);
    for (uint32_t i = 0; i < participant->channel_count; i++) {
        if (!participant->channels[i].out) continue;
        act(participant, GDN_PARTICIPANT_SEND_MARKER, round)->channel = i;
    }
    return round;
}

static void report_if_closed(gdn_participant *participant, struct gdn__round *round)
{
    if (round->recording.open_count > 0) return;
    act(participant, GDN_PARTICIPANT_REPORT, round);
    abandon(participant, round);
}

/* ---- Events ---- */

static struct channel *channel_of(gdn_participant *participant, uint32_t number)
{
    return number < participant->channel_count ? &participant->channels[number] : NULL;
}

/* A new life of the initiator speaks for the first time: what other lives of it began is void.
 * Markers and opening lists, which may come late, do not say so; nor does a START of a life that we
 * know, which may be a late one of the dead. What was cut stays cut: its late markers begin nothing
 * anew. */
static void abandon_other_lives(gdn_participant *participant, gdn_round_id id)
{
    if (gdn__initiators_find(&participant->initiators, id) != NULL) return;
    GDN__EACH_ROUND(round, &participant->rounds)
    {
        if (!gdn_id_equal(round->id.initiator.id, id.initiator.id)) continue;
        abandon(participant, round);
    }
}

static enum gdn_err step_start_arrived(gdn_participant *participant, gdn_round_id id)
{
    enum gdn_err err = GDN_OK;
    if (!reserve_actions(participant, GDN_ROUNDS_MAX + 1)) return GDN_ERR_MEMORY;
    abandon_other_lives(participant, id);
    if (is_obsolete(participant, id)) return GDN_OK; /* Also: a marker was here first. */
    struct gdn__round *round = begin_round(participant, id, &err);
    if (round != NULL) report_if_closed(participant, round);
    return err;
}

/* Marker-Receiving Rule, for one of possibly several rounds under way. */
static enum gdn_err step_marker_arrived(gdn_participant *participant, uint32_t number,
                                        gdn_round_id id)
{
    enum gdn_err err = GDN_OK;
    struct channel *channel = channel_of(participant, number);
    if (channel == NULL || !channel->in) return GDN_ERR_UNKNOWN_NODE;
    struct gdn__round *round = gdn__round_find(&participant->rounds, id);
    if (round == NULL && is_obsolete(participant, id)) return GDN_OK;
    if (round == NULL) round = begin_round(participant, id, &err);
    if (round == NULL) return err;
    if (!reserve_actions(participant, GDN_ROUNDS_MAX + 1)) return GDN_ERR_MEMORY;

    /* What arrived before the marker and was not taken before our cut is this channel's state. */
    gdn__recording_close(&round->recording, number);
    report_if_closed(participant, round);
    return GDN_OK;
}

static enum gdn_err step_collect_arrived(gdn_participant *participant, gdn_round_id id)
{
    enum gdn_err err = GDN_OK;
    if (!reserve_actions(participant, GDN_ROUNDS_MAX + 1)) return GDN_ERR_MEMORY;
    struct gdn__round *round = gdn__round_find(&participant->rounds, id);
    if (round == NULL && is_obsolete(participant, id)) return GDN_OK;
    if (round == NULL) round = begin_round(participant, id, &err); /* START itself was late. */
    if (round == NULL) return err;
    act(participant, GDN_PARTICIPANT_REPORT, round);
    abandon(participant, round);
    return GDN_OK;
}

static enum gdn_err step_round_abandoned(gdn_participant *participant, gdn_round_id id)
{
    struct gdn__round *round = gdn__round_find(&participant->rounds, id);
    if (round != NULL) abandon(participant, round);
    if (!is_obsolete(participant, id)) remember_cut(participant, id);
    return GDN_OK;
}

static enum gdn_err step_initiator_lost(gdn_participant *participant, gdn_round_id id)
{
    GDN__EACH_ROUND(round, &participant->rounds)
    {
        if (gdn__same_initiator(round->id, id)) abandon(participant, round);
    }
    return GDN_OK;
}

static enum gdn_err step_message_sent(gdn_participant *participant, uint32_t number)
{
    struct channel *channel = channel_of(participant, number);
    if (channel == NULL || !channel->out) return GDN_ERR_UNKNOWN_NODE;
    channel->sent++;
    return GDN_OK;
}

/* The message belongs to the channel's state in every round whose marker has not come on it. */
static void record_message(gdn_participant *participant, struct gdn__round *round,
                           const struct gdn_participant_event *event)
{
    enum gdn_err err = gdn__recording_add(&round->recording, &participant->options, event->channel,
                                          event->message, event->bytes);
    if (err == GDN_OK) return;
    fail(participant, round, event->channel, err == GDN_ERR_LIMIT ? TOO_MUCH : "out of memory");
}

static enum gdn_err step_message_arrived(gdn_participant *participant,
                                         const struct gdn_participant_event *event)
{
    struct channel *channel = channel_of(participant, event->channel);
    if (channel == NULL || !channel->in) return GDN_ERR_UNKNOWN_NODE;
    if (!gdn__untaken_push(&channel->untaken, &participant->options, event->message,
                           event->bytes)) {
        return GDN_ERR_MEMORY;
    }
    GDN__EACH_ROUND(round, &participant->rounds)
    {
        record_message(participant, round, event);
    }
    return GDN_OK;
}

static enum gdn_err step_message_taken(gdn_participant *participant, uint32_t number)
{
    struct channel *channel = channel_of(participant, number);
    if (channel == NULL || channel->untaken.count == 0) return GDN_ERR_UNKNOWN_NODE;
    gdn__untaken_pop(&channel->untaken, &participant->options);
    channel->taken++;
    return GDN_OK;
}

/* Rows for every channel up to @p number. */
static bool reach_channel(gdn_participant *participant, uint32_t number)
{
    while (participant->channel_count <= number) {
        if (!gdn__grow(&participant->allocator, &participant->channels, participant->channel_count,
                       &participant->channel_capacity, sizeof *participant->channels)) {
            return false;
        }
        participant->channels[participant->channel_count++] = (struct channel){.out = false};
    }
    return true;
}

static enum gdn_err step_opened_out(gdn_participant *participant, uint32_t number)
{
    if (!reach_channel(participant, number)) return GDN_ERR_MEMORY;
    participant->channels[number].out = true;
    return GDN_OK;
}

/* Rounds that were begun before the channel opened: its sender has cut them already (closed, and
 * nothing was sent before), or its marker will come. */
static bool join_rounds(gdn_participant *participant, uint32_t number)
{
    const struct channel *channel = &participant->channels[number];
    GDN__EACH_ROUND(round, &participant->rounds)
    {
        if (!gdn__recording_open(&round->recording, &participant->options, number, channel->taken,
                                 &channel->untaken)) {
            return false;
        }
    }
    return true;
}

static bool is_listed(const struct gdn_participant_event *event, gdn_round_id id)
{
    for (size_t i = 0; i < event->count; i++) {
        if (gdn__same_initiator(event->rounds[i], id) && id.number <= event->rounds[i].number) {
            return true;
        }
    }
    return false;
}

/* "The list that opens a channel counts as markers: the receiver cuts before the first delivery"
 * (RULES 9). */
static enum gdn_err step_opened_in(gdn_participant *participant,
                                   const struct gdn_participant_event *event)
{
    if (!reach_channel(participant, event->channel)) return GDN_ERR_MEMORY;
    if (!reserve_actions(participant, GDN_ROUNDS_MAX + event->count + 1)) return GDN_ERR_MEMORY;
    if (!join_rounds(participant, event->channel)) return GDN_ERR_MEMORY;
    participant->channels[event->channel].in = true;
    for (size_t i = 0; i < event->count; i++) {
        enum gdn_err err = GDN_OK;
        if (!is_obsolete(participant, event->rounds[i])) {
            (void)begin_round(participant, event->rounds[i], &err);
        }
        if (err != GDN_OK) return err; /* Repeated as a whole: begun rounds are known then. */
    }
    GDN__EACH_ROUND(round, &participant->rounds)
    {
        if (!is_listed(event, round->id)) continue;
        gdn__recording_close(&round->recording, event->channel);
        report_if_closed(participant, round);
    }
    return GDN_OK;
}

static enum gdn_err step_channel_lost(gdn_participant *participant, uint32_t number)
{
    struct channel *channel = channel_of(participant, number);
    if (channel == NULL) return GDN_OK;
    GDN__EACH_ROUND(round, &participant->rounds)
    {
        if (!gdn__recording_has(&round->recording, number)) continue;
        fail(participant, round, number, "a peer was lost during it");
    }
    gdn__untaken_fini(&channel->untaken, &participant->options);
    *channel = (struct channel){.out = false};
    return GDN_OK;
}

static enum gdn_err step(gdn_participant *participant, const struct gdn_participant_event *event)
{
    switch (event->type) {
    case GDN_PARTICIPANT_START_ARRIVED:
        return step_start_arrived(participant, event->round);
    case GDN_PARTICIPANT_MARKER_ARRIVED:
        return step_marker_arrived(participant, event->channel, event->round);
    case GDN_PARTICIPANT_COLLECT_ARRIVED:
        return step_collect_arrived(participant, event->round);
    case GDN_PARTICIPANT_ROUND_ABANDONED:
        return step_round_abandoned(participant, event->round);
    case GDN_PARTICIPANT_INITIATOR_LOST:
        return step_initiator_lost(participant, event->round);
    case GDN_PARTICIPANT_MESSAGE_SENT:
        return step_message_sent(participant, event->channel);
    case GDN_PARTICIPANT_MESSAGE_ARRIVED:
        return step_message_arrived(participant, event);
    case GDN_PARTICIPANT_MESSAGE_TAKEN:
        return step_message_taken(participant, event->channel);
    case GDN_PARTICIPANT_OPENED_OUT:
        return step_opened_out(participant, event->channel);
    case GDN_PARTICIPANT_OPENED_IN:
        return step_opened_in(participant, event);
    case GDN_PARTICIPANT_CHANNEL_LOST:
        return step_channel_lost(participant, event->channel);
    }
    return GDN_ERR_MISUSE;
}

enum gdn_err gdn_participant_step(gdn_participant *participant,
                                  const struct gdn_participant_event *event,
                                  struct gdn_participant_actions *actions)
{
    assert(participant != NULL && event != NULL && actions != NULL);
    if (participant->rounds.used_count > 0) {
        gdn__round_free_ended(&participant->rounds, &participant->options);
    }
    participant->clock++;
    participant->action_count = 0;
    enum gdn_err err = step(participant, event);
    *actions = (struct gdn_participant_actions){participant->actions, participant->action_count};
    return err;
}

bool gdn_participant_record(const gdn_participant *participant, uint32_t slot, uint32_t channel,
                            struct gdn_channel_record *record)
{
    assert(slot < GDN_ROUNDS_MAX);
    const struct gdn__recording *recording = &participant->rounds.slots[slot].recording;
    return gdn__recording_read(recording, channel, record);
}

size_t gdn_participant_cut_rounds(const gdn_participant *participant, gdn_round_id *rounds)
{
    return gdn__initiators_list(&participant->initiators, rounds);
}
