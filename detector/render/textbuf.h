/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Text that grows, and the two ways in which untrusted names may enter it.
 *
 * Appending cannot fail visibly: when memory runs out the buffer remembers it, swallows the rest
 * and says so once, in failed. So writers need no error path of their own. */
#ifndef GDN_RENDER_TEXTBUF_H
#define GDN_RENDER_TEXTBUF_H

#include "src/core/utf8.h"
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct gdn__textbuf {
    char *text; /* NUL-terminated once anything was appended; NULL before. */
    size_t length;
    size_t capacity;
    bool failed;
    /* Set by whoever begins it: where text goes that is complete, so that a long report is not kept
     * whole. False: it cannot be written, and then errno says why. NULL: all is kept. */
    bool (*drain)(const char *text, size_t length);
    bool undrained; /* It was false. */
};

/* So much is kept before it is drained. */
#define GDN__TEXTBUF_PART_BYTES ((size_t)1 << 20)

/* Start with {0}. Frees the text. */
void gdn__textbuf_fini(struct gdn__textbuf *buffer);

void gdn__textbuf_add(struct gdn__textbuf *buffer, const char *text);
void gdn__textbuf_add_bytes(struct gdn__textbuf *buffer, const void *bytes, size_t length);
void gdn__textbuf_add_char(struct gdn__textbuf *buffer, char c);
void gdn__textbuf_add_repeated(struct gdn__textbuf *buffer, char c, size_t count);
void gdn__textbuf_addf(struct gdn__textbuf *buffer, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* What was appended so far is a part that nobody looks at again: it may be drained. */
void gdn__textbuf_part(struct gdn__textbuf *buffer);

/* Append one code point as UTF-8. */
void gdn__textbuf_add_code(struct gdn__textbuf *buffer, uint32_t code);

/* Append @p text as a terminal may see it: bytes that are not UTF-8 become \xHH; control
 * characters, line separators, marks that turn the writing direction and whatever else cannot be
 * seen become \u{HHHH}. */
void gdn__textbuf_add_shown(struct gdn__textbuf *buffer, const char *text);

/* True for a code point that must not reach a terminal as it is. */
bool gdn__code_is_hidden(uint32_t code);

#endif
