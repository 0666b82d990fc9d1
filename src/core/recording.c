/* SPDX-License-Identifier: MIT */
#include "src/core/recording.h"

#include "src/core/mem.h"
#include <string.h>

void gdn__recording_fini(struct gdn__recording *recording,
                         const struct gdn_participant_options *options)
{
    for (size_t i = 0; i < recording->part_count; i++) {
        struct gdn__part *part = &recording->parts[i];
        for (size_t k = 0; k < part->message_count; k++) options->release(part->messages[k]);
        gdn__free(options->allocator, part->messages);
    }
    gdn__free(options->allocator, recording->parts);
    *recording = (struct gdn__recording){.parts = NULL};
}

bool gdn__recording_reach(struct gdn__recording *recording,
                          const struct gdn_participant_options *options, size_t count)
{
    const struct gdn_allocator *allocator = options->allocator;
    if (count <= recording->part_count) return true;
    struct gdn__part *grown =
        allocator->resize(allocator->context, recording->parts, count * sizeof *grown);
    if (grown == NULL) return false;
    memset(grown + recording->part_count, 0, (count - recording->part_count) * sizeof *grown);
    recording->parts = grown;
    recording->part_count = count;
    return true;
}

void gdn__recording_set_sent(struct gdn__recording *recording, uint32_t channel, uint64_t sent)
{
    struct gdn__part *part = &recording->parts[channel];
    part->outgoing = true;
    part->sent = sent;
}

/* What lies in the inbox. */
static bool copy_untaken(struct gdn__part *part, const struct gdn_participant_options *options,
                         const struct gdn__untaken *untaken)
{
    if (untaken->count == 0) return true;
    part->messages = gdn__alloc(options->allocator, untaken->count * sizeof *part->messages);
    if (part->messages == NULL) return false;
    part->message_capacity = untaken->count;
    for (size_t i = 0; i < untaken->count; i++) {
        void *message = gdn__untaken_handle(untaken, i);
        if (message == NULL) {
            part->untagged++;
        } else {
            options->retain(message);
            part->messages[part->message_count++] = message;
        }
    }
    return true;
}

bool gdn__recording_open(struct gdn__recording *recording,
                         const struct gdn_participant_options *options, uint32_t channel,
                         uint64_t taken, const struct gdn__untaken *untaken)
{
    if (!gdn__recording_reach(recording, options, channel + (size_t)1)) return false;
    struct gdn__part *part = &recording->parts[channel];
    if (part->incoming != GDN__INCOMING_ABSENT) return true;
    if (!copy_untaken(part, options, untaken)) return false;
    part->incoming = GDN__INCOMING_OPEN;
    part->taken = taken;
    recording->open_count++;
    recording->bytes += untaken->bytes;
    return true;
}

enum gdn_err gdn__recording_add(struct gdn__recording *recording,
                                const struct gdn_participant_options *options, uint32_t channel,
                                void *message, size_t bytes)
{
    struct gdn__part *part = channel < recording->part_count ? &recording->parts[channel] : NULL;
    if (part == NULL || part->incoming != GDN__INCOMING_OPEN) return GDN_OK;
    if (message == NULL) {
        part->untagged++;
        return GDN_OK;
    }
    recording->bytes += bytes;
    if (recording->bytes > options->recording_max) return GDN_ERR_LIMIT;
    if (!gdn__grow(options->allocator, &part->messages, part->message_count,
                   &part->message_capacity, sizeof *part->messages)) {
        return GDN_ERR_MEMORY;
    }
    options->retain(message);
    part->messages[part->message_count++] = message;
    return GDN_OK;
}

void gdn__recording_close(struct gdn__recording *recording, uint32_t channel)
{
    struct gdn__part *part = &recording->parts[channel];
    if (part->incoming != GDN__INCOMING_OPEN) return;
    part->incoming = GDN__INCOMING_CLOSED;
    recording->open_count--;
}

bool gdn__recording_has(const struct gdn__recording *recording, uint32_t channel)
{
    if (channel >= recording->part_count) return false;
    const struct gdn__part *part = &recording->parts[channel];
    return part->outgoing || part->incoming != GDN__INCOMING_ABSENT;
}

bool gdn__recording_read(const struct gdn__recording *recording, uint32_t channel,
                         struct gdn_channel_record *record)
{
    if (!gdn__recording_has(recording, channel)) return false;
    const struct gdn__part *part = &recording->parts[channel];
    *record = (struct gdn_channel_record){.outgoing = part->outgoing,
                                          .sent = part->sent,
                                          .incoming = part->incoming != GDN__INCOMING_ABSENT,
                                          .open = part->incoming == GDN__INCOMING_OPEN,
                                          .taken = part->taken,
                                          .untagged = part->untagged,
                                          .messages = part->messages,
                                          .message_count = part->message_count};
    return true;
}
