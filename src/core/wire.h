/* SPDX-License-Identifier: MIT */
/* The wire: frames of one header and 1 to k records (docs/protocol.md, "Frames").
 *
 *     header  "GD" version flags count | source destination | sequence acknowledged
 *             taken taken_bytes | epoch association
 *     record  type 0 0 0 length | body
 *
 * Numbers are little-endian. Received bytes are never cast to a struct. */
#ifndef GDN_CORE_WIRE_H
#define GDN_CORE_WIRE_H

#include <gordian/cut.h>

#include "src/core/buffer.h"

#define GDN__FRAME_HEADER_BYTES  64
#define GDN__RECORD_HEADER_BYTES 8
#define GDN__FRAME_BYTES_MAX     (UINT32_C(1) << 30) /* Of a frame that holds one large report. */
#define GDN__FRAME_BYTES_SOFT    (UINT32_C(1) << 16) /* Records are packed up to here. */
#define GDN__RECORDS_MAX         65536               /* In one frame. */
#define GDN__ENDPOINT_MAX        GDN_NAME_MAX
#define GDN__OPEN_ROUNDS_MAX     64
#define GDN__SILENCE_MS_MIN      100  /* Else keep-alives alone would keep two nodes busy. */
#define GDN__WINDOW_BYTES_MIN    1024 /* So that every lock message fits. */

struct gdn__header {
    uint64_t source;       /* Incarnation of the sender. */
    uint64_t destination;  /* Of the receiver; 0: not known yet (HELLO only). */
    uint64_t sequence;     /* Of the first record; 0: these records are not numbered. */
    uint64_t acknowledged; /* Every record up to here has arrived. */
    uint64_t taken;        /* Messages (lock messages, payloads) taken by the application ... */
    uint64_t taken_bytes;  /* ... and the bytes of their bodies. */
    uint32_t epoch;        /* Of counted mode; 0. */
    uint32_t association;  /* Which attempt of these two incarnations to talk; 0: not known yet
                              (HELLO only). */
    uint32_t count;        /* Records. */
};

enum gdn__record_type {
    /* Not numbered. */
    GDN__HELLO = 1, /* Who I am and where to dial me. */
    GDN__ACK = 2,   /* The header says it all. */
    GDN__NACK = 3,  /* Go back to the record after the acknowledged one. */
    GDN__BYE = 4,   /* I am going. */
    /* Numbered: the handshake, markers and messages of node channels. */
    GDN__OPEN = 16, /* First of every channel: the rounds its sender has already cut. */
    GDN__MARKER = 17,
    GDN__LOCK = 18, /* A lock message. */
    GDN__PAYLOAD = 19,
    /* Numbered, detector to node. */
    GDN__START = 32,
    GDN__COLLECT = 33, /* Hand over what you have. */
    GDN__ABANDON = 34,
    GDN__ABORT = 35,
    /* Numbered, node to detector. */
    GDN__REPORT = 48,
    GDN__FAILED = 49,  /* This node cannot report that round, and why. */
    GDN__SUSPECT = 50, /* A wait has outlasted its patience. */
    GDN__ABORTED = 51  /* What became of an abort. */
};

struct gdn__record {
    enum gdn__record_type type;
    const uint8_t *body;
    size_t length;
};

enum gdn__role { GDN__ROLE_NODE = 1, GDN__ROLE_DETECTOR = 2 };

struct gdn__hello {
    char name[GDN_NAME_MAX + 1];
    char endpoint[GDN__ENDPOINT_MAX + 1];
    enum gdn__role role;
    uint64_t nonce; /* The receiver gives it back as echo. */
    uint64_t echo;  /* 0: this is no answer. */
};

/* What its sender, as a receiver, asks of the other side, and the rounds that it has cut. */
struct gdn__open {
    uint32_t silence_ms;   /* Heard nothing of for so long, a peer is lost. */
    uint32_t window;       /* Messages that it keeps untaken ... */
    uint64_t window_bytes; /* ... and their bytes, before the other side must stop. */
    gdn_round_id rounds[GDN__OPEN_ROUNDS_MAX];
    size_t count;
};

struct gdn__failed {
    gdn_round_id round;
    char reason[GDN_NAME_MAX + 1];
};

struct gdn__suspect {
    gdn_process_id process;
    uint64_t ticket;
    uint64_t waited_us;
};

struct gdn__abort {
    gdn_id deadlock;
    gdn_process_id process;
    uint64_t ticket;
};

enum gdn__outcome { GDN__OUTCOME_ABORTED = 1, GDN__OUTCOME_STALE = 2, GDN__OUTCOME_REFUSED = 3 };

struct gdn__aborted {
    struct gdn__abort what;
    enum gdn__outcome outcome;
};

void gdn__put_header(struct gdn__buffer *out, const struct gdn__header *header);
/* GDN_ERR_FORMAT, GDN_ERR_VERSION. */
enum gdn_err gdn__get_header(struct gdn__reader *in, struct gdn__header *header);

/* Begin a record; gdn__end_record() with the result fills in its length. */
static inline size_t gdn__begin_record(struct gdn__buffer *out, enum gdn__record_type type)
{
    size_t begun = out->length;
    gdn__put_u32(out, (uint32_t)type);
    gdn__put_u32(out, 0);
    return begun;
}

static inline void gdn__end_record(struct gdn__buffer *out, size_t begun)
{
    if (out->failed) return;
    gdn__poke_u32(out, begun + 4, (uint32_t)(out->length - begun - GDN__RECORD_HEADER_BYTES));
}

/* The next record; false at the end or when the reader has failed (look at in->failed). */
bool gdn__next_record(struct gdn__reader *in, struct gdn__record *record);

/* Bodies. Each get reads a whole body: false when it is malformed or has bytes left over. */
void gdn__put_hello(struct gdn__buffer *out, const struct gdn__hello *hello);
bool gdn__get_hello(const struct gdn__record *record, struct gdn__hello *hello);

void gdn__put_round_id(struct gdn__buffer *out, gdn_round_id round);
/* MARKER, START, COLLECT, ABANDON. */
bool gdn__get_round_id(const struct gdn__record *record, gdn_round_id *round);

/* OPEN. */
void gdn__put_open(struct gdn__buffer *out, const struct gdn__open *open);
bool gdn__get_open(const struct gdn__record *record, struct gdn__open *open);

void gdn__put_lock(struct gdn__buffer *out, const struct gdn_message *message);
bool gdn__get_lock(const struct gdn__record *record, struct gdn_message *message);

void gdn__put_failed(struct gdn__buffer *out, const struct gdn__failed *failed);
bool gdn__get_failed(const struct gdn__record *record, struct gdn__failed *failed);

void gdn__put_suspect(struct gdn__buffer *out, const struct gdn__suspect *suspect);
bool gdn__get_suspect(const struct gdn__record *record, struct gdn__suspect *suspect);

void gdn__put_abort(struct gdn__buffer *out, const struct gdn__abort *abort);
bool gdn__get_abort(const struct gdn__record *record, struct gdn__abort *abort);

void gdn__put_aborted(struct gdn__buffer *out, const struct gdn__aborted *aborted);
bool gdn__get_aborted(const struct gdn__record *record, struct gdn__aborted *aborted);

/* REPORT: the round, then an encoded cut of one node. The cut's bytes are borrowed. */
void gdn__put_report(struct gdn__buffer *out, gdn_round_id round, const uint8_t *cut,
                     size_t length);
bool gdn__get_report(const struct gdn__record *record, gdn_round_id *round, const uint8_t **cut,
                     size_t *length);

#endif
