/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/fuzz/seeds.h"

#include "detector/cutfile/cutfile.h"
#include "src/core/mem.h"
#include "src/core/wire.h"
#include "tests/fuzz/targets.h"
#include "tests/unit/ledger_fixture.h"
#include "tests/unit/vectors.h"
#include <glob.h>
#include <gordian/site.h>

#define BODY_MAX 255 /* A step's length is one byte. */

static void add(struct seeds *seeds, const char *target, const char *name, const void *bytes,
                size_t length)
{
    seeds->list = realloc(seeds->list, (seeds->count + 1) * sizeof *seeds->list);
    assert_non_null(seeds->list);
    struct seed *seed = &seeds->list[seeds->count++];
    *seed = (struct seed){.target = target, .bytes = malloc(length + 1), .length = length};
    assert_non_null(seed->bytes);
    (void)snprintf(seed->name, sizeof seed->name, "%s", name);
    memcpy(seed->bytes, bytes, length);
}

/* ---- Frames: the records of a vector as steps of frames.c, and the whole as a raw one ---- */

static const struct {
    enum gdn__record_type type;
    uint8_t step, number; /* Which peer sends it, and its number there. */
} steps[] = {{GDN__LOCK, 0x00, 0},    {GDN__MARKER, 0x00, 1},  {GDN__START, 0x08, 2},
             {GDN__COLLECT, 0x08, 3}, {GDN__ABANDON, 0x08, 4}, {GDN__ABORT, 0x08, 5},
             {GDN__PAYLOAD, 0x00, 6}, {GDN__OPEN, 0x00, 7},    {GDN__SUSPECT, 0x00, 8},
             {GDN__REPORT, 0x00, 9},  {GDN__FAILED, 0x00, 10}, {GDN__ABORTED, 0x00, 11},
             {GDN__HELLO, 0x02, 0},   {GDN__ACK, 0x02, 1},     {GDN__NACK, 0x02, 2},
             {GDN__BYE, 0x02, 3}};

static void put_step(struct gdn__buffer *out, const struct gdn__record *record)
{
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        if (steps[i].type != record->type || record->length > BODY_MAX) continue;
        gdn__put_u8(out, steps[i].step);
        gdn__put_u8(out, steps[i].number);
        gdn__put_u8(out, (uint8_t)record->length);
        gdn__put_bytes(out, record->body, record->length);
    }
}

static void put_steps(struct gdn__buffer *out, const struct vector *vector)
{
    struct gdn__header header;
    struct gdn__record record;
    struct gdn__reader in = gdn__reader_of(vector->bytes, vector->length);
    if (gdn__get_header(&in, &header) != GDN_OK) return;
    while (gdn__next_record(&in, &record)) put_step(out, &record);
}

static void add_frame(struct seeds *seeds, struct gdn__buffer *all, const struct vector *vector)
{
    static const uint8_t take[] = {0x34}, ask[] = {0x06, 0, 0, 0, 0x02};
    struct gdn_allocator memory = gdn__allocator_or_default(NULL);
    struct gdn__buffer out;
    gdn__buffer_init(&out, &memory);
    gdn__put_bytes(&out, ask, sizeof ask); /* So that a round finds somebody waiting. */
    put_steps(&out, vector);
    gdn__put_bytes(&out, take, sizeof take);
    put_steps(all, vector);
    gdn__put_bytes(all, take, sizeof take);
    if (vector->length <= BODY_MAX) {
        gdn__put_u8(&out, 0x03);
        gdn__put_u8(&out, (uint8_t)vector->length);
        gdn__put_bytes(&out, vector->bytes, vector->length);
    }
    assert_false(out.failed);
    add(seeds, "frames", vector->name, out.bytes, out.length);
    gdn__buffer_fini(&out);
}

static void add_vectors(struct seeds *seeds)
{
    struct vectors vectors = vectors_read();
    struct gdn_allocator memory = gdn__allocator_or_default(NULL);
    struct gdn__buffer all;
    gdn__buffer_init(&all, &memory);
    for (size_t i = 0; i < vectors.count; i++) {
        const struct vector *vector = &vectors.list[i];
        if (vector_is_cut(vector)) {
            add(seeds, "cut", vector->name, vector->bytes, vector->length);
        } else {
            add_frame(seeds, &all, vector);
        }
    }
    assert_false(all.failed);
    add(seeds, "frames", "all", all.bytes, all.length);
    gdn__buffer_fini(&all);
    vectors_free(&vectors);
}

/* ---- Reports: of two nodes whose processes wait for each other ---- */

static void wait_on(gdn_site *site, const char *process, struct gdn_need need)
{
    struct gdn_actions actions;
    struct gdn_event event = {.type = GDN_EVENT_WAITED_ON, .now_us = 1};
    event.as.waited_on = (struct gdn_wait){.process = P(process), .needs = &need, .count = 1};
    assert_ok(gdn_site_step(site, &event, &actions));
}

static void put_report_of(struct gdn__buffer *out, uint8_t step, const char *name,
                          uint64_t incarnation, const char *process, struct gdn_need need)
{
    struct gdn_site_options options = {
        .name = name, .endpoint = "inproc://node", .incarnation = incarnation};
    gdn_site *site = gdn_site_new(&options);
    gdn_cut *cut;
    uint8_t *bytes;
    size_t length;
    assert_non_null(site);
    wait_on(site, process, need);
    assert_ok(gdn_site_inspect(site, 1000, &cut));
    assert_ok(gdn_cut_encode(cut, &bytes, &length));
    gdn__put_u8(out, step);
    gdn__put_u8(out, (uint8_t)length);
    gdn__put_u8(out, (uint8_t)(length >> 8));
    gdn__put_bytes(out, bytes, length);
    free(bytes);
    gdn_cut_free(cut);
    gdn_site_free(site);
}

static void add_reports(struct seeds *seeds)
{
    static const uint8_t again[] = {6, 1, 9, 5, 20, 7, 15}; /* The next round, and its deadline. */
    struct gdn_allocator memory = gdn__allocator_or_default(NULL);
    struct gdn__buffer out;
    gdn__buffer_init(&out, &memory);
    gdn__put_u8(&out, 6); /* A round begins. */
    put_report_of(&out, 0, "n1", 0xa1, "T1", gdn_need_process(P("T2")));
    put_report_of(&out, 8, "n2", 0xb2, "T2", gdn_need_hold(P("T1"), R("r")));
    add(seeds, "detector", "deadlock", out.bytes, out.length);
    gdn__put_bytes(&out, again, sizeof again);
    assert_false(out.failed);
    add(seeds, "detector", "deadlock-again", out.bytes, out.length);
    gdn__buffer_fini(&out);
}

/* ---- Documents, and the same as bytes ---- */

static void add_as_cut(struct seeds *seeds, const char *name, const void *text, size_t length)
{
    char why[GDN__CUTFILE_WHY_BYTES];
    gdn_cut *cut;
    uint8_t *bytes;
    size_t byte_count;
    if (gdn__cutfile_parse(name, text, length, &cut, why, sizeof why) != GDN_OK) return;
    assert_ok(gdn_cut_encode(cut, &bytes, &byte_count));
    add(seeds, "cut", name, bytes, byte_count);
    free(bytes);
    gdn_cut_free(cut);
}

static void add_document(struct seeds *seeds, const char *path)
{
    static char text[1 << 16];
    const char *name = strrchr(path, '/') + 1;
    FILE *file = fopen(path, "rb");
    if (file == NULL) fail_msg("cannot read %s: run this from the project's root", path);
    size_t length = fread(text, 1, sizeof text, file);
    assert_true(length < sizeof text);
    assert_int_equal(fclose(file), 0);
    add(seeds, "document", name, text, length);
    add_as_cut(seeds, name, text, length);
}

/* ---- Pictures ---- */

static void add_pictures(struct seeds *seeds)
{
    static const char names[] = "0T&lt;1\nT2 \\N\\G\\\"\nacct/17\n<b>&amp;{|}</text>\nn1\nn2 --> "
                                "]]> caf\xc3\xa9 \xe2\x80\xae";
    add(seeds, "picture", "hostile", names, sizeof names - 1);
}

struct seeds seeds_read(void)
{
    struct seeds seeds = {0};
    glob_t found;
    assert_int_equal(glob("tests/vectors/*.json", 0, NULL, &found), 0);
    for (size_t i = 0; i < found.gl_pathc; i++) add_document(&seeds, found.gl_pathv[i]);
    globfree(&found);
    add_vectors(&seeds);
    add_reports(&seeds);
    add_pictures(&seeds);
    return seeds;
}

void seeds_free(struct seeds *seeds)
{
    for (size_t i = 0; i < seeds->count; i++) free(seeds->list[i].bytes);
    free(seeds->list);
    *seeds = (struct seeds){0};
}

void seeds_feed(const char *target, const uint8_t *bytes, size_t length)
{
    if (strcmp(target, "frames") == 0) fuzz_frames(bytes, length);
    if (strcmp(target, "detector") == 0) fuzz_detector(bytes, length);
    if (strcmp(target, "cut") == 0) fuzz_cut(bytes, length);
    if (strcmp(target, "document") == 0) fuzz_document(bytes, length);
    if (strcmp(target, "picture") == 0) fuzz_picture(bytes, length);
}
