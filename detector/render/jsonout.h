/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Writes JSON: indented by two for people, small objects on one line, or all compact.
 *
 * The caller keeps the order of the grammar (key before value inside an object); the writer adds
 * commas, line breaks and escapes. Bytes that are not UTF-8 become U+FFFD, so what comes out is
 * always valid JSON, whatever a label holds. */
#ifndef GDN_RENDER_JSONOUT_H
#define GDN_RENDER_JSONOUT_H

#include "detector/render/textbuf.h"

struct gdn__jsonout {
    struct gdn__textbuf *out;
    bool compact;   /* No space at all: a JSON Lines record. */
    unsigned depth; /* Open objects and arrays. */
    unsigned flat;  /* How many of the innermost ones stand on one line. */
    bool filled;    /* The innermost open one has a member already. */
    bool keyed;     /* A key was written and its value is due. */
};

void gdn__jsonout_init(struct gdn__jsonout *json, struct gdn__textbuf *out, bool compact);

/* @p bracket is '{' or '['. flat: it and everything in it stand on one line. */
void gdn__jsonout_open(struct gdn__jsonout *json, char bracket);
void gdn__jsonout_open_flat(struct gdn__jsonout *json, char bracket);
/* @p bracket is '}' or ']', matching the innermost open one. */
void gdn__jsonout_close(struct gdn__jsonout *json, char bracket);

void gdn__jsonout_key(struct gdn__jsonout *json, const char *key);

void gdn__jsonout_string(struct gdn__jsonout *json, const char *text);
void gdn__jsonout_null(struct gdn__jsonout *json);
void gdn__jsonout_bool(struct gdn__jsonout *json, bool value);
void gdn__jsonout_integer(struct gdn__jsonout *json, int64_t value);
/* A counter or ticket: digits in a string, because most readers lose bits above 2^53. */
void gdn__jsonout_big(struct gdn__jsonout *json, uint64_t value);
/* Microseconds as milliseconds: 212, or 212.345 when they are not whole. */
void gdn__jsonout_ms(struct gdn__jsonout *json, uint64_t microseconds);

#endif
