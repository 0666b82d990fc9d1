/* SPDX-License-Identifier: MIT */
/* Reports into one cut, and the checks that a cut must pass before anyone trusts it. */
#include "merge.h"

#include "map.h"
#include "mem.h"
#include "src/core/contents.h"
#include "why.h"
#include <string.h>

/* Where the other cut's table entries went. */
struct mapping {
    uint32_t *parties, *processes, *resources;
};

static bool same_modes(const struct gdn_modes *a, const struct gdn_modes *b)
{
    if (a->count != b->count) return false;
    for (uint32_t i = 0; i < a->count; i++) {
        if (a->conflicts[i] != b->conflicts[i] || strcmp(a->names[i], b->names[i]) != 0) {
            return false;
        }
    }
    return true;
}

static enum gdn_err merge_modes(gdn_cut *cut, const gdn_cut *other, char *why, size_t why_bytes)
{
    if (cut->node_count == 0 && other->modes_given) return gdn_cut_set_modes(cut, &other->modes);
    if (same_modes(&cut->modes, &other->modes)) return GDN_OK;
    return gdn__explain(GDN_ERR_DISAGREE, why, why_bytes, "the nodes use different lock modes");
}

static enum gdn_err map_parties(gdn_cut *cut, const gdn_cut *other, struct mapping *map)
{
    for (size_t i = 0; i < other->party_count; i++) {
        const struct gdn_cut_party *party = &other->parties[i];
        map->parties[i] = gdn_cut_party(cut, party->name, party->incarnation);
        if (map->parties[i] == GDN_NONE) return GDN_ERR_MEMORY;
    }
    return GDN_OK;
}

static enum gdn_err map_processes(gdn_cut *cut, const gdn_cut *other, struct mapping *map)
{
    for (size_t i = 0; i < other->process_count; i++) {
        const struct gdn_cut_process *from = &other->processes[i];
        uint32_t index = gdn_cut_process(cut, from->id, from->label);
        if (index == GDN_NONE) return GDN_ERR_MEMORY;
        if (gdn_cut_name_process(cut, index, from->name) != GDN_OK) return GDN_ERR_MEMORY;
        struct gdn_cut_process *to = &cut->processes[index];
        if (from->described && !to->described) {
            to->described = true;
            to->started_us = from->started_us;
            to->work = from->work;
            to->priority = from->priority;
            to->abortable = from->abortable;
        }
        map->processes[i] = index;
    }
    return GDN_OK;
}

static enum gdn_err map_resources(gdn_cut *cut, const gdn_cut *other, struct mapping *map)
{
    for (size_t i = 0; i < other->resource_count; i++) {
        const struct gdn_cut_resource *from = &other->resources[i];
        map->resources[i] = gdn_cut_resource(cut, from->id, from->label);
        if (map->resources[i] == GDN_NONE) return GDN_ERR_MEMORY;
        if (gdn_cut_name_resource(cut, map->resources[i], from->name) != GDN_OK) {
            return GDN_ERR_MEMORY;
        }
    }
    return GDN_OK;
}

/* GDN_NONE stays GDN_NONE. */
static uint32_t mapped(const uint32_t *table, uint32_t index)
{
    return index == GDN_NONE ? GDN_NONE : table[index];
}

static enum gdn_err merge_homes(gdn_cut *cut, uint32_t to, const struct gdn_cut_node *node,
                                const struct mapping *map)
{
    enum gdn_err err = GDN_OK;
    for (size_t i = 0; err == GDN_OK && i < node->home_count; i++) {
        struct gdn_cut_home home = node->homes[i];
        home.resource = map->resources[home.resource];
        err = gdn_cut_add_home(cut, to, &home);
        for (size_t k = 0; err == GDN_OK && k < node->homes[i].holder_count; k++) {
            struct gdn_cut_holder holder = node->holders[node->homes[i].holder_first + k];
            holder.process = map->processes[holder.process];
            holder.issuer = map->parties[holder.issuer];
            err = gdn_cut_add_holder(cut, to, &holder);
        }
        for (size_t k = 0; err == GDN_OK && k < node->homes[i].entry_count; k++) {
            struct gdn_cut_entry entry = node->queue[node->homes[i].entry_first + k];
            entry.process = map->processes[entry.process];
            entry.issuer = map->parties[entry.issuer];
            err = gdn_cut_add_entry(cut, to, &entry);
        }
    }
    return err;
}

static enum gdn_err merge_waits(gdn_cut *cut, uint32_t to, const struct gdn_cut_node *node,
                                const struct mapping *map)
{
    enum gdn_err err = GDN_OK;
    for (size_t i = 0; err == GDN_OK && i < node->wait_count; i++) {
        struct gdn_cut_wait wait = node->waits[i];
        wait.process = map->processes[wait.process];
        wait.resource = mapped(map->resources, wait.resource);
        wait.home = mapped(map->parties, wait.home);
        err = gdn_cut_add_wait(cut, to, &wait);
        for (size_t k = 0; err == GDN_OK && k < node->waits[i].need_count; k++) {
            struct gdn_cut_need need = node->needs[node->waits[i].need_first + k];
            need.process = mapped(map->processes, need.process);
            need.resource = mapped(map->resources, need.resource);
            need.home = mapped(map->parties, need.home);
            need.branch = mapped(map->parties, need.branch);
            err = gdn_cut_add_need(cut, to, &need);
        }
    }
    return err;
}

static enum gdn_err merge_channels(gdn_cut *cut, uint32_t to, const struct gdn_cut_node *node,
                                   const struct mapping *map)
{
    enum gdn_err err = GDN_OK;
    for (size_t i = 0; err == GDN_OK && i < node->channel_count; i++) {
        struct gdn_cut_channel channel = node->channels[i];
        channel.peer = map->parties[channel.peer];
        err = gdn_cut_add_channel(cut, to, &channel);
        for (size_t k = 0; err == GDN_OK && k < node->channels[i].message_count; k++) {
            struct gdn_cut_message message = node->messages[node->channels[i].message_first + k];
            message.process = map->processes[message.process];
            message.resource = mapped(map->resources, message.resource);
            message.by = mapped(map->processes, message.by);
            err = gdn_cut_add_message(cut, to, &message);
        }
    }
    return err;
}

static enum gdn_err merge_node(gdn_cut *cut, const gdn_cut *other, const struct gdn_cut_node *node,
                               const struct mapping *map, char *why, size_t why_bytes)
{
    uint32_t to;
    enum gdn_err err = gdn_cut_add_node(cut, map->parties[node->party], &to);
    if (err == GDN_ERR_MISUSE) {
        return gdn__explain(GDN_ERR_DISAGREE, why, why_bytes, "two reports of node %s",
                            other->parties[node->party].name);
    }
    if (err != GDN_OK) return err;
    cut->nodes[to].waits_listed = node->waits_listed;
    cut->nodes[to].observed = node->observed;
    cut->nodes[to].aborts_unanswered = node->aborts_unanswered;
    cut->nodes[to].given_up_by_others = node->given_up_by_others;
    err = merge_homes(cut, to, node, map);
    if (err == GDN_OK) err = merge_waits(cut, to, node, map);
    if (err == GDN_OK) err = merge_channels(cut, to, node, map);
    return err;
}

enum gdn_err gdn_cut_merge(gdn_cut *cut, const gdn_cut *other, char *why, size_t why_bytes)
{
    (void)gdn__explain(GDN_ERR_MEMORY, why, why_bytes, "%s", gdn_err_text(GDN_ERR_MEMORY));
    enum gdn_err err = merge_modes(cut, other, why, why_bytes);
    if (err != GDN_OK) return err;

    size_t entries = other->party_count + other->process_count + other->resource_count;
    uint32_t *tables = gdn__alloc(&cut->allocator, entries * sizeof *tables);
    if (tables == NULL) return GDN_ERR_MEMORY;
    struct mapping map = {.parties = tables,
                          .processes = tables + other->party_count,
                          .resources = tables + other->party_count + other->process_count};
    err = map_parties(cut, other, &map);
    if (err == GDN_OK) err = map_processes(cut, other, &map);
    if (err == GDN_OK) err = map_resources(cut, other, &map);
    for (size_t i = 0; err == GDN_OK && i < other->node_count; i++) {
        err = merge_node(cut, other, &other->nodes[i], &map, why, why_bytes);
    }
    for (size_t i = 0; err == GDN_OK && i < other->missing_count; i++) {
        err = gdn_cut_add_missing(cut, other->missing[i]);
    }
    gdn__free(&cut->allocator, tables);
    if (err == GDN_OK) (void)gdn__explain(err, why, why_bytes, "%s", gdn_err_text(err));
    return err;
}

/* ---- Checks ---- */

/* All reports must agree on each node's incarnation (RULES 9). */
static enum gdn_err check_incarnations(const gdn_cut *cut, char *why, size_t why_bytes)
{
    struct gdn__map known;
    enum gdn_err err = GDN_OK;
    gdn__map_init(&known, &cut->allocator);
    for (size_t i = 0; err == GDN_OK && i < cut->party_count; i++) {
        const struct gdn_cut_party *party = &cut->parties[i];
        if (party->incarnation == 0) continue;
        struct gdn__key key = gdn__key_of_id(party->id.id);
        uintptr_t other = gdn__map_get(&known, key);
        if (other != 0) {
            err = gdn__explain(GDN_ERR_DISAGREE, why, why_bytes,
                               "the reports disagree on the incarnation of node %s: %llu and %llu",
                               party->name, (unsigned long long)cut->parties[other - 1].incarnation,
                               (unsigned long long)party->incarnation);
        } else if (!gdn__map_put(&known, key, i + 1)) {
            err = GDN_ERR_MEMORY;
        }
    }
    gdn__map_fini(&known);
    return err;
}

static bool has_report(const gdn_cut *cut, const struct gdn_cut_party *party)
{
    if (party->node != GDN_NONE) return true;
    if (party->incarnation != 0) return false;
    /* Known by name alone: any report of that name is its. */
    for (size_t i = 0; i < cut->node_count; i++) {
        if (strcmp(cut->parties[cut->nodes[i].party].name, party->name) == 0) return true;
    }
    return false;
}

static enum gdn_err name_missing(gdn_cut *cut)
{
    for (size_t i = 0; i < cut->party_count; i++) {
        if (has_report(cut, &cut->parties[i])) continue;
        enum gdn_err err = gdn_cut_add_missing(cut, cut->parties[i].name);
        if (err != GDN_OK) return err;
    }
    return GDN_OK;
}

/* Every channel, by (from, to, direction). */
static struct gdn__key channel_key(uint32_t from, uint32_t to, bool incoming)
{
    return (struct gdn__key){from, (uint64_t)to << 1 | (incoming ? 1 : 0)};
}

static enum gdn_err index_channels(const gdn_cut *cut, struct gdn__map *channels)
{
    for (size_t n = 0; n < cut->node_count; n++) {
        const struct gdn_cut_node *node = &cut->nodes[n];
        for (size_t i = 0; i < node->channel_count; i++) {
            const struct gdn_cut_channel *channel = &node->channels[i];
            struct gdn__key key = channel->incoming
                                      ? channel_key(channel->peer, node->party, true)
                                      : channel_key(node->party, channel->peer, false);
            if (!gdn__map_put(channels, key, (uintptr_t)channel)) return GDN_ERR_MEMORY;
        }
    }
    return GDN_OK;
}

static bool reported(const gdn_cut *cut, uint32_t party)
{
    return cut->parties[party].node != GDN_NONE;
}

static const struct gdn_cut_channel *find_channel(const struct gdn__map *channels, uint32_t from,
                                                  uint32_t to, bool incoming)
{
    return (const struct gdn_cut_channel *)gdn__map_get(channels, channel_key(from, to, incoming));
}

/* The counts of all channels. */
struct counts {
    const gdn_cut *cut;
    struct gdn__map channels;
    bool all_listed; /* Who lists no channels has none. */
    char *why;
    size_t why_bytes;
};

static const char *name_of(const struct counts *counts, uint32_t party)
{
    return counts->cut->parties[party].name;
}

/* What the other end says; NULL: it does not list that channel. */
static const struct gdn_cut_channel *other_end(const struct counts *counts,
                                               const struct gdn_cut_node *node,
                                               const struct gdn_cut_channel *channel)
{
    uint32_t from = channel->incoming ? channel->peer : node->party;
    uint32_t to = channel->incoming ? node->party : channel->peer;
    return find_channel(&counts->channels, from, to, !channel->incoming);
}

static bool lists_channels(const struct counts *counts, uint32_t party)
{
    return counts->all_listed ||
           counts->cut->nodes[counts->cut->parties[party].node].channel_count > 0;
}

/* A channel that the other end does not list counts 0 (RULES 9), once it lists channels at all;
 * one that it lists without a count is not known. */
static enum gdn_err check_incoming(const struct counts *counts, const struct gdn_cut_node *node,
                                   const struct gdn_cut_channel *channel)
{
    const struct gdn_cut_channel *out = other_end(counts, node, channel);
    if (out == NULL ? !lists_channels(counts, channel->peer) : !out->counted) return GDN_OK;
    uint64_t sent = out == NULL ? 0 : out->count;
    uint64_t received = channel->count + channel->untagged + channel->message_count;
    /* An open channel still has messages on their way: it may only lack, never exceed. */
    if (sent == received || (channel->open && sent > received)) return GDN_OK;
    return gdn__explain(
        GDN_ERR_UNBALANCED, counts->why, counts->why_bytes,
        "channel %s -> %s does not balance: sent %llu, but taken %llu + untagged %llu + recorded "
        "%zu",
        name_of(counts, channel->peer), name_of(counts, node->party), (unsigned long long)sent,
        (unsigned long long)channel->count, (unsigned long long)channel->untagged,
        channel->message_count);
}

/* What was sent must have another end, unless nothing was sent. */
static enum gdn_err check_outgoing(const struct counts *counts, const struct gdn_cut_node *node,
                                   const struct gdn_cut_channel *channel)
{
    if (channel->count == 0 || !lists_channels(counts, channel->peer)) return GDN_OK;
    if (other_end(counts, node, channel) != NULL) return GDN_OK;
    const char *from = name_of(counts, node->party), *to = name_of(counts, channel->peer);
    return gdn__explain(GDN_ERR_UNBALANCED, counts->why, counts->why_bytes,
                        "channel %s -> %s does not balance: sent %llu, but %s counts none of it",
                        from, to, (unsigned long long)channel->count, to);
}

static enum gdn_err check_balance(struct counts *counts)
{
    const gdn_cut *cut = counts->cut;
    gdn__map_init(&counts->channels, &cut->allocator);
    enum gdn_err err = index_channels(cut, &counts->channels);
    for (size_t n = 0; err == GDN_OK && n < cut->node_count; n++) {
        const struct gdn_cut_node *node = &cut->nodes[n];
        for (size_t i = 0; err == GDN_OK && i < node->channel_count; i++) {
            const struct gdn_cut_channel *channel = &node->channels[i];
            if (!channel->counted || !reported(cut, channel->peer)) continue;
            err = channel->incoming ? check_incoming(counts, node, channel)
                                    : check_outgoing(counts, node, channel);
        }
    }
    gdn__map_fini(&counts->channels);
    return err;
}

static enum gdn_err check(gdn_cut *cut, bool all_listed, char *why, size_t why_bytes)
{
    struct counts counts = {
        .cut = cut, .all_listed = all_listed, .why = why, .why_bytes = why_bytes};
    (void)gdn__explain(GDN_ERR_MEMORY, why, why_bytes, "%s", gdn_err_text(GDN_ERR_MEMORY));
    enum gdn_err err = check_incarnations(cut, why, why_bytes);
    if (err == GDN_OK) err = name_missing(cut);
    if (err == GDN_OK) err = check_balance(&counts);
    if (err == GDN_OK) (void)gdn__explain(err, why, why_bytes, "%s", gdn_err_text(err));
    return err;
}

enum gdn_err gdn_cut_check(gdn_cut *cut, char *why, size_t why_bytes)
{
    enum gdn_err err = gdn__cut_check_contents(cut, why, why_bytes);
    return err == GDN_OK ? check(cut, false, why, why_bytes) : err;
}

enum gdn_err gdn__cut_check_round(gdn_cut *cut, char *why, size_t why_bytes)
{
    return check(cut, true, why, why_bytes);
}
