/* SPDX-License-Identifier: MIT */
/* One good hash table: 128-bit keys to values, open addressing with linear probing.
 *
 *     slot:  | key a | key b | value |      value 0 marks an empty slot, so values are never 0
 *
 * At most 3/4 full; removing shifts later slots back, so there are no tombstones. */
#ifndef GDN_CORE_MAP_H
#define GDN_CORE_MAP_H

#include <gordian/id.h>

struct gdn__key {
    uint64_t a, b;
};

struct gdn__map_slot {
    struct gdn__key key;
    uintptr_t value;
};

struct gdn__map {
    struct gdn_allocator allocator;
    struct gdn__map_slot *slots;
    size_t used;
    size_t capacity; /* A power of two, or 0 before the first insertion. */
};

static inline struct gdn__key gdn__key_of_id(gdn_id id)
{
    struct gdn__key key;
    __builtin_memcpy(&key, id.bytes, sizeof key);
    return key;
}

/* Well mixed: any of its bits will do. */
static inline size_t gdn__key_hash(struct gdn__key key)
{
    uint64_t h = key.a * UINT64_C(0x9e3779b97f4a7c15) ^ key.b * UINT64_C(0xc2b2ae3d27d4eb4f);
    h ^= h >> 32;
    h *= UINT64_C(0xd6e8feb86659fd93);
    h ^= h >> 29;
    return (size_t)h;
}

static inline bool gdn__keys_equal(struct gdn__key x, struct gdn__key y)
{
    return x.a == y.a && x.b == y.b;
}

void gdn__map_init(struct gdn__map *map, const struct gdn_allocator *allocator);
void gdn__map_fini(struct gdn__map *map);

/* Room for @p more insertions that then cannot fail. False when out of memory. */
bool gdn__map_reserve(struct gdn__map *map, size_t more);

/* 0 when the key is not there. */
uintptr_t gdn__map_get(const struct gdn__map *map, struct gdn__key key);

/* Insert or replace; @p value is not 0. False when out of memory; nothing changed. */
bool gdn__map_put(struct gdn__map *map, struct gdn__key key, uintptr_t value);

/* The value that was removed, or 0. */
uintptr_t gdn__map_remove(struct gdn__map *map, struct gdn__key key);

/* Visit all, in no order: start with *position = 0; NULL at the end. No changes meanwhile. */
const struct gdn__map_slot *gdn__map_each(const struct gdn__map *map, size_t *position);

#endif
