/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "detector/analysis/reorder.h"

#include "detector/analysis/redraw.h"
#include "src/core/mem.h"
#include <string.h>

#define ADVICE_MAX 8

static enum gdn_err order_alone_closes_it(struct gdn__redrawing *t, bool *closes)
{
    bool any = false;
    for (size_t i = 0; i < t->link_count; i++) {
        t->fate[i] = t->links[i].turnable ? GDN__FATE_DROPPED : GDN__FATE_KEPT;
        any |= t->links[i].turnable;
    }
    *closes = any;
    return any ? gdn__redraw_try(t, closes) : GDN_OK;
}

/* An order is told in names: whom it lets pass in one queue passes in all. */
static bool have_same_names(const struct gdn__redrawing *t, size_t a, size_t b)
{
    const struct gdn__redrawn_link *x = &t->links[a], *y = &t->links[b];
    return gdn__core_process(t->core, x->ticket) == gdn__core_process(t->core, y->ticket) &&
           gdn__core_process(t->core, x->party) == gdn__core_process(t->core, y->party);
}

static void set_fate(struct gdn__redrawing *t, size_t link, enum gdn__fate fate)
{
    for (size_t i = 0; i < t->link_count; i++) {
        if (t->links[i].turnable && have_same_names(t, i, link)) t->fate[i] = (uint8_t)fate;
    }
}

static size_t count_out(const struct gdn__redrawing *t)
{
    size_t count = 0;
    for (size_t i = 0; i < t->link_count; i++) count += t->out[i];
    return count;
}

/* One entry moves, past as few as will do. */
static enum gdn_err turn_one(struct gdn__redrawing *t, bool *found)
{
    size_t best = 0, fewest = SIZE_MAX;
    *found = false;
    for (size_t i = 0; i < t->link_count; i++) {
        bool freed = false;
        if (!t->links[i].turnable) continue;
        set_fate(t, i, GDN__FATE_TURNED);
        enum gdn_err err = gdn__redraw_try(t, &freed);
        if (err != GDN_OK) return err;
        set_fate(t, i, GDN__FATE_KEPT);
        if (!freed || count_out(t) >= fewest) continue;
        *found = true;
        fewest = count_out(t);
        best = i;
    }
    if (!*found) return GDN_OK;
    set_fate(t, best, GDN__FATE_TURNED);
    return gdn__redraw_try(t, found);
}

/* The links of one ticket stand side by side: [from, the end that is returned). */
static size_t end_of_ticket(const struct gdn__redrawing *t, size_t from)
{
    size_t end = from;
    while (end < t->link_count && t->links[end].ticket == t->links[from].ticket) end++;
    return end;
}

static void set_queued(struct gdn__redrawing *t, size_t from, size_t end, enum gdn__fate fate)
{
    for (size_t i = from; i < end; i++) {
        if (t->links[i].turnable) set_fate(t, i, fate);
    }
}

static bool is_turned(const struct gdn__redrawing *t, size_t from, size_t end)
{
    for (size_t i = from; i < end; i++) {
        if (t->fate[i] == GDN__FATE_TURNED) return true;
    }
    return false;
}

/* Serve one more ticket before all that only stand before it: the one that frees most. */
static enum gdn_err turn_best_ticket(struct gdn__redrawing *t, size_t *freed_so_far, bool *freed,
                                     bool *turned)
{
    size_t best = 0, best_end = 0;
    *freed = *turned = false;
    for (size_t from = 0, end; from < t->link_count && !*freed; from = end) {
        end = end_of_ticket(t, from);
        if (is_turned(t, from, end)) continue;
        set_queued(t, from, end, GDN__FATE_TURNED);
        enum gdn_err err = gdn__redraw_try(t, freed);
        if (err != GDN_OK) return err;
        if (t->freed_count > *freed_so_far) {
            *freed_so_far = t->freed_count;
            best = from;
            best_end = end;
        }
        if (!*freed) set_queued(t, from, end, GDN__FATE_KEPT);
    }
    *turned = best_end != 0;
    set_queued(t, best, best_end, GDN__FATE_TURNED);
    return GDN_OK;
}

/* Keep what is needed; the first links are spared first. */
static enum gdn_err keep_needed(struct gdn__redrawing *t)
{
    enum gdn_err err = GDN_OK;
    bool freed = false;
    for (size_t i = 0; err == GDN_OK && i < t->link_count; i++) {
        if (t->fate[i] != GDN__FATE_TURNED) continue;
        set_fate(t, i, GDN__FATE_KEPT);
        err = gdn__redraw_try(t, &freed);
        if (!freed) set_fate(t, i, GDN__FATE_TURNED);
    }
    return err == GDN_OK ? gdn__redraw_try(t, &freed) : err;
}

/* One link if one will do, else ticket by ticket. */
static enum gdn_err search(struct gdn__redrawing *t, bool *found)
{
    memset(t->fate, GDN__FATE_KEPT, t->link_count);
    enum gdn_err err = turn_one(t, found);
    if (err != GDN_OK || *found) return err;
    err = gdn__redraw_try(t, found); /* Hubs count as free here: the base to improve on. */
    size_t freed_so_far = t->freed_count;
    bool turned = true;
    for (int rounds = 0; err == GDN_OK && !*found && turned && rounds < ADVICE_MAX; rounds++) {
        err = turn_best_ticket(t, &freed_so_far, found, &turned);
    }
    return err == GDN_OK && *found ? keep_needed(t) : err;
}

bool gdn__reorder_is_repeated(const struct gdn_deadlock *deadlock, size_t index)
{
    const struct gdn_reorder *wanted = &deadlock->reorder[index];
    for (size_t i = 0; i < index; i++) {
        const struct gdn_reorder *before = &deadlock->reorder[i];
        if (before->first == wanted->first && before->second == wanted->second) return true;
    }
    return false;
}

/* Where the two stand behind each other in a queue whose order cannot change, the names would say
 * too much. */
static bool is_ambiguous(const struct gdn__redrawing *t)
{
    for (size_t i = 0; i < t->link_count * t->link_count; i++) {
        size_t out = i / t->link_count, kept = i % t->link_count;
        bool queued = (t->links[kept].info & GDN__INFO_QUEUED) != 0;
        if (t->out[out] && !t->out[kept] && queued && have_same_names(t, out, kept)) return true;
    }
    return false;
}

static struct gdn_reorder advice_of(const struct gdn__redrawing *t,
                                    const struct gdn__redrawn_link *link)
{
    const struct gdn__fold *fold = t->core->fold;
    struct gdn_reorder advice = {gdn__core_process(t->core, link->ticket),
                                 gdn__core_process(t->core, link->party), GDN_NONE, GDN_NONE};
    if (link->served == 0) return advice;
    const struct gdn__home *home = &fold->homes[fold->places[link->served - 1].home];
    advice.resource = home->resource;
    advice.home = home->party;
    return advice;
}

static bool is_new(const struct gdn_deadlock *deadlock, struct gdn_reorder advice)
{
    for (size_t i = 0; i < deadlock->reorder_count; i++) {
        if (memcmp(&deadlock->reorder[i], &advice, sizeof advice) == 0) return false;
    }
    return true;
}

/* All that the last trial did without. */
static enum gdn_err hand_out(const struct gdn__redrawing *t, struct gdn_deadlock *deadlock)
{
    deadlock->reorder = gdn__alloc(&t->core->graph.memory, ADVICE_MAX * sizeof *deadlock->reorder);
    if (deadlock->reorder == NULL) return GDN_ERR_MEMORY;
    for (size_t i = 0; i < t->link_count; i++) {
        if (!t->out[i]) continue;
        struct gdn_reorder advice = advice_of(t, &t->links[i]);
        if (is_new(deadlock, advice)) deadlock->reorder[deadlock->reorder_count++] = advice;
    }
    return GDN_OK;
}

enum gdn_err gdn__reorder_find(struct gdn__core *core, struct gdn_deadlock *deadlock)
{
    struct gdn__redrawing t;
    bool found = false;
    enum gdn_err err = gdn__redraw_init(&t, core);
    if (err == GDN_OK && !t.undrawn) {
        err = order_alone_closes_it(&t, &found);
        if (err == GDN_OK && found) err = search(&t, &found);
    }
    found = found && count_out(&t) <= ADVICE_MAX && !is_ambiguous(&t);
    if (err == GDN_OK && found) err = hand_out(&t, deadlock);
    gdn__redraw_fini(&t);
    return err;
}
