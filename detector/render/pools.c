/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "pools.h"

#include "detector/render/shown.h"
#include <inttypes.h>

#define HOLDERS_MAX 24 /* Holders in one enumeration. */

/* ---- Finding ---- */

static bool look_through(struct gdn__pools *pools)
{
    for (size_t n = 0; n < pools->cut->node_count; n++) {
        const struct gdn_cut_node *node = &pools->cut->nodes[n];
        for (size_t i = 0; i < node->home_count; i++) {
            struct gdn__key key = {node->party, node->homes[i].resource};
            if (node->homes[i].capacity == 0) continue;
            if (!gdn__map_put(&pools->homes, key, i + 1)) return false;
        }
    }
    return true;
}

/* 1 + the pool's index among its node's homes; 0: its home told of none. */
static size_t find_pool(struct gdn__pools *pools, const gdn_cut *cut, const struct gdn_edge *edge,
                        bool *failed)
{
    if (pools->cut == NULL) {
        pools->cut = cut;
        gdn__map_init(&pools->homes, &cut->allocator);
        if (!look_through(pools)) *failed = true;
    }
    return gdn__map_get(&pools->homes, (struct gdn__key){edge->home, edge->resource});
}

void gdn__pools_fini(struct gdn__pools *pools)
{
    if (pools->cut != NULL) gdn__map_fini(&pools->homes);
}

/* ---- Showing ---- */

static bool is_repeated(const struct gdn_deadlock *deadlock, size_t edge)
{
    const struct gdn_edge *asked = &deadlock->witness[edge];
    for (size_t i = 0; i < edge; i++) {
        const struct gdn_edge *before = &deadlock->witness[i];
        if (before->home == asked->home && before->resource == asked->resource) return true;
    }
    return false;
}

static void add_holders(struct gdn__textbuf *out, const gdn_verdict *verdict,
                        const struct gdn_cut_holder *holders, size_t count)
{
    for (size_t i = 0; i < count && i < HOLDERS_MAX; i++) {
        gdn__textbuf_add(out, i == 0 ? ": " : ", ");
        gdn__show_process(out, verdict, holders[i].process, false);
        gdn__textbuf_addf(out, "%s %" PRIu32, i == 0 ? " holds" : "", holders[i].units);
    }
    if (count > HOLDERS_MAX) gdn__textbuf_addf(out, " and %zu more holders", count - HOLDERS_MAX);
}

static void add_pool(struct gdn__textbuf *out, const gdn_verdict *verdict, struct gdn__pools *pools,
                     const struct gdn_edge *edge)
{
    size_t found = find_pool(pools, verdict->cut, edge, &out->failed);
    if (found == 0) return;
    const struct gdn_cut_node *node = &verdict->cut->nodes[verdict->cut->parties[edge->home].node];
    const struct gdn_cut_home *home = &node->homes[found - 1];
    gdn__textbuf_add(out, "  ");
    gdn__show_resource(out, verdict, edge->resource);
    gdn__textbuf_add(out, " at ");
    gdn__show_party(out, verdict, edge->home);
    gdn__textbuf_addf(out, " has %" PRIu32 " %s", home->capacity,
                      home->capacity == 1 ? "unit" : "units");
    add_holders(out, verdict, &node->holders[home->holder_first], home->holder_count);
    gdn__textbuf_add_char(out, '\n');
}

void gdn__show_pools(struct gdn__textbuf *out, const gdn_verdict *verdict, struct gdn__pools *pools,
                     const struct gdn_deadlock *deadlock, size_t edges)
{
    for (size_t i = 0; i < edges; i++) {
        const struct gdn_edge *edge = &deadlock->witness[i];
        bool pool = edge->units != 0 && edge->home != GDN_NONE && edge->resource != GDN_NONE;
        if (pool && !is_repeated(deadlock, i)) add_pool(out, verdict, pools, edge);
    }
}
