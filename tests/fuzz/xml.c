/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/fuzz/xml.h"

#include "detector/render/textbuf.h"
#include <stdlib.h>
#include <string.h>

#define DEPTH_MAX  32
#define NAME_BYTES 32

struct element {
    char name[NAME_BYTES];
    struct gdn__textbuf inside;
};

struct document {
    const char *at;
    struct element open[DEPTH_MAX];
    size_t depth, roots;
    bool (*seen)(void *context, const char *name, const char *inside);
    void *context;
};

static bool skip(struct document *document, const char *what)
{
    size_t length = strlen(what);
    if (strncmp(document->at, what, length) != 0) return false;
    document->at += length;
    return true;
}

/* Behind the next @p end. */
static bool skip_to(struct document *document, const char *end)
{
    const char *found = strstr(document->at, end);
    if (found == NULL) return false;
    document->at = found + strlen(end);
    return true;
}

static void skip_blanks(struct document *document)
{
    document->at += strspn(document->at, " \t\r\n");
}

static bool read_name(struct document *document, char name[NAME_BYTES])
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    size_t length = strspn(document->at, letters);
    if (length == 0) return false;
    length += strspn(document->at + length, "0123456789:-_");
    length += strspn(document->at + length, letters);
    if (length >= NAME_BYTES) return false;
    memcpy(name, document->at, length);
    name[length] = '\0';
    document->at += length;
    return true;
}

static bool read_entity(struct document *document, struct gdn__textbuf *out)
{
    static const struct {
        const char *name;
        char c;
    } known[] = {{"&lt;", '<'}, {"&gt;", '>'}, {"&amp;", '&'}, {"&quot;", '"'}, {"&apos;", '\''}};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        if (!skip(document, known[i].name)) continue;
        gdn__textbuf_add_char(out, known[i].c);
        return true;
    }
    if (!skip(document, "&#")) return false;
    bool hex = skip(document, "x");
    char *end;
    unsigned long code = strtoul(document->at, &end, hex ? 16 : 10);
    if (end == document->at || *end != ';' || code < 0x20 || code > 0x10ffff) return false;
    gdn__textbuf_add_code(out, (uint32_t)code);
    document->at = end + 1;
    return true;
}

/* One character of text, or of a value. */
static bool read_character(struct document *document, struct gdn__textbuf *out)
{
    uint32_t code;
    size_t bytes;
    if (*document->at == '&') return read_entity(document, out);
    if (!gdn__next_code(document->at, &code, &bytes)) return false;
    if (code < 0x20 && strchr("\t\r\n", (int)code) == NULL) return false;
    gdn__textbuf_add_bytes(out, document->at, bytes);
    document->at += bytes;
    return true;
}

static bool read_attribute(struct document *document)
{
    char name[NAME_BYTES] = "";
    struct gdn__textbuf value = {0};
    bool read = read_name(document, name) && skip(document, "=\"");
    while (read && *document->at != '"') {
        read = *document->at != '\0' && *document->at != '<' && read_character(document, &value);
    }
    gdn__textbuf_fini(&value);
    /* What would run, or lead elsewhere. */
    bool harmless = strncmp(name, "on", 2) != 0 && strstr(name, "href") == NULL;
    return read && skip(document, "\"") && harmless;
}

static bool close_element(struct document *document)
{
    struct element *element = &document->open[--document->depth];
    const char *inside = element->inside.text != NULL ? element->inside.text : "";
    bool expected = document->seen(document->context, element->name, inside);
    gdn__textbuf_fini(&element->inside);
    if (document->depth == 0) document->roots++;
    return expected;
}

static bool read_opening(struct document *document)
{
    if (document->depth == DEPTH_MAX) return false;
    struct element *element = &document->open[document->depth];
    memset(element, 0, sizeof *element);
    if (!read_name(document, element->name)) return false;
    document->depth++;
    for (;;) {
        skip_blanks(document);
        if (skip(document, "/>")) return close_element(document);
        if (skip(document, ">")) return true;
        if (!read_attribute(document)) return false;
    }
}

static bool read_closing(struct document *document)
{
    char name[NAME_BYTES];
    if (document->depth == 0 || !read_name(document, name)) return false;
    if (strcmp(name, document->open[document->depth - 1].name) != 0) return false;
    return skip(document, ">") && close_element(document);
}

static bool read_comment(struct document *document)
{
    return skip_to(document, "--") && skip(document, ">");
}

static bool read_markup(struct document *document)
{
    if (skip(document, "<!--")) return read_comment(document);
    if (skip(document, "<!DOCTYPE")) return document->roots == 0 && skip_to(document, ">");
    if (skip(document, "<?xml")) return document->roots == 0 && skip_to(document, "?>");
    if (skip(document, "</")) return read_closing(document);
    return skip(document, "<") && document->roots == 0 && read_opening(document);
}

static bool read_text(struct document *document)
{
    if (document->depth == 0) return strspn(document->at++, " \t\r\n") > 0;
    return read_character(document, &document->open[document->depth - 1].inside);
}

bool xml_read(const char *text, bool (*seen)(void *context, const char *name, const char *inside),
              void *context)
{
    struct document document = {.at = text, .seen = seen, .context = context};
    bool read = true;
    while (read && *document.at != '\0') {
        read = *document.at == '<' ? read_markup(&document) : read_text(&document);
    }
    bool whole = read && document.depth == 0 && document.roots == 1;
    while (document.depth > 0) gdn__textbuf_fini(&document.open[--document.depth].inside);
    return whole;
}
