/* SPDX-License-Identifier: MIT */
/* Frames and saved cuts in the words of docs/protocol.md's test vectors, and frames decoded to
 * structures and encoded again. */
#ifndef TESTS_UNIT_WIRE_TEXT_H
#define TESTS_UNIT_WIRE_TEXT_H

#include "src/core/wire.h"

/* One line for the header and one for each record. False when it is malformed. */
bool wire_text_of_frame(struct gdn__buffer *text, const uint8_t *bytes, size_t length);

/* One line for each part of a decoded cut. */
void wire_text_of_cut(struct gdn__buffer *text, const gdn_cut *cut);

/* Decodes the body of a record and, unless @p out is NULL, encodes the record again. False when it
 * is malformed. */
bool wire_recode(struct gdn__buffer *out, const struct gdn__record *record);

#endif
