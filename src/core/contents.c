/* SPDX-License-Identifier: MIT */
#include "src/core/contents.h"

#include "src/core/map.h"
#include "src/core/mem.h"
#include "src/core/why.h"
#include <stdio.h>

#define PAIRWISE_MAX 8 /* Elements of a list that are simply compared, each with each. */

struct checking {
    const gdn_cut *cut;
    const struct gdn_cut_node *node;
    uint32_t *stamps; /* By resource, then by party and direction: 1 + the node that had it last. */
    char *why;
    size_t why_bytes;
};

/* A list of tickets. */
struct list {
    const char *what;
    const struct gdn_cut_home *home; /* NULL: of the node itself. */
    size_t count;
    struct gdn__key (*at)(const struct gdn_cut_node *node, size_t index);
    size_t first;
};

static struct gdn__key key_of_wait(const struct gdn_cut_node *node, size_t index)
{
    return (struct gdn__key){node->party, node->waits[index].ticket};
}

static struct gdn__key key_of_holder(const struct gdn_cut_node *node, size_t index)
{
    return (struct gdn__key){node->holders[index].issuer, node->holders[index].ticket};
}

static struct gdn__key key_of_entry(const struct gdn_cut_node *node, size_t index)
{
    return (struct gdn__key){node->queue[index].issuer, node->queue[index].ticket};
}

/* ---- What is said ---- */

static const char *node_name(const struct checking *checking)
{
    return checking->cut->parties[checking->node->party].name;
}

static const char *resource_name(const gdn_cut *cut, uint32_t index, char room[GDN_ID_TEXT_BYTES])
{
    const struct gdn_cut_resource *resource = &cut->resources[index];
    if (resource->name != NULL) return resource->name;
    return resource->label != NULL ? resource->label : gdn_id_format(resource->id.id, room);
}

static enum gdn_err refuse_ticket(const struct checking *checking, const struct list *list,
                                  struct gdn__key key)
{
    char room[GDN_ID_TEXT_BYTES];
    bool of = list->home != NULL;
    return gdn__explain(GDN_ERR_FORMAT, checking->why, checking->why_bytes,
                        "node %s: ticket %llu of %s stands twice among its %s%s%s",
                        node_name(checking), (unsigned long long)key.b,
                        checking->cut->parties[key.a].name, list->what, of ? " of " : "",
                        of ? resource_name(checking->cut, list->home->resource, room) : "");
}

/* ---- Tickets ---- */

/* A ticket without a number is nobody's double. */
static enum gdn_err compare_pairwise(const struct checking *checking, const struct list *list)
{
    for (size_t i = 1; i < list->count; i++) {
        struct gdn__key key = list->at(checking->node, list->first + i);
        for (size_t k = 0; key.b != 0 && k < i; k++) {
            if (!gdn__keys_equal(key, list->at(checking->node, list->first + k))) continue;
            return refuse_ticket(checking, list, key);
        }
    }
    return GDN_OK;
}

/* The place of each in the list, + 1, by its hash: a quarter of a map of keys. */
static enum gdn_err look_up_each(const struct checking *checking, const struct list *list)
{
    enum gdn_err err = GDN_OK;
    size_t size = 16;
    while (size < 2 * list->count) size *= 2;
    uint32_t *places = gdn__calloc(&checking->cut->allocator, size * sizeof *places);
    if (places == NULL) return GDN_ERR_MEMORY;
    for (size_t i = 0; err == GDN_OK && i < list->count; i++) {
        struct gdn__key key = list->at(checking->node, list->first + i);
        if (key.b == 0) continue;
        size_t at = gdn__key_hash(key) & (size - 1);
        for (; err == GDN_OK && places[at] != 0; at = (at + 1) & (size - 1)) {
            size_t other = list->first + places[at] - 1;
            bool again = gdn__keys_equal(key, list->at(checking->node, other));
            if (again) err = refuse_ticket(checking, list, key);
        }
        places[at] = (uint32_t)i + 1;
    }
    gdn__free(&checking->cut->allocator, places);
    return err;
}

/* Each after the one before it, as tickets are numbered: then none is there twice. */
static bool is_ascending(const struct checking *checking, const struct list *list)
{
    struct gdn__key last = {0, 0};
    for (size_t i = 0; i < list->count; i++) {
        struct gdn__key key = list->at(checking->node, list->first + i);
        if (key.a < last.a || (key.a == last.a && key.b <= last.b)) return false;
        last = key;
    }
    return true;
}

static enum gdn_err check_tickets(const struct checking *checking, const struct list *list)
{
    if (list->count <= PAIRWISE_MAX) return compare_pairwise(checking, list);
    return is_ascending(checking, list) ? GDN_OK : look_up_each(checking, list);
}

/* ---- Resources and channels ---- */

/* Whether the node under way has it already; then it has. */
static bool stamp(struct checking *checking, size_t index)
{
    uint32_t number = (uint32_t)(checking->node - checking->cut->nodes) + 1;
    bool again = checking->stamps[index] == number;
    checking->stamps[index] = number;
    return again;
}

static enum gdn_err check_homes(struct checking *checking)
{
    enum gdn_err err = GDN_OK;
    const struct gdn_cut_node *node = checking->node;
    for (size_t i = 0; err == GDN_OK && i < node->home_count; i++) {
        char room[GDN_ID_TEXT_BYTES];
        const struct gdn_cut_home *home = &node->homes[i];
        if (stamp(checking, home->resource)) {
            return gdn__explain(GDN_ERR_FORMAT, checking->why, checking->why_bytes,
                                "node %s: resource %s stands there twice", node_name(checking),
                                resource_name(checking->cut, home->resource, room));
        }
        struct list holders = {"holders", home, home->holder_count, key_of_holder,
                               home->holder_first};
        struct list queue = {"entries", home, home->entry_count, key_of_entry, home->entry_first};
        err = check_tickets(checking, &holders);
        if (err == GDN_OK) err = check_tickets(checking, &queue);
    }
    return err;
}

static enum gdn_err check_channels(struct checking *checking)
{
    const gdn_cut *cut = checking->cut;
    const struct gdn_cut_node *node = checking->node;
    for (size_t i = 0; i < node->channel_count; i++) {
        const struct gdn_cut_channel *channel = &node->channels[i];
        size_t index = cut->resource_count + 2 * (size_t)channel->peer + channel->incoming;
        if (!stamp(checking, index)) continue;
        return gdn__explain(GDN_ERR_FORMAT, checking->why, checking->why_bytes,
                            "node %s: the channel %s %s stands there twice", node_name(checking),
                            channel->incoming ? "from" : "to", cut->parties[channel->peer].name);
    }
    return GDN_OK;
}

/* ---- Ids ---- */

static enum gdn_err refuse_id(const struct checking *checking, const char *what, const char *name)
{
    return gdn__explain(GDN_ERR_FORMAT, checking->why, checking->why_bytes,
                        "a %s%s%s has an id of 16 zero bytes: nobody has set it", what,
                        name != NULL ? " called " : "", name != NULL ? name : "");
}

static enum gdn_err check_ids(const struct checking *checking)
{
    const gdn_cut *cut = checking->cut;
    for (size_t i = 0; i < cut->process_count; i++) {
        if (gdn_id_is_set(cut->processes[i].id.id)) continue;
        return refuse_id(checking, "process", cut->processes[i].name);
    }
    for (size_t i = 0; i < cut->resource_count; i++) {
        if (gdn_id_is_set(cut->resources[i].id.id)) continue;
        return refuse_id(checking, "resource", cut->resources[i].name);
    }
    return GDN_OK;
}

/* ---- The whole ---- */

static enum gdn_err check_node(struct checking *checking)
{
    struct list waits = {"waits", NULL, checking->node->wait_count, key_of_wait, 0};
    enum gdn_err err = check_homes(checking);
    if (err == GDN_OK) err = check_tickets(checking, &waits);
    return err == GDN_OK ? check_channels(checking) : err;
}

enum gdn_err gdn__cut_check_contents(const gdn_cut *cut, char *why, size_t why_bytes)
{
    struct checking checking = {.cut = cut, .why = why, .why_bytes = why_bytes};
    size_t things = cut->resource_count + 2 * cut->party_count;
    enum gdn_err err = check_ids(&checking);
    if (err != GDN_OK || things == 0) return err;
    checking.stamps = gdn__calloc(&cut->allocator, things * sizeof *checking.stamps);
    if (checking.stamps == NULL) err = GDN_ERR_MEMORY;
    for (size_t i = 0; err == GDN_OK && i < cut->node_count; i++) {
        checking.node = &cut->nodes[i];
        err = check_node(&checking);
    }
    gdn__free(&cut->allocator, checking.stamps);
    if (err == GDN_ERR_MEMORY) (void)gdn__explain(err, why, why_bytes, "%s", gdn_err_text(err));
    return err;
}
