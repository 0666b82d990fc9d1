/* SPDX-License-Identifier: MIT */
/* Who holds and who queues for the resources of this node, and who may go next. */
#include "ledger.h"

#include "mem.h"
#include <assert.h>

struct gdn__entry *gdn__entry_find(const struct gdn_ledger *ledger, uint32_t issuer,
                                   uint64_t number)
{
    return (struct gdn__entry *)gdn__map_get(&ledger->entries, gdn__number_key(issuer, number));
}

struct gdn__resource *gdn__resource_find(const struct gdn_ledger *ledger, gdn_resource_id id)
{
    return (struct gdn__resource *)gdn__map_get(&ledger->resources, gdn__key_of_id(id.id));
}

static struct gdn__process *process_of(const struct gdn__entry *entry)
{
    return entry->account->process;
}

static uint16_t mode_bit(uint8_t mode)
{
    return (uint16_t)(1u << mode);
}

/* ---- Resource records ---- */

struct gdn__resource *gdn__resource_open(struct gdn_ledger *ledger, gdn_resource_id id)
{
    struct gdn__resource *resource = gdn__resource_find(ledger, id);
    if (resource != NULL) return resource;

    size_t counts_bytes = ledger->modes.count * sizeof(uint32_t);
    resource = gdn__calloc(&ledger->allocator, sizeof *resource + counts_bytes);
    if (resource == NULL) return NULL;
    resource->id = id;
    resource->stamp = ledger->capture_serial;
    gdn__link_init(&resource->holders);
    gdn__link_init(&resource->queue);
    gdn__link_init(&resource->in_contested);
    gdn__link_init(&resource->in_freed);
    if (!gdn__map_put(&ledger->resources, gdn__key_of_id(id.id), (uintptr_t)resource)) {
        gdn__free(&ledger->allocator, resource);
        return NULL;
    }
    return resource;
}

static bool is_used(const struct gdn__resource *resource)
{
    return resource->holder_count + resource->queue_count != 0;
}

void gdn__resource_settle(struct gdn_ledger *ledger, struct gdn__resource *resource)
{
    if (is_used(resource) || resource->unordered || resource->capacity != 0) return;
    (void)gdn__map_remove(&ledger->resources, gdn__key_of_id(resource->id.id));
    gdn__free(&ledger->allocator, resource);
}

void gdn__resource_mark_freed(struct gdn_ledger *ledger, struct gdn__resource *resource)
{
    if (resource->queue_count == 0 || gdn__link_is_used(&resource->in_freed)) return;
    gdn__link_insert(&ledger->freed, &resource->in_freed);
}

/* ---- What may be granted (RULES 1, 2) ---- */

/* The records of one process on one resource. */
struct own {
    size_t records;        /* Queued and held. */
    uint16_t held_modes;   /* Bit m: held in mode m. */
    size_t blocking_holds; /* Holds in one of the modes asked about. */
};

static void count_own(struct own *own, const struct gdn__entry *entry, uint16_t conflicts)
{
    own->records++;
    if (!entry->held) return;
    own->held_modes |= mode_bit(entry->mode);
    if ((conflicts & mode_bit(entry->mode)) != 0) own->blocking_holds++;
}

static void count_own_in_list(struct own *own, const struct gdn__process *process,
                              const struct gdn__link *list, uint16_t conflicts)
{
    GDN__EACH(link, list)
    {
        const struct gdn__entry *entry = GDN__OF(link, struct gdn__entry, place);
        if (process_of(entry) == process) count_own(own, entry, conflicts);
    }
}

/* Walks the shorter of the two: what the resource has, or what the process has here. */
static struct own own_records(const struct gdn__process *process,
                              const struct gdn__resource *resource, uint16_t conflicts)
{
    struct own own = {0};
    if (resource->holder_count + resource->queue_count <= process->entry_count) {
        count_own_in_list(&own, process, &resource->holders, conflicts);
        count_own_in_list(&own, process, &resource->queue, conflicts);
        return own;
    }
    GDN__EACH(of_process, &process->accounts)
    {
        struct gdn__account *account = GDN__OF(of_process, struct gdn__account, of_process);
        GDN__EACH(link, &account->entries)
        {
            struct gdn__entry *entry = GDN__OF(link, struct gdn__entry, of_account);
            if (entry->resource == resource) count_own(&own, entry, conflicts);
        }
    }
    return own;
}

static size_t blocking_holds(const struct gdn_ledger *ledger, const struct gdn__resource *resource,
                             uint16_t conflicts)
{
    size_t count = 0;
    for (uint32_t m = 0; m < ledger->modes.count; m++) {
        if (conflicts >> m & 1) count += resource->held_by_mode[m];
    }
    return count;
}

/* An entry of another process before @p place that conflicts. */
static bool queue_blocks(const struct gdn__resource *resource, const struct gdn__process *process,
                         uint16_t conflicts, const struct gdn__link *place)
{
    for (const struct gdn__link *link = resource->queue.next; link != place; link = link->next) {
        const struct gdn__entry *earlier = GDN__OF(link, struct gdn__entry, place);
        bool conflicting = (conflicts & mode_bit(earlier->mode)) != 0;
        if (conflicting && process_of(earlier) != process) return true;
    }
    return false;
}

/* A NO_WAIT entry was free when it was queued, and its process does not wait: it is as good as
 * granted. Such entries stand before all others, whatever the order, and what they exclude or are
 * excluded by must wait for them to be granted. */
static bool is_promised(const struct gdn__resource *resource, const struct gdn__link *place)
{
    if (place == &resource->queue) return false;
    return (GDN__OF(place, struct gdn__entry, place)->flags & GDN_REQUEST_NO_WAIT) != 0;
}

static bool promise_blocks(const struct gdn_ledger *ledger, const struct gdn__entry *entry)
{
    const struct gdn__resource *resource = entry->resource;
    for (const struct gdn__link *link = resource->queue.next; is_promised(resource, link);
         link = link->next) {
        const struct gdn__entry *promised = GDN__OF(link, struct gdn__entry, place);
        if (process_of(promised) == process_of(entry)) continue;
        if (gdn_modes_conflict(&ledger->modes, entry->mode, promised->mode)) return true;
        if (gdn_modes_conflict(&ledger->modes, promised->mode, entry->mode)) return true;
    }
    return false;
}

/* ---- Pools: what is free must do for an entry and for all that it may not pass ---- */

bool gdn__resource_has_units(const struct gdn_ledger *ledger, gdn_resource_id id, uint32_t units)
{
    const struct gdn__resource *resource = gdn__resource_find(ledger, id);
    return units <= (resource == NULL ? 0 : resource->capacity);
}

static uint32_t units_of(const struct gdn__link *place)
{
    return GDN__OF(place, struct gdn__entry, place)->units;
}

bool gdn__resource_may_have(const struct gdn__resource *resource, uint32_t capacity)
{
    if (capacity == 0 || resource->capacity == 0) return !is_used(resource);
    uint64_t needed = resource->used;
    GDN__EACH(link, &resource->queue)
    {
        if (units_of(link) > capacity) return false;
        if (is_promised(resource, link)) needed += units_of(link);
    }
    return needed <= capacity;
}

static bool fits_at(const struct gdn__entry *entry, const struct gdn__link *place)
{
    const struct gdn__resource *resource = entry->resource;
    uint32_t free = resource->capacity - resource->used;
    uint64_t asked = entry->units;
    for (const struct gdn__link *link = resource->queue.next; link != place && asked <= free;
         link = link->next) {
        if (resource->unordered && !is_promised(resource, link)) break;
        asked += units_of(link);
    }
    return asked <= free;
}

static const struct gdn__entry *next_of_pool(const struct gdn__resource *resource)
{
    GDN__EACH(link, &resource->queue)
    {
        const struct gdn__entry *entry = GDN__OF(link, struct gdn__entry, place);
        if (fits_at(entry, link)) return entry;
        if (!resource->unordered) return NULL; /* Nor does what stands behind it. */
    }
    return NULL;
}

/* ---- Locks ---- */

/* Whether @p entry, standing before @p place in the queue, blocks on nobody. @p before has the
 * modes of the entries that stand before it, or more. */
static bool is_free_at(const struct gdn_ledger *ledger, const struct gdn__entry *entry,
                       const struct gdn__link *place, uint16_t before)
{
    const struct gdn__resource *resource = entry->resource;
    if (resource->capacity != 0) return fits_at(entry, place);
    uint16_t conflicts = ledger->modes.conflicts[entry->mode];
    bool queue_may_block = !resource->unordered && (conflicts & before) != 0;
    bool holders_may_block = (conflicts & resource->held_modes) != 0;
    bool promised = is_promised(resource, resource->queue.next) && promise_blocks(ledger, entry);
    if (!queue_may_block && !holders_may_block && !promised) return true;
    if (holders_may_block && !resource->doubled) return false;

    const struct gdn__process *process = process_of(entry);
    struct own own = {0};
    if (resource->doubled) own = own_records(process, resource, conflicts);
    if (own.held_modes != 0 && gdn_modes_cover(&ledger->modes, own.held_modes, entry->mode)) {
        return true;
    }
    if (promised || blocking_holds(ledger, resource, conflicts) > own.blocking_holds) return false;
    return !queue_may_block || !queue_blocks(resource, process, conflicts, place);
}

bool gdn__entry_is_free(const struct gdn_ledger *ledger, const struct gdn__entry *entry)
{
    return is_free_at(ledger, entry, &entry->place, UINT16_MAX);
}

/* Every request in any mode conflicts with one of @p modes. */
static bool nothing_passes(const struct gdn_ledger *ledger, uint16_t modes)
{
    for (uint32_t m = 0; m < ledger->modes.count; m++) {
        if ((ledger->modes.conflicts[m] & modes) == 0) return false;
    }
    return true;
}

const struct gdn__entry *gdn__resource_next(const struct gdn_ledger *ledger,
                                            const struct gdn__resource *resource)
{
    uint16_t before = 0;
    if (resource->capacity != 0) return next_of_pool(resource);
    GDN__EACH(link, &resource->queue)
    {
        const struct gdn__entry *entry = GDN__OF(link, struct gdn__entry, place);
        if (is_free_at(ledger, entry, link, before)) return entry;
        if (!resource->unordered) before |= mode_bit(entry->mode);
        /* A long queue behind one exclusive hold is not walked to its end. */
        uint16_t blocking = (uint16_t)(before | resource->held_modes);
        if (!resource->doubled && nothing_passes(ledger, blocking)) return NULL;
    }
    return NULL;
}

/* ---- Holders and queue ---- */

static void enter_holders(struct gdn_ledger *ledger, struct gdn__entry *entry)
{
    struct gdn__resource *resource = entry->resource;
    gdn__holders_will_change(ledger, resource);
    gdn__link_insert(&resource->holders, &entry->place);
    resource->holder_count++;
    resource->held_by_mode[entry->mode]++;
    resource->held_modes |= mode_bit(entry->mode);
    resource->used += entry->units;
    entry->held = true;
}

static void leave_holders(struct gdn_ledger *ledger, struct gdn__entry *entry)
{
    struct gdn__resource *resource = entry->resource;
    gdn__holders_will_change(ledger, resource);
    gdn__link_remove(&entry->place);
    resource->holder_count--;
    resource->used -= entry->units;
    if (--resource->held_by_mode[entry->mode] == 0) {
        resource->held_modes &= (uint16_t)~mode_bit(entry->mode);
    }
}

static void enter_queue(struct gdn_ledger *ledger, struct gdn__entry *entry,
                        struct gdn__link *place)
{
    struct gdn__resource *resource = entry->resource;
    gdn__link_insert(place, &entry->place);
    if (resource->queue_count++ != 0) return;
    gdn__link_insert(&ledger->contested, &resource->in_contested);
    ledger->counters.contested++;
}

static void leave_queue(struct gdn_ledger *ledger, struct gdn__entry *entry)
{
    struct gdn__resource *resource = entry->resource;
    gdn__link_remove(&entry->place);
    if (--resource->queue_count != 0) return;
    resource->doubled = false;
    gdn__link_remove(&resource->in_contested);
    gdn__link_remove(&resource->in_freed);
    ledger->counters.contested--;
}

/* Behind the entries that are as good as granted: few, and soon gone. */
static struct gdn__link *first_place(const struct gdn__resource *resource)
{
    struct gdn__link *place = resource->queue.next;
    while (is_promised(resource, place)) place = place->next;
    return place;
}

/* Conversions stand before the others, in order of arrival, and FRONT puts an entry before all of
 * its own kind. Few requests convert, so the walk is short. */
static struct gdn__link *place_for(const struct gdn__entry *entry)
{
    struct gdn__link *queue = &entry->resource->queue;
    bool front = (entry->flags & GDN_REQUEST_FRONT) != 0;
    if (!entry->conversion && !front) return queue;
    struct gdn__link *place = first_place(entry->resource);
    if (entry->conversion && front) return place;
    while (place != queue && GDN__OF(place, struct gdn__entry, place)->conversion) {
        place = place->next;
    }
    return place;
}

/* ---- An entry's life ---- */

struct gdn__entry *gdn__entry_prepare(struct gdn_ledger *ledger, struct gdn__account *account,
                                      struct gdn__wanted wanted)
{
    if (!gdn__map_reserve(&ledger->entries, 1)) return NULL;
    struct gdn__entry *entry = gdn__calloc(&ledger->allocator, sizeof *entry);
    if (entry == NULL) return NULL;
    struct gdn__resource *resource = gdn__resource_open(ledger, wanted.resource);
    if (resource == NULL) {
        gdn__free(&ledger->allocator, entry);
        return NULL;
    }

    entry->account = account;
    entry->resource = resource;
    gdn__link_init(&entry->of_account);
    gdn__link_init(&entry->place);
    entry->mode = wanted.mode;
    entry->flags = wanted.flags;
    entry->branch_id = wanted.branch_id;
    if (resource->capacity != 0) entry->units = wanted.units == 0 ? 1 : wanted.units;
    return entry;
}

void gdn__entry_discard(struct gdn_ledger *ledger, struct gdn__entry *entry)
{
    gdn__resource_settle(ledger, entry->resource);
    gdn__free(&ledger->allocator, entry);
}

/* What its own process already has here decides where it stands and what it may pass. */
static void note_own(struct gdn__entry *entry)
{
    struct own own = {0};
    if (process_of(entry)->entry_count != 0 && is_used(entry->resource)) {
        own = own_records(process_of(entry), entry->resource, 0);
    }
    entry->conversion = own.held_modes != 0;
    if (own.records != 0) entry->resource->doubled = true;
}

/* It must stay free when its process gives back the hold that covers it: with a matrix that is not
 * symmetric, others may hold, or be promised, what it would have to wait for. */
bool gdn__entry_would_be_free(const struct gdn_ledger *ledger, struct gdn__entry *entry)
{
    uint16_t conflicts = ledger->modes.conflicts[entry->mode];
    note_own(entry);
    if (entry->resource->capacity != 0) return fits_at(entry, place_for(entry));
    if (promise_blocks(ledger, entry)) return false;
    if ((conflicts & entry->resource->held_modes) != 0) {
        struct own own = own_records(process_of(entry), entry->resource, conflicts);
        if (blocking_holds(ledger, entry->resource, conflicts) > own.blocking_holds) return false;
    }
    return is_free_at(ledger, entry, place_for(entry), UINT16_MAX);
}

void gdn__entry_queue(struct gdn_ledger *ledger, struct gdn__entry *entry, uint64_t number,
                      int64_t now_us)
{
    struct gdn__resource *resource = entry->resource;
    struct gdn__account *account = entry->account;
    note_own(entry);
    if (!is_used(resource)) ledger->counters.resources++;
    entry->number = number;
    entry->since_us = now_us;
    bool promised = (entry->flags & GDN_REQUEST_NO_WAIT) != 0;
    enter_queue(ledger, entry, promised ? first_place(resource) : place_for(entry));
    gdn__link_insert(&account->entries, &entry->of_account);
    account->process->entry_count++;
    bool fits =
        gdn__map_put(&ledger->entries, gdn__number_key(account->peer, number), (uintptr_t)entry);
    assert(fits);
    (void)fits;
}

void gdn__entry_requeue(struct gdn_ledger *ledger, struct gdn__entry *entry,
                        struct gdn__entry *before)
{
    struct gdn__resource *resource = entry->resource;
    gdn__resource_mark_freed(ledger, resource);
    if (is_promised(resource, &entry->place)) return;
    gdn__link_remove(&entry->place);
    struct gdn__link *place = before == NULL ? &resource->queue : &before->place;
    if (is_promised(resource, place)) place = first_place(resource);
    gdn__link_insert(place, &entry->place);
}

void gdn__entry_leave(struct gdn_ledger *ledger, struct gdn__entry *entry)
{
    struct gdn__resource *resource = entry->resource;
    if (entry->held) {
        leave_holders(ledger, entry);
    } else {
        leave_queue(ledger, entry);
    }
    gdn__link_remove(&entry->of_account);
    process_of(entry)->entry_count--;
    (void)gdn__map_remove(&ledger->entries, gdn__number_key(entry->account->peer, entry->number));
    gdn__free(&ledger->allocator, entry);

    gdn__resource_mark_freed(ledger, resource);
    if (!is_used(resource)) ledger->counters.resources--;
    gdn__resource_settle(ledger, resource);
}

void gdn__entry_rename(struct gdn_ledger *ledger, struct gdn__entry *entry,
                       struct gdn__account *account, uint64_t number)
{
    gdn__holders_will_change(ledger, entry->resource);
    (void)gdn__map_remove(&ledger->entries, gdn__number_key(entry->account->peer, entry->number));
    gdn__link_remove(&entry->of_account);
    entry->account = account;
    entry->number = number;
    entry->branch_id = 0; /* It was a number of the old issuer's. */
    gdn__link_insert(&account->entries, &entry->of_account);
    bool fits =
        gdn__map_put(&ledger->entries, gdn__number_key(account->peer, number), (uintptr_t)entry);
    assert(fits); /* The slot just left is free. */
    (void)fits;
}

void gdn__entry_grant(struct gdn_ledger *ledger, struct gdn__entry *entry)
{
    leave_queue(ledger, entry);
    enter_holders(ledger, entry);
}
