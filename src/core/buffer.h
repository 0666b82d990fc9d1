/* SPDX-License-Identifier: MIT */
/* Bytes being written, and bytes being read: packed little-endian, at any alignment.
 *
 * Both remember their first failure, so that a message is written or read straight down and
 * checked once at its end. A failed reader gives zeros. */
#ifndef GDN_CORE_BUFFER_H
#define GDN_CORE_BUFFER_H

#include <gordian/id.h>

struct gdn__buffer {
    struct gdn_allocator allocator;
    uint8_t *bytes;
    size_t length, capacity;
    bool failed; /* Out of memory: what was written last is not there. */
};

void gdn__buffer_init(struct gdn__buffer *buffer, const struct gdn_allocator *allocator);
void gdn__buffer_fini(struct gdn__buffer *buffer);
void gdn__buffer_clear(struct gdn__buffer *buffer);

/* Room for @p more bytes, so that writing them cannot fail. False when out of memory. */
bool gdn__buffer_reserve(struct gdn__buffer *buffer, size_t more);

void gdn__put_bytes(struct gdn__buffer *buffer, const void *bytes, size_t length);
void gdn__put_u8(struct gdn__buffer *buffer, uint8_t value);
void gdn__put_u16(struct gdn__buffer *buffer, uint16_t value);
void gdn__put_u32(struct gdn__buffer *buffer, uint32_t value);
void gdn__put_u64(struct gdn__buffer *buffer, uint64_t value);
void gdn__put_id(struct gdn__buffer *buffer, gdn_id id);
/* One length byte, then the characters. @p text is at most GDN_NAME_MAX long. */
void gdn__put_text(struct gdn__buffer *buffer, const char *text);
/* Overwrite four bytes written earlier. */
void gdn__poke_u32(struct gdn__buffer *buffer, size_t at, uint32_t value);

struct gdn__reader {
    const uint8_t *bytes;
    size_t length, at;
    bool failed;
    size_t failed_at; /* Where the first failure was. */
};

struct gdn__reader gdn__reader_of(const uint8_t *bytes, size_t length);
void gdn__reader_fail(struct gdn__reader *reader);
size_t gdn__reader_left(const struct gdn__reader *reader);
/* True when everything was read and nothing failed. */
bool gdn__reader_done(const struct gdn__reader *reader);

const uint8_t *gdn__get_bytes(struct gdn__reader *reader, size_t length);
uint8_t gdn__get_u8(struct gdn__reader *reader);
uint16_t gdn__get_u16(struct gdn__reader *reader);
uint32_t gdn__get_u32(struct gdn__reader *reader);
uint64_t gdn__get_u64(struct gdn__reader *reader);
gdn_id gdn__get_id(struct gdn__reader *reader);
/* A valid name (gdn_name_is_valid), NUL-terminated in @p text; else the reader fails. */
void gdn__get_text(struct gdn__reader *reader, char text[GDN_NAME_MAX + 1]);
/* A count of elements that take at least @p element_bytes each: more than can follow fails. */
uint32_t gdn__get_count(struct gdn__reader *reader, size_t element_bytes);

/* FNV-1a, 64 bits: the checksum of saved cuts. */
uint64_t gdn__checksum(const uint8_t *bytes, size_t length);

#endif
