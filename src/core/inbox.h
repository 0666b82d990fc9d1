/* SPDX-License-Identifier: MIT */
/* What has arrived and waits to be taken by the application, in order of arrival.
 *
 * Lock messages are shared with the rounds that record them, hence the count of references. */
#ifndef GDN_CORE_INBOX_H
#define GDN_CORE_INBOX_H

#include <gordian/site.h>

#include "src/core/pool.h"
#include "src/core/wire.h"

enum gdn__arrival_type {
    GDN__ARRIVAL_LOCK,    /* From a peer; changes the ledger when taken. */
    GDN__ARRIVAL_PAYLOAD, /* From a peer. */
    GDN__ARRIVAL_ABORT,   /* From a detector. */
    GDN__ARRIVAL_NOTICE   /* Of something that has taken effect already. */
};

/* A piece of a pool, only as long as its type needs. */
struct gdn__arrival {
    struct gdn__arrival *next;
    uint32_t references;
    enum gdn__arrival_type type;
    uint32_t peer;
    bool counted; /* Its channel counts it as taken when it is. */
    size_t bytes; /* Of its record's body. */
    union {
        struct gdn_message message;
        struct gdn__abort abort;
        struct gdn_item item; /* NOTICE. A LOCK may become one. */
        uint8_t *payload;     /* Behind this pointer in the same piece, or, if long, allocated. */
    } as;
};

struct gdn__inbox {
    struct gdn__arrival *first;
    struct gdn__arrival **last; /* Where the next one is hung. */
    size_t count;
};

void gdn__inbox_init(struct gdn__inbox *inbox);
void gdn__inbox_fini(struct gdn__inbox *inbox);

/* One reference, the caller's. NULL: out of memory. */
struct gdn__arrival *gdn__arrival_new(struct gdn__pool *pool, enum gdn__arrival_type type,
                                      uint32_t peer);
/* The same with a copy of @p payload. */
struct gdn__arrival *gdn__arrival_new_payload(struct gdn__pool *pool, uint32_t peer,
                                              const uint8_t *payload, size_t bytes);
/* Its payload, once, owned by the caller, who frees it with the pool's allocator. NULL: out of
 * memory, and nothing has changed. */
uint8_t *gdn__arrival_take_payload(struct gdn__arrival *arrival);
void gdn__arrival_retain(void *arrival);
void gdn__arrival_release(void *arrival);

/* Takes the caller's reference. */
static inline void gdn__inbox_push(struct gdn__inbox *inbox, struct gdn__arrival *arrival)
{
    arrival->next = NULL;
    *inbox->last = arrival;
    inbox->last = &arrival->next;
    inbox->count++;
}

/* Gives the inbox's reference; NULL when empty. */
static inline struct gdn__arrival *gdn__inbox_pop(struct gdn__inbox *inbox)
{
    struct gdn__arrival *arrival = inbox->first;
    if (arrival == NULL) return NULL;
    inbox->first = arrival->next;
    if (inbox->first == NULL) inbox->last = &inbox->first;
    inbox->count--;
    return arrival;
}

/* A grant (or refusal) of that ticket has arrived and was not taken: the wait has ended. */
bool gdn__inbox_has_answer(const struct gdn__inbox *inbox, uint64_t ticket);

/* Take out the first lock message of @p peer, with the inbox's reference; NULL when none is left.
 * What stays of that peer (payloads) is no longer counted. */
struct gdn__arrival *gdn__inbox_remove_lock(struct gdn__inbox *inbox, uint32_t peer);

#endif
