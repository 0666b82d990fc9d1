/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/fuzz/judged.h"

#include "detector/cutfile/cutfile.h"
#include "detector/cutfile/jsonsave.h"
#include "detector/render/diff.h"
#include "detector/render/render.h"
#include "tests/fuzz/targets.h"
#include <string.h>

#define SCHEMES        3
#define CHECKSUM_BYTES 8

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

/* The document of @p cut, read again; NULL where it cannot be said in a document at all, which is
 * an error of the writer or the reader and nothing worse. */
static gdn_cut *write_down(const gdn_cut *cut, struct gdn__textbuf *text)
{
    char why[GDN__CUTFILE_WHY_BYTES];
    gdn_cut *again = NULL;
    if (gdn__json_save(cut, text) != GDN_OK) return NULL;
    enum gdn_err err =
        gdn__cutfile_parse("saved", text->text, text->length, &again, why, sizeof why);
    return err == GDN_OK ? again : NULL;
}

/* What a document says, the next one says too. (The first may lose what has no place in one: waits
 * of centuries lose their last microsecond.) */
static void write_down_twice(const gdn_cut *cut)
{
    struct gdn__textbuf texts[3] = {0};
    gdn_cut *first = write_down(cut, &texts[0]);
    gdn_cut *second = first == NULL ? NULL : write_down(first, &texts[1]);
    FUZZ_MUST((first == NULL) == (second == NULL));
    if (second != NULL) {
        FUZZ_MUST(gdn__json_save(second, &texts[2]) == GDN_OK);
        FUZZ_MUST(texts[1].length == texts[2].length);
        FUZZ_MUST(memcmp(texts[1].text, texts[2].text, texts[1].length) == 0);
    }
    gdn_cut_free(first);
    gdn_cut_free(second);
    for (size_t i = 0; i < 3; i++) gdn__textbuf_fini(&texts[i]);
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
    write_down_twice(cut);
}

/* FNV-1a, 64 bits, of all bytes before it. */
void fuzz_put_checksum_right(uint8_t *bytes, size_t length)
{
    uint64_t sum = UINT64_C(0xcbf29ce484222325);
    if (length < CHECKSUM_BYTES) return;
    for (size_t i = 0; i + CHECKSUM_BYTES < length; i++) {
        sum = (sum ^ bytes[i]) * UINT64_C(0x100000001b3);
    }
    for (size_t i = 0; i < CHECKSUM_BYTES; i++) {
        bytes[length - CHECKSUM_BYTES + i] = (uint8_t)(sum >> 8 * i);
    }
}
