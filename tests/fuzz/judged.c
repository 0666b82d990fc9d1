/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/fuzz/judged.h"

#include "detector/cutfile/cutfile.h"
#include "detector/cutfile/jsonsave.h"
#include "detector/render/diff.h"
#include "detector/render/render.h"
#include "tests/fuzz/targets.h"
#include <string.h>

#define SCHEMES 3

static void show(const gdn_verdict *verdict, uint8_t choice)
{
    struct gdn__textbuf out = {0};
    struct gdn__render_options options = {.colour = choice % 2 != 0};
    gdn__render_text(verdict, &options, &out);
    gdn__render_json(verdict, choice % 2 != 0, &out);
    options.scheme = (enum gdn__scheme)(choice % SCHEMES);
    gdn__render_dot(verdict, &options, &out);
    FUZZ_MUST(!out.failed);
    gdn__textbuf_fini(&out);
}

static void compare_with_itself(const gdn_verdict *verdict)
{
    struct gdn__diff diff;
    struct gdn__textbuf out = {0};
    struct gdn__diff_options options = {.from = "a", .to = "b"};
    FUZZ_MUST(gdn__diff_init(&diff, verdict, verdict) == GDN_OK);
    gdn__diff_text(&diff, &options, &out);
    gdn__diff_json(&diff, &out);
    FUZZ_MUST(!out.failed);
    gdn__textbuf_fini(&out);
    gdn__diff_fini(&diff);
}

/* A document says how long in milliseconds as a number: of more than 140 years the end is lost. */
static bool is_said_exactly(const gdn_cut *cut)
{
    uint64_t most = 0;
    for (size_t n = 0; n < cut->node_count; n++) {
        const struct gdn_cut_node *node = &cut->nodes[n];
        for (size_t i = 0; i < node->wait_count; i++) most |= node->waits[i].waited_us;
        for (size_t i = 0; i < node->entry_count; i++) most |= node->queue[i].waited_us;
    }
    return most >> 52 == 0;
}

/* The document of a cut is read again, and is the same again; where it cannot be said in a document
 * at all, that is an error of the writer or the reader and nothing worse. */
static void write_down(const gdn_cut *cut)
{
    if (!is_said_exactly(cut)) return;
    struct gdn__textbuf first = {0}, second = {0};
    char why[GDN__CUTFILE_WHY_BYTES];
    gdn_cut *again = NULL;
    if (gdn__json_save(cut, &first) == GDN_OK &&
        gdn__cutfile_parse("saved", first.text, first.length, &again, why, sizeof why) == GDN_OK) {
        FUZZ_MUST(gdn__json_save(again, &second) == GDN_OK);
        FUZZ_MUST(first.length == second.length);
        FUZZ_MUST(memcmp(first.text, second.text, first.length) == 0);
        gdn_cut_free(again);
    }
    gdn__textbuf_fini(&first);
    gdn__textbuf_fini(&second);
}

void fuzz_judge(gdn_cut *cut, uint8_t choice)
{
    char why[256];
    gdn_verdict *verdict;
    if (gdn_cut_check(cut, why, sizeof why) != GDN_OK) return;
    enum gdn_policy policy = (enum gdn_policy)(choice % (GDN_POLICY_LOWEST_PRIORITY + 1));
    enum gdn_err err = gdn_analyze(cut, policy, &verdict, why, sizeof why);
    FUZZ_MUST(err == GDN_OK || err == GDN_ERR_LIMIT);
    if (err != GDN_OK) return;
    show(verdict, choice);
    compare_with_itself(verdict);
    gdn_verdict_free(verdict);
    write_down(cut);
}
