/* SPDX-License-Identifier: MIT */
#include "buffer.h"

#include "mem.h"
#include <assert.h>
#include <string.h>

void gdn__buffer_init(struct gdn__buffer *buffer, const struct gdn_allocator *allocator)
{
    *buffer = (struct gdn__buffer){.allocator = *allocator};
}

void gdn__buffer_fini(struct gdn__buffer *buffer)
{
    gdn__free(&buffer->allocator, buffer->bytes);
    *buffer = (struct gdn__buffer){.allocator = buffer->allocator};
}

void gdn__buffer_clear(struct gdn__buffer *buffer)
{
    buffer->length = 0;
    buffer->failed = false;
}

bool gdn__buffer_reserve(struct gdn__buffer *buffer, size_t more)
{
    if (more <= buffer->capacity - buffer->length) return true;
    if (more > SIZE_MAX / 2 - buffer->length) return false;
    size_t wanted = buffer->capacity == 0 ? 256 : buffer->capacity;
    while (wanted < buffer->length + more) wanted *= 2;
    uint8_t *grown = buffer->allocator.resize(buffer->allocator.context, buffer->bytes, wanted);
    if (grown == NULL) return false;
    buffer->bytes = grown;
    buffer->capacity = wanted;
    return true;
}

void gdn__put_bytes(struct gdn__buffer *buffer, const void *bytes, size_t length)
{
    if (buffer->failed || !gdn__buffer_reserve(buffer, length)) {
        buffer->failed = true;
        return;
    }
    if (length > 0) memcpy(buffer->bytes + buffer->length, bytes, length);
    buffer->length += length;
}

void gdn__put_u8(struct gdn__buffer *buffer, uint8_t value)
{
    gdn__put_bytes(buffer, &value, 1);
}

void gdn__put_u16(struct gdn__buffer *buffer, uint16_t value)
{
    uint8_t bytes[2] = {(uint8_t)value, (uint8_t)(value >> 8)};
    gdn__put_bytes(buffer, bytes, sizeof bytes);
}

static void store_u32(uint8_t *bytes, uint32_t value)
{
    for (int i = 0; i < 4; i++) bytes[i] = (uint8_t)(value >> (8 * i));
}

void gdn__put_u32(struct gdn__buffer *buffer, uint32_t value)
{
    uint8_t bytes[4];
    store_u32(bytes, value);
    gdn__put_bytes(buffer, bytes, sizeof bytes);
}

void gdn__put_u64(struct gdn__buffer *buffer, uint64_t value)
{
    uint8_t bytes[8];
    store_u32(bytes, (uint32_t)value);
    store_u32(bytes + 4, (uint32_t)(value >> 32));
    gdn__put_bytes(buffer, bytes, sizeof bytes);
}

void gdn__put_id(struct gdn__buffer *buffer, gdn_id id)
{
    gdn__put_bytes(buffer, id.bytes, sizeof id.bytes);
}

void gdn__put_text(struct gdn__buffer *buffer, const char *text)
{
    size_t length = strlen(text);
    assert(length <= GDN_NAME_MAX);
    gdn__put_u8(buffer, (uint8_t)length);
    gdn__put_bytes(buffer, text, length);
}

void gdn__poke_u32(struct gdn__buffer *buffer, size_t at, uint32_t value)
{
    if (buffer->failed) return;
    assert(at + 4 <= buffer->length);
    store_u32(buffer->bytes + at, value);
}

/* ---- Reading ---- */

struct gdn__reader gdn__reader_of(const uint8_t *bytes, size_t length)
{
    return (struct gdn__reader){.bytes = bytes, .length = length};
}

void gdn__reader_fail(struct gdn__reader *reader)
{
    if (!reader->failed) reader->failed_at = reader->at;
    reader->failed = true;
}

size_t gdn__reader_left(const struct gdn__reader *reader)
{
    return reader->failed ? 0 : reader->length - reader->at;
}

bool gdn__reader_done(const struct gdn__reader *reader)
{
    return !reader->failed && reader->at == reader->length;
}

const uint8_t *gdn__get_bytes(struct gdn__reader *reader, size_t length)
{
    if (reader->failed || length > reader->length - reader->at) {
        gdn__reader_fail(reader);
        return NULL;
    }
    const uint8_t *bytes = reader->bytes + reader->at;
    reader->at += length;
    return bytes;
}

uint8_t gdn__get_u8(struct gdn__reader *reader)
{
    const uint8_t *bytes = gdn__get_bytes(reader, 1);
    return bytes == NULL ? 0 : bytes[0];
}

uint16_t gdn__get_u16(struct gdn__reader *reader)
{
    const uint8_t *bytes = gdn__get_bytes(reader, 2);
    if (bytes == NULL) return 0;
    return (uint16_t)(bytes[0] | bytes[1] << 8);
}

static uint32_t load_u32(const uint8_t *bytes)
{
    return (uint32_t)bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 |
           (uint32_t)bytes[3] << 24;
}

uint32_t gdn__get_u32(struct gdn__reader *reader)
{
    const uint8_t *bytes = gdn__get_bytes(reader, 4);
    return bytes == NULL ? 0 : load_u32(bytes);
}

uint64_t gdn__get_u64(struct gdn__reader *reader)
{
    const uint8_t *bytes = gdn__get_bytes(reader, 8);
    return bytes == NULL ? 0 : load_u32(bytes) | (uint64_t)load_u32(bytes + 4) << 32;
}

gdn_id gdn__get_id(struct gdn__reader *reader)
{
    gdn_id id = {{0}};
    const uint8_t *bytes = gdn__get_bytes(reader, sizeof id.bytes);
    if (bytes != NULL) memcpy(id.bytes, bytes, sizeof id.bytes);
    return id;
}

void gdn__get_text(struct gdn__reader *reader, char text[GDN_NAME_MAX + 1])
{
    size_t length = gdn__get_u8(reader);
    const uint8_t *bytes = gdn__get_bytes(reader, length);
    if (bytes != NULL) memcpy(text, bytes, length);
    text[bytes == NULL ? 0 : length] = '\0';
    /* A NUL inside would make the name shorter than its length. */
    if (strlen(text) != length || !gdn_name_is_valid(text)) gdn__reader_fail(reader);
}

uint32_t gdn__get_count(struct gdn__reader *reader, size_t element_bytes)
{
    uint32_t count = gdn__get_u32(reader);
    if (count <= gdn__reader_left(reader) / element_bytes) return count;
    gdn__reader_fail(reader);
    return 0;
}

uint64_t gdn__checksum(const uint8_t *bytes, size_t length)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (size_t i = 0; i < length; i++) hash = (hash ^ bytes[i]) * UINT64_C(0x100000001b3);
    return hash;
}
