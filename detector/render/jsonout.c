/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "jsonout.h"

#include <assert.h>
#include <inttypes.h>

void gdn__jsonout_init(struct gdn__jsonout *json, struct gdn__textbuf *out, bool compact)
{
    *json = (struct gdn__jsonout){.out = out, .compact = compact};
}

static void break_line(struct gdn__jsonout *json)
{
    if (json->compact || json->depth == 0) return;
    gdn__textbuf_add_char(json->out, '\n');
    gdn__textbuf_add_repeated(json->out, ' ', (size_t)json->depth * 2);
}

/* What stands between the previous member and this key or value. */
static void begin_member(struct gdn__jsonout *json)
{
    if (json->keyed) {
        json->keyed = false;
        return;
    }
    if (json->filled) gdn__textbuf_add_char(json->out, ',');
    if (json->flat == 0) {
        break_line(json);
    } else if (json->filled && !json->compact) {
        gdn__textbuf_add_char(json->out, ' ');
    }
    json->filled = true;
}

void gdn__jsonout_open(struct gdn__jsonout *json, char bracket)
{
    assert(bracket == '{' || bracket == '[');
    begin_member(json);
    gdn__textbuf_add_char(json->out, bracket);
    json->depth++;
    if (json->flat > 0) json->flat++;
    json->filled = false;
}

void gdn__jsonout_open_flat(struct gdn__jsonout *json, char bracket)
{
    gdn__jsonout_open(json, bracket);
    if (json->flat == 0) json->flat = 1;
}

void gdn__jsonout_close(struct gdn__jsonout *json, char bracket)
{
    assert(json->depth > 0 && (bracket == '}' || bracket == ']'));
    json->depth--;
    if (json->flat > 0) {
        json->flat--;
    } else if (json->filled) {
        if (json->depth == 0 && !json->compact) gdn__textbuf_add_char(json->out, '\n');
        break_line(json);
    }
    gdn__textbuf_add_char(json->out, bracket);
    json->filled = true; /* What was just closed is a member of the one around it. */
}

/* ---- Values ---- */

/* Beyond U+FFFF as a pair of surrogates. */
static void add_escape(struct gdn__textbuf *out, uint32_t code)
{
    uint32_t above = code - 0x10000;
    if (code < 0x10000) {
        gdn__textbuf_addf(out, "\\u%04" PRIx32, code);
    } else {
        gdn__textbuf_addf(out, "\\u%04" PRIx32 "\\u%04" PRIx32, 0xd800 + (above >> 10),
                          0xdc00 + (above & 0x3ff));
    }
}

static void add_code(struct gdn__textbuf *out, const char *text, uint32_t code, size_t bytes)
{
    if (code == '"' || code == '\\') {
        gdn__textbuf_add_char(out, '\\');
        gdn__textbuf_add_char(out, (char)code);
    } else if (code == '\n') {
        gdn__textbuf_add(out, "\\n");
    } else if (code == '\t') {
        gdn__textbuf_add(out, "\\t");
    } else if (gdn__code_is_hidden(code)) {
        add_escape(out, code);
    } else {
        gdn__textbuf_add_bytes(out, text, bytes);
    }
}

static void add_quoted(struct gdn__textbuf *out, const char *text)
{
    gdn__textbuf_add_char(out, '"');
    while (*text != '\0') {
        uint32_t code;
        size_t bytes;
        if (gdn__next_code(text, &code, &bytes)) {
            add_code(out, text, code, bytes);
        } else {
            gdn__textbuf_add_code(out, 0xfffd);
        }
        text += bytes;
    }
    gdn__textbuf_add_char(out, '"');
}

void gdn__jsonout_key(struct gdn__jsonout *json, const char *key)
{
    begin_member(json);
    add_quoted(json->out, key);
    gdn__textbuf_add(json->out, json->compact ? ":" : ": ");
    json->keyed = true;
}

void gdn__jsonout_string(struct gdn__jsonout *json, const char *text)
{
    begin_member(json);
    add_quoted(json->out, text);
}

void gdn__jsonout_null(struct gdn__jsonout *json)
{
    begin_member(json);
    gdn__textbuf_add(json->out, "null");
}

void gdn__jsonout_bool(struct gdn__jsonout *json, bool value)
{
    begin_member(json);
    gdn__textbuf_add(json->out, value ? "true" : "false");
}

void gdn__jsonout_integer(struct gdn__jsonout *json, int64_t value)
{
    begin_member(json);
    gdn__textbuf_addf(json->out, "%" PRId64, value);
}

void gdn__jsonout_big(struct gdn__jsonout *json, uint64_t value)
{
    begin_member(json);
    gdn__textbuf_addf(json->out, "\"%" PRIu64 "\"", value);
}

void gdn__jsonout_ms(struct gdn__jsonout *json, uint64_t microseconds)
{
    begin_member(json);
    gdn__textbuf_addf(json->out, "%" PRIu64, microseconds / 1000);
    unsigned rest = (unsigned)(microseconds % 1000);
    if (rest == 0) return;
    unsigned digits = rest % 100 == 0 ? 1 : rest % 10 == 0 ? 2 : 3;
    gdn__textbuf_addf(json->out, ".%0*u", (int)digits,
                      digits == 1   ? rest / 100
                      : digits == 2 ? rest / 10
                                    : rest);
}
