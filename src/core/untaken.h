/* SPDX-License-Identifier: MIT */
/* The messages of one channel that arrived and were not taken, in order: what a cut finds there.
 *
 *     ring   | m4 | m5 |    |    | m2 | m3 |      oldest: m2; the capacity is a power of two
 *
 * Handles are kept and given back with the participant's retain and release. */
#ifndef GDN_CORE_UNTAKEN_H
#define GDN_CORE_UNTAKEN_H

#include <gordian/participant.h>

struct gdn__untaken_message {
    void *handle; /* NULL: untagged. */
    size_t bytes;
};

/* All zero: empty. */
struct gdn__untaken {
    struct gdn__untaken_message *ring;
    size_t oldest, count, capacity;
    size_t bytes; /* Of those that are not untagged. */
};

/* Gives back every handle; empty afterwards. */
void gdn__untaken_fini(struct gdn__untaken *untaken, const struct gdn_participant_options *options);

/* Room for more. False when out of memory; nothing changed. */
bool gdn__untaken_grow(struct gdn__untaken *untaken, const struct gdn_allocator *allocator);

/* The rest is on the way of every message, so it is here. */

/* Of the message at @p position, from 0 for the oldest. */
static inline size_t gdn__untaken_place(const struct gdn__untaken *untaken, size_t position)
{
    return (untaken->oldest + position) & (untaken->capacity - 1);
}

static inline void *gdn__untaken_handle(const struct gdn__untaken *untaken, size_t position)
{
    return untaken->ring[gdn__untaken_place(untaken, position)].handle;
}

/* False when out of memory; nothing changed. */
static inline bool gdn__untaken_push(struct gdn__untaken *untaken,
                                     const struct gdn_participant_options *options, void *handle,
                                     size_t bytes)
{
    if (untaken->count == untaken->capacity && !gdn__untaken_grow(untaken, options->allocator)) {
        return false;
    }
    untaken->ring[gdn__untaken_place(untaken, untaken->count++)] =
        (struct gdn__untaken_message){handle, bytes};
    if (handle == NULL) return true;
    untaken->bytes += bytes;
    options->retain(handle);
    return true;
}

/* The oldest one is taken. There is one. */
static inline void gdn__untaken_pop(struct gdn__untaken *untaken,
                                    const struct gdn_participant_options *options)
{
    struct gdn__untaken_message taken = untaken->ring[untaken->oldest];
    untaken->oldest = gdn__untaken_place(untaken, 1);
    untaken->count--;
    if (taken.handle == NULL) return;
    untaken->bytes -= taken.bytes;
    options->release(taken.handle);
}

#endif
