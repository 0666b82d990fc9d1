/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "textbuf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void gdn__textbuf_fini(struct gdn__textbuf *buffer)
{
    free(buffer->text);
    *buffer = (struct gdn__textbuf){0};
}

/* Room for @p more bytes and a NUL. */
static bool reserve(struct gdn__textbuf *buffer, size_t more)
{
    if (buffer->failed) return false;
    if (more < buffer->capacity - buffer->length) return true;
    size_t capacity = buffer->capacity == 0 ? 256 : buffer->capacity;
    while (capacity - buffer->length <= more && capacity <= SIZE_MAX / 2) capacity *= 2;
    char *grown = capacity - buffer->length <= more ? NULL : realloc(buffer->text, capacity);
    if (grown == NULL) {
        buffer->failed = true;
        return false;
    }
    buffer->text = grown;
    buffer->capacity = capacity;
    return true;
}

void gdn__textbuf_part(struct gdn__textbuf *buffer)
{
    if (buffer->drain == NULL || buffer->failed || buffer->length < GDN__TEXTBUF_PART_BYTES) return;
    buffer->failed = buffer->undrained = !buffer->drain(buffer->text, buffer->length);
    buffer->length = 0;
}

void gdn__textbuf_add_bytes(struct gdn__textbuf *buffer, const void *bytes, size_t length)
{
    if (!reserve(buffer, length)) return;
    if (length > 0) memcpy(buffer->text + buffer->length, bytes, length);
    buffer->length += length;
    buffer->text[buffer->length] = '\0';
}

void gdn__textbuf_add(struct gdn__textbuf *buffer, const char *text)
{
    gdn__textbuf_add_bytes(buffer, text, strlen(text));
}

void gdn__textbuf_add_char(struct gdn__textbuf *buffer, char c)
{
    gdn__textbuf_add_bytes(buffer, &c, 1);
}

void gdn__textbuf_add_repeated(struct gdn__textbuf *buffer, char c, size_t count)
{
    if (!reserve(buffer, count)) return;
    memset(buffer->text + buffer->length, c, count);
    buffer->length += count;
    buffer->text[buffer->length] = '\0';
}

void gdn__textbuf_addf(struct gdn__textbuf *buffer, const char *format, ...)
{
    va_list arguments, again;
    va_start(arguments, format);
    va_copy(again, arguments);
    int length = vsnprintf(NULL, 0, format, arguments);
    if (length < 0) {
        buffer->failed = true;
    } else if (reserve(buffer, (size_t)length)) {
        (void)vsnprintf(buffer->text + buffer->length, (size_t)length + 1, format, again);
        buffer->length += (size_t)length;
    }
    va_end(again);
    va_end(arguments);
}

void gdn__textbuf_add_code(struct gdn__textbuf *buffer, uint32_t code)
{
    char bytes[4];
    size_t length;
    if (code < 0x80) {
        bytes[0] = (char)code;
        length = 1;
    } else if (code < 0x800) {
        bytes[0] = (char)(0xc0 | code >> 6);
        bytes[1] = (char)(0x80 | (code & 0x3f));
        length = 2;
    } else if (code < 0x10000) {
        bytes[0] = (char)(0xe0 | code >> 12);
        bytes[1] = (char)(0x80 | (code >> 6 & 0x3f));
        bytes[2] = (char)(0x80 | (code & 0x3f));
        length = 3;
    } else {
        bytes[0] = (char)(0xf0 | code >> 18);
        bytes[1] = (char)(0x80 | (code >> 12 & 0x3f));
        bytes[2] = (char)(0x80 | (code >> 6 & 0x3f));
        bytes[3] = (char)(0x80 | (code & 0x3f));
        length = 4;
    }
    gdn__textbuf_add_bytes(buffer, bytes, length);
}

/* ---- What may be seen ---- */

bool gdn__code_is_hidden(uint32_t code)
{
    if (code < 0x20 || (code >= 0x7f && code <= 0x9f)) return true;
    if (code == 0xad || code == 0x061c || code == 0x180e || code == 0xfeff) return true;
    if (code == 0x115f || code == 0x1160 || code == 0x3164 || code == 0xffa0) {
        return true; /* Hangul fillers. */
    }
    if (code >= 0x200b && code <= 0x200f) return true;   /* Zero width, direction marks. */
    if (code >= 0x2028 && code <= 0x202e) return true;   /* Separators, embeddings, overrides. */
    if (code >= 0x2060 && code <= 0x206f) return true;   /* Invisible operators, isolates. */
    if (code >= 0xfff9 && code <= 0xfffb) return true;   /* Interlinear annotation. */
    if (code >= 0xe0000 && code <= 0xe007f) return true; /* Tags. */
    return (code & 0xfffe) == 0xfffe;                    /* No characters at all, nor of XML. */
}

/* How many characters there are at the beginning that are plain ASCII and can be seen. */
static size_t count_plain(const char *text)
{
    size_t count = 0;
    while (text[count] >= 0x20 && text[count] < 0x7f) count++;
    return count;
}

void gdn__textbuf_add_shown(struct gdn__textbuf *buffer, const char *text)
{
    while (*text != '\0') {
        size_t plain = count_plain(text);
        if (plain > 0) {
            gdn__textbuf_add_bytes(buffer, text, plain);
            text += plain;
            continue;
        }
        uint32_t code;
        size_t bytes;
        if (!gdn__next_code(text, &code, &bytes)) {
            gdn__textbuf_addf(buffer, "\\x%02x", (unsigned)code);
        } else if (gdn__code_is_hidden(code)) {
            gdn__textbuf_addf(buffer, "\\u{%x}", (unsigned)code);
        } else {
            gdn__textbuf_add_bytes(buffer, text, bytes);
        }
        text += bytes;
    }
}
