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

bool gdn__buffer_grow(struct gdn__buffer *buffer, size_t more)
{
    if (more > SIZE_MAX / 2 - buffer->length) return false;
    size_t wanted = buffer->capacity == 0 ? 256 : buffer->capacity;
    while (wanted < buffer->length + more) wanted *= 2;
    uint8_t *grown = buffer->allocator.resize(buffer->allocator.context, buffer->bytes, wanted);
    if (grown == NULL) return false;
    buffer->bytes = grown;
    buffer->capacity = wanted;
    return true;
}

void gdn__put_text(struct gdn__buffer *buffer, const char *text)
{
    size_t length = strlen(text);
    assert(length <= GDN_NAME_MAX);
    gdn__put_u8(buffer, (uint8_t)length);
    gdn__put_bytes(buffer, text, length);
}

/* ---- Reading ---- */

void gdn__reader_fail(struct gdn__reader *reader)
{
    if (!reader->failed) reader->failed_at = reader->at;
    reader->failed = true;
}

bool gdn__reader_done(const struct gdn__reader *reader)
{
    return !reader->failed && reader->at == reader->length;
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
