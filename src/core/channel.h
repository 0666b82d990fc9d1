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
 * ZeroMQ is FIFO within one connection only. This is what keeps the channel FIFO and reliable, as
 * Chandy & Lamport 1985 (section 2) require. */
#ifndef GDN_CORE_CHANNEL_H
#define GDN_CORE_CHANNEL_H

#include "src/core/wire.h"

#define GDN__RESEND_US     INT64_C(200000) /* First; doubles up to the next. */
#define GDN__RESEND_MAX_US INT64_C(2000000)
#define GDN__ACK_DELAY_US  INT64_C(5000)
#define GDN__ACK_EVERY     64 /* Records that arrived without being acknowledged. */
#define GDN__NACK_PAUSE_US INT64_C(5000)
#define GDN__WINDOW_ASK_US INT64_C(2000000) /* Nothing heard while messages are not taken. */

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
    uint64_t messages_sent; /* Lock messages and payloads numbered. */
    uint64_t peer_taken;    /* How many of them the peer's application has taken. */
    bool ask_taken;         /* Its word on that may be lost: make it speak. */
    int64_t ask_at_us;      /* INT64_MAX: all is taken, or something is unacknowledged. */
    /* In. */
    uint64_t expected;
    uint64_t messages_taken; /* By our application; told to the peer. */
    uint64_t told_taken;
    uint32_t unacknowledged; /* Records that arrived since we last told. */
    int64_t ack_at_us;       /* INT64_MAX: nothing to tell. */
    bool nack_due;
    int64_t nacked_at_us;
    size_t open_record; /* Of gdn__channel_begin(). */
};

void gdn__channel_init(struct gdn__channel *channel, const struct gdn_allocator *allocator);
void gdn__channel_fini(struct gdn__channel *channel);

/* Room for records of @p bytes in all (bodies and record headers): then beginning and ending
 * them cannot fail. False when out of memory. */
bool gdn__channel_reserve(struct gdn__channel *channel, size_t bytes);

/* Number one record: write its body between the two calls. False from end: out of memory, and
 * nothing was numbered. */
struct gdn__buffer *gdn__channel_begin(struct gdn__channel *channel, enum gdn__record_type type);
bool gdn__channel_end(struct gdn__channel *channel);

/* Append the next frame to @p out (source and destination as given); false when there is none to
 * send now. Call until false. */
bool gdn__channel_pack(struct gdn__channel *channel, uint64_t source, uint64_t destination,
                       int64_t now_us, struct gdn__buffer *out);

/* Take in the header's word on what the peer has. */
void gdn__channel_heard(struct gdn__channel *channel, const struct gdn__header *header,
                        int64_t now_us);
/* The peer asks for everything after its acknowledged record. */
void gdn__channel_go_back(struct gdn__channel *channel);

/* May the record with this number be delivered now? If so it counts as arrived. */
bool gdn__channel_accept(struct gdn__channel *channel, uint64_t sequence, int64_t now_us);
/* Take that back: it could not be kept (out of memory), and will be resent. */
void gdn__channel_unaccept(struct gdn__channel *channel);

/* Our application took one message. */
void gdn__channel_took(struct gdn__channel *channel, int64_t now_us);

/* True when something waits for gdn__channel_pack(). */
bool gdn__channel_wants_to_send(const struct gdn__channel *channel, int64_t now_us);
/* When gdn__channel_passed() should be called. */
int64_t gdn__channel_deadline(const struct gdn__channel *channel);
void gdn__channel_passed(struct gdn__channel *channel, int64_t now_us);

/* Messages on their way: numbered here, not yet taken there. */
uint64_t gdn__channel_in_flight(const struct gdn__channel *channel);

#endif
