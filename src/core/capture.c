/* SPDX-License-Identifier: MIT */
/* Recording the ledger for a round, with copy on first change.
 *
 * A capture writes contested resources and waiting tickets into the cut at once. Of all others
 * only the holders could still matter, and only if a request for one of them turns out to have
 * been in flight; so those are written on demand, as of the capture:
 *
 *     marked in the capture's map                     already in the cut
 *     a list in the capture's map                     that list, saved at the first change
 *     neither, and the resource's stamp is older      its holders of now: they have not changed
 *     neither, and the stamp is newer, or no record   nobody held it
 *
 * The stamp of a resource is the serial of the last capture when its holders last changed, or when
 * its record was made, which it is without holders. */
#include "ledger.h"

#include "mem.h"
#include "needs.h"
#include <gordian/cut.h>

struct saved_holder {
    gdn_process_id process;
    uint64_t number;
    uint32_t issuer;
    uint32_t units;
    uint32_t branch_id;
    uint8_t mode;
    bool brief;
};

struct saved_list {
    uint32_t capacity;
    bool unordered;
    size_t count;
    struct saved_holder holders[];
};

/* In the map instead of a list: the resource is in the cut. No list has this address. */
static const char written_mark;

struct gdn_capture {
    struct gdn_ledger *ledger;
    struct gdn_cut *cut;
    gdn_party_of *party_of;
    void *context;
    struct gdn__link in_captures;
    struct gdn__map lists; /* Resource to saved_list or written_mark. */
    uint64_t serial;
    int64_t now_us;
    uint32_t node;
    bool failed;
};

/* ---- Saving ---- */

/* A pool has no modes. */
static uint8_t shown_mode(const struct gdn__entry *entry)
{
    return entry->units == 0 ? entry->mode : 0;
}

static struct saved_holder saved_from(const struct gdn__entry *entry)
{
    return (struct saved_holder){.process = entry->account->process->id,
                                 .number = entry->number,
                                 .issuer = entry->account->peer,
                                 .units = entry->units,
                                 .branch_id = entry->branch_id,
                                 .mode = shown_mode(entry),
                                 .brief = (entry->flags & GDN_REQUEST_BRIEF) != 0};
}

static bool save_list(struct gdn_capture *capture, const struct gdn__resource *resource)
{
    const struct gdn_allocator *allocator = &capture->ledger->allocator;
    struct gdn__key key = gdn__key_of_id(resource->id.id);
    if (gdn__map_get(&capture->lists, key) != 0) return true;

    size_t bytes = resource->holder_count * sizeof(struct saved_holder);
    struct saved_list *list = gdn__calloc(allocator, sizeof *list + bytes);
    if (list == NULL) return false;
    list->capacity = resource->capacity;
    list->unordered = resource->unordered;
    GDN__EACH(link, &resource->holders)
    {
        list->holders[list->count++] = saved_from(GDN__OF(link, struct gdn__entry, place));
    }
    if (!gdn__map_put(&capture->lists, key, (uintptr_t)list)) {
        gdn__free(allocator, list);
        return false;
    }
    return true;
}

void gdn__captures_save(struct gdn_ledger *ledger, struct gdn__resource *resource)
{
    /* From the newest back to the one that the last change was saved for. */
    for (struct gdn__link *link = ledger->captures.prev; link != &ledger->captures;
         link = link->prev) {
        struct gdn_capture *capture = GDN__OF(link, struct gdn_capture, in_captures);
        if (capture->serial <= resource->stamp) break;
        if (!capture->failed && !save_list(capture, resource)) capture->failed = true;
    }
    resource->stamp = ledger->capture_serial;
}

/* ---- Writing holders and queues ---- */

static uint32_t party_of(const struct gdn_capture *capture, uint32_t peer)
{
    return capture->party_of(capture->context, capture->cut, peer);
}

/* @p label of its process; NULL: none, or none that is known. */
static enum gdn_err write_holder(const struct gdn_capture *capture, struct saved_holder from,
                                 const char *label)
{
    struct gdn_cut_holder holder = {
        .process = gdn_cut_process(capture->cut, from.process, label),
        .issuer = party_of(capture, from.issuer),
        .ticket = from.number,
        .units = from.units,
        .branch_id = from.branch_id,
        .mode = from.mode,
        .brief = from.brief,
    };
    if (holder.process == GDN_NONE || holder.issuer == GDN_NONE) return GDN_ERR_MEMORY;
    return gdn_cut_add_holder(capture->cut, capture->node, &holder);
}

static enum gdn_err write_home(const struct gdn_capture *capture, gdn_resource_id id,
                               uint32_t capacity, bool unordered)
{
    struct gdn_cut_home home = {.resource = gdn_cut_resource(capture->cut, id, NULL),
                                .capacity = capacity,
                                .unordered = unordered};
    if (home.resource == GDN_NONE) return GDN_ERR_MEMORY;
    return gdn_cut_add_home(capture->cut, capture->node, &home);
}

static enum gdn_err write_saved(const struct gdn_capture *capture, gdn_resource_id id,
                                const struct saved_list *list)
{
    enum gdn_err err = write_home(capture, id, list->capacity, list->unordered);
    for (size_t i = 0; err == GDN_OK && i < list->count; i++) {
        err = write_holder(capture, list->holders[i], NULL);
    }
    return err;
}

/* What this node itself was told of a holder: only waits carry labels from node to node. */
static const char *label_of(const struct gdn__entry *entry)
{
    const struct gdn__description *description = entry->account->process->description;
    return description == NULL ? NULL : description->info.label;
}

static enum gdn_err write_current(const struct gdn_capture *capture,
                                  const struct gdn__resource *resource)
{
    enum gdn_err err = write_home(capture, resource->id, resource->capacity, resource->unordered);
    GDN__EACH(link, &resource->holders)
    {
        if (err != GDN_OK) break;
        const struct gdn__entry *entry = GDN__OF(link, struct gdn__entry, place);
        err = write_holder(capture, saved_from(entry), label_of(entry));
    }
    return err;
}

static uint64_t waited_since(const struct gdn_capture *capture, int64_t since_us)
{
    return capture->now_us > since_us ? (uint64_t)capture->now_us - (uint64_t)since_us : 0;
}

static enum gdn_err write_entry(const struct gdn_capture *capture, const struct gdn__entry *from)
{
    struct gdn_cut_entry entry = {
        .process = gdn_cut_process(capture->cut, from->account->process->id, NULL),
        .issuer = party_of(capture, from->account->peer),
        .ticket = from->number,
        .waited_us = waited_since(capture, from->since_us),
        .units = from->units,
        .branch_id = from->branch_id,
        .mode = shown_mode(from),
        .brief = (from->flags & GDN_REQUEST_BRIEF) != 0,
    };
    if (entry.process == GDN_NONE || entry.issuer == GDN_NONE) return GDN_ERR_MEMORY;
    return gdn_cut_add_entry(capture->cut, capture->node, &entry);
}

static enum gdn_err write_contested(struct gdn_capture *capture,
                                    const struct gdn__resource *resource)
{
    enum gdn_err err = write_current(capture, resource);
    GDN__EACH(link, &resource->queue)
    {
        if (err != GDN_OK) return err;
        err = write_entry(capture, GDN__OF(link, struct gdn__entry, place));
    }
    if (err != GDN_OK) return err;
    bool marked =
        gdn__map_put(&capture->lists, gdn__key_of_id(resource->id.id), (uintptr_t)&written_mark);
    return marked ? GDN_OK : GDN_ERR_MEMORY;
}

/* ---- Writing waits ---- */

static uint32_t write_process(const struct gdn_capture *capture, const struct gdn__ticket *ticket)
{
    const struct gdn__description *description = ticket->description;
    const char *label = description == NULL ? NULL : description->info.label;
    uint32_t index = gdn_cut_process(capture->cut, ticket->account->process->id, label);
    if (index == GDN_NONE || description == NULL) return index;

    struct gdn_cut_process *process = &capture->cut->processes[index];
    if (process->described) return index;
    process->described = true;
    process->started_us = description->info.started_us;
    process->work = description->info.work;
    process->priority = description->info.priority;
    process->abortable = description->info.abortable;
    return index;
}

/* Who is meant by a branch; GDN_NONE when out of memory. */
static uint32_t branch_party(const struct gdn_capture *capture, const struct gdn_need *need)
{
    if (need->branch_at != NULL) return gdn_cut_party(capture->cut, need->branch_at, 0);
    return capture->cut->nodes[capture->node].party;
}

static enum gdn_err write_process_need(const struct gdn_capture *capture,
                                       const struct gdn_need *from, struct gdn_cut_need *need)
{
    need->kind = GDN_NEED_PROCESS;
    need->process = gdn_cut_process(capture->cut, from->process, NULL);
    need->queued = from->queued;
    if (need->process == GDN_NONE) return GDN_ERR_MEMORY;
    if (from->branch || from->branch_at != NULL) {
        need->branch = branch_party(capture, from);
        need->branch_id = from->branch_id;
        if (need->branch == GDN_NONE) return GDN_ERR_MEMORY;
    }
    if (from->has_resource) {
        need->resource = gdn_cut_resource(capture->cut, from->resource, NULL);
        if (need->resource == GDN_NONE) return GDN_ERR_MEMORY;
    }
    return GDN_OK;
}

static enum gdn_err write_need(const struct gdn_capture *capture, const struct gdn__need *from)
{
    struct gdn_cut_need need = {.kind = GDN_NEED_GROUP,
                                .process = GDN_NONE,
                                .resource = GDN_NONE,
                                .home = GDN_NONE,
                                .branch = GDN_NONE,
                                .at_least = from->need.at_least,
                                .child_count = from->need.count};
    if (from->need.kind == GDN_NEED_PROCESS) {
        enum gdn_err err = write_process_need(capture, &from->need, &need);
        if (err != GDN_OK) return err;
        need.met = from->missing == 0;
    }
    return gdn_cut_add_need(capture->cut, capture->node, &need);
}

/* What was met is left out where all are needed; in a group it counts, and stays. */
static enum gdn_err write_direct_wait(const struct gdn_capture *capture, struct gdn_cut_wait *wait,
                                      const struct gdn__ticket *ticket)
{
    enum gdn_err err = gdn_cut_add_wait(capture->cut, capture->node, wait);
    for (uint32_t i = 0; err == GDN_OK && i < ticket->need_count; i++) {
        const struct gdn__need *need = &ticket->tail[i];
        bool is_group = need->need.kind == GDN_NEED_GROUP;
        if (!is_group && need->group == GDN__OUTERMOST && need->missing == 0) continue;
        err = write_need(capture, need);
    }
    return err;
}

static enum gdn_err write_wait(const struct gdn_capture *capture, const struct gdn__ticket *ticket)
{
    struct gdn_cut_wait wait = {
        .process = write_process(capture, ticket),
        .resource = GDN_NONE,
        .home = GDN_NONE,
        .ticket = ticket->number,
        .waited_us = waited_since(capture, ticket->since_us),
        .branch_id = ticket->branch_id,
        .mode = ticket->mode,
    };
    if (wait.process == GDN_NONE) return GDN_ERR_MEMORY;
    if (ticket->need_count != 0) return write_direct_wait(capture, &wait, ticket);

    wait.resource = gdn_cut_resource(capture->cut, ticket->resource, ticket->label);
    wait.home = party_of(capture, ticket->account->peer);
    if (wait.resource == GDN_NONE || wait.home == GDN_NONE) return GDN_ERR_MEMORY;
    return gdn_cut_add_wait(capture->cut, capture->node, &wait);
}

/* ---- The interface ---- */

static enum gdn_err write_all(struct gdn_capture *capture)
{
    GDN__EACH(link, &capture->ledger->contested)
    {
        const struct gdn__resource *resource = GDN__OF(link, struct gdn__resource, in_contested);
        enum gdn_err err = write_contested(capture, resource);
        if (err != GDN_OK) return err;
    }
    GDN__EACH(link, &capture->ledger->waiting)
    {
        enum gdn_err err = write_wait(capture, GDN__OF(link, struct gdn__ticket, in_line));
        if (err != GDN_OK) return err;
    }
    return GDN_OK;
}

enum gdn_err gdn_ledger_capture(gdn_ledger *ledger, struct gdn_cut *cut, uint32_t node,
                                gdn_party_of *of_peer, void *context, int64_t now_us,
                                gdn_capture **capture)
{
    struct gdn_capture *made = gdn__calloc(&ledger->allocator, sizeof *made);
    if (made == NULL) return GDN_ERR_MEMORY;
    made->ledger = ledger;
    made->cut = cut;
    made->node = node;
    made->party_of = of_peer;
    made->context = context;
    made->now_us = now_us;
    made->serial = ++ledger->capture_serial;
    gdn__map_init(&made->lists, &ledger->allocator);
    gdn__link_insert(&ledger->captures, &made->in_captures);

    enum gdn_err err = write_all(made);
    if (err != GDN_OK) {
        gdn_capture_free(made);
        return err;
    }
    *capture = made;
    return GDN_OK;
}

static enum gdn_err write_on_demand(const struct gdn_capture *capture, gdn_resource_id id,
                                    const struct saved_list *list)
{
    static const struct saved_list nobody;
    const struct gdn__resource *resource = gdn__resource_find(capture->ledger, id);
    if (list != NULL) return write_saved(capture, id, list);
    if (resource == NULL) return write_saved(capture, id, &nobody);
    if (resource->stamp < capture->serial) return write_current(capture, resource);
    return write_home(capture, id, resource->capacity, resource->unordered);
}

enum gdn_err gdn_capture_resource(gdn_capture *capture, gdn_resource_id id)
{
    struct gdn__key key = gdn__key_of_id(id.id);
    uintptr_t known = gdn__map_get(&capture->lists, key);
    if (known == (uintptr_t)&written_mark) return GDN_OK;
    if (capture->failed || !gdn__map_reserve(&capture->lists, 1)) return GDN_ERR_MEMORY;

    struct saved_list *list = (struct saved_list *)known;
    enum gdn_err err = write_on_demand(capture, id, list);
    if (err != GDN_OK) return err;
    bool marked = gdn__map_put(&capture->lists, key, (uintptr_t)&written_mark);
    gdn__free(&capture->ledger->allocator, list);
    return marked ? GDN_OK : GDN_ERR_MEMORY;
}

bool gdn_capture_failed(const gdn_capture *capture)
{
    return capture->failed;
}

void gdn_capture_free(gdn_capture *capture)
{
    if (capture == NULL) return;
    struct gdn_ledger *ledger = capture->ledger;
    gdn__link_remove(&capture->in_captures);
    size_t position = 0;
    const struct gdn__map_slot *slot;
    while ((slot = gdn__map_each(&capture->lists, &position)) != NULL) {
        if (slot->value == (uintptr_t)&written_mark) continue;
        gdn__free(&ledger->allocator, (void *)slot->value);
    }
    gdn__map_fini(&capture->lists);
    gdn__free(&ledger->allocator, capture);
}
