/* SPDX-License-Identifier: MIT */
/* Text as UTF-8, read code point by code point: no overlong forms, no surrogates, nothing beyond
 * U+10FFFF. */
#ifndef GDN_CORE_UTF8_H
#define GDN_CORE_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The next code point of @p text (not at its end) and its length in bytes. False when the bytes
 * there are not UTF-8; then *code is the first byte and *bytes is 1. */
bool gdn__next_code(const char *text, uint32_t *code, size_t *bytes);

/* True when all of @p text is UTF-8. */
bool gdn__text_is_utf8(const char *text);

/* How many of the first @p most bytes of @p text, which is UTF-8, are whole code points. */
size_t gdn__text_cut(const char *text, size_t most);

#endif
