/* SPDX-License-Identifier: MIT */
/* What one round keeps of a participant's channels: the counters at the cut, and of each incoming
 * channel the messages that are its state.
 *
 *     our cut, m3 m4 lie in the inbox      m5 arrives   m6 arrives   its marker
 *     gdn__recording_open()                _add()       _add()       _close()
 *
 * Handles are kept and given back with the participant's retain and release. */
#ifndef GDN_CORE_RECORDING_H
#define GDN_CORE_RECORDING_H

#include "src/core/untaken.h"

enum gdn__incoming { GDN__INCOMING_ABSENT, GDN__INCOMING_OPEN, GDN__INCOMING_CLOSED };

/* Of a channel pair. */
struct gdn__part {
    bool outgoing;
    enum gdn__incoming incoming;
    uint64_t sent, taken; /* At the cut. */
    uint64_t untagged;    /* Recorded messages without a handle. */
    void **messages;      /* The others, in channel order. */
    size_t message_count, message_capacity;
};

/* All zero: of no channels. */
struct gdn__recording {
    struct gdn__part *parts; /* By channel number. */
    size_t part_count;
    size_t open_count; /* Incoming channels whose marker has not come. */
    size_t bytes;      /* Of recorded messages. */
};

/* Gives back every handle; of no channels afterwards. */
void gdn__recording_fini(struct gdn__recording *recording,
                         const struct gdn_participant_options *options);

/* Parts for the channels below @p count. False when out of memory; nothing changed. */
bool gdn__recording_reach(struct gdn__recording *recording,
                          const struct gdn_participant_options *options, size_t count);

/* The outgoing channel was open at the cut. */
void gdn__recording_set_sent(struct gdn__recording *recording, uint32_t channel, uint64_t sent);

/* The incoming channel is open as of now, unless it was before: what was taken counts, and what
 * lies in the inbox is recorded, even beyond the maximum. False when out of memory. */
bool gdn__recording_open(struct gdn__recording *recording,
                         const struct gdn_participant_options *options, uint32_t channel,
                         uint64_t taken, const struct gdn__untaken *untaken);

/* A message has arrived: recorded if the channel is open. GDN_ERR_LIMIT: it would be more than the
 * maximum; GDN_ERR_MEMORY. */
GDN_MUST_USE enum gdn_err gdn__recording_add(struct gdn__recording *recording,
                                             const struct gdn_participant_options *options,
                                             uint32_t channel, void *message, size_t bytes);

/* The incoming channel's marker has come, if it had not. */
void gdn__recording_close(struct gdn__recording *recording, uint32_t channel);

/* Either direction of that channel pair has a part in it. */
bool gdn__recording_has(const struct gdn__recording *recording, uint32_t channel);

/* What it has of that channel pair; the messages are borrowed until it changes. False: nothing. */
bool gdn__recording_read(const struct gdn__recording *recording, uint32_t channel,
                         struct gdn_channel_record *record);

#endif
