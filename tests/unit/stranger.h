/* SPDX-License-Identifier: MIT */
/* A peer of which there is nothing but the frames that it sends: thousands of them cost nothing. */
#ifndef TESTS_UNIT_STRANGER_H
#define TESTS_UNIT_STRANGER_H

#include "src/core/mem.h"
#include "src/core/wire.h"
#include <stdio.h>
#include <string.h>

struct stranger {
    const char *name, *endpoint;
    uint64_t incarnation;
    uint64_t to; /* Incarnation of the receiver. */
    uint32_t association;
};

/* Each gives one frame. Caller frees with gdn__buffer_fini(). */

static inline struct gdn__buffer stranger_hello(const struct stranger *from)
{
    struct gdn_allocator allocator = gdn__allocator_or_default(NULL);
    struct gdn__buffer frame;
    struct gdn__header header = {.source = from->incarnation, .count = 1};
    struct gdn__hello hello = {.role = GDN__ROLE_NODE, .nonce = 1};
    (void)snprintf(hello.name, sizeof hello.name, "%s", from->name);
    (void)snprintf(hello.endpoint, sizeof hello.endpoint, "%s", from->endpoint);
    gdn__buffer_init(&frame, &allocator);
    gdn__put_header(&frame, &header);
    size_t begun = gdn__begin_record(&frame, GDN__HELLO);
    gdn__put_hello(&frame, &hello);
    gdn__end_record(&frame, begun);
    return frame;
}

/* Of records from @p sequence on; 0: of one that is not numbered. The OPEN of the receiver has
 * arrived. */
static inline struct gdn__buffer stranger_begin(const struct stranger *from, uint64_t sequence,
                                                uint32_t count)
{
    struct gdn_allocator allocator = gdn__allocator_or_default(NULL);
    struct gdn__buffer frame;
    struct gdn__header header = {.source = from->incarnation,
                                 .destination = from->to,
                                 .association = from->association,
                                 .sequence = sequence,
                                 .acknowledged = 1,
                                 .count = count};
    gdn__buffer_init(&frame, &allocator);
    gdn__put_header(&frame, &header);
    return frame;
}

static inline void stranger_put_open(struct gdn__buffer *frame)
{
    struct gdn__open open = {.silence_ms = 10000, .window = 64, .window_bytes = 65536};
    size_t begun = gdn__begin_record(frame, GDN__OPEN);
    gdn__put_open(frame, &open);
    gdn__end_record(frame, begun);
}

static inline struct gdn__buffer stranger_ack(const struct stranger *from)
{
    struct gdn__buffer frame = stranger_begin(from, 0, 1);
    gdn__end_record(&frame, gdn__begin_record(&frame, GDN__ACK));
    return frame;
}

#endif
