/* SPDX-License-Identifier: MIT */
/** @file participant.h  Chandy-Lamport for one node, for any number of overlapping rounds.
 *
 *  Source: K. M. Chandy, L. Lamport: Distributed Snapshots: Determining Global States of
 *  Distributed Systems, ACM TOCS 3(1), 1985, section 3.1 (marker rules). Extended: a message
 *  *arrives* (the transport) and is later *taken* (the application). Markers act at arrival, the
 *  application's state changes when a message is taken, so a channel's recorded state is what
 *  arrived before its marker and was not taken before the cut.
 *
 *      taken      cut here       arrived, untaken        marker
 *      m1 m2 ....... | ....... m3 m4 ..... m5 m6 ........ |        recorded: m3 m4 m5 m6
 *                                 (inbox)   (arrive later)
 *
 *  Pure: feed it events in the order they happened, then carry out the actions it returns, in
 *  order, before anything else is sent. Channels must be reliable and FIFO. One thread at a time.
 */
#ifndef GORDIAN_PARTICIPANT_H
#define GORDIAN_PARTICIPANT_H

#include <gordian/id.h>

#ifdef __cplusplus
extern "C" {
#endif

#define GDN_ROUNDS_MAX     16 /**< Rounds under way at one node. */
#define GDN_INITIATORS_MAX 64 /**< Initiators remembered, those idle longest forgotten first. */

typedef struct gdn_participant gdn_participant;

struct gdn_participant_options {
    /** Bytes of messages that one round may record, from the inbox at the cut and as they arrive;
     *  beyond, it fails by name and traffic goes on. */
    size_t recording_max;
    /** Keep and give back a message handle; a recorded one is held until its round has ended. */
    void (*retain)(void *message);
    void (*release)(void *message);
    const struct gdn_allocator *allocator;
};

enum gdn_participant_event_type {
    GDN_PARTICIPANT_START_ARRIVED,   /**< round */
    GDN_PARTICIPANT_MARKER_ARRIVED,  /**< channel, round */
    GDN_PARTICIPANT_COLLECT_ARRIVED, /**< round: its deadline passed, report what is there. */
    GDN_PARTICIPANT_ROUND_ABANDONED, /**< round */
    GDN_PARTICIPANT_INITIATOR_LOST,  /**< round.initiator and incarnation: all of its rounds. */
    GDN_PARTICIPANT_MESSAGE_SENT,    /**< channel */
    GDN_PARTICIPANT_MESSAGE_ARRIVED, /**< channel, message (NULL: only counted), bytes */
    GDN_PARTICIPANT_MESSAGE_TAKEN,   /**< channel: its oldest untaken one. */
    GDN_PARTICIPANT_OPENED_OUT,      /**< channel: we may send on it now; our list went ahead. */
    GDN_PARTICIPANT_OPENED_IN,       /**< channel, rounds, count: its sender has cut these. */
    GDN_PARTICIPANT_CHANNEL_LOST     /**< channel: both directions are gone. */
};

struct gdn_participant_event {
    enum gdn_participant_event_type type;
    uint32_t channel; /**< The peer's number, from 1. */
    gdn_round_id round;
    void *message;
    size_t bytes;
    const gdn_round_id *rounds;
    size_t count;
};

enum gdn_participant_action_type {
    GDN_PARTICIPANT_RECORD_STATE, /**< Record our state for @c round, kept under @c slot. */
    GDN_PARTICIPANT_SEND_MARKER,  /**< For @c round on @c channel. */
    GDN_PARTICIPANT_REPORT,       /**< @c round is complete (or collected): read @c slot. */
    GDN_PARTICIPANT_FAIL,         /**< Tell the initiator that @c round failed: @c reason. */
    GDN_PARTICIPANT_FORGET_STATE  /**< Throw away what was recorded under @c slot. */
};

struct gdn_participant_action {
    enum gdn_participant_action_type type;
    gdn_round_id round;
    uint32_t slot;      /**< Below GDN_ROUNDS_MAX. */
    uint32_t channel;   /**< SEND_MARKER; FAIL: the one to blame, or 0. */
    const char *reason; /**< FAIL: static text. */
};

struct gdn_participant_actions {
    const struct gdn_participant_action *list;
    size_t count;
};

/** NULL: out of memory. Copies the options. Caller frees with gdn_participant_free(). */
GDN_API gdn_participant *gdn_participant_new(const struct gdn_participant_options *options);
GDN_API void gdn_participant_free(gdn_participant *participant);

/** Advance by one event.
 *  @param[out] actions  Borrowed until the next step.
 *  @return GDN_OK; GDN_ERR_UNKNOWN_NODE for a channel that is not open; GDN_ERR_MEMORY: repeat the
 *          event later (events that end something, and messages sent and taken, need none). Carry
 * out the actions whatever is returned. Obsolete, duplicate and late events are GDN_OK without
 * actions. */
GDN_API GDN_MUST_USE enum gdn_err gdn_participant_step(gdn_participant *participant,
                                                       const struct gdn_participant_event *event,
                                                       struct gdn_participant_actions *actions);

/** What a round recorded of the two directions between us and one peer. */
struct gdn_channel_record {
    bool outgoing; /**< The channel to the peer was open at our cut ... */
    uint64_t sent; /**< ... and this much had been sent. */
    bool incoming;
    bool open;             /**< Its marker has not come (collected at the deadline). */
    uint64_t taken;        /**< At our cut. */
    uint64_t untagged;     /**< Recorded messages without a handle. */
    void *const *messages; /**< The others, in channel order. */
    size_t message_count;
};

/** Read after a REPORT action, until the next step. False: that channel has no part in it. */
GDN_API bool gdn_participant_record(const gdn_participant *participant, uint32_t slot,
                                    uint32_t channel, struct gdn_channel_record *record);

/** The newest round of each initiator that this node has cut: what a channel opened now must
 *  carry ahead of everything else. @p rounds has room for GDN_INITIATORS_MAX; returns how many. */
GDN_API size_t gdn_participant_cut_rounds(const gdn_participant *participant, gdn_round_id *rounds);

#ifdef __cplusplus
}
#endif
#endif
