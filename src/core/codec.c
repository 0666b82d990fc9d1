/* SPDX-License-Identifier: MIT */
/* A cut as bytes, and back (docs/protocol.md, "Saved cut"). Encoder and decoder of each part stand
 * side by side. */
#include <gordian/cut.h>

#include "buffer.h"
#include "mem.h"
#include <stdio.h>
#include <string.h>

#define MAGIC          UINT32_C(0x434e4447) /* "GDNC" */
#define VERSION        1
#define CHECKSUM_BYTES 8

#define HAS_NAME  0x01
#define HAS_LABEL 0x02
#define DESCRIBED 0x04
#define ABORTABLE 0x08

#define WAITS_LISTED 0x01
#define OBSERVED     0x02

#define INCOMING 0x01
#define OPEN     0x02
#define COUNTED  0x04

/* Smallest encodings, so that a hostile count is refused before anything is allocated for it. */
#define PARTY_BYTES    10
#define PROCESS_BYTES  17
#define RESOURCE_BYTES 17
#define NAME_BYTES     2
#define NODE_BYTES     17
#define HOME_BYTES     17
#define HOLDER_BYTES   22
#define ENTRY_BYTES    29
#define WAIT_BYTES     33
#define NEED_BYTES     30
#define CHANNEL_BYTES  25
#define MESSAGE_BYTES  27

struct decoder {
    struct gdn__reader in;
    gdn_cut *cut;
    enum gdn_err err; /* GDN_ERR_MEMORY or GDN_ERR_MISUSE from the builder. */
};

static void check(struct decoder *decoder, enum gdn_err err)
{
    if (err != GDN_OK && decoder->err == GDN_OK) decoder->err = err;
    if (err != GDN_OK) gdn__reader_fail(&decoder->in);
}

/* An index below @p limit. */
static uint32_t get_index(struct decoder *decoder, size_t limit)
{
    uint32_t index = gdn__get_u32(&decoder->in);
    if (index >= limit) gdn__reader_fail(&decoder->in);
    return index;
}

/* The same, or GDN_NONE. */
static uint32_t get_index_or_none(struct decoder *decoder, size_t limit)
{
    uint32_t index = gdn__get_u32(&decoder->in);
    if (index != GDN_NONE && index >= limit) gdn__reader_fail(&decoder->in);
    return index;
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

static void get_round(struct decoder *decoder)
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
    check(decoder, gdn_cut_set_round(decoder->cut, initiator, round, started_us));
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

static void get_modes(struct decoder *decoder)
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
    if (!decoder->in.failed) check(decoder, gdn_cut_set_modes(decoder->cut, &modes));
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
static void expect_index(struct decoder *decoder, uint32_t got, uint32_t expected)
{
    if (got == GDN_NONE) {
        check(decoder, GDN_ERR_MEMORY);
    } else if (got != expected) {
        gdn__reader_fail(&decoder->in);
    }
}

static void get_parties(struct decoder *decoder)
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

static void get_description(struct decoder *decoder, struct gdn_cut_process *process, uint8_t flags)
{
    process->abortable = (flags & ABORTABLE) != 0;
    if ((flags & DESCRIBED) == 0) return;
    process->described = true;
    process->started_us = (int64_t)gdn__get_u64(&decoder->in);
    process->work = gdn__get_u64(&decoder->in);
    process->priority = (int32_t)gdn__get_u32(&decoder->in);
}

static void get_processes(struct decoder *decoder)
{
    char name[GDN_NAME_MAX + 1];
    char label[GDN_NAME_MAX + 1];
    uint32_t count = gdn__get_count(&decoder->in, PROCESS_BYTES);
    for (uint32_t i = 0; i < count && !decoder->in.failed; i++) {
        gdn_process_id id = {gdn__get_id(&decoder->in)};
        uint8_t flags = gdn__get_u8(&decoder->in);
        if ((flags & HAS_NAME) != 0) gdn__get_text(&decoder->in, name);
        if ((flags & HAS_LABEL) != 0) gdn__get_text(&decoder->in, label);
        if (decoder->in.failed) return;
        uint32_t process =
            gdn_cut_process(decoder->cut, id, (flags & HAS_LABEL) != 0 ? label : NULL);
        expect_index(decoder, process, i);
        if (decoder->in.failed) return;
        if ((flags & HAS_NAME) != 0) {
            check(decoder, gdn_cut_name_process(decoder->cut, process, name));
        }
        get_description(decoder, &decoder->cut->processes[process], flags);
    }
}

static void get_resources(struct decoder *decoder)
{
    char name[GDN_NAME_MAX + 1];
    char label[GDN_NAME_MAX + 1];
    uint32_t count = gdn__get_count(&decoder->in, RESOURCE_BYTES);
    for (uint32_t i = 0; i < count && !decoder->in.failed; i++) {
        gdn_resource_id id = {gdn__get_id(&decoder->in)};
        uint8_t flags = gdn__get_u8(&decoder->in);
        if ((flags & HAS_NAME) != 0) gdn__get_text(&decoder->in, name);
        if ((flags & HAS_LABEL) != 0) gdn__get_text(&decoder->in, label);
        if (decoder->in.failed) return;
        uint32_t resource =
            gdn_cut_resource(decoder->cut, id, (flags & HAS_LABEL) != 0 ? label : NULL);
        expect_index(decoder, resource, i);
        if (!decoder->in.failed && (flags & HAS_NAME) != 0) {
            check(decoder, gdn_cut_name_resource(decoder->cut, resource, name));
        }
    }
}

static void get_missing(struct decoder *decoder)
{
    char name[GDN_NAME_MAX + 1];
    uint32_t count = gdn__get_count(&decoder->in, NAME_BYTES);
    for (uint32_t i = 0; i < count && !decoder->in.failed; i++) {
        gdn__get_text(&decoder->in, name);
        if (!decoder->in.failed) check(decoder, gdn_cut_add_missing(decoder->cut, name));
    }
}

/* ---- A node's report ---- */

static void put_home(struct gdn__buffer *out, const struct gdn_cut_node *node,
                     const struct gdn_cut_home *home)
{
    gdn__put_u32(out, home->resource);
    gdn__put_u32(out, home->capacity);
    gdn__put_u8(out, home->unordered);
    gdn__put_u32(out, (uint32_t)home->holder_count);
    gdn__put_u32(out, (uint32_t)home->entry_count);
    for (size_t i = 0; i < home->holder_count; i++) {
        const struct gdn_cut_holder *holder = &node->holders[home->holder_first + i];
        gdn__put_u32(out, holder->process);
        gdn__put_u32(out, holder->issuer);
        gdn__put_u64(out, holder->ticket);
        gdn__put_u32(out, holder->units);
        gdn__put_u8(out, holder->mode);
        gdn__put_u8(out, holder->brief);
    }
    for (size_t i = 0; i < home->entry_count; i++) {
        const struct gdn_cut_entry *entry = &node->queue[home->entry_first + i];
        gdn__put_u32(out, entry->process);
        gdn__put_u32(out, entry->issuer);
        gdn__put_u64(out, entry->ticket);
        gdn__put_u64(out, entry->waited_us);
        gdn__put_u32(out, entry->units);
        gdn__put_u8(out, entry->mode);
    }
}

static uint8_t get_mode(struct decoder *decoder)
{
    uint8_t mode = gdn__get_u8(&decoder->in);
    if (mode >= decoder->cut->modes.count) gdn__reader_fail(&decoder->in);
    return mode;
}

static void get_home(struct decoder *decoder, uint32_t node)
{
    const gdn_cut *cut = decoder->cut;
    struct gdn_cut_home home = {.resource = get_index(decoder, cut->resource_count)};
    home.capacity = gdn__get_u32(&decoder->in);
    home.unordered = gdn__get_u8(&decoder->in) != 0;
    uint32_t holders = gdn__get_count(&decoder->in, HOLDER_BYTES);
    uint32_t entries = gdn__get_count(&decoder->in, ENTRY_BYTES);
    if (decoder->in.failed) return;
    check(decoder, gdn_cut_add_home(decoder->cut, node, &home));
    for (uint32_t i = 0; i < holders && !decoder->in.failed; i++) {
        struct gdn_cut_holder holder = {.process = get_index(decoder, cut->process_count)};
        holder.issuer = get_index(decoder, cut->party_count);
        holder.ticket = gdn__get_u64(&decoder->in);
        holder.units = gdn__get_u32(&decoder->in);
        holder.mode = get_mode(decoder);
        holder.brief = gdn__get_u8(&decoder->in) != 0;
        if (!decoder->in.failed) check(decoder, gdn_cut_add_holder(decoder->cut, node, &holder));
    }
    for (uint32_t i = 0; i < entries && !decoder->in.failed; i++) {
        struct gdn_cut_entry entry = {.process = get_index(decoder, cut->process_count)};
        entry.issuer = get_index(decoder, cut->party_count);
        entry.ticket = gdn__get_u64(&decoder->in);
        entry.waited_us = gdn__get_u64(&decoder->in);
        entry.units = gdn__get_u32(&decoder->in);
        entry.mode = get_mode(decoder);
        if (!decoder->in.failed) check(decoder, gdn_cut_add_entry(decoder->cut, node, &entry));
    }
}

static void put_wait(struct gdn__buffer *out, const struct gdn_cut_node *node,
                     const struct gdn_cut_wait *wait)
{
    gdn__put_u32(out, wait->process);
    gdn__put_u32(out, wait->resource);
    gdn__put_u32(out, wait->home);
    gdn__put_u64(out, wait->ticket);
    gdn__put_u64(out, wait->waited_us);
    gdn__put_u8(out, wait->mode);
    gdn__put_u32(out, (uint32_t)wait->need_count);
    for (size_t i = 0; i < wait->need_count; i++) {
        const struct gdn_cut_need *need = &node->needs[wait->need_first + i];
        gdn__put_u8(out, (uint8_t)need->kind);
        gdn__put_u32(out, need->process);
        gdn__put_u32(out, need->resource);
        gdn__put_u32(out, need->home);
        gdn__put_u32(out, need->branch);
        gdn__put_u32(out, need->units);
        gdn__put_u32(out, need->at_least);
        gdn__put_u32(out, need->child_count);
        gdn__put_u8(out, need->queued);
    }
}

/* Children are counted off so that a group never reaches beyond its wait. */
static void get_needs(struct decoder *decoder, uint32_t node, uint32_t count)
{
    const gdn_cut *cut = decoder->cut;
    uint64_t owed = 0; /* Children of groups read so far that have not come yet. */
    for (uint32_t i = 0; i < count && !decoder->in.failed; i++) {
        uint8_t kind = gdn__get_u8(&decoder->in);
        if (kind > GDN_NEED_GROUP) gdn__reader_fail(&decoder->in);
        struct gdn_cut_need need = {.kind = (enum gdn_need_kind)kind};
        need.process = get_index_or_none(decoder, cut->process_count);
        need.resource = get_index_or_none(decoder, cut->resource_count);
        need.home = get_index_or_none(decoder, cut->party_count);
        need.branch = get_index_or_none(decoder, cut->party_count);
        need.units = gdn__get_u32(&decoder->in);
        need.at_least = gdn__get_u32(&decoder->in);
        need.child_count = gdn__get_u32(&decoder->in);
        need.queued = gdn__get_u8(&decoder->in) != 0;
        if (owed > 0) owed--;
        if (need.kind == GDN_NEED_GROUP) owed += need.child_count;
        bool whole = need.kind == GDN_NEED_PROCESS ? need.process != GDN_NONE
                     : need.kind == GDN_NEED_RESOURCE
                         ? need.resource != GDN_NONE
                         : need.at_least >= 1 && need.at_least <= need.child_count;
        if (!whole || owed > count - i - 1) gdn__reader_fail(&decoder->in);
        if (!decoder->in.failed) check(decoder, gdn_cut_add_need(decoder->cut, node, &need));
    }
    if (owed > 0) gdn__reader_fail(&decoder->in);
}

static void get_wait(struct decoder *decoder, uint32_t node)
{
    const gdn_cut *cut = decoder->cut;
    struct gdn_cut_wait wait = {.process = get_index(decoder, cut->process_count)};
    wait.resource = get_index_or_none(decoder, cut->resource_count);
    wait.home = get_index_or_none(decoder, cut->party_count);
    wait.ticket = gdn__get_u64(&decoder->in);
    wait.waited_us = gdn__get_u64(&decoder->in);
    wait.mode = get_mode(decoder);
    uint32_t needs = gdn__get_count(&decoder->in, NEED_BYTES);
    if ((wait.resource == GDN_NONE) != (wait.home == GDN_NONE)) gdn__reader_fail(&decoder->in);
    if (decoder->in.failed) return;
    check(decoder, gdn_cut_add_wait(decoder->cut, node, &wait));
    get_needs(decoder, node, needs);
}

static void put_channel(struct gdn__buffer *out, const struct gdn_cut_node *node,
                        const struct gdn_cut_channel *channel)
{
    gdn__put_u32(out, channel->peer);
    gdn__put_u8(out, (uint8_t)((channel->incoming ? INCOMING : 0) | (channel->open ? OPEN : 0) |
                               (channel->counted ? COUNTED : 0)));
    gdn__put_u64(out, channel->count);
    gdn__put_u64(out, channel->untagged);
    gdn__put_u32(out, (uint32_t)channel->message_count);
    for (size_t i = 0; i < channel->message_count; i++) {
        const struct gdn_cut_message *message = &node->messages[channel->message_first + i];
        gdn__put_u8(out, (uint8_t)message->verb);
        gdn__put_u32(out, message->process);
        gdn__put_u32(out, message->resource);
        gdn__put_u32(out, message->by);
        gdn__put_u64(out, message->ticket);
        gdn__put_u32(out, message->units);
        gdn__put_u8(out, message->mode);
        gdn__put_u8(out, message->flags);
    }
}

static void get_message(struct decoder *decoder, uint32_t node)
{
    const gdn_cut *cut = decoder->cut;
    uint8_t verb = gdn__get_u8(&decoder->in);
    if (verb < GDN_VERB_REQUEST || verb > GDN_VERB_WAKE) gdn__reader_fail(&decoder->in);
    struct gdn_cut_message message = {.verb = (enum gdn_verb)verb};
    message.process = get_index(decoder, cut->process_count);
    message.resource = get_index_or_none(decoder, cut->resource_count);
    message.by = get_index_or_none(decoder, cut->process_count);
    message.ticket = gdn__get_u64(&decoder->in);
    message.units = gdn__get_u32(&decoder->in);
    message.mode = get_mode(decoder);
    message.flags = gdn__get_u8(&decoder->in);
    if (!decoder->in.failed) check(decoder, gdn_cut_add_message(decoder->cut, node, &message));
}

static void get_channel(struct decoder *decoder, uint32_t node)
{
    struct gdn_cut_channel channel = {.peer = get_index(decoder, decoder->cut->party_count)};
    uint8_t flags = gdn__get_u8(&decoder->in);
    channel.incoming = (flags & INCOMING) != 0;
    channel.open = (flags & OPEN) != 0;
    channel.counted = (flags & COUNTED) != 0;
    channel.count = gdn__get_u64(&decoder->in);
    channel.untagged = gdn__get_u64(&decoder->in);
    uint32_t messages = gdn__get_count(&decoder->in, MESSAGE_BYTES);
    if (!channel.incoming && messages > 0) gdn__reader_fail(&decoder->in);
    if (decoder->in.failed) return;
    check(decoder, gdn_cut_add_channel(decoder->cut, node, &channel));
    for (uint32_t i = 0; i < messages && !decoder->in.failed; i++) get_message(decoder, node);
}

static void put_node(struct gdn__buffer *out, const struct gdn_cut_node *node)
{
    gdn__put_u32(out, node->party);
    gdn__put_u8(
        out, (uint8_t)((node->waits_listed ? WAITS_LISTED : 0) | (node->observed ? OBSERVED : 0)));
    gdn__put_u32(out, (uint32_t)node->home_count);
    for (size_t i = 0; i < node->home_count; i++) put_home(out, node, &node->homes[i]);
    gdn__put_u32(out, (uint32_t)node->wait_count);
    for (size_t i = 0; i < node->wait_count; i++) put_wait(out, node, &node->waits[i]);
    gdn__put_u32(out, (uint32_t)node->channel_count);
    for (size_t i = 0; i < node->channel_count; i++) put_channel(out, node, &node->channels[i]);
}

static void get_node(struct decoder *decoder)
{
    uint32_t party = get_index(decoder, decoder->cut->party_count);
    uint8_t flags = gdn__get_u8(&decoder->in);
    if (decoder->in.failed) return;
    uint32_t node;
    check(decoder, gdn_cut_add_node(decoder->cut, party, &node));
    if (decoder->in.failed) return;
    decoder->cut->nodes[node].waits_listed = (flags & WAITS_LISTED) != 0;
    decoder->cut->nodes[node].observed = (flags & OBSERVED) != 0;
    uint32_t homes = gdn__get_count(&decoder->in, HOME_BYTES);
    for (uint32_t i = 0; i < homes && !decoder->in.failed; i++) get_home(decoder, node);
    uint32_t waits = gdn__get_count(&decoder->in, WAIT_BYTES);
    for (uint32_t i = 0; i < waits && !decoder->in.failed; i++) get_wait(decoder, node);
    uint32_t channels = gdn__get_count(&decoder->in, CHANNEL_BYTES);
    for (uint32_t i = 0; i < channels && !decoder->in.failed; i++) get_channel(decoder, node);
}

/* ---- The whole ---- */

enum gdn_err gdn_cut_encode(const gdn_cut *cut, uint8_t **bytes, size_t *length)
{
    struct gdn__buffer out;
    gdn__buffer_init(&out, &cut->allocator);
    gdn__put_u32(&out, MAGIC);
    gdn__put_u32(&out, VERSION);
    put_round(&out, cut);
    put_modes(&out, cut);
    put_tables(&out, cut);
    gdn__put_u32(&out, (uint32_t)cut->node_count);
    for (size_t i = 0; i < cut->node_count; i++) put_node(&out, &cut->nodes[i]);
    gdn__put_u64(&out, gdn__checksum(out.bytes, out.failed ? 0 : out.length));
    if (out.failed || out.length > GDN_CUT_BYTES_MAX) {
        enum gdn_err err = out.failed ? GDN_ERR_MEMORY : GDN_ERR_LIMIT;
        gdn__buffer_fini(&out);
        return err;
    }
    *bytes = out.bytes;
    *length = out.length;
    return GDN_OK;
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

static void get_body(struct decoder *decoder)
{
    get_round(decoder);
    get_modes(decoder);
    get_parties(decoder);
    get_processes(decoder);
    get_resources(decoder);
    get_missing(decoder);
    uint32_t nodes = gdn__get_count(&decoder->in, NODE_BYTES);
    for (uint32_t i = 0; i < nodes && !decoder->in.failed; i++) get_node(decoder);
    if (!gdn__reader_done(&decoder->in)) gdn__reader_fail(&decoder->in);
}

enum gdn_err gdn_cut_decode(const struct gdn_allocator *allocator, const uint8_t *bytes,
                            size_t length, gdn_cut **cut, char *why, size_t why_bytes)
{
    struct decoder decoder = {.err = GDN_OK};
    enum gdn_err err = open_envelope(&decoder.in, bytes, length);
    if (err == GDN_OK) {
        decoder.cut = gdn_cut_new(allocator);
        if (decoder.cut == NULL) return GDN_ERR_MEMORY;
        get_body(&decoder);
        /* The builder's misuse is the writer's fault here: one party with two reports. */
        if (decoder.in.failed) {
            err = decoder.err == GDN_ERR_MEMORY ? GDN_ERR_MEMORY : GDN_ERR_FORMAT;
        }
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
