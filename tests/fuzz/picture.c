/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Two processes wait for each other, and have whatever names they like: lines of the input are the
 * processes, the resources and the nodes. Graphviz draws the picture. */
#include "detector/render/render.h"
#include "tests/fuzz/targets.h"
#include "tests/fuzz/xml.h"
#include <gordian/verdict.h>
#include <string.h>

#define SCHEMES     3
#define SHOWN_BYTES 16 /* Names that short stand in the picture as they are. */

struct names {
    char process[2][GDN_NAME_MAX + 1], resource[2][GDN_NAME_MAX + 1], node[2][GDN_NAME_MAX + 1];
};

/* A line that may be a name; false: it may not. */
static bool take_line(const uint8_t **bytes, size_t *left, char name[GDN_NAME_MAX + 1])
{
    size_t length = 0;
    while (length < *left && (*bytes)[length] != '\n') length++;
    if (length > GDN_NAME_MAX) return false;
    memcpy(name, *bytes, length);
    name[length] = '\0';
    if (length < *left) length++;
    *bytes += length;
    *left -= length;
    return gdn_name_is_valid(name);
}

static bool take_names(const uint8_t *bytes, size_t length, struct names *names)
{
    for (int i = 0; i < 2; i++) {
        if (!take_line(&bytes, &length, names->process[i])) return false;
    }
    for (int i = 0; i < 2; i++) {
        if (!take_line(&bytes, &length, names->resource[i])) return false;
    }
    for (int i = 0; i < 2; i++) {
        if (!take_line(&bytes, &length, names->node[i])) return false;
    }
    return strcmp(names->process[0], names->process[1]) != 0 &&
           strcmp(names->node[0], names->node[1]) != 0;
}

/* Node @p n is home to resource n, which its process holds; the other process waits for it. */
static void add_node(gdn_cut *cut, const struct names *names, int n)
{
    const char *own = names->process[n], *other = names->process[1 - n];
    uint32_t node, party = gdn_cut_party(cut, names->node[n], 1);
    uint32_t home = gdn_cut_party(cut, names->node[1 - n], 1);
    uint32_t holder = gdn_cut_process(cut, gdn_process_named(own), own);
    uint32_t waiter = gdn_cut_process(cut, gdn_process_named(other), other);
    uint32_t held =
        gdn_cut_resource(cut, gdn_resource_named(n == 0 ? "r0" : "r1"), names->resource[n]);
    uint32_t wanted =
        gdn_cut_resource(cut, gdn_resource_named(n == 0 ? "r1" : "r0"), names->resource[1 - n]);
    FUZZ_MUST(gdn_cut_add_node(cut, party, &node) == GDN_OK);
    cut->nodes[node].waits_listed = true;
    struct gdn_cut_home place = {.resource = held};
    struct gdn_cut_holder hold = {.process = holder, .issuer = party, .ticket = 1};
    struct gdn_cut_entry entry = {.process = waiter, .issuer = home, .ticket = 2};
    struct gdn_cut_wait wait = {.process = holder, .resource = wanted, .home = home, .ticket = 2};
    FUZZ_MUST(gdn_cut_add_home(cut, node, &place) == GDN_OK);
    FUZZ_MUST(gdn_cut_add_holder(cut, node, &hold) == GDN_OK);
    FUZZ_MUST(gdn_cut_add_entry(cut, node, &entry) == GDN_OK);
    FUZZ_MUST(gdn_cut_add_wait(cut, node, &wait) == GDN_OK);
}

/* ---- What must be in the picture ---- */

struct seen {
    struct gdn__textbuf shown[2]; /* The processes, as a person may see them. */
    bool found[2];
};

/* dot writes U+00A0 for a blank beside another. */
static bool same_text(const char *a, const char *b)
{
    for (;;) {
        bool hard_a = strncmp(a, "\xc2\xa0", 2) == 0, hard_b = strncmp(b, "\xc2\xa0", 2) == 0;
        char x = hard_a ? ' ' : *a, y = hard_b ? ' ' : *b;
        if (x != y) return false;
        if (x == '\0') return true;
        a += hard_a ? 2 : 1;
        b += hard_b ? 2 : 1;
    }
}

static bool on_element(void *context, const char *name, const char *inside)
{
    static const char *const known[] = {"svg",     "g",        "title", "style", "polygon",
                                        "ellipse", "polyline", "path",  "text"};
    struct seen *seen = context;
    bool expected = false;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        expected |= strcmp(name, known[i]) == 0;
    }
    for (int i = 0; i < 2 && strcmp(name, "text") == 0; i++) {
        seen->found[i] |= same_text(inside, seen->shown[i].text);
    }
    return expected;
}

static void expect_picture(const struct gdn__textbuf *picture, const struct names *names)
{
    struct seen seen = {.found = {false, false}};
    for (int i = 0; i < 2; i++) gdn__textbuf_add_shown(&seen.shown[i], names->process[i]);
    FUZZ_MUST(strlen(picture->text) == picture->length);
    FUZZ_MUST(xml_read(picture->text, on_element, &seen));
    for (int i = 0; i < 2; i++) {
        bool is_short = seen.shown[i].length <= SHOWN_BYTES;
        FUZZ_MUST(!is_short || seen.found[i]);
        gdn__textbuf_fini(&seen.shown[i]);
    }
}

void fuzz_picture(const uint8_t *bytes, size_t length)
{
    char why[256] = "";
    struct names names;
    gdn_verdict *verdict;
    struct gdn__textbuf picture = {0};
    if (length < 1 || !take_names(bytes + 1, length - 1, &names)) return;
    struct gdn__render_options options = {.scheme = (enum gdn__scheme)(bytes[0] % SCHEMES)};
    gdn_cut *cut = gdn_cut_new(NULL);
    FUZZ_MUST(cut != NULL);
    for (int n = 0; n < 2; n++) add_node(cut, &names, n);
    FUZZ_MUST(gdn_cut_check(cut, why, sizeof why) == GDN_OK);
    FUZZ_MUST(gdn_analyze(cut, GDN_POLICY_YOUNGEST, &verdict, why, sizeof why) == GDN_OK);
    FUZZ_MUST(verdict->deadlock_count == 1);
    FUZZ_MUST(gdn__render_svg(verdict, &options, &picture, why, sizeof why) == GDN_OK);
    expect_picture(&picture, &names);
    gdn__textbuf_fini(&picture);
    gdn_verdict_free(verdict);
    gdn_cut_free(cut);
}
