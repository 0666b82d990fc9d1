/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "detector/analysis/asked.h"

#include "detector/analysis/mail.h"

static struct gdn__key key_of(const struct gdn__asked *asked, uint32_t issuer, uint64_t ticket)
{
    return gdn__pair(asked->party == NULL ? issuer : asked->party[issuer], 0, ticket);
}

static bool note(struct gdn__asked *asked, uint32_t issuer, uint64_t ticket, uint32_t units)
{
    return ticket == 0 || gdn__map_put(&asked->units, key_of(asked, issuer, ticket), units);
}

static bool look_at_queue(struct gdn__asked *asked, const struct gdn_cut_node *node,
                          const struct gdn_cut_home *home)
{
    for (size_t i = 0; i < home->entry_count; i++) {
        const struct gdn_cut_entry *entry = &node->queue[home->entry_first + i];
        if (!note(asked, entry->issuer, entry->ticket, entry->units)) return false;
    }
    return true;
}

/* @p pools: the resources of this node that are pools. */
static bool look_at_mail(struct gdn__asked *asked, const struct gdn_cut_node *node,
                         const struct gdn__map *pools)
{
    for (size_t c = 0; c < node->channel_count; c++) {
        const struct gdn_cut_channel *channel = &node->channels[c];
        for (size_t i = 0; i < channel->message_count; i++) {
            const struct gdn_cut_message *message = &node->messages[channel->message_first + i];
            if (message->verb != GDN_VERB_REQUEST) continue;
            if (gdn__map_get(pools, (struct gdn__key){message->resource, 0}) == 0) continue;
            uint32_t units = message->units == 0 ? 1 : message->units;
            if (!note(asked, channel->peer, message->ticket, units)) return false;
        }
    }
    return true;
}

static bool look_at_node(struct gdn__asked *asked, const struct gdn_cut_node *node)
{
    struct gdn__map pools;
    bool fits = true;
    gdn__map_init(&pools, &asked->units.allocator);
    for (size_t h = 0; fits && h < node->home_count; h++) {
        const struct gdn_cut_home *home = &node->homes[h];
        if (home->capacity == 0) continue;
        fits = gdn__map_put(&pools, (struct gdn__key){home->resource, 0}, 1) &&
               look_at_queue(asked, node, home);
    }
    if (fits && pools.used > 0) fits = look_at_mail(asked, node, &pools);
    gdn__map_fini(&pools);
    return fits;
}

bool gdn__asked_init(struct gdn__asked *asked, const gdn_cut *cut, const uint32_t *party)
{
    *asked = (struct gdn__asked){.party = party};
    gdn__map_init(&asked->units, &cut->allocator);
    for (size_t n = 0; n < cut->node_count; n++) {
        if (!look_at_node(asked, &cut->nodes[n])) return false;
    }
    return true;
}

void gdn__asked_fini(struct gdn__asked *asked)
{
    gdn__map_fini(&asked->units);
}

uint32_t gdn__asked_units(const struct gdn__asked *asked, uint32_t issuer, uint64_t ticket)
{
    if (asked->units.used == 0) return 0;
    return (uint32_t)gdn__map_get(&asked->units, key_of(asked, issuer, ticket));
}
