/* SPDX-License-Identifier: MIT */
#include "map.h"

#include "mem.h"
#include <assert.h>

/* The slot that holds the key, or the empty one where it would go. */
static size_t find_slot(const struct gdn__map *map, struct gdn__key key)
{
    size_t mask = map->capacity - 1;
    size_t at = gdn__key_hash(key) & mask;
    while (map->slots[at].value != 0 && !gdn__keys_equal(map->slots[at].key, key))
        at = (at + 1) & mask;
    return at;
}

void gdn__map_init(struct gdn__map *map, const struct gdn_allocator *allocator)
{
    *map = (struct gdn__map){.allocator = *allocator};
}

void gdn__map_fini(struct gdn__map *map)
{
    gdn__free(&map->allocator, map->slots);
    *map = (struct gdn__map){.allocator = map->allocator};
}

static bool rehash(struct gdn__map *map, size_t capacity)
{
    if (capacity > SIZE_MAX / sizeof(struct gdn__map_slot)) return false;
    struct gdn__map bigger = {.allocator = map->allocator, .used = map->used, .capacity = capacity};
    bigger.slots = gdn__calloc(&map->allocator, capacity * sizeof *bigger.slots);
    if (bigger.slots == NULL) return false;
    for (size_t i = 0; i < map->capacity; i++) {
        if (map->slots[i].value == 0) continue;
        bigger.slots[find_slot(&bigger, map->slots[i].key)] = map->slots[i];
    }
    gdn__free(&map->allocator, map->slots);
    *map = bigger;
    return true;
}

bool gdn__map_reserve(struct gdn__map *map, size_t more)
{
    if (more > SIZE_MAX / 4 - map->used) return false;
    size_t capacity = map->capacity == 0 ? 16 : map->capacity;
    while ((map->used + more) * 4 > capacity * 3) capacity *= 2;
    return capacity == map->capacity || rehash(map, capacity);
}

uintptr_t gdn__map_get(const struct gdn__map *map, struct gdn__key key)
{
    return map->capacity == 0 ? 0 : map->slots[find_slot(map, key)].value;
}

bool gdn__map_put(struct gdn__map *map, struct gdn__key key, uintptr_t value)
{
    assert(value != 0);
    if (!gdn__map_reserve(map, 1)) return false;
    struct gdn__map_slot *slot = &map->slots[find_slot(map, key)];
    if (slot->value == 0) map->used++;
    *slot = (struct gdn__map_slot){key, value};
    return true;
}

uintptr_t gdn__map_remove(struct gdn__map *map, struct gdn__key key)
{
    if (map->capacity == 0) return 0;
    size_t mask = map->capacity - 1;
    size_t hole = find_slot(map, key);
    uintptr_t value = map->slots[hole].value;
    if (value == 0) return 0;
    for (size_t at = (hole + 1) & mask; map->slots[at].value != 0; at = (at + 1) & mask) {
        size_t home = gdn__key_hash(map->slots[at].key) & mask;
        /* Shift back unless the slot's home lies cyclically within (hole, at]. */
        if (((at - home) & mask) < ((at - hole) & mask)) continue;
        map->slots[hole] = map->slots[at];
        hole = at;
    }
    map->slots[hole].value = 0;
    map->used--;
    return value;
}

const struct gdn__map_slot *gdn__map_each(const struct gdn__map *map, size_t *position)
{
    while (*position < map->capacity) {
        const struct gdn__map_slot *slot = &map->slots[(*position)++];
        if (slot->value != 0) return slot;
    }
    return NULL;
}
