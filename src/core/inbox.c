/* SPDX-License-Identifier: MIT */
#include "src/core/inbox.h"

#include "src/core/mem.h"

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

struct gdn__arrival *gdn__arrival_new(const struct gdn_allocator *allocator,
                                      enum gdn__arrival_type type, uint32_t peer)
{
    struct gdn__arrival *arrival = gdn__calloc(allocator, sizeof *arrival);
    if (arrival == NULL) return NULL;
    arrival->allocator = *allocator;
    arrival->references = 1;
    arrival->type = type;
    arrival->peer = peer;
    return arrival;
}

void gdn__arrival_retain(void *arrival)
{
    ((struct gdn__arrival *)arrival)->references++;
}

void gdn__arrival_release(void *released)
{
    struct gdn__arrival *arrival = released;
    if (--arrival->references > 0) return;
    struct gdn_allocator allocator = arrival->allocator;
    gdn__free(&allocator, arrival->item.bytes);
    gdn__free(&allocator, arrival);
}

void gdn__inbox_push(struct gdn__inbox *inbox, struct gdn__arrival *arrival)
{
    arrival->next = NULL;
    *inbox->last = arrival;
    inbox->last = &arrival->next;
    inbox->count++;
}

struct gdn__arrival *gdn__inbox_pop(struct gdn__inbox *inbox)
{
    struct gdn__arrival *arrival = inbox->first;
    if (arrival == NULL) return NULL;
    inbox->first = arrival->next;
    if (inbox->first == NULL) inbox->last = &inbox->first;
    inbox->count--;
    return arrival;
}

bool gdn__inbox_has_answer(const struct gdn__inbox *inbox, uint64_t ticket)
{
    const struct gdn__arrival *arrival = inbox->first;
    for (; arrival != NULL; arrival = arrival->next) {
        if (arrival->type != GDN__ARRIVAL_LOCK || arrival->message.number != ticket) continue;
        if (arrival->message.verb == GDN_VERB_GRANT || arrival->message.verb == GDN_VERB_WAKE) {
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
