/* SPDX-License-Identifier: MIT */
#include <gordian/cut.h>

#include "map.h"
#include "mem.h"
#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* Ids to table indices; a value is index + 1. */
struct gdn__cut_index {
    struct gdn__map parties; /* (name's hash, incarnation folded in): see party_key(). */
    struct gdn__map processes;
    struct gdn__map resources;
};

gdn_cut *gdn_cut_new(const struct gdn_allocator *allocator)
{
    struct gdn_allocator memory = gdn__allocator_or_default(allocator);
    gdn_cut *cut = gdn__calloc(&memory, sizeof *cut);
    struct gdn__cut_index *index = gdn__calloc(&memory, sizeof *index);
    if (cut == NULL || index == NULL) {
        gdn__free(&memory, cut);
        gdn__free(&memory, index);
        return NULL;
    }
    cut->allocator = memory;
    cut->modes = gdn_modes_default();
    cut->index = index;
    gdn__map_init(&index->parties, &memory);
    gdn__map_init(&index->processes, &memory);
    gdn__map_init(&index->resources, &memory);
    return cut;
}

static void free_modes(gdn_cut *cut)
{
    if (!cut->modes_given) return;
    for (uint32_t i = 0; i < cut->modes.count; i++) {
        gdn__free(&cut->allocator, (void *)(uintptr_t)cut->modes.names[i]);
    }
    cut->modes_given = false;
    cut->modes = gdn_modes_default();
}

static void free_node(gdn_cut *cut, struct gdn_cut_node *node)
{
    gdn__free(&cut->allocator, node->homes);
    gdn__free(&cut->allocator, node->holders);
    gdn__free(&cut->allocator, node->queue);
    gdn__free(&cut->allocator, node->waits);
    gdn__free(&cut->allocator, node->needs);
    gdn__free(&cut->allocator, node->channels);
    gdn__free(&cut->allocator, node->messages);
}

void gdn_cut_free(gdn_cut *cut)
{
    if (cut == NULL) return;
    struct gdn_allocator memory = cut->allocator;
    free_modes(cut);
    for (size_t i = 0; i < cut->party_count; i++) gdn__free(&memory, cut->parties[i].name);
    for (size_t i = 0; i < cut->process_count; i++) {
        gdn__free(&memory, cut->processes[i].name);
        gdn__free(&memory, cut->processes[i].label);
    }
    for (size_t i = 0; i < cut->resource_count; i++) {
        gdn__free(&memory, cut->resources[i].name);
        gdn__free(&memory, cut->resources[i].label);
    }
    for (size_t i = 0; i < cut->node_count; i++) free_node(cut, &cut->nodes[i]);
    for (size_t i = 0; i < cut->missing_count; i++) gdn__free(&memory, cut->missing[i]);
    gdn__map_fini(&cut->index->parties);
    gdn__map_fini(&cut->index->processes);
    gdn__map_fini(&cut->index->resources);
    gdn__free(&memory, cut->index);
    gdn__free(&memory, cut->initiator);
    gdn__free(&memory, cut->parties);
    gdn__free(&memory, cut->processes);
    gdn__free(&memory, cut->resources);
    gdn__free(&memory, cut->nodes);
    gdn__free(&memory, cut->missing);
    gdn__free(&memory, cut);
}

/* ---- Tables ---- */

/* The incarnation goes into both halves so that two incarnations of one name are two keys. */
static struct gdn__key party_key(gdn_id id, uint64_t incarnation)
{
    struct gdn__key key = gdn__key_of_id(id);
    key.a ^= incarnation;
    key.b += incarnation * UINT64_C(0x9e3779b97f4a7c15);
    return key;
}

uint32_t gdn_cut_party(gdn_cut *cut, const char *name, uint64_t incarnation)
{
    gdn_id id = gdn_id_from_name(name);
    struct gdn__key key = party_key(id, incarnation);
    uintptr_t known = gdn__map_get(&cut->index->parties, key);
    if (known != 0) return (uint32_t)(known - 1);

    if (cut->party_count >= GDN_NONE - 1) return GDN_NONE;
    if (!gdn__grow(&cut->allocator, &cut->parties, cut->party_count, &cut->party_capacity,
                   sizeof *cut->parties)) {
        return GDN_NONE;
    }
    char *copy = gdn__strdup(&cut->allocator, name);
    if (copy == NULL || !gdn__map_put(&cut->index->parties, key, cut->party_count + 1)) {
        gdn__free(&cut->allocator, copy);
        return GDN_NONE;
    }
    cut->parties[cut->party_count] = (struct gdn_cut_party){
        .name = copy, .id = {id}, .incarnation = incarnation, .node = GDN_NONE};
    return (uint32_t)cut->party_count++;
}

/* Sets a name or label that was not known yet. */
static bool set_once(gdn_cut *cut, char **text, const char *value)
{
    if (value == NULL || *text != NULL) return true;
    *text = gdn__strdup(&cut->allocator, value);
    return *text != NULL;
}

static uint32_t find(const struct gdn__map *map, gdn_id id)
{
    uintptr_t known = gdn__map_get(map, gdn__key_of_id(id));
    return known == 0 ? GDN_NONE : (uint32_t)(known - 1);
}

uint32_t gdn_cut_find_process(const gdn_cut *cut, gdn_process_id id)
{
    return find(&cut->index->processes, id.id);
}

uint32_t gdn_cut_find_resource(const gdn_cut *cut, gdn_resource_id id)
{
    return find(&cut->index->resources, id.id);
}

uint32_t gdn_cut_process(gdn_cut *cut, gdn_process_id id, const char *label)
{
    uint32_t process = gdn_cut_find_process(cut, id);
    if (process == GDN_NONE) {
        if (cut->process_count >= GDN_NONE - 1) return GDN_NONE;
        if (!gdn__grow(&cut->allocator, &cut->processes, cut->process_count, &cut->process_capacity,
                       sizeof *cut->processes)) {
            return GDN_NONE;
        }
        if (!gdn__map_put(&cut->index->processes, gdn__key_of_id(id.id), cut->process_count + 1)) {
            return GDN_NONE;
        }
        process = (uint32_t)cut->process_count++;
        cut->processes[process] = (struct gdn_cut_process){.id = id, .abortable = true};
    }
    return set_once(cut, &cut->processes[process].label, label) ? process : GDN_NONE;
}

uint32_t gdn_cut_resource(gdn_cut *cut, gdn_resource_id id, const char *label)
{
    uint32_t resource = gdn_cut_find_resource(cut, id);
    if (resource == GDN_NONE) {
        if (cut->resource_count >= GDN_NONE - 1) return GDN_NONE;
        if (!gdn__grow(&cut->allocator, &cut->resources, cut->resource_count,
                       &cut->resource_capacity, sizeof *cut->resources)) {
            return GDN_NONE;
        }
        if (!gdn__map_put(&cut->index->resources, gdn__key_of_id(id.id), cut->resource_count + 1)) {
            return GDN_NONE;
        }
        resource = (uint32_t)cut->resource_count++;
        cut->resources[resource] = (struct gdn_cut_resource){.id = id};
    }
    return set_once(cut, &cut->resources[resource].label, label) ? resource : GDN_NONE;
}

enum gdn_err gdn_cut_name_process(gdn_cut *cut, uint32_t process, const char *name)
{
    assert(process < cut->process_count);
    return set_once(cut, &cut->processes[process].name, name) ? GDN_OK : GDN_ERR_MEMORY;
}

enum gdn_err gdn_cut_name_resource(gdn_cut *cut, uint32_t resource, const char *name)
{
    assert(resource < cut->resource_count);
    return set_once(cut, &cut->resources[resource].name, name) ? GDN_OK : GDN_ERR_MEMORY;
}

/* ---- Reports ---- */

enum gdn_err gdn_cut_add_node(gdn_cut *cut, uint32_t party, uint32_t *node)
{
    assert(party < cut->party_count);
    if (cut->parties[party].node != GDN_NONE) return GDN_ERR_MISUSE;
    if (!gdn__grow(&cut->allocator, &cut->nodes, cut->node_count, &cut->node_capacity,
                   sizeof *cut->nodes)) {
        return GDN_ERR_MEMORY;
    }
    cut->nodes[cut->node_count] = (struct gdn_cut_node){.party = party};
    cut->parties[party].node = (uint32_t)cut->node_count;
    *node = (uint32_t)cut->node_count++;
    return GDN_OK;
}

/* Appends *element to the node's array of that name. */
#define APPEND(array, count, capacity)                                                             \
    do {                                                                                           \
        if (!gdn__grow(&cut->allocator, &to->array, to->count, &to->capacity,                      \
                       sizeof *to->array)) {                                                       \
            return GDN_ERR_MEMORY;                                                                 \
        }                                                                                          \
    } while (0)

enum gdn_err gdn_cut_add_home(gdn_cut *cut, uint32_t node, const struct gdn_cut_home *home)
{
    struct gdn_cut_node *to = &cut->nodes[node];
    APPEND(homes, home_count, home_capacity);
    struct gdn_cut_home added = *home;
    added.holder_first = to->holder_count;
    added.entry_first = to->entry_count;
    added.holder_count = added.entry_count = 0;
    to->homes[to->home_count++] = added;
    return GDN_OK;
}

enum gdn_err gdn_cut_add_holder(gdn_cut *cut, uint32_t node, const struct gdn_cut_holder *holder)
{
    struct gdn_cut_node *to = &cut->nodes[node];
    assert(to->home_count > 0);
    APPEND(holders, holder_count, holder_capacity);
    to->holders[to->holder_count++] = *holder;
    to->homes[to->home_count - 1].holder_count++;
    return GDN_OK;
}

enum gdn_err gdn_cut_add_entry(gdn_cut *cut, uint32_t node, const struct gdn_cut_entry *entry)
{
    struct gdn_cut_node *to = &cut->nodes[node];
    assert(to->home_count > 0);
    APPEND(queue, entry_count, entry_capacity);
    to->queue[to->entry_count++] = *entry;
    to->homes[to->home_count - 1].entry_count++;
    return GDN_OK;
}

enum gdn_err gdn_cut_add_wait(gdn_cut *cut, uint32_t node, const struct gdn_cut_wait *wait)
{
    struct gdn_cut_node *to = &cut->nodes[node];
    APPEND(waits, wait_count, wait_capacity);
    struct gdn_cut_wait added = *wait;
    added.need_first = to->need_count;
    added.need_count = 0;
    to->waits[to->wait_count++] = added;
    return GDN_OK;
}

enum gdn_err gdn_cut_add_need(gdn_cut *cut, uint32_t node, const struct gdn_cut_need *need)
{
    struct gdn_cut_node *to = &cut->nodes[node];
    assert(to->wait_count > 0);
    APPEND(needs, need_count, need_capacity);
    to->needs[to->need_count++] = *need;
    to->waits[to->wait_count - 1].need_count++;
    return GDN_OK;
}

enum gdn_err gdn_cut_add_channel(gdn_cut *cut, uint32_t node, const struct gdn_cut_channel *channel)
{
    struct gdn_cut_node *to = &cut->nodes[node];
    APPEND(channels, channel_count, channel_capacity);
    struct gdn_cut_channel added = *channel;
    added.message_first = to->message_count;
    added.message_count = 0;
    to->channels[to->channel_count++] = added;
    return GDN_OK;
}

enum gdn_err gdn_cut_add_message(gdn_cut *cut, uint32_t node, const struct gdn_cut_message *message)
{
    struct gdn_cut_node *to = &cut->nodes[node];
    assert(to->channel_count > 0);
    APPEND(messages, message_count, message_capacity);
    to->messages[to->message_count++] = *message;
    to->channels[to->channel_count - 1].message_count++;
    return GDN_OK;
}

enum gdn_err gdn_cut_add_missing(gdn_cut *cut, const char *name)
{
    size_t at = 0, end = cut->missing_count;
    while (at < end) {
        size_t middle = at + (end - at) / 2;
        int order = strcmp(name, cut->missing[middle]);
        if (order == 0) return GDN_OK;
        if (order < 0) {
            end = middle;
        } else {
            at = middle + 1;
        }
    }
    if (!gdn__grow(&cut->allocator, &cut->missing, cut->missing_count, &cut->missing_capacity,
                   sizeof *cut->missing)) {
        return GDN_ERR_MEMORY;
    }
    char *copy = gdn__strdup(&cut->allocator, name);
    if (copy == NULL) return GDN_ERR_MEMORY;
    memmove(&cut->missing[at + 1], &cut->missing[at],
            (cut->missing_count - at) * sizeof *cut->missing);
    cut->missing[at] = copy;
    cut->missing_count++;
    return GDN_OK;
}

enum gdn_err gdn_cut_set_round(gdn_cut *cut, const char *initiator, gdn_round_id round,
                               int64_t started_us)
{
    char *copy = gdn__strdup(&cut->allocator, initiator);
    if (copy == NULL) return GDN_ERR_MEMORY;
    gdn__free(&cut->allocator, cut->initiator);
    cut->initiator = copy;
    cut->has_round = true;
    cut->round = round;
    cut->started_us = started_us;
    return GDN_OK;
}

enum gdn_err gdn_cut_set_modes(gdn_cut *cut, const struct gdn_modes *modes)
{
    if (!gdn_modes_are_valid(modes)) return GDN_ERR_MISUSE;
    struct gdn_modes copy = *modes;
    uint32_t copied = 0;
    for (; copied < modes->count; copied++) {
        copy.names[copied] = gdn__strdup(&cut->allocator, modes->names[copied]);
        if (copy.names[copied] == NULL) break;
    }
    if (copied < modes->count) {
        while (copied > 0) gdn__free(&cut->allocator, (void *)(uintptr_t)copy.names[--copied]);
        return GDN_ERR_MEMORY;
    }
    free_modes(cut);
    cut->modes = copy;
    cut->modes_given = true;
    return GDN_OK;
}
