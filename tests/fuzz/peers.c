/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/fuzz/peers.h"

#include "src/core/mem.h"
#include "tests/fuzz/targets.h"
#include <string.h>

/* ---- Bytes ---- */

uint8_t fuzz_byte(struct fuzz_input *in)
{
    if (in->left == 0) return 0;
    in->left--;
    return *in->bytes++;
}

const uint8_t *fuzz_bytes(struct fuzz_input *in, size_t *length)
{
    const uint8_t *bytes = in->bytes;
    if (*length > in->left) *length = in->left;
    in->bytes += *length;
    in->left -= *length;
    return bytes;
}

struct gdn__buffer fuzz_buffer(void)
{
    struct gdn_allocator memory = gdn__allocator_or_default(NULL);
    struct gdn__buffer buffer;
    gdn__buffer_init(&buffer, &memory);
    return buffer;
}

/* ---- Frames ---- */

static void hand_over(struct fuzz_peers *peers, size_t peer, const uint8_t *bytes, size_t length)
{
    uint8_t *copy = malloc(length == 0 ? 1 : length); /* What reads beyond it is found. */
    FUZZ_MUST(copy != NULL);
    if (length > 0) memcpy(copy, bytes, length);
    peers->receive(peers->context, &peers->list[peer], copy, length);
    free(copy);
}

static struct gdn__buffer begin_frame(const struct fuzz_peers *peers, size_t peer, size_t numbered)
{
    const struct fuzz_peer *p = &peers->list[peer];
    struct gdn__header header = {.source = p->incarnation,
                                 .destination = peers->self,
                                 .sequence = numbered > 0 ? p->sent + 1 : 0,
                                 .acknowledged = p->arrived,
                                 .taken = p->taken,
                                 .taken_bytes = p->bytes,
                                 .association = p->association,
                                 .count = numbered > 0 ? (uint32_t)numbered : 1};
    struct gdn__buffer out = fuzz_buffer();
    gdn__put_header(&out, &header);
    return out;
}

static void end_frame(struct fuzz_peers *peers, size_t peer, struct gdn__buffer *out,
                      size_t numbered)
{
    FUZZ_MUST(!out->failed);
    hand_over(peers, peer, out->bytes, out->length);
    peers->list[peer].sent += numbered;
    gdn__buffer_fini(out);
}

void fuzz_greet(struct fuzz_peers *peers, size_t peer)
{
    struct gdn__hello hello = {.role = peers->list[peer].role, .nonce = 7};
    struct gdn__buffer out = begin_frame(peers, peer, 0);
    (void)snprintf(hello.name, sizeof hello.name, "%s", peers->list[peer].name);
    (void)snprintf(hello.endpoint, sizeof hello.endpoint, "%s", peers->list[peer].endpoint);
    size_t begun = gdn__begin_record(&out, GDN__HELLO);
    gdn__put_hello(&out, &hello);
    gdn__end_record(&out, begun);
    end_frame(peers, peer, &out, 0);
}

void fuzz_open(struct fuzz_peers *peers, size_t peer)
{
    struct gdn__open open = {.silence_ms = 10000, .window = 16, .window_bytes = 4096};
    struct gdn__buffer out = begin_frame(peers, peer, 1);
    size_t begun = gdn__begin_record(&out, GDN__OPEN);
    gdn__put_open(&out, &open);
    gdn__end_record(&out, begun);
    end_frame(peers, peer, &out, 1);
}

static void put_record(struct fuzz_input *in, struct gdn__buffer *out,
                       const enum gdn__record_type *types, size_t type_count)
{
    enum gdn__record_type type = types[fuzz_byte(in) % type_count];
    size_t length = fuzz_byte(in);
    const uint8_t *body = fuzz_bytes(in, &length);
    size_t begun = gdn__begin_record(out, type);
    gdn__put_bytes(out, body, length);
    gdn__end_record(out, begun);
}

void fuzz_send_numbered(struct fuzz_peers *peers, size_t peer, size_t records,
                        const enum gdn__record_type *types, size_t type_count)
{
    struct gdn__buffer out = begin_frame(peers, peer, records);
    for (size_t i = 0; i < records; i++) put_record(&peers->in, &out, types, type_count);
    end_frame(peers, peer, &out, records);
}

void fuzz_send_unnumbered(struct fuzz_peers *peers, size_t peer)
{
    static const enum gdn__record_type types[] = {GDN__HELLO, GDN__ACK, GDN__NACK, GDN__BYE};
    struct gdn__buffer out = begin_frame(peers, peer, 0);
    put_record(&peers->in, &out, types, 4);
    end_frame(peers, peer, &out, 0);
}

void fuzz_send_raw(struct fuzz_peers *peers, size_t peer)
{
    size_t length = fuzz_byte(&peers->in);
    const uint8_t *bytes = fuzz_bytes(&peers->in, &length);
    hand_over(peers, peer, bytes, length);
}

void fuzz_send_body(struct fuzz_peers *peers, size_t peer, enum gdn__record_type type,
                    const uint8_t *body, size_t length)
{
    struct gdn__buffer out = begin_frame(peers, peer, 1);
    size_t begun = gdn__begin_record(&out, type);
    gdn__put_bytes(&out, body, length);
    gdn__end_record(&out, begun);
    end_frame(peers, peer, &out, 1);
}

void fuzz_acknowledge(struct fuzz_peers *peers, size_t peer)
{
    struct gdn__buffer out = begin_frame(peers, peer, 0);
    gdn__end_record(&out, gdn__begin_record(&out, GDN__ACK));
    end_frame(peers, peer, &out, 0);
}

/* ---- What the subject sends ---- */

static struct fuzz_peer *peer_of(struct fuzz_peers *peers, uint64_t incarnation)
{
    for (size_t p = 0; p < peers->count; p++) {
        if (peers->list[p].incarnation == incarnation) return &peers->list[p];
    }
    return NULL;
}

void fuzz_sent(struct fuzz_peers *peers, const uint8_t *bytes, size_t length,
               void (*look)(void *context, const struct gdn__record *record), void *context)
{
    struct gdn__header header;
    struct gdn__record record;
    struct gdn__reader in = gdn__reader_of(bytes, length);
    FUZZ_MUST(gdn__get_header(&in, &header) == GDN_OK);
    struct fuzz_peer *peer = peer_of(peers, header.destination);
    uint64_t number = header.sequence;
    if (peer != NULL && header.association != 0) peer->association = header.association;
    while (gdn__next_record(&in, &record)) {
        look(context, &record);
        if (number == 0 || peer == NULL || number++ != peer->arrived + 1) continue;
        peer->arrived++;
        if (record.type != GDN__LOCK && record.type != GDN__PAYLOAD) continue;
        peer->taken++;
        peer->bytes += record.length;
    }
    FUZZ_MUST(!in.failed);
}
