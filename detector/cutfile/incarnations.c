/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "incarnations.h"

#include "detector/cutfile/jsonin.h"
#include "src/core/mem.h"
#include <inttypes.h>

void gdn__incarnations_init(struct gdn__incarnations *known)
{
    struct gdn_allocator memory = gdn__allocator_or_default(NULL);
    *known = (struct gdn__incarnations){.memory = memory};
    gdn__map_init(&known->index, &memory);
}

void gdn__incarnations_fini(struct gdn__incarnations *known)
{
    gdn__map_fini(&known->index);
    gdn__free(&known->memory, known->numbers);
}

uint64_t gdn__incarnation_of(const struct gdn__incarnations *known, const char *name)
{
    uintptr_t found = gdn__map_get(&known->index, gdn__key_of_id(gdn_id_from_name(name)));
    return found == 0 ? 0 : known->numbers[found - 1];
}

static bool store(struct gdn__incarnations *known, const char *name, uint64_t incarnation)
{
    if (!gdn__grow(&known->memory, &known->numbers, known->count, &known->capacity,
                   sizeof *known->numbers)) {
        return false;
    }
    struct gdn__key key = gdn__key_of_id(gdn_id_from_name(name));
    if (!gdn__map_put(&known->index, key, known->count + 1)) return false;
    known->numbers[known->count++] = incarnation;
    return true;
}

/* @p object names a node under @p key, and its incarnation. */
static bool note(struct gdn__jsonin *in, const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    if (!json_is_string(value)) return true;
    const char *name = json_string_value(value);
    uint64_t incarnation = 0;
    if (!gdn__take_number(in, object, "incarnation", 0, UINT64_MAX, &incarnation)) return false;
    if (incarnation == 0) return true;
    uint64_t other = gdn__incarnation_of(in->incarnations, name);
    if (other == 0) return store(in->incarnations, name, incarnation) || gdn__no_memory(in);
    if (other == incarnation) return true;
    char room[GDN__QUOTED_BYTES];
    return gdn__refuse_key(in, "incarnation",
                           "node %s is in incarnation %" PRIu64 " here, but %" PRIu64
                           " elsewhere in this cut",
                           gdn__quoted(name, room), incarnation, other);
}

static bool note_channels(struct gdn__jsonin *in, const json_t *node)
{
    const json_t *channels = json_object_get(node, "channels");
    size_t length = gdn__enter_key(in, "channels");
    for (size_t i = 0; i < json_array_size(channels); i++) {
        const json_t *channel = json_array_get(channels, i);
        size_t inner = gdn__enter_index(in, i);
        if (!note(in, channel, "from") || !note(in, channel, "to")) return false;
        gdn__leave(in, inner);
    }
    gdn__leave(in, length);
    return true;
}

bool gdn__incarnations_collect(struct gdn__jsonin *in, const json_t *nodes)
{
    size_t length = gdn__enter_key(in, "nodes");
    for (size_t i = 0; i < json_array_size(nodes); i++) {
        const json_t *node = json_array_get(nodes, i);
        size_t inner = gdn__enter_index(in, i);
        if (!note(in, node, "node") || !note_channels(in, node)) return false;
        gdn__leave(in, inner);
    }
    gdn__leave(in, length);
    return true;
}
