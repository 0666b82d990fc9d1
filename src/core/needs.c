/* SPDX-License-Identifier: MIT */
#include "needs.h"

/* ---- Nesting ---- */

static void close_complete(struct gdn__nesting *nesting)
{
    while (nesting->depth > 0 && nesting->open[nesting->depth - 1].members_left == 0) {
        nesting->depth--;
    }
}

uint32_t gdn__nesting_next(struct gdn__nesting *nesting)
{
    close_complete(nesting);
    if (nesting->depth == 0) return GDN__OUTERMOST;
    nesting->open[nesting->depth - 1].members_left--;
    return nesting->open[nesting->depth - 1].group;
}

bool gdn__nesting_open(struct gdn__nesting *nesting, uint32_t index, uint32_t members)
{
    if (nesting->depth == GDN_NEEDS_DEPTH_MAX - 1) return false;
    nesting->open[nesting->depth].group = index;
    nesting->open[nesting->depth].members_left = members;
    nesting->depth++;
    return true;
}

bool gdn__nesting_is_complete(const struct gdn__nesting *nesting)
{
    for (unsigned i = 0; i < nesting->depth; i++) {
        if (nesting->open[i].members_left != 0) return false;
    }
    return true;
}

/* ---- Checking ---- */

static enum gdn_err check_group(struct gdn__nesting *nesting, const struct gdn_need *group,
                                uint32_t index)
{
    bool branch = group->branch || group->branch_at != NULL || group->branch_id != 0;
    if (group->has_resource || group->queued || branch) return GDN_ERR_MISUSE;
    if (group->at_least == 0 || group->at_least > group->count) return GDN_ERR_MISUSE;
    return gdn__nesting_open(nesting, index, group->count) ? GDN_OK : GDN_ERR_LIMIT;
}

static enum gdn_err check_process(const struct gdn_need *need, size_t *text_bytes)
{
    if (!gdn_id_is_set(need->process.id)) return GDN_ERR_ID;
    if (need->has_resource && !gdn_id_is_set(need->resource.id)) return GDN_ERR_ID;
    if (need->at_least != 0 || need->count != 0) return GDN_ERR_MISUSE;
    if (need->branch_id != 0 && !need->branch && need->branch_at == NULL) return GDN_ERR_MISUSE;
    if (need->branch_at == NULL) return GDN_OK;
    if (!gdn_name_is_valid(need->branch_at)) return GDN_ERR_NAME;
    *text_bytes += strlen(need->branch_at) + 1;
    return GDN_OK;
}

enum gdn_err gdn__needs_check(const struct gdn_need *needs, size_t count, size_t *tail_bytes)
{
    struct gdn__nesting nesting = {0};
    size_t text_bytes = 0;
    if (count == 0) return GDN_ERR_MISUSE;
    if (count > GDN_LEDGER_NEEDS_MAX) return GDN_ERR_LIMIT;
    for (uint32_t i = 0; i < count; i++) {
        enum gdn_err err = GDN_ERR_MISUSE;
        (void)gdn__nesting_next(&nesting);
        switch (needs[i].kind) {
        case GDN_NEED_PROCESS:
            err = check_process(&needs[i], &text_bytes);
            break;
        case GDN_NEED_GROUP:
            err = check_group(&nesting, &needs[i], i);
            break;
        case GDN_NEED_RESOURCE:
            break;
        }
        if (err != GDN_OK) return err;
    }
    if (!gdn__nesting_is_complete(&nesting)) return GDN_ERR_MISUSE;
    *tail_bytes = count * sizeof(struct gdn__need) + text_bytes;
    return GDN_OK;
}

/* ---- In a ticket ---- */

void gdn__needs_copy(struct gdn__ticket *ticket, const struct gdn_need *needs, size_t count)
{
    struct gdn__nesting nesting = {0};
    char *text = (char *)&ticket->tail[count];
    ticket->need_count = (uint32_t)count;
    ticket->unmet_count = 0;
    for (uint32_t i = 0; i < count; i++) {
        struct gdn__need *need = &ticket->tail[i];
        bool is_group = needs[i].kind == GDN_NEED_GROUP;
        need->need = needs[i];
        need->group = gdn__nesting_next(&nesting);
        need->missing = is_group ? needs[i].at_least : 1;
        if (need->group == GDN__OUTERMOST) ticket->unmet_count++;
        if (is_group) (void)gdn__nesting_open(&nesting, i, needs[i].count);
        if (needs[i].branch_at == NULL) continue;
        size_t bytes = strlen(needs[i].branch_at) + 1;
        need->need.branch_at = memcpy(text, needs[i].branch_at, bytes);
        text += bytes;
    }
}

/* One less is missing there, and in each group that is met by it. */
static void meet(struct gdn__ticket *ticket, uint32_t index)
{
    while (index != GDN__OUTERMOST) {
        struct gdn__need *need = &ticket->tail[index];
        if (need->missing == 0 || --need->missing != 0) return;
        index = need->group;
    }
    ticket->unmet_count--;
}

bool gdn__needs_meet(struct gdn__ticket *ticket, gdn_process_id by)
{
    for (uint32_t i = 0; i < ticket->need_count; i++) {
        const struct gdn__need *need = &ticket->tail[i];
        if (need->need.kind != GDN_NEED_PROCESS || need->missing == 0) continue;
        if (!gdn__same_process(need->need.process, by)) continue;
        meet(ticket, i);
        return true;
    }
    return false;
}
