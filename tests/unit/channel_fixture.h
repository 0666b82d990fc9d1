/* SPDX-License-Identifier: MIT */
/* Two channels that face each other over a virtual clock; the tests carry the frames. */
#ifndef TESTS_UNIT_CHANNEL_FIXTURE_H
#define TESTS_UNIT_CHANNEL_FIXTURE_H

#include "ledger_fixture.h"

#include "src/core/channel.h"
#include "src/core/mem.h"

#define MESSAGE_BYTES 8 /* Of the smallest message here. */
#define A_INCARNATION 7
#define B_INCARNATION 9

/* ---- One end ---- */

#define SIZES 4096 /* More than are ever delivered and not taken. */

struct end_of_pair {
    struct gdn__channel channel;
    uint64_t incarnation, peer;
    uint64_t numbered;     /* Records we numbered; each carries its number. */
    uint64_t delivered;    /* Records that came out here, in order. */
    bool windowed;         /* The other end keeps to our window. */
    uint64_t taken;        /* Of those. */
    uint32_t sizes[SIZES]; /* Of those delivered last, by number. */
    struct gdn__buffer frame;
};

struct pair {
    struct end_of_pair a, b;
};

static inline void end_init(struct end_of_pair *end, uint64_t incarnation, uint64_t peer,
                            const struct gdn__channel_limits *limits)
{
    struct gdn_allocator allocator = gdn__allocator_or_default(NULL);
    *end = (struct end_of_pair){.incarnation = incarnation, .peer = peer};
    gdn__channel_init(&end->channel, &allocator, limits, 0);
    gdn__buffer_init(&end->frame, &allocator);
}

static inline int pair_setup(void **state)
{
    static struct pair pair;
    struct gdn__channel_limits limits = gdn__channel_limits_of(0, 0, 0);
    limits.silence_us = INT64_MAX; /* Nobody speaks only to be heard, unless the test says so. */
    end_init(&pair.a, A_INCARNATION, B_INCARNATION, &limits);
    end_init(&pair.b, B_INCARNATION, A_INCARNATION, &limits);
    *state = &pair;
    return 0;
}

static inline int pair_teardown(void **state)
{
    struct pair *pair = *state;
    gdn__channel_fini(&pair->a.channel);
    gdn__channel_fini(&pair->b.channel);
    gdn__buffer_fini(&pair->a.frame);
    gdn__buffer_fini(&pair->b.frame);
    return 0;
}

/* Number one message whose body is its own number, and @p more bytes. */
static inline void number_message(struct end_of_pair *end, size_t more)
{
    struct gdn__buffer *body = gdn__channel_begin(&end->channel, GDN__PAYLOAD);
    gdn__put_u64(body, ++end->numbered);
    for (size_t i = 0; i < more; i++) gdn__put_u8(body, (uint8_t)end->numbered);
    assert_true(gdn__channel_end(&end->channel));
}

/* The next frame replaces the one before it; without one, that stays. */
static inline bool pack(struct end_of_pair *end, int64_t now_us)
{
    struct gdn__buffer *frame = &end->frame;
    size_t before = frame->length;
    struct gdn__header header = {
        .source = end->incarnation, .destination = end->peer, .association = 1};
    if (!gdn__channel_pack(&end->channel, &header, now_us, frame)) return false;
    memmove(frame->bytes, frame->bytes + before, frame->length - before);
    frame->length -= before;
    return true;
}

static inline struct gdn__header header_of(const struct gdn__buffer *frame)
{
    struct gdn__header header;
    struct gdn__reader in = gdn__reader_of(frame->bytes, frame->length);
    assert_ok(gdn__get_header(&in, &header));
    return header;
}

/* The type of the first record. */
static inline enum gdn__record_type type_of(const struct gdn__buffer *frame)
{
    struct gdn__header header;
    struct gdn__record record;
    struct gdn__reader in = gdn__reader_of(frame->bytes, frame->length);
    assert_ok(gdn__get_header(&in, &header));
    assert_true(gdn__next_record(&in, &record));
    return record.type;
}

/* The record is the one that is due: each exactly once, in order, its bytes unharmed. */
static inline void deliver(struct end_of_pair *end, const struct gdn__record *record)
{
    struct gdn__reader in = gdn__reader_of(record->body, record->length);
    assert_int_equal(record->type, GDN__PAYLOAD);
    assert_true(gdn__get_u64(&in) == ++end->delivered);
    end->sizes[end->delivered % SIZES] = (uint32_t)record->length;
    while (gdn__reader_left(&in) > 0) {
        assert_int_equal(gdn__get_u8(&in), (uint8_t)end->delivered);
    }
}

/* What a node does with a frame. @p refuse: the first record that is due cannot be kept. */
static inline void receive(struct end_of_pair *end, const uint8_t *bytes, size_t length,
                           int64_t now_us, bool refuse)
{
    struct gdn__header header;
    struct gdn__record record;
    uint32_t count = 0;
    struct gdn__reader in = gdn__reader_of(bytes, length);
    assert_ok(gdn__get_header(&in, &header));
    assert_true(header.source == end->peer && header.destination == end->incarnation);
    gdn__channel_heard(&end->channel, &header, now_us);
    uint64_t sequence = header.sequence;
    while (gdn__next_record(&in, &record)) {
        count++;
        if (record.type == GDN__NACK) gdn__channel_go_back(&end->channel);
        if (header.sequence == 0) continue;
        if (!gdn__channel_accept(&end->channel, sequence++, now_us)) continue;
        if (refuse) {
            gdn__channel_unaccept(&end->channel);
            return;
        }
        /* Whatever was lost or late, what keeps to the window at one end does so at the other. */
        if (end->windowed) assert_true(gdn__channel_may_arrive(&end->channel, record.length));
        gdn__channel_arrived(&end->channel, record.length);
        deliver(end, &record);
    }
    assert_false(in.failed);
    assert_int_equal(count, header.count);
}

static inline void carry(struct end_of_pair *from, struct end_of_pair *to, int64_t now_us)
{
    receive(to, from->frame.bytes, from->frame.length, now_us, false);
}

#endif
