/* SPDX-License-Identifier: MIT */
/* Both directions between this node and one peer, in one pair of incarnations: numbering,
 * acknowledgement, resending, window. Pure: time comes in, deadlines go out.
 *
 *     out:  acknowledged < transmitted < next        retained: every record after acknowledged
 *     in:   expected is the only number that is let in; smaller is a repeat, larger came early
 *
 * Word of what was taken travels in every header and is not acknowledged itself. When all records
 * are acknowledged but not all are taken, and nothing is heard, an empty repeat asks for it.
 *
 * A window, in messages and bytes, is room in the receiver's inbox. Whoever has nothing to say says
 * so (ACK) a few times in the silence after which the other side would take it for lost.
 *
 * ZeroMQ is FIFO within one connection only. This is what keeps the channel FIFO and reliable, as
 * Chandy & Lamport 1985 (section 2) require. */
#ifndef GDN_CORE_CHANNEL_H
#define GDN_CORE_CHANNEL_H

#include "src/core/wire.h"

#define GDN__RESEND_US     INT64_C(200000) /* First; doubles up to the next. */
#define GDN__RESEND_MAX_US INT64_C(2000000)
#define GDN__ACK_DELAY_US  INT64_C(5000)
#define GDN__ACK_EVERY     1024 /* Records that arrived without being acknowledged. */
#define GDN__ACK_TAKEN     64   /* Messages taken when none is left to take. */
#define GDN__ACK_PARTS     4    /* So much of the window is told of as taken, at the latest. */
#define GDN__NACK_PAUSE_US INT64_C(5000)
#define GDN__WINDOW_ASK_US INT64_C(2000000)  /* Nothing heard while messages are not taken. */
#define GDN__STALL_US      INT64_C(4000000)  /* No answer: the link may be dead. Doubles ... */
#define GDN__STALL_MAX_US  INT64_C(60000000) /* ... up to this. */
#define GDN__KEEP_ALIVES   4                 /* In the time after which silence is loss. */

#define GDN__SILENCE_MS_DEFAULT   10000
#define GDN__WINDOW_DEFAULT       4096
#define GDN__WINDOW_BYTES_DEFAULT (UINT32_C(1) << 24)

/* What a receiver asks of the other side. */
struct gdn__channel_limits {
    int64_t silence_us;    /* Heard nothing of for so long, it is lost; INT64_MAX: never. */
    uint32_t window;       /* Messages that may wait untaken ... */
    uint64_t window_bytes; /* ... and the bytes of their bodies. */
};

struct gdn__channel {
    /* Out. */
    uint64_t next; /* Number of the next record. */
    uint64_t acknowledged;
    uint64_t transmitted;
    struct gdn__buffer retained;
    size_t retained_at;    /* Where record acknowledged + 1 begins. */
    size_t transmitted_at; /* Where record transmitted + 1 begins. */
    bool probe_next;       /* The next frame is resent after silence ... */
    bool probing;          /* ... and now no more goes until it is answered. */
    int64_t resend_at_us;  /* INT64_MAX: nothing is unacknowledged. */
    int64_t resend_after_us;
    uint64_t messages_sent, bytes_sent;    /* Lock messages and payloads numbered. */
    uint64_t peer_taken, peer_taken_bytes; /* How many the peer's application has taken. */
    uint64_t messages_acknowledged;        /* How many have arrived there. */
    bool ask_taken;                        /* Its word on that may be lost: make it speak. */
    int64_t ask_at_us; /* INT64_MAX: all is taken, or something is unacknowledged. */
    int64_t sent_at_us;
    int64_t stalls_at_us; /* The link may be dead then; INT64_MAX: no answer is due. */
    int64_t stall_after_us;
    /* In. */
    uint64_t expected;
    uint64_t messages_arrived, bytes_arrived;
    uint64_t messages_taken, bytes_taken; /* By our application; told to the peer. */
    uint64_t told_taken, told_taken_bytes;
    int64_t heard_at_us;
    uint32_t unacknowledged; /* Records that arrived since we last told. */
    int64_t ack_at_us;       /* INT64_MAX: nothing to tell. */
    bool nack_due;
    int64_t nacked_at_us;
    size_t open_record; /* Of gdn__channel_begin(). */
    /* Both. */
    struct gdn__channel_limits ours;
    struct gdn__channel_limits agreed; /* The smaller of ours and the peer's, once it told. */
};

/* 0 stands for the default of each. */
struct gdn__channel_limits gdn__channel_limits_of(uint32_t silence_ms, uint32_t window,
                                                  size_t window_bytes);

void gdn__channel_init(struct gdn__channel *channel, const struct gdn_allocator *allocator,
                       const struct gdn__channel_limits *ours, int64_t now_us);
void gdn__channel_fini(struct gdn__channel *channel);

/* Room for records of @p bytes in all (bodies and record headers): then beginning and ending
 * them cannot fail. False when out of memory. */
bool gdn__channel_reserve(struct gdn__channel *channel, size_t bytes);

/* Number one record: write its body between the two calls. False from end: out of memory, and
 * nothing was numbered. */
struct gdn__buffer *gdn__channel_begin(struct gdn__channel *channel, enum gdn__record_type type);
bool gdn__channel_end(struct gdn__channel *channel);

/* Append the next frame to @p out (source, destination and association are those of @p pair);
 * false when there is none to send now. Call until false. */
bool gdn__channel_pack(struct gdn__channel *channel, const struct gdn__header *pair, int64_t now_us,
                       struct gdn__buffer *out);

/* Something went to the peer outside the numbers (HELLO), and an answer is due. */
void gdn__channel_expect_answer(struct gdn__channel *channel, int64_t now_us);
/* The peer told what it asks of us. */
void gdn__channel_agree(struct gdn__channel *channel, const struct gdn__channel_limits *theirs);

/* Take in the header's word on what the peer has. */
void gdn__channel_heard(struct gdn__channel *channel, const struct gdn__header *header,
                        int64_t now_us);
/* The peer asks for everything after its acknowledged record. */
void gdn__channel_go_back(struct gdn__channel *channel);

/* May the record with this number be delivered now? If so it counts as arrived. */
bool gdn__channel_accept(struct gdn__channel *channel, uint64_t sequence, int64_t now_us);
/* Take that back: it could not be kept (out of memory), and will be resent. */
void gdn__channel_unaccept(struct gdn__channel *channel);

/* Our application took a message with a body of @p bytes. */
void gdn__channel_took(struct gdn__channel *channel, size_t bytes, int64_t now_us);

/* True when something waits for gdn__channel_pack(). */
bool gdn__channel_wants_to_send(const struct gdn__channel *channel, int64_t now_us);
/* When gdn__channel_passed() should be called. */
int64_t gdn__channel_deadline(const struct gdn__channel *channel);
void gdn__channel_passed(struct gdn__channel *channel, int64_t now_us);

/* Nothing was heard for as long as we wait: the peer is lost. */
bool gdn__channel_is_silent(const struct gdn__channel *channel, int64_t now_us);
/* We ourselves slept for so long: that time is not the peer's silence. */
void gdn__channel_slept(struct gdn__channel *channel, int64_t us);
/* True after GDN__STALL_US without an answer, and after pauses that double: try another
 * connection. */
bool gdn__channel_take_stall(struct gdn__channel *channel, int64_t now_us);

/* ---- On the way of every message, so they are here ---- */

/* One message with a body of @p bytes has arrived. */
static inline void gdn__channel_arrived(struct gdn__channel *channel, size_t bytes)
{
    channel->messages_arrived++;
    channel->bytes_arrived += bytes;
}

/* Messages on their way: numbered here, not yet taken there. */
static inline uint64_t gdn__channel_in_flight(const struct gdn__channel *channel)
{
    return channel->messages_sent - channel->peer_taken;
}

/* Of those, the ones that have not even arrived, as far as we know. */
static inline uint64_t gdn__channel_unacknowledged(const struct gdn__channel *channel)
{
    return channel->messages_sent - channel->messages_acknowledged;
}

/* Room in the window for one more message with a body of @p bytes. */
bool gdn__channel_has_room(const struct gdn__channel *channel, size_t bytes);
/* The peer keeps to our window if it sends such a message now. */
bool gdn__channel_may_arrive(const struct gdn__channel *channel, size_t bytes);

#endif
