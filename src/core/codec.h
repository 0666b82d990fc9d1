/* SPDX-License-Identifier: MIT */
/* The inside of the codec of cuts, shared by its files:
 *
 *     codec.c         the envelope, the round, the modes and the tables
 *     codec_node.c    a node's report */
#ifndef GDN_CORE_CODEC_H
#define GDN_CORE_CODEC_H

#include <gordian/cut.h>

#include "src/core/buffer.h"

/* Smallest encoding of a node, so that a hostile count is refused before anything is allocated. */
#define GDN__CODED_NODE_BYTES 17

struct gdn__decoder {
    struct gdn__reader in;
    gdn_cut *cut;
    enum gdn_err err; /* GDN_ERR_MEMORY or GDN_ERR_MISUSE from the builder. */
};

/* Keeps the builder's first error. */
void gdn__decoder_check(struct gdn__decoder *decoder, enum gdn_err err);

/* A byte of flags, none of them beyond @p known. */
uint8_t gdn__get_flags(struct gdn__decoder *decoder, uint8_t known);

/* gdn_cut_encode() into at most @p most bytes; else GDN_ERR_LIMIT. */
GDN_MUST_USE enum gdn_err gdn__cut_encode(const gdn_cut *cut, size_t most, uint8_t **bytes,
                                          size_t *length);

void gdn__put_node(struct gdn__buffer *out, const struct gdn_cut_node *node);
/* The tables that the node refers to have been read. */
void gdn__get_node(struct gdn__decoder *decoder);

#endif
