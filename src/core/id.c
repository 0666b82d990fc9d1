/* SPDX-License-Identifier: MIT */
#include <gordian/id.h>

#include "src/core/utf8.h"
#include <string.h>

#define ID_BYTES   16
#define ID_DIGITS  32
#define UUID_CHARS 36

/* ---- FNV-1a, 128 bits ----
 * hash = offset basis; for each byte: hash ^= byte, hash *= 2^88 + 0x13b (mod 2^128). */

struct fnv {
    uint64_t high, low;
};

static struct fnv fnv_begin(void)
{
    return (struct fnv){UINT64_C(0x6c62272e07bb0142), UINT64_C(0x62b821756295c58d)};
}

/* (high, low) * (2^88 + 0x13b) mod 2^128: the first factor only reaches the high half. */
static struct fnv fnv_add(struct fnv hash, uint8_t byte)
{
    const uint64_t small = 0x13b;
    uint64_t low = hash.low ^ byte;
    uint64_t low_part = (low & UINT32_MAX) * small;
    uint64_t high_part = (low >> 32) * small + (low_part >> 32);
    struct fnv product;
    product.low = (high_part << 32) | (low_part & UINT32_MAX);
    product.high = hash.high * small + (high_part >> 32) + (low << 24);
    return product;
}

static struct fnv fnv_add_bytes(struct fnv hash, const uint8_t *bytes, size_t length)
{
    for (size_t i = 0; i < length; i++) hash = fnv_add(hash, bytes[i]);
    return hash;
}

static gdn_id fnv_end(struct fnv hash)
{
    gdn_id id;
    for (int i = 0; i < 8; i++) {
        id.bytes[i] = (uint8_t)(hash.high >> (56 - 8 * i));
        id.bytes[8 + i] = (uint8_t)(hash.low >> (56 - 8 * i));
    }
    return id;
}

/* ---- Text ---- */

static int digit_value(char c)
{
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

static bool read_digits(const char *digits, gdn_id *id)
{
    gdn_id read;
    for (int i = 0; i < ID_BYTES; i++) {
        int high = digit_value(digits[2 * i]);
        int low = digit_value(digits[2 * i + 1]);
        if (high < 0 || low < 0) return false;
        read.bytes[i] = (uint8_t)(high << 4 | low);
    }
    *id = read;
    return true;
}

/* Copies the digits of 8-4-4-4-12 without its dashes. */
static bool strip_dashes(const char *uuid, char digits[ID_DIGITS])
{
    size_t out = 0;
    for (size_t i = 0; i < UUID_CHARS; i++) {
        bool dash_due = i == 8 || i == 13 || i == 18 || i == 23;
        if (dash_due != (uuid[i] == '-')) return false;
        if (!dash_due) digits[out++] = uuid[i];
    }
    return true;
}

gdn_id gdn_id_from_bytes(const void *name, size_t length)
{
    gdn_id id;
    if (length == ID_DIGITS && read_digits(name, &id)) return id;
    return fnv_end(fnv_add_bytes(fnv_begin(), name, length));
}

gdn_id gdn_id_from_name(const char *name)
{
    return gdn_id_from_bytes(name, strlen(name));
}

enum gdn_err gdn_id_from_text(const char *text, gdn_id *id)
{
    char digits[ID_DIGITS];
    size_t length = strlen(text);
    if (length == ID_DIGITS) return read_digits(text, id) ? GDN_OK : GDN_ERR_FORMAT;
    if (length != UUID_CHARS || !strip_dashes(text, digits)) return GDN_ERR_FORMAT;
    return read_digits(digits, id) ? GDN_OK : GDN_ERR_FORMAT;
}

gdn_id gdn_id_from_counter(gdn_node_id node, uint64_t counter)
{
    struct fnv hash = fnv_add_bytes(fnv_begin(), node.id.bytes, ID_BYTES);
    for (int i = 0; i < 8; i++) hash = fnv_add(hash, (uint8_t)(counter >> (8 * i)));
    return fnv_end(hash);
}

const char *gdn_id_format(gdn_id id, char text[GDN_ID_TEXT_BYTES])
{
    static const char digits[] = "0123456789abcdef";
    for (int i = 0; i < ID_BYTES; i++) {
        text[2 * i] = digits[id.bytes[i] >> 4];
        text[2 * i + 1] = digits[id.bytes[i] & 15];
    }
    text[ID_DIGITS] = '\0';
    return text;
}

bool gdn_id_equal(gdn_id a, gdn_id b)
{
    return memcmp(a.bytes, b.bytes, ID_BYTES) == 0;
}

bool gdn_id_is_set(gdn_id id)
{
    static const gdn_id none;
    return !gdn_id_equal(id, none);
}

int gdn_id_compare(gdn_id a, gdn_id b)
{
    return memcmp(a.bytes, b.bytes, ID_BYTES);
}

bool gdn_name_is_valid(const char *name)
{
    if (name == NULL || name[0] == '\0') return false;
    size_t length = 0;
    while (name[length] != '\0') {
        uint32_t code;
        size_t bytes;
        if (!gdn__next_code(name + length, &code, &bytes)) return false;
        if (code < 0x20 || (code >= 0x7f && code <= 0x9f)) return false;
        length += bytes;
        if (length > GDN_NAME_MAX) return false;
    }
    return true;
}
