/* SPDX-License-Identifier: MIT */
#include "src/core/inbox.h"

#include "src/core/mem.h"
#include <stddef.h>
#include <string.h>

void gdn__inbox_init(struct gdn__inbox *inbox)
{
    *inbox = (struct gdn__inbox){.first = NULL};
    inbox->last = &inbox->first;
}

void gdn__inbox_fini(struct gdn__inbox *inbox)
{
    struct gdn__arrival *arrival;
    while ((arrival = gdn__inbox_pop(inbox)) != NULL) gdn__arrival_release(arrival);
}

static struct gdn__arrival *new_arrival(struct gdn__pool *pool, enum gdn__arrival_type type,
                                        uint32_t peer, size_t bytes)
{
    struct gdn__arrival *arrival = gdn__pool_take(pool, bytes);
    if (arrival == NULL) return NULL;
    arrival->next = NULL;
    arrival->references = 1;
    arrival->type = type;
    arrival->peer = peer;
    arrival->counted = false;
    arrival->bytes = 0;
    return arrival;
}

struct gdn__arrival *gdn__arrival_new(struct gdn__pool *pool, enum gdn__arrival_type type,
                                      uint32_t peer)
{
    return new_arrival(pool, type, peer, sizeof(struct gdn__arrival));
}

/* ---- Payloads ---- */

#define HEAD_BYTES (offsetof(struct gdn__arrival, as) + sizeof(uint8_t *))

static bool is_long(size_t payload_bytes)
{
    return payload_bytes > GDN__POOL_PIECE_MAX - HEAD_BYTES;
}

struct gdn__arrival *gdn__arrival_new_payload(struct gdn__pool *pool, uint32_t peer,
                                              const uint8_t *payload, size_t bytes)
{
    size_t kept = is_long(bytes) ? 0 : bytes;
    struct gdn__arrival *arrival = new_arrival(pool, GDN__ARRIVAL_PAYLOAD, peer, HEAD_BYTES + kept);
    if (arrival == NULL) return NULL;
    arrival->bytes = bytes;
    arrival->as.payload =
        is_long(bytes) ? gdn__alloc(&pool->allocator, bytes) : (uint8_t *)arrival + HEAD_BYTES;
    if (arrival->as.payload == NULL) {
        gdn__pool_give(arrival);
        return NULL;
    }
    if (bytes > 0) memcpy(arrival->as.payload, payload, bytes);
    return arrival;
}

/* A short one is copied: it would keep its block from being used again for as long as the
 * application keeps the item. */
uint8_t *gdn__arrival_take_payload(struct gdn__arrival *arrival)
{
    if (is_long(arrival->bytes)) {
        uint8_t *payload = arrival->as.payload;
        arrival->as.payload = NULL;
        return payload;
    }
    uint8_t *copy = gdn__alloc(&gdn__pool_of(arrival)->allocator, arrival->bytes);
    if (copy != NULL && arrival->bytes > 0) memcpy(copy, arrival->as.payload, arrival->bytes);
    return copy;
}

/* ---- References ---- */

void gdn__arrival_retain(void *arrival)
{
    ((struct gdn__arrival *)arrival)->references++;
}

void gdn__arrival_release(void *released)
{
    struct gdn__arrival *arrival = released;
    if (--arrival->references > 0) return;
    if (arrival->type == GDN__ARRIVAL_PAYLOAD && is_long(arrival->bytes)) {
        gdn__free(&gdn__pool_of(arrival)->allocator, arrival->as.payload);
    }
    gdn__pool_give(arrival);
}

/* ---- The queue ---- */

bool gdn__inbox_has_answer(const struct gdn__inbox *inbox, uint64_t ticket)
{
    const struct gdn__arrival *arrival = inbox->first;
    for (; arrival != NULL; arrival = arrival->next) {
        if (arrival->type != GDN__ARRIVAL_LOCK || arrival->as.message.number != ticket) continue;
        if (arrival->as.message.verb == GDN_VERB_GRANT ||
            arrival->as.message.verb == GDN_VERB_WAKE) {
            return true;
        }
    }
    return false;
}

struct gdn__arrival *gdn__inbox_remove_lock(struct gdn__inbox *inbox, uint32_t peer)
{
    struct gdn__arrival **at = &inbox->first;
    for (; *at != NULL; at = &(*at)->next) {
        struct gdn__arrival *arrival = *at;
        if (arrival->peer != peer) continue;
        arrival->counted = false;
        if (arrival->type != GDN__ARRIVAL_LOCK) continue;
        *at = arrival->next;
        if (arrival->next == NULL) inbox->last = at;
        inbox->count--;
        return arrival;
    }
    return NULL;
}
