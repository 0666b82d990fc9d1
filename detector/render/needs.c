/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "needs.h"

#include "detector/render/shown.h"
#include <inttypes.h>

#define DEPTH_MAX 64 /* Open groups; what lies deeper is left out. */
#define NAMES_MAX 24 /* Names in one wait. */

/* ---- Finding ---- */

static bool has_group(const struct gdn_cut_node *node, const struct gdn_cut_wait *wait)
{
    if (wait->resource != GDN_NONE) return false;
    for (size_t i = 0; i < wait->need_count; i++) {
        if (node->needs[wait->need_first + i].kind == GDN_NEED_GROUP) return true;
    }
    return false;
}

static bool look_through(struct gdn__needs *needs)
{
    for (size_t n = 0; n < needs->cut->node_count; n++) {
        const struct gdn_cut_node *node = &needs->cut->nodes[n];
        for (size_t i = 0; i < node->wait_count; i++) {
            struct gdn__key key = {node->party, node->waits[i].ticket};
            if (!has_group(node, &node->waits[i])) continue;
            if (!gdn__map_put(&needs->grouped, key, i + 1)) return false;
        }
    }
    return true;
}

const struct gdn_cut_wait *gdn__needs_find(struct gdn__needs *needs, const gdn_cut *cut,
                                           uint32_t issuer, uint64_t ticket, bool *failed)
{
    if (needs->cut == NULL) {
        needs->cut = cut;
        gdn__map_init(&needs->grouped, &cut->allocator);
        if (!look_through(needs)) *failed = true;
    }
    uintptr_t found = gdn__map_get(&needs->grouped, (struct gdn__key){issuer, ticket});
    return found == 0 ? NULL : &cut->nodes[cut->parties[issuer].node].waits[found - 1];
}

void gdn__needs_fini(struct gdn__needs *needs)
{
    if (needs->cut != NULL) gdn__map_fini(&needs->grouped);
}

/* ---- Showing ---- */

static void show_one(struct gdn__textbuf *out, const gdn_verdict *verdict,
                     const struct gdn_cut_need *need)
{
    if (need->kind == GDN_NEED_RESOURCE) {
        if (need->units > 0) gdn__textbuf_addf(out, "%" PRIu32 " of ", need->units);
        gdn__show_resource(out, verdict, need->resource);
        if (need->home == GDN_NONE) return;
        gdn__textbuf_add(out, " at ");
        gdn__show_party(out, verdict, need->home);
        return;
    }
    gdn__show_process(out, verdict, need->process, false);
    gdn__show_branch(out, need->branch_id);
    if (need->resource != GDN_NONE) {
        gdn__textbuf_add(out, " to release ");
        gdn__show_resource(out, verdict, need->resource);
    } else if (need->branch != GDN_NONE) {
        gdn__textbuf_add(out, " to go on");
    }
}

static void open_group(struct gdn__textbuf *out, const struct gdn_cut_need *group)
{
    if (group->at_least == group->child_count) {
        gdn__textbuf_add(out, "all of (");
    } else if (group->at_least == 1) {
        gdn__textbuf_add(out, "any of (");
    } else {
        gdn__textbuf_addf(out, "%" PRIu32 " of (", group->at_least);
    }
}

void gdn__show_needs(struct gdn__textbuf *out, const gdn_verdict *verdict,
                     const struct gdn_cut_node *node, const struct gdn_cut_wait *wait)
{
    uint32_t left[DEPTH_MAX]; /* Children that each open group still has to come. */
    size_t depth = 0, names = 0;
    bool first = true; /* In its group. */
    for (size_t i = 0; i < wait->need_count; i++) {
        const struct gdn_cut_need *need = &node->needs[wait->need_first + i];
        bool group = need->kind == GDN_NEED_GROUP;
        if (!first) gdn__textbuf_add(out, ", ");
        if (names == NAMES_MAX || (group && depth == DEPTH_MAX)) {
            gdn__textbuf_add(out, "...");
            break;
        }
        if (depth > 0) left[depth - 1]--;
        first = group;
        if (group) {
            open_group(out, need);
            left[depth++] = need->child_count;
            continue;
        }
        show_one(out, verdict, need);
        names++;
        for (; depth > 0 && left[depth - 1] == 0; depth--) gdn__textbuf_add_char(out, ')');
    }
    for (; depth > 0; depth--) gdn__textbuf_add_char(out, ')');
}
