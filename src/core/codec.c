/* SPDX-License-Identifier: MIT */
/* A cut as bytes, and back (docs/protocol.md, "Saved cut"). Encoder and decoder of each part stand
 * side by side. */
#include "src/core/codec.h"

#include <stdio.h>
#include <string.h>

#define MAGIC          UINT32_C(0x434e4447) /* "GDNC" */
#define VERSION        1
#define CHECKSUM_BYTES 8

#define HAS_NAME  0x01
#define HAS_LABEL 0x02
#define DESCRIBED 0x04
#define ABORTABLE 0x08

/* Smallest encodings, as in codec.h. */
#define PARTY_BYTES    10
#define PROCESS_BYTES  17
#define RESOURCE_BYTES 17
#define NAME_BYTES     2

void gdn__decoder_check(struct gdn__decoder *decoder, enum gdn_err err)
{
    if (err != GDN_OK && decoder->err == GDN_OK) decoder->err = err;
    if (err != GDN_OK) gdn__reader_fail(&decoder->in);
}

uint8_t gdn__get_flags(struct gdn__decoder *decoder, uint8_t known)
{
    uint8_t flags = gdn__get_u8(&decoder->in);
    if ((flags & ~known) != 0) gdn__reader_fail(&decoder->in);
    return flags;
}

/* ---- Round and modes ---- */

static void put_round(struct gdn__buffer *out, const gdn_cut *cut)
{
    gdn__put_u8(out, cut->has_round);
    gdn__put_u8(out, (uint8_t)cut->scope);
    gdn__put_u64(out, (uint64_t)cut->started_us);
    if (!cut->has_round) return;
    gdn__put_text(out, cut->initiator);
    gdn__put_u64(out, cut->round.incarnation);
    gdn__put_u64(out, cut->round.number);
}

static void get_round(struct gdn__decoder *decoder)
{
    char initiator[GDN_NAME_MAX + 1];
    uint8_t has_round = gdn__get_u8(&decoder->in);
    uint8_t scope = gdn__get_u8(&decoder->in);
    int64_t started_us = (int64_t)gdn__get_u64(&decoder->in);
    if (has_round > 1 || scope > GDN_SCOPE_FULL) gdn__reader_fail(&decoder->in);
    decoder->cut->scope = scope == GDN_SCOPE_FULL ? GDN_SCOPE_FULL : GDN_SCOPE_WAITS;
    decoder->cut->started_us = started_us;
    if (has_round == 0) return;
    gdn__get_text(&decoder->in, initiator);
    gdn_round_id round = {.initiator = gdn_node_named(initiator)};
    round.incarnation = gdn__get_u64(&decoder->in);
    round.number = gdn__get_u64(&decoder->in);
    gdn__decoder_check(decoder, gdn_cut_set_round(decoder->cut, initiator, round, started_us));
}

static void put_modes(struct gdn__buffer *out, const gdn_cut *cut)
{
    gdn__put_u8(out, cut->modes_given ? (uint8_t)cut->modes.count : 0);
    if (!cut->modes_given) return;
    for (uint32_t i = 0; i < cut->modes.count; i++) {
        gdn__put_text(out, cut->modes.names[i]);
        gdn__put_u16(out, cut->modes.conflicts[i]);
    }
}

static void get_modes(struct gdn__decoder *decoder)
{
    char names[GDN_MODES_MAX][GDN_NAME_MAX + 1];
    struct gdn_modes modes = {.count = gdn__get_u8(&decoder->in)};
    if (modes.count > GDN_MODES_MAX) gdn__reader_fail(&decoder->in);
    if (modes.count == 0 || decoder->in.failed) return;
    for (uint32_t i = 0; i < modes.count; i++) {
        gdn__get_text(&decoder->in, names[i]);
        modes.names[i] = names[i];
        modes.conflicts[i] = gdn__get_u16(&decoder->in);
    }
    if (!decoder->in.failed) gdn__decoder_check(decoder, gdn_cut_set_modes(decoder->cut, &modes));
}

/* ---- Tables ---- */

static void put_tables(struct gdn__buffer *out, const gdn_cut *cut)
{
    gdn__put_u32(out, (uint32_t)cut->party_count);
    for (size_t i = 0; i < cut->party_count; i++) {
        gdn__put_text(out, cut->parties[i].name);
        gdn__put_u64(out, cut->parties[i].incarnation);
    }
    gdn__put_u32(out, (uint32_t)cut->process_count);
    for (size_t i = 0; i < cut->process_count; i++) {
        const struct gdn_cut_process *process = &cut->processes[i];
        gdn__put_id(out, process->id.id);
        gdn__put_u8(out, (uint8_t)((process->name != NULL ? HAS_NAME : 0) |
                                   (process->label != NULL ? HAS_LABEL : 0) |
                                   (process->described ? DESCRIBED : 0) |
                                   (process->abortable ? ABORTABLE : 0)));
        if (process->name != NULL) gdn__put_text(out, process->name);
        if (process->label != NULL) gdn__put_text(out, process->label);
        if (!process->described) continue;
        gdn__put_u64(out, (uint64_t)process->started_us);
        gdn__put_u64(out, process->work);
        gdn__put_u32(out, (uint32_t)process->priority);
    }
    gdn__put_u32(out, (uint32_t)cut->resource_count);
    for (size_t i = 0; i < cut->resource_count; i++) {
        const struct gdn_cut_resource *resource = &cut->resources[i];
        gdn__put_id(out, resource->id.id);
        gdn__put_u8(out, (uint8_t)((resource->name != NULL ? HAS_NAME : 0) |
                                   (resource->label != NULL ? HAS_LABEL : 0)));
        if (resource->name != NULL) gdn__put_text(out, resource->name);
        if (resource->label != NULL) gdn__put_text(out, resource->label);
    }
    gdn__put_u32(out, (uint32_t)cut->missing_count);
    for (size_t i = 0; i < cut->missing_count; i++) gdn__put_text(out, cut->missing[i]);
}

/* A repeat in a table would shift every later index: refused. */
static void expect_index(struct gdn__decoder *decoder, uint32_t got, uint32_t expected)
{
    if (got == GDN_NONE) {
        gdn__decoder_check(decoder, GDN_ERR_MEMORY);
    } else if (got != expected) {
        gdn__reader_fail(&decoder->in);
    }
}

static void get_parties(struct gdn__decoder *decoder)
{
    char name[GDN_NAME_MAX + 1];
    uint32_t count = gdn__get_count(&decoder->in, PARTY_BYTES);
    for (uint32_t i = 0; i < count && !decoder->in.failed; i++) {
        gdn__get_text(&decoder->in, name);
        uint64_t incarnation = gdn__get_u64(&decoder->in);
        if (decoder->in.failed) return;
        expect_index(decoder, gdn_cut_party(decoder->cut, name, incarnation), i);
    }
}

static void get_description(struct gdn__decoder *decoder, struct gdn_cut_process *process,
                            uint8_t flags)
{
    process->abortable = (flags & ABORTABLE) != 0;
    if ((flags & DESCRIBED) == 0) return;
    process->described = true;
    process->started_us = (int64_t)gdn__get_u64(&decoder->in);
    process->work = gdn__get_u64(&decoder->in);
    process->priority = (int32_t)gdn__get_u32(&decoder->in);
}

static void get_processes(struct gdn__decoder *decoder)
{
    char name[GDN_NAME_MAX + 1];
    char label[GDN_NAME_MAX + 1];
    uint32_t count = gdn__get_count(&decoder->in, PROCESS_BYTES);
    for (uint32_t i = 0; i < count && !decoder->in.failed; i++) {
        gdn_process_id id = {gdn__get_id(&decoder->in)};
        uint8_t flags = gdn__get_flags(decoder, HAS_NAME | HAS_LABEL | DESCRIBED | ABORTABLE);
        if ((flags & HAS_NAME) != 0) gdn__get_text(&decoder->in, name);
        if ((flags & HAS_LABEL) != 0) gdn__get_text(&decoder->in, label);
        if (decoder->in.failed) return;
        uint32_t process =
            gdn_cut_process(decoder->cut, id, (flags & HAS_LABEL) != 0 ? label : NULL);
        expect_index(decoder, process, i);
        if (decoder->in.failed) return;
        if ((flags & HAS_NAME) != 0) {
            gdn__decoder_check(decoder, gdn_cut_name_process(decoder->cut, process, name));
        }
        get_description(decoder, &decoder->cut->processes[process], flags);
    }
}

static void get_resources(struct gdn__decoder *decoder)
{
    char name[GDN_NAME_MAX + 1];
    char label[GDN_NAME_MAX + 1];
    uint32_t count = gdn__get_count(&decoder->in, RESOURCE_BYTES);
    for (uint32_t i = 0; i < count && !decoder->in.failed; i++) {
        gdn_resource_id id = {gdn__get_id(&decoder->in)};
        uint8_t flags = gdn__get_flags(decoder, HAS_NAME | HAS_LABEL);
        if ((flags & HAS_NAME) != 0) gdn__get_text(&decoder->in, name);
        if ((flags & HAS_LABEL) != 0) gdn__get_text(&decoder->in, label);
        if (decoder->in.failed) return;
        uint32_t resource =
            gdn_cut_resource(decoder->cut, id, (flags & HAS_LABEL) != 0 ? label : NULL);
        expect_index(decoder, resource, i);
        if (!decoder->in.failed && (flags & HAS_NAME) != 0) {
            gdn__decoder_check(decoder, gdn_cut_name_resource(decoder->cut, resource, name));
        }
    }
}

/* Sorted, so that each goes to the end: nobody can make us sort his. */
static void get_missing(struct gdn__decoder *decoder)
{
    char name[GDN_NAME_MAX + 1];
    uint32_t count = gdn__get_count(&decoder->in, NAME_BYTES);
    for (uint32_t i = 0; i < count && !decoder->in.failed; i++) {
        gdn__get_text(&decoder->in, name);
        bool follows = i == 0 || strcmp(decoder->cut->missing[i - 1], name) < 0;
        if (!follows) gdn__reader_fail(&decoder->in);
        if (!decoder->in.failed)
            gdn__decoder_check(decoder, gdn_cut_add_missing(decoder->cut, name));
    }
}

/* ---- The whole ---- */

enum gdn_err gdn__cut_encode(const gdn_cut *cut, size_t most, uint8_t **bytes, size_t *length)
{
    struct gdn__buffer out;
    gdn__buffer_init(&out, &cut->allocator);
    gdn__put_u32(&out, MAGIC);
    gdn__put_u32(&out, VERSION);
    put_round(&out, cut);
    put_modes(&out, cut);
    put_tables(&out, cut);
    gdn__put_u32(&out, (uint32_t)cut->node_count);
    for (size_t i = 0; i < cut->node_count; i++) gdn__put_node(&out, &cut->nodes[i]);
    gdn__put_u64(&out, gdn__checksum(out.bytes, out.failed ? 0 : out.length));
    if (out.failed || out.length > most) {
        enum gdn_err err = out.failed ? GDN_ERR_MEMORY : GDN_ERR_LIMIT;
        gdn__buffer_fini(&out);
        return err;
    }
    *bytes = out.bytes;
    *length = out.length;
    return GDN_OK;
}

enum gdn_err gdn_cut_encode(const gdn_cut *cut, uint8_t **bytes, size_t *length)
{
    return gdn__cut_encode(cut, GDN_CUT_BYTES_MAX, bytes, length);
}

/* Magic, version and checksum; leaves the reader at the body. */
static enum gdn_err open_envelope(struct gdn__reader *in, const uint8_t *bytes, size_t length)
{
    *in = gdn__reader_of(bytes, length);
    if (length > GDN_CUT_BYTES_MAX || gdn__get_u32(in) != MAGIC) return GDN_ERR_FORMAT;
    if (gdn__get_u32(in) != VERSION) return in->failed ? GDN_ERR_FORMAT : GDN_ERR_VERSION;
    if (gdn__reader_left(in) < CHECKSUM_BYTES) return GDN_ERR_FORMAT;
    struct gdn__reader trailer = gdn__reader_of(bytes + length - CHECKSUM_BYTES, CHECKSUM_BYTES);
    if (gdn__checksum(bytes, length - CHECKSUM_BYTES) != gdn__get_u64(&trailer)) {
        return GDN_ERR_CHECKSUM;
    }
    in->length -= CHECKSUM_BYTES;
    return GDN_OK;
}

static enum gdn_err get_body(struct gdn__decoder *decoder)
{
    get_round(decoder);
    get_modes(decoder);
    get_parties(decoder);
    get_processes(decoder);
    get_resources(decoder);
    get_missing(decoder);
    uint32_t nodes = gdn__get_count(&decoder->in, GDN__CODED_NODE_BYTES);
    for (uint32_t i = 0; i < nodes && !decoder->in.failed; i++) gdn__get_node(decoder);
    if (gdn__reader_done(&decoder->in)) return GDN_OK;
    gdn__reader_fail(&decoder->in);
    /* The builder's misuse is the writer's fault here: one party with two reports. */
    return decoder->err == GDN_ERR_MEMORY ? GDN_ERR_MEMORY : GDN_ERR_FORMAT;
}

enum gdn_err gdn_cut_decode(const struct gdn_allocator *allocator, const uint8_t *bytes,
                            size_t length, gdn_cut **cut, char *why, size_t why_bytes)
{
    struct gdn__decoder decoder = {.err = GDN_OK};
    enum gdn_err err = open_envelope(&decoder.in, bytes, length);
    if (err == GDN_OK) {
        decoder.cut = gdn_cut_new(allocator);
        err = decoder.cut == NULL ? GDN_ERR_MEMORY : get_body(&decoder);
    }
    if (err == GDN_OK) {
        *cut = decoder.cut;
        return GDN_OK;
    }
    gdn_cut_free(decoder.cut);
    if (why != NULL && why_bytes > 0) {
        (void)snprintf(why, why_bytes, "byte %zu: %s",
                       decoder.in.failed ? decoder.in.failed_at : decoder.in.at, gdn_err_text(err));
    }
    return err;
}
