/* SPDX-License-Identifier: MIT */
#include "src/core/channel.h"

#include <assert.h>
#include <string.h>

struct gdn__channel_limits gdn__channel_limits_of(uint32_t silence_ms, uint32_t window,
                                                  size_t window_bytes)
{
    if (silence_ms == 0) silence_ms = GDN__SILENCE_MS_DEFAULT;
    if (window == 0) window = GDN__WINDOW_DEFAULT;
    if (window_bytes == 0) window_bytes = GDN__WINDOW_BYTES_DEFAULT;
    return (struct gdn__channel_limits){(int64_t)silence_ms * 1000, window, window_bytes};
}

void gdn__channel_init(struct gdn__channel *channel, const struct gdn_allocator *allocator,
                       const struct gdn__channel_limits *ours, int64_t now_us)
{
    *channel = (struct gdn__channel){.next = 1,
                                     .expected = 1,
                                     .resend_at_us = INT64_MAX,
                                     .resend_after_us = GDN__RESEND_US,
                                     .ask_at_us = INT64_MAX,
                                     .sent_at_us = now_us,
                                     .stalls_at_us = INT64_MAX,
                                     .stall_after_us = GDN__STALL_US,
                                     .ack_at_us = INT64_MAX,
                                     .heard_at_us = now_us,
                                     .nacked_at_us = INT64_MIN / 2,
                                     .ours = *ours,
                                     .agreed = *ours};
    gdn__buffer_init(&channel->retained, allocator);
}

void gdn__channel_fini(struct gdn__channel *channel)
{
    gdn__buffer_fini(&channel->retained);
}

/* ---- Retained records ---- */

static size_t record_bytes(const struct gdn__channel *channel, size_t at)
{
    struct gdn__reader in = gdn__reader_of(channel->retained.bytes + at + 4, 4);
    return GDN__RECORD_HEADER_BYTES + gdn__get_u32(&in);
}

/* A lock message or payload: what applications take, and windows count. */
static bool is_message(const struct gdn__channel *channel, size_t at)
{
    struct gdn__reader in = gdn__reader_of(channel->retained.bytes + at, 4);
    uint32_t type = gdn__get_u32(&in);
    return type == GDN__LOCK || type == GDN__PAYLOAD;
}

/* ---- Numbering ---- */

bool gdn__channel_reserve(struct gdn__channel *channel, size_t bytes)
{
    return gdn__buffer_reserve(&channel->retained, bytes);
}

struct gdn__buffer *gdn__channel_begin(struct gdn__channel *channel, enum gdn__record_type type)
{
    channel->open_record = gdn__begin_record(&channel->retained, type);
    return &channel->retained;
}

bool gdn__channel_end(struct gdn__channel *channel)
{
    struct gdn__buffer *retained = &channel->retained;
    if (retained->failed) {
        retained->length = channel->open_record;
        retained->failed = false;
        return false;
    }
    gdn__end_record(retained, channel->open_record);
    if (is_message(channel, channel->open_record)) {
        channel->messages_sent++;
        channel->bytes_sent += retained->length - channel->open_record - GDN__RECORD_HEADER_BYTES;
    }
    channel->next++;
    return true;
}

/* ---- The window ---- */

void gdn__channel_agree(struct gdn__channel *channel, const struct gdn__channel_limits *theirs)
{
    const struct gdn__channel_limits *ours = &channel->ours;
    struct gdn__channel_limits *agreed = &channel->agreed;
    *agreed = *theirs;
    if (ours->silence_us < agreed->silence_us) agreed->silence_us = ours->silence_us;
    if (ours->window < agreed->window) agreed->window = ours->window;
    if (ours->window_bytes < agreed->window_bytes) agreed->window_bytes = ours->window_bytes;
}

static bool is_within(uint64_t messages, uint64_t used_bytes, size_t more_bytes,
                      const struct gdn__channel_limits *limits)
{
    return messages < limits->window && used_bytes <= limits->window_bytes &&
           more_bytes <= limits->window_bytes - used_bytes;
}

bool gdn__channel_has_room(const struct gdn__channel *channel, size_t bytes)
{
    return is_within(gdn__channel_in_flight(channel),
                     channel->bytes_sent - channel->peer_taken_bytes, bytes, &channel->agreed);
}

/* What lies here untaken is at most what the peer counts as in flight. */
bool gdn__channel_may_arrive(const struct gdn__channel *channel, size_t bytes)
{
    return is_within(channel->messages_arrived - channel->messages_taken,
                     channel->bytes_arrived - channel->bytes_taken, bytes, &channel->ours);
}

/* ---- Sending ---- */

static bool has_untransmitted(const struct gdn__channel *channel)
{
    return channel->transmitted + 1 < channel->next && !channel->probing;
}

/* INT64_MAX stays never. */
static int64_t after(int64_t at_us, int64_t us)
{
    return us > INT64_MAX - at_us ? INT64_MAX : at_us + us;
}

/* A few times in the silence that the peer endures. */
static int64_t keep_alive_at(const struct gdn__channel *channel)
{
    if (channel->agreed.silence_us == INT64_MAX) return INT64_MAX;
    return channel->sent_at_us + channel->agreed.silence_us / GDN__KEEP_ALIVES;
}

static bool is_ack_due(const struct gdn__channel *channel, int64_t now_us)
{
    return channel->ack_at_us <= now_us || channel->nack_due || keep_alive_at(channel) <= now_us;
}

bool gdn__channel_wants_to_send(const struct gdn__channel *channel, int64_t now_us)
{
    return has_untransmitted(channel) || is_ack_due(channel, now_us) || channel->ask_taken;
}

static void begin_frame(struct gdn__channel *channel, struct gdn__header *header,
                        struct gdn__buffer *out)
{
    header->acknowledged = channel->expected - 1;
    header->taken = channel->messages_taken;
    header->taken_bytes = channel->bytes_taken;
    gdn__put_header(out, header);
}

/* Every frame acknowledges and says that we live: nothing is owed any more. */
static void settle_acknowledgement(struct gdn__channel *channel, int64_t now_us)
{
    channel->sent_at_us = now_us;
    channel->unacknowledged = 0;
    channel->told_taken = channel->messages_taken;
    channel->told_taken_bytes = channel->bytes_taken;
    channel->ack_at_us = INT64_MAX;
    channel->nack_due = false; /* A NACK goes before all else, so it was this frame. */
}

static void pack_acknowledgement(struct gdn__channel *channel, struct gdn__header *header,
                                 struct gdn__buffer *out)
{
    header->count = 1;
    begin_frame(channel, header, out);
    gdn__end_record(out, gdn__begin_record(out, channel->nack_due ? GDN__NACK : GDN__ACK));
}

/* A repeat of a record that the peer has: it looks at nothing but the number, and answers. */
static void pack_repeat(struct gdn__channel *channel, struct gdn__header *header,
                        struct gdn__buffer *out)
{
    header->count = 1;
    header->sequence = channel->acknowledged;
    begin_frame(channel, header, out);
    gdn__end_record(out, gdn__begin_record(out, GDN__PAYLOAD));
    if (!out->failed) channel->ask_taken = false;
}

/* As many records as fit under the soft limit, at least one. */
static size_t choose_records(const struct gdn__channel *channel, uint32_t *count)
{
    size_t bytes = 0;
    *count = 0;
    for (size_t at = channel->transmitted_at; at < channel->retained.length;) {
        size_t next = record_bytes(channel, at);
        if (*count > 0 && bytes + next > GDN__FRAME_BYTES_SOFT) break;
        bytes += next;
        at += next;
        if (++*count == GDN__RECORDS_MAX) break;
    }
    return bytes;
}

static void pack_records(struct gdn__channel *channel, struct gdn__header *header, int64_t now_us,
                         struct gdn__buffer *out)
{
    size_t bytes = choose_records(channel, &header->count);
    header->sequence = channel->transmitted + 1;
    begin_frame(channel, header, out);
    gdn__put_bytes(out, channel->retained.bytes + channel->transmitted_at, bytes);
    if (out->failed) return;
    channel->transmitted += header->count;
    channel->transmitted_at += bytes;
    channel->probing = channel->probe_next;
    channel->probe_next = false;
    if (channel->resend_at_us == INT64_MAX) {
        channel->resend_at_us = now_us + channel->resend_after_us;
    }
    gdn__channel_expect_answer(channel, now_us);
}

void gdn__channel_expect_answer(struct gdn__channel *channel, int64_t now_us)
{
    if (channel->stalls_at_us == INT64_MAX) {
        channel->stalls_at_us = now_us + channel->stall_after_us;
    }
}

/* Nobody may look here again before a timer says so. */
static void try_later(struct gdn__channel *channel, int64_t now_us)
{
    if (is_ack_due(channel, now_us)) {
        channel->ack_at_us = now_us + GDN__ACK_DELAY_US;
        channel->sent_at_us = now_us;
    }
    if (has_untransmitted(channel) && channel->resend_at_us == INT64_MAX) {
        channel->resend_at_us = now_us + channel->resend_after_us;
    }
}

bool gdn__channel_pack(struct gdn__channel *channel, const struct gdn__header *pair, int64_t now_us,
                       struct gdn__buffer *out)
{
    struct gdn__header header = *pair;
    size_t before = out->length;
    if (channel->nack_due || (!has_untransmitted(channel) && is_ack_due(channel, now_us))) {
        pack_acknowledgement(channel, &header, out);
    } else if (has_untransmitted(channel)) {
        pack_records(channel, &header, now_us, out);
    } else if (channel->ask_taken) {
        pack_repeat(channel, &header, out);
    } else {
        return false;
    }
    if (out->failed) {
        out->length = before;
        out->failed = false;
        try_later(channel, now_us);
        return false;
    }
    settle_acknowledgement(channel, now_us);
    return true;
}

/* ---- Acknowledgements and resending ---- */

/* Drop the first bytes once they are the larger part, so that each byte moves O(1) times. */
static void compact(struct gdn__channel *channel)
{
    size_t dead = channel->retained_at;
    if (dead < 4096 && dead < channel->retained.length) return;
    if (dead < channel->retained.length / 2) return;
    struct gdn__buffer *retained = &channel->retained;
    memmove(retained->bytes, retained->bytes + dead, retained->length - dead);
    retained->length -= dead;
    channel->transmitted_at -= dead;
    channel->retained_at = 0;
}

static void forget_up_to(struct gdn__channel *channel, uint64_t acknowledged)
{
    while (channel->acknowledged < acknowledged) {
        if (is_message(channel, channel->retained_at)) channel->messages_acknowledged++;
        channel->retained_at += record_bytes(channel, channel->retained_at);
        channel->acknowledged++;
    }
    if (channel->transmitted < channel->acknowledged) { /* An answer to before we went back. */
        channel->transmitted = channel->acknowledged;
        channel->transmitted_at = channel->retained_at;
    }
    compact(channel);
}

static bool has_unacknowledged(const struct gdn__channel *channel)
{
    return channel->acknowledged + 1 < channel->next;
}

static bool awaits_taking(const struct gdn__channel *channel)
{
    return !has_unacknowledged(channel) && gdn__channel_in_flight(channel) > 0;
}

static void hear_acknowledged(struct gdn__channel *channel, uint64_t acknowledged, int64_t now_us)
{
    if (acknowledged <= channel->acknowledged || acknowledged >= channel->next) return;
    forget_up_to(channel, acknowledged);
    channel->probing = channel->probe_next = false;
    channel->resend_after_us = GDN__RESEND_US;
    bool more = has_unacknowledged(channel);
    channel->resend_at_us = more ? now_us + GDN__RESEND_US : INT64_MAX;
    channel->stalls_at_us = INT64_MAX;
    channel->stall_after_us = GDN__STALL_US;
    if (more) gdn__channel_expect_answer(channel, now_us);
}

/* A peer cannot have what was never sent: such a word is ignored. */
static void hear_taken(struct gdn__channel *channel, uint64_t messages, uint64_t bytes)
{
    if (messages <= channel->peer_taken || messages > channel->messages_sent) return;
    if (bytes < channel->peer_taken_bytes || bytes > channel->bytes_sent) return;
    channel->peer_taken = messages;
    channel->peer_taken_bytes = bytes;
}

void gdn__channel_heard(struct gdn__channel *channel, const struct gdn__header *header,
                        int64_t now_us)
{
    channel->heard_at_us = now_us;
    hear_taken(channel, header->taken, header->taken_bytes);
    hear_acknowledged(channel, header->acknowledged, now_us);
    channel->ask_taken = false;
    channel->ask_at_us = awaits_taking(channel) ? now_us + GDN__WINDOW_ASK_US : INT64_MAX;
}

void gdn__channel_go_back(struct gdn__channel *channel)
{
    channel->transmitted = channel->acknowledged;
    channel->transmitted_at = channel->retained_at;
    channel->probing = channel->probe_next = false;
}

/* ---- Receiving ---- */

static void owe_acknowledgement(struct gdn__channel *channel, int64_t at_us)
{
    if (channel->ack_at_us > at_us) channel->ack_at_us = at_us;
}

bool gdn__channel_accept(struct gdn__channel *channel, uint64_t sequence, int64_t now_us)
{
    if (sequence < channel->expected) { /* A repeat: our word was lost. Say it again. */
        owe_acknowledgement(channel, now_us);
        return false;
    }
    if (sequence > channel->expected) {
        if (now_us - channel->nacked_at_us >= GDN__NACK_PAUSE_US) {
            channel->nack_due = true;
            channel->nacked_at_us = now_us;
        }
        return false;
    }
    channel->expected++;
    channel->unacknowledged++;
    bool many = channel->unacknowledged >= GDN__ACK_EVERY;
    owe_acknowledgement(channel, many ? now_us : now_us + GDN__ACK_DELAY_US);
    return true;
}

void gdn__channel_unaccept(struct gdn__channel *channel)
{
    assert(channel->expected > 1);
    channel->expected--;
}

/* What was taken is told at once when the peer may need the room; what is taken in one go, as one.
 */
static bool is_news(const struct gdn__channel *channel)
{
    uint64_t messages = channel->messages_taken - channel->told_taken;
    uint64_t bytes = channel->bytes_taken - channel->told_taken_bytes;
    bool idle = channel->messages_taken == channel->messages_arrived;
    return messages * GDN__ACK_PARTS >= channel->agreed.window ||
           bytes * GDN__ACK_PARTS >= channel->agreed.window_bytes ||
           (idle && messages >= GDN__ACK_TAKEN);
}

void gdn__channel_took(struct gdn__channel *channel, size_t bytes, int64_t now_us)
{
    channel->messages_taken++;
    channel->bytes_taken += bytes;
    owe_acknowledgement(channel, is_news(channel) ? now_us : now_us + GDN__ACK_DELAY_US);
}

/* ---- Time ---- */

static int64_t silent_at(const struct gdn__channel *channel)
{
    return after(channel->heard_at_us, channel->ours.silence_us);
}

bool gdn__channel_is_silent(const struct gdn__channel *channel, int64_t now_us)
{
    return silent_at(channel) <= now_us;
}

void gdn__channel_slept(struct gdn__channel *channel, int64_t us)
{
    channel->heard_at_us += us;
}

bool gdn__channel_take_stall(struct gdn__channel *channel, int64_t now_us)
{
    if (channel->stalls_at_us > now_us) return false;
    channel->stall_after_us *= 2;
    if (channel->stall_after_us > GDN__STALL_MAX_US) channel->stall_after_us = GDN__STALL_MAX_US;
    channel->stalls_at_us = now_us + channel->stall_after_us;
    return true;
}

/* A stall needs no deadline of its own: while an answer is due, resending is. */
int64_t gdn__channel_deadline(const struct gdn__channel *channel)
{
    const int64_t all[] = {channel->resend_at_us, channel->ack_at_us, channel->ask_at_us,
                           keep_alive_at(channel), silent_at(channel)};
    int64_t deadline_us = all[0];
    for (size_t i = 1; i < sizeof all / sizeof *all; i++) {
        if (all[i] < deadline_us) deadline_us = all[i];
    }
    return deadline_us;
}

static void resend(struct gdn__channel *channel, int64_t now_us)
{
    gdn__channel_go_back(channel);
    channel->probe_next = true;
    channel->resend_after_us *= 2;
    if (channel->resend_after_us > GDN__RESEND_MAX_US) {
        channel->resend_after_us = GDN__RESEND_MAX_US;
    }
    channel->resend_at_us = now_us + channel->resend_after_us;
}

void gdn__channel_passed(struct gdn__channel *channel, int64_t now_us)
{
    if (channel->resend_at_us <= now_us) resend(channel, now_us);
    if (channel->ask_at_us > now_us) return;
    channel->ask_taken = awaits_taking(channel);
    channel->ask_at_us = channel->ask_taken ? now_us + GDN__WINDOW_ASK_US : INT64_MAX;
}
