/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The peers of what is fuzzed: they greet, number, acknowledge as they should, so that the bytes
 * come behind the handshake; what they send is the fuzzer's. */
#ifndef TESTS_FUZZ_PEERS_H
#define TESTS_FUZZ_PEERS_H

#include "src/core/wire.h"

/* The bytes that have not been read. */
struct fuzz_input {
    const uint8_t *bytes;
    size_t left;
};

struct fuzz_peer {
    const char *name, *endpoint;
    uint64_t incarnation;
    enum gdn__role role;
    uint64_t sent;         /* Numbered records to the subject. */
    uint64_t arrived;      /* Number of the last record of the subject's that arrived. */
    uint64_t taken, bytes; /* Lock messages and payloads among them. */
    uint32_t association;  /* Of the subject's last frame. */
};

struct fuzz_peers {
    struct fuzz_peer *list;
    size_t count;
    uint64_t self; /* The subject's incarnation. */
    struct fuzz_input in;
    /* Hand a frame to the subject; @p bytes have exactly that length. */
    void (*receive)(void *context, const struct fuzz_peer *from, const uint8_t *bytes,
                    size_t length);
    void *context;
};

/* 0 when none is left. */
uint8_t fuzz_byte(struct fuzz_input *in);
/* At most *length bytes; *length then says how many. */
const uint8_t *fuzz_bytes(struct fuzz_input *in, size_t *length);

/* HELLO, and the OPEN of its channel. */
void fuzz_greet(struct fuzz_peers *peers, size_t peer);
void fuzz_open(struct fuzz_peers *peers, size_t peer);

/* Records out of the input: type (of @p types), length, body. All but NUMBERED ones alone. */
void fuzz_send_numbered(struct fuzz_peers *peers, size_t peer, size_t records,
                        const enum gdn__record_type *types, size_t type_count);
void fuzz_send_unnumbered(struct fuzz_peers *peers, size_t peer);
/* A frame as it stands in the input: length, bytes. */
void fuzz_send_raw(struct fuzz_peers *peers, size_t peer);
/* One numbered record of that body. */
void fuzz_send_body(struct fuzz_peers *peers, size_t peer, enum gdn__record_type type,
                    const uint8_t *body, size_t length);
/* All that was sent has arrived and was taken. */
void fuzz_acknowledge(struct fuzz_peers *peers, size_t peer);

/* The subject sent that frame. @p look: at each of its records. */
void fuzz_sent(struct fuzz_peers *peers, const uint8_t *bytes, size_t length,
               void (*look)(void *context, const struct gdn__record *record), void *context);

struct gdn__buffer fuzz_buffer(void);

#endif
