/* SPDX-License-Identifier: MIT */
#include "src/core/utf8.h"

/* How many bytes a sequence has that begins with @p lead, and its smallest legal code point;
 * 0: no sequence begins so. */
static size_t sequence_length(unsigned char lead, uint32_t *least)
{
    if (lead >= 0xc2 && lead <= 0xdf) {
        *least = 0x80;
        return 2;
    }
    if (lead >= 0xe0 && lead <= 0xef) {
        *least = 0x800;
        return 3;
    }
    if (lead >= 0xf0 && lead <= 0xf4) {
        *least = 0x10000;
        return 4;
    }
    return 0;
}

bool gdn__next_code(const char *text, uint32_t *code, size_t *bytes)
{
    unsigned char lead = (unsigned char)text[0];
    *code = lead;
    *bytes = 1;
    if (lead < 0x80) return true;

    uint32_t least = 0;
    size_t length = sequence_length(lead, &least);
    if (length == 0) return false;
    uint32_t read = lead & (0x7fU >> length);
    for (size_t i = 1; i < length; i++) {
        unsigned char next = (unsigned char)text[i]; /* A NUL ends the loop here too. */
        if ((next & 0xc0) != 0x80) return false;
        read = read << 6 | (next & 0x3f);
    }
    bool surrogate = read >= 0xd800 && read <= 0xdfff;
    if (read < least || read > 0x10ffff || surrogate) return false;
    *code = read;
    *bytes = length;
    return true;
}

bool gdn__text_is_utf8(const char *text)
{
    while (*text != '\0') {
        uint32_t code;
        size_t bytes;
        if (!gdn__next_code(text, &code, &bytes)) return false;
        text += bytes;
    }
    return true;
}

size_t gdn__text_cut(const char *text, size_t most)
{
    size_t length = 0;
    while (text[length] != '\0') {
        uint32_t code;
        size_t bytes;
        (void)gdn__next_code(text + length, &code, &bytes);
        if (length + bytes > most) break;
        length += bytes;
    }
    return length;
}
