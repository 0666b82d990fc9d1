/* SPDX-License-Identifier: MIT */
/* Bytes being written, and bytes being read: packed little-endian, at any alignment.
 *
 * Both remember their first failure, so that a message is written or read straight down and
 * checked once at its end. A failed reader gives zeros. */
#ifndef GDN_CORE_BUFFER_H
#define GDN_CORE_BUFFER_H

#include <assert.h>
#include <gordian/id.h>
#include <string.h>

struct gdn__buffer {
    struct gdn_allocator allocator;
    uint8_t *bytes;
    size_t length, capacity;
    bool failed; /* Out of memory: what was written last is not there. */
};

void gdn__buffer_init(struct gdn__buffer *buffer, const struct gdn_allocator *allocator);
void gdn__buffer_fini(struct gdn__buffer *buffer);
void gdn__buffer_clear(struct gdn__buffer *buffer);

bool gdn__buffer_grow(struct gdn__buffer *buffer, size_t more);

/* Room for @p more bytes, so that writing them cannot fail. False when out of memory. */
static inline bool gdn__buffer_reserve(struct gdn__buffer *buffer, size_t more)
{
    return more <= buffer->capacity - buffer->length || gdn__buffer_grow(buffer, more);
}

/* These are on the way of every message, so they are here. */
static inline void gdn__put_bytes(struct gdn__buffer *buffer, const void *bytes, size_t length)
{
    if (buffer->failed || !gdn__buffer_reserve(buffer, length)) {
        buffer->failed = true;
        return;
    }
    if (length > 0) memcpy(buffer->bytes + buffer->length, bytes, length);
    buffer->length += length;
}

static inline void gdn__store_u32(uint8_t *bytes, uint32_t value)
{
    for (int i = 0; i < 4; i++) bytes[i] = (uint8_t)(value >> (8 * i));
}

static inline void gdn__put_u8(struct gdn__buffer *buffer, uint8_t value)
{
    gdn__put_bytes(buffer, &value, 1);
}

static inline void gdn__put_u16(struct gdn__buffer *buffer, uint16_t value)
{
    uint8_t bytes[2] = {(uint8_t)value, (uint8_t)(value >> 8)};
    gdn__put_bytes(buffer, bytes, sizeof bytes);
}

static inline void gdn__put_u32(struct gdn__buffer *buffer, uint32_t value)
{
    uint8_t bytes[4];
    gdn__store_u32(bytes, value);
    gdn__put_bytes(buffer, bytes, sizeof bytes);
}

static inline void gdn__put_u64(struct gdn__buffer *buffer, uint64_t value)
{
    uint8_t bytes[8];
    gdn__store_u32(bytes, (uint32_t)value);
    gdn__store_u32(bytes + 4, (uint32_t)(value >> 32));
    gdn__put_bytes(buffer, bytes, sizeof bytes);
}

static inline void gdn__put_id(struct gdn__buffer *buffer, gdn_id id)
{
    gdn__put_bytes(buffer, id.bytes, sizeof id.bytes);
}

/* One length byte, then the characters. @p text is at most GDN_NAME_MAX long. */
void gdn__put_text(struct gdn__buffer *buffer, const char *text);
/* Overwrite four bytes written earlier. */
static inline void gdn__poke_u32(struct gdn__buffer *buffer, size_t at, uint32_t value)
{
    if (buffer->failed) return;
    assert(at + 4 <= buffer->length);
    gdn__store_u32(buffer->bytes + at, value);
}

struct gdn__reader {
    const uint8_t *bytes;
    size_t length, at;
    bool failed;
    size_t failed_at; /* Where the first failure was. */
};

static inline struct gdn__reader gdn__reader_of(const uint8_t *bytes, size_t length)
{
    return (struct gdn__reader){.bytes = bytes, .length = length};
}

void gdn__reader_fail(struct gdn__reader *reader);

static inline size_t gdn__reader_left(const struct gdn__reader *reader)
{
    return reader->failed ? 0 : reader->length - reader->at;
}

/* True when everything was read and nothing failed. */
bool gdn__reader_done(const struct gdn__reader *reader);

static inline const uint8_t *gdn__get_bytes(struct gdn__reader *reader, size_t length)
{
    if (reader->failed || length > reader->length - reader->at) {
        gdn__reader_fail(reader);
        return NULL;
    }
    const uint8_t *bytes = reader->bytes + reader->at;
    reader->at += length;
    return bytes;
}

static inline uint32_t gdn__load_u32(const uint8_t *bytes)
{
    return (uint32_t)bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 |
           (uint32_t)bytes[3] << 24;
}

static inline uint8_t gdn__get_u8(struct gdn__reader *reader)
{
    const uint8_t *bytes = gdn__get_bytes(reader, 1);
    return bytes == NULL ? 0 : bytes[0];
}

static inline uint16_t gdn__get_u16(struct gdn__reader *reader)
{
    const uint8_t *bytes = gdn__get_bytes(reader, 2);
    if (bytes == NULL) return 0;
    return (uint16_t)(bytes[0] | bytes[1] << 8);
}

static inline uint32_t gdn__get_u32(struct gdn__reader *reader)
{
    const uint8_t *bytes = gdn__get_bytes(reader, 4);
    return bytes == NULL ? 0 : gdn__load_u32(bytes);
}

static inline uint64_t gdn__get_u64(struct gdn__reader *reader)
{
    const uint8_t *bytes = gdn__get_bytes(reader, 8);
    return bytes == NULL ? 0 : gdn__load_u32(bytes) | (uint64_t)gdn__load_u32(bytes + 4) << 32;
}

static inline gdn_id gdn__get_id(struct gdn__reader *reader)
{
    gdn_id id = {{0}};
    const uint8_t *bytes = gdn__get_bytes(reader, sizeof id.bytes);
    if (bytes != NULL) memcpy(id.bytes, bytes, sizeof id.bytes);
    return id;
}

/* A valid name (gdn_name_is_valid), NUL-terminated in @p text; else the reader fails. */
void gdn__get_text(struct gdn__reader *reader, char text[GDN_NAME_MAX + 1]);
/* A count of elements that take at least @p element_bytes each: more than can follow fails. */
uint32_t gdn__get_count(struct gdn__reader *reader, size_t element_bytes);

/* FNV-1a, 64 bits: the checksum of saved cuts. */
uint64_t gdn__checksum(const uint8_t *bytes, size_t length);

#endif
