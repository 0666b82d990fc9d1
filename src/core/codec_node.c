/* SPDX-License-Identifier: MIT */
/* A node's report as bytes, and back: homes, waits, channels. */
#include "src/core/codec.h"
#include "src/core/needs.h"

#define WAITS_LISTED 0x01
#define OBSERVED     0x02
#define UNANSWERED   0x04
#define BY_OTHERS    0x08

#define QUEUED       0x01
#define MET          0x02
#define BRANCH_GIVEN 0x04 /* Of a need: its branch id follows. */

#define INCOMING 0x01
#define OPEN     0x02
#define COUNTED  0x04

/* Smallest encodings, as in codec.h. */
#define HOME_BYTES    17
#define HOLDER_BYTES  22
#define BRIEF_BIT     0x80 /* Beside an entry's mode, which is below GDN_MODES_MAX. */
#define BRANCH_BIT    0x40 /* Beside any mode: its branch id follows. */
#define ENTRY_BYTES   29
#define WAIT_BYTES    33
#define NEED_BYTES    30
#define CHANNEL_BYTES 25
#define MESSAGE_BYTES 27

/* An index below @p limit. */
static uint32_t get_index(struct gdn__decoder *decoder, size_t limit)
{
    uint32_t index = gdn__get_u32(&decoder->in);
    if (index >= limit) gdn__reader_fail(&decoder->in);
    return index;
}

/* The same, or GDN_NONE. */
static uint32_t get_index_or_none(struct gdn__decoder *decoder, size_t limit)
{
    uint32_t index = gdn__get_u32(&decoder->in);
    if (index != GDN_NONE && index >= limit) gdn__reader_fail(&decoder->in);
    return index;
}

static bool get_bool(struct gdn__decoder *decoder)
{
    uint8_t value = gdn__get_u8(&decoder->in);
    if (value > 1) gdn__reader_fail(&decoder->in);
    return value == 1;
}

static void put_mode(struct gdn__buffer *out, uint8_t mode, uint32_t branch_id)
{
    gdn__put_u8(out, (uint8_t)(mode | (branch_id != 0 ? BRANCH_BIT : 0)));
    if (branch_id != 0) gdn__put_u32(out, branch_id);
}

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
        put_mode(out, holder->mode, holder->branch_id);
        gdn__put_u8(out, holder->brief);
    }
    for (size_t i = 0; i < home->entry_count; i++) {
        const struct gdn_cut_entry *entry = &node->queue[home->entry_first + i];
        gdn__put_u32(out, entry->process);
        gdn__put_u32(out, entry->issuer);
        gdn__put_u64(out, entry->ticket);
        gdn__put_u64(out, entry->waited_us);
        gdn__put_u32(out, entry->units);
        put_mode(out, (uint8_t)(entry->mode | (entry->brief ? BRIEF_BIT : 0)), entry->branch_id);
    }
}

/* One that is there is not 0: each record has one form. */
static uint32_t get_branch_id(struct gdn__decoder *decoder)
{
    uint32_t branch_id = gdn__get_u32(&decoder->in);
    if (branch_id == 0) gdn__reader_fail(&decoder->in);
    return branch_id;
}

/* A mode and what its byte says beside it; @p brief NULL: nothing of that. */
static uint8_t get_mode(struct gdn__decoder *decoder, uint32_t *branch_id, bool *brief)
{
    uint8_t byte = gdn__get_u8(&decoder->in);
    uint8_t mode = (uint8_t)(byte & ~(BRANCH_BIT | (brief != NULL ? BRIEF_BIT : 0)));
    if (mode >= decoder->cut->modes.count) gdn__reader_fail(&decoder->in);
    if (brief != NULL) *brief = (byte & BRIEF_BIT) != 0;
    *branch_id = (byte & BRANCH_BIT) != 0 ? get_branch_id(decoder) : 0;
    return mode;
}

/* Of a pool at least one and at most its capacity; of anything else none. */
static uint32_t get_units(struct gdn__decoder *decoder, const struct gdn_cut_home *home)
{
    uint32_t units = gdn__get_u32(&decoder->in);
    if (units > home->capacity || (units == 0) != (home->capacity == 0)) {
        gdn__reader_fail(&decoder->in);
    }
    return units;
}

/* Numbers begin with 1: what has none is no ticket, and two such could not be told apart. */
static uint64_t get_ticket(struct gdn__decoder *decoder)
{
    uint64_t ticket = gdn__get_u64(&decoder->in);
    if (ticket == 0) gdn__reader_fail(&decoder->in);
    return ticket;
}

static void get_home(struct gdn__decoder *decoder, uint32_t node)
{
    const gdn_cut *cut = decoder->cut;
    struct gdn_cut_home home = {.resource = get_index(decoder, cut->resource_count)};
    home.capacity = gdn__get_u32(&decoder->in);
    home.unordered = get_bool(decoder);
    uint32_t holders = gdn__get_count(&decoder->in, HOLDER_BYTES);
    uint32_t entries = gdn__get_count(&decoder->in, ENTRY_BYTES);
    if (decoder->in.failed) return;
    gdn__decoder_check(decoder, gdn_cut_add_home(decoder->cut, node, &home));
    for (uint32_t i = 0; i < holders && !decoder->in.failed; i++) {
        struct gdn_cut_holder holder = {.process = get_index(decoder, cut->process_count)};
        holder.issuer = get_index(decoder, cut->party_count);
        holder.ticket = get_ticket(decoder);
        holder.units = get_units(decoder, &home);
        holder.mode = get_mode(decoder, &holder.branch_id, NULL);
        holder.brief = get_bool(decoder);
        if (!decoder->in.failed)
            gdn__decoder_check(decoder, gdn_cut_add_holder(decoder->cut, node, &holder));
    }
    for (uint32_t i = 0; i < entries && !decoder->in.failed; i++) {
        struct gdn_cut_entry entry = {.process = get_index(decoder, cut->process_count)};
        entry.issuer = get_index(decoder, cut->party_count);
        entry.ticket = get_ticket(decoder);
        entry.waited_us = gdn__get_u64(&decoder->in);
        entry.units = get_units(decoder, &home);
        entry.mode = get_mode(decoder, &entry.branch_id, &entry.brief);
        if (!decoder->in.failed)
            gdn__decoder_check(decoder, gdn_cut_add_entry(decoder->cut, node, &entry));
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
    put_mode(out, wait->mode, wait->branch_id);
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
        gdn__put_u8(out, (uint8_t)((need->queued ? QUEUED : 0) | (need->met ? MET : 0) |
                                   (need->branch_id != 0 ? BRANCH_GIVEN : 0)));
        if (need->branch_id != 0) gdn__put_u32(out, need->branch_id);
    }
}

static struct gdn_cut_need get_need(struct gdn__decoder *decoder)
{
    const gdn_cut *cut = decoder->cut;
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
    uint8_t flags = gdn__get_flags(decoder, QUEUED | MET | BRANCH_GIVEN);
    need.queued = (flags & QUEUED) != 0;
    need.met = (flags & MET) != 0;
    if ((flags & BRANCH_GIVEN) != 0) need.branch_id = get_branch_id(decoder);
    return need;
}

static bool is_whole_need(const struct gdn_cut_need *need)
{
    bool branch = need->kind == GDN_NEED_PROCESS && need->branch != GDN_NONE;
    if (need->branch_id != 0 && !branch) return false;
    switch (need->kind) {
    case GDN_NEED_PROCESS:
        return need->process != GDN_NONE;
    case GDN_NEED_RESOURCE:
        return need->resource != GDN_NONE && !need->met;
    case GDN_NEED_GROUP:
        return need->at_least >= 1 && need->at_least <= need->child_count && !need->met;
    }
    return false;
}

/* Children are counted off so that a group never reaches beyond its wait. */
static void get_needs(struct gdn__decoder *decoder, uint32_t node, uint32_t count)
{
    struct gdn__nesting nesting = {0};
    for (uint32_t i = 0; i < count && !decoder->in.failed; i++) {
        struct gdn_cut_need need = get_need(decoder);
        (void)gdn__nesting_next(&nesting);
        bool fits = is_whole_need(&need);
        if (fits && need.kind == GDN_NEED_GROUP) {
            fits = need.child_count < count - i && gdn__nesting_open(&nesting, i, need.child_count);
        }
        if (!fits) gdn__reader_fail(&decoder->in);
        if (!decoder->in.failed)
            gdn__decoder_check(decoder, gdn_cut_add_need(decoder->cut, node, &need));
    }
    if (!gdn__nesting_is_complete(&nesting)) gdn__reader_fail(&decoder->in);
}

static void get_wait(struct gdn__decoder *decoder, uint32_t node)
{
    const gdn_cut *cut = decoder->cut;
    struct gdn_cut_wait wait = {.process = get_index(decoder, cut->process_count)};
    wait.resource = get_index_or_none(decoder, cut->resource_count);
    wait.home = get_index_or_none(decoder, cut->party_count);
    wait.ticket = get_ticket(decoder);
    wait.waited_us = gdn__get_u64(&decoder->in);
    wait.mode = get_mode(decoder, &wait.branch_id, NULL);
    uint32_t needs = gdn__get_count(&decoder->in, NEED_BYTES);
    if ((wait.resource == GDN_NONE) != (wait.home == GDN_NONE)) gdn__reader_fail(&decoder->in);
    if (wait.resource != GDN_NONE && needs > 0) gdn__reader_fail(&decoder->in);
    if (decoder->in.failed) return;
    gdn__decoder_check(decoder, gdn_cut_add_wait(decoder->cut, node, &wait));
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
        put_mode(out, message->mode, message->branch_id);
        gdn__put_u8(out, message->flags);
    }
}

/* The verb says whether there is a resource: the analysis relies on it. */
static bool is_whole(const struct gdn_cut_message *message)
{
    if (message->by != GDN_NONE && message->verb != GDN_VERB_WAKE) return false;
    if (message->branch_id != 0 && message->verb != GDN_VERB_REQUEST) return false;
    if (message->verb == GDN_VERB_END) return message->resource == GDN_NONE;
    bool direct = message->verb == GDN_VERB_CANCEL || message->verb == GDN_VERB_WAKE;
    return direct || message->resource != GDN_NONE;
}

static void get_message(struct gdn__decoder *decoder, uint32_t node)
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
    message.mode = get_mode(decoder, &message.branch_id, NULL);
    message.flags = gdn__get_u8(&decoder->in);
    if (!is_whole(&message)) gdn__reader_fail(&decoder->in);
    if (!decoder->in.failed)
        gdn__decoder_check(decoder, gdn_cut_add_message(decoder->cut, node, &message));
}

static void get_channel(struct gdn__decoder *decoder, uint32_t node)
{
    struct gdn_cut_channel channel = {.peer = get_index(decoder, decoder->cut->party_count)};
    uint8_t flags = gdn__get_flags(decoder, INCOMING | OPEN | COUNTED);
    channel.incoming = (flags & INCOMING) != 0;
    channel.open = (flags & OPEN) != 0;
    channel.counted = (flags & COUNTED) != 0;
    channel.count = gdn__get_u64(&decoder->in);
    channel.untagged = gdn__get_u64(&decoder->in);
    uint32_t messages = gdn__get_count(&decoder->in, MESSAGE_BYTES);
    if (!channel.incoming && (channel.open || channel.untagged > 0 || messages > 0)) {
        gdn__reader_fail(&decoder->in);
    }
    if (decoder->in.failed) return;
    gdn__decoder_check(decoder, gdn_cut_add_channel(decoder->cut, node, &channel));
    for (uint32_t i = 0; i < messages && !decoder->in.failed; i++) get_message(decoder, node);
}

static uint8_t node_flags(const struct gdn_cut_node *node)
{
    return (uint8_t)((node->waits_listed ? WAITS_LISTED : 0) | (node->observed ? OBSERVED : 0) |
                     (node->aborts_unanswered ? UNANSWERED : 0) |
                     (node->given_up_by_others ? BY_OTHERS : 0));
}

void gdn__put_node(struct gdn__buffer *out, const struct gdn_cut_node *node)
{
    gdn__put_u32(out, node->party);
    gdn__put_u8(out, node_flags(node));
    gdn__put_u32(out, (uint32_t)node->home_count);
    for (size_t i = 0; i < node->home_count; i++) put_home(out, node, &node->homes[i]);
    gdn__put_u32(out, (uint32_t)node->wait_count);
    for (size_t i = 0; i < node->wait_count; i++) put_wait(out, node, &node->waits[i]);
    gdn__put_u32(out, (uint32_t)node->channel_count);
    for (size_t i = 0; i < node->channel_count; i++) put_channel(out, node, &node->channels[i]);
}

void gdn__get_node(struct gdn__decoder *decoder)
{
    uint32_t party = get_index(decoder, decoder->cut->party_count);
    uint8_t flags = gdn__get_flags(decoder, WAITS_LISTED | OBSERVED | UNANSWERED | BY_OTHERS);
    if (decoder->in.failed) return;
    uint32_t node;
    gdn__decoder_check(decoder, gdn_cut_add_node(decoder->cut, party, &node));
    if (decoder->in.failed) return;
    decoder->cut->nodes[node].waits_listed = (flags & WAITS_LISTED) != 0;
    decoder->cut->nodes[node].observed = (flags & OBSERVED) != 0;
    decoder->cut->nodes[node].aborts_unanswered = (flags & UNANSWERED) != 0;
    decoder->cut->nodes[node].given_up_by_others = (flags & BY_OTHERS) != 0;
    uint32_t homes = gdn__get_count(&decoder->in, HOME_BYTES);
    for (uint32_t i = 0; i < homes && !decoder->in.failed; i++) get_home(decoder, node);
    uint32_t waits = gdn__get_count(&decoder->in, WAIT_BYTES);
    for (uint32_t i = 0; i < waits && !decoder->in.failed; i++) get_wait(decoder, node);
    uint32_t channels = gdn__get_count(&decoder->in, CHANNEL_BYTES);
    for (uint32_t i = 0; i < channels && !decoder->in.failed; i++) get_channel(decoder, node);
}
