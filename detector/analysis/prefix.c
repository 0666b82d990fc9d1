/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "detector/analysis/prefix.h"

#include "src/core/mem.h"

/* Shorter runs of items are linked one by one. */
#define RUN_CUT_MIN 4

/* The runs that are cut at one middle, see add_run(). */
struct gdn__fan {
    size_t first;     /* In wings[]: those from the middle on, then those before it. */
    uint32_t made[2]; /* How many there are so far: from the middle on, before it. */
};

/* ---- The line ---- */

void gdn__line_init(struct gdn__line *line, struct gdn__graph *graph, const struct gdn_modes *modes)
{
    *line = (struct gdn__line){.graph = graph, .modes = modes};
    gdn__map_init(&line->own_of, &graph->memory);
    gdn__map_init(&line->fan_of, &graph->memory);
}

void gdn__line_fini(struct gdn__line *line)
{
    const struct gdn_allocator *memory = &line->graph->memory;
    gdn__free(memory, line->items);
    gdn__free(memory, line->own);
    gdn__free(memory, line->fans);
    gdn__free(memory, line->wings);
    gdn__free(memory, line->pieces);
    gdn__map_fini(&line->own_of);
    gdn__map_fini(&line->fan_of);
}

void gdn__line_enter(struct gdn__line *line, uint32_t home)
{
    line->home = home;
    line->item_count = 0;
}

enum gdn_err gdn__line_add(struct gdn__line *line, const struct gdn__item *item)
{
    if (!gdn__grow(&line->graph->memory, &line->items, line->item_count, &line->item_capacity,
                   sizeof *line->items)) {
        return GDN_ERR_MEMORY;
    }
    line->items[line->item_count++] = *item;
    return GDN_OK;
}

/* ---- Pieces: links on their way into one hub ---- */

static enum gdn_err add_piece(struct gdn__line *line, uint32_t to, uint32_t info)
{
    if (!gdn__grow(&line->graph->memory, &line->pieces, line->piece_count, &line->piece_capacity,
                   sizeof *line->pieces)) {
        return GDN_ERR_MEMORY;
    }
    line->pieces[line->piece_count++] = (struct gdn__blockers){to, info};
    return GDN_OK;
}

static enum gdn_err add_items(struct gdn__line *line, struct gdn__sight sight, uint32_t from,
                              uint32_t end)
{
    for (uint32_t i = from; i < end; i++) {
        const struct gdn__item *item = &line->items[i];
        if (!gdn__line_conflicts(line, sight, item)) continue;
        enum gdn_err err = add_piece(line, item->to, item->info);
        if (err != GDN_OK) return err;
    }
    return GDN_OK;
}

/* The pieces since @p first become one link. */
static enum gdn_err join_pieces(struct gdn__line *line, size_t first, struct gdn__blockers *joined)
{
    *joined = (struct gdn__blockers){.to = GDN_NONE};
    size_t count = line->piece_count - first;
    line->piece_count = first;
    if (count == 0) return GDN_OK;
    if (count == 1) {
        *joined = line->pieces[first];
        return GDN_OK;
    }
    enum gdn_err err = gdn__graph_add(line->graph, GDN__VERTEX_HUB, 0, GDN__NEED_ALL, &joined->to);
    for (size_t i = first; err == GDN_OK && i < first + count; i++) {
        err = gdn__graph_link(line->graph, joined->to, line->pieces[i].to, line->pieces[i].info);
    }
    return err;
}

/* The prefix and the pieces make the prefix up to @p upto. */
static enum gdn_err advance(struct gdn__line *line, struct gdn__prefix *prefix, uint32_t upto)
{
    prefix->upto = upto;
    if (line->piece_count == 0) return GDN_OK;
    enum gdn_err err = GDN_OK;
    if (prefix->to != GDN_NONE) err = add_piece(line, prefix->to, prefix->info);
    struct gdn__blockers joined = {.to = GDN_NONE};
    if (err == GDN_OK) err = join_pieces(line, 0, &joined);
    prefix->to = joined.to;
    prefix->info = joined.info;
    return err;
}

enum gdn_err gdn__prefix_extend(struct gdn__line *line, struct gdn__prefix *prefix,
                                struct gdn__sight sight, uint32_t end)
{
    if (prefix->upto >= end) return GDN_OK;
    enum gdn_err err = add_items(line, sight, prefix->upto, end);
    return err == GDN_OK ? advance(line, prefix, end) : err;
}

/* ---- A process that has items in the line skips them ---- */

/* Room for the wings of a middle: each is at most as long as half of its block. */
static bool open_fan(struct gdn__line *line, uint32_t middle)
{
    size_t wings = (size_t)2 << __builtin_ctz(middle);
    while (line->wing_capacity - line->wing_count < wings) {
        if (!gdn__grow(&line->graph->memory, &line->wings, line->wing_capacity,
                       &line->wing_capacity, sizeof *line->wings)) {
            return false;
        }
    }
    if (!gdn__grow(&line->graph->memory, &line->fans, line->fan_count, &line->fan_capacity,
                   sizeof *line->fans)) {
        return false;
    }
    line->fans[line->fan_count++] = (struct gdn__fan){.first = line->wing_count};
    line->wing_count += wings;
    return true;
}

static enum gdn_err find_fan(struct gdn__line *line, struct gdn__sight sight, uint32_t middle,
                             struct gdn__fan **fan)
{
    struct gdn__key key = gdn__pair(line->home, gdn__sight_key(sight), middle);
    uintptr_t known = gdn__map_get(&line->fan_of, key);
    if (known == 0) {
        if (!open_fan(line, middle)) return GDN_ERR_MEMORY;
        known = line->fan_count;
        if (!gdn__map_put(&line->fan_of, key, known)) return GDN_ERR_MEMORY;
    }
    *fan = &line->fans[known - 1];
    return GDN_OK;
}

/* The pieces of @p shorter, and the item if it conflicts with @p sight, as one. */
static enum gdn_err lengthen(struct gdn__line *line, struct gdn__sight sight, uint32_t item,
                             const struct gdn__blockers *shorter, struct gdn__blockers *longer)
{
    size_t before = line->piece_count;
    enum gdn_err err = GDN_OK;
    if (shorter->to != GDN_NONE) err = add_piece(line, shorter->to, shorter->info);
    if (err == GDN_OK) err = add_items(line, sight, item, item + 1);
    return err == GDN_OK ? join_pieces(line, before, longer) : err;
}

/* The @p count items before the middle, or from it on, that conflict with @p sight, as one piece.
 */
static enum gdn_err add_wing(struct gdn__line *line, struct gdn__sight sight, uint32_t middle,
                             bool before, uint32_t count)
{
    struct gdn__fan *fan;
    enum gdn_err err = find_fan(line, sight, middle, &fan);
    if (err != GDN_OK) return err;
    uint32_t *made = &fan->made[before];
    struct gdn__blockers *wings =
        &line->wings[fan->first + (before ? 1u << __builtin_ctz(middle) : 0)];
    static const struct gdn__blockers none = {.to = GDN_NONE};
    for (; err == GDN_OK && *made < count; ++*made) {
        uint32_t item = before ? middle - 1 - *made : middle + *made;
        err = lengthen(line, sight, item, *made == 0 ? &none : &wings[*made - 1], &wings[*made]);
    }
    if (err != GDN_OK || wings[count - 1].to == GDN_NONE) return err;
    return add_piece(line, wings[count - 1].to, wings[count - 1].info);
}

static enum gdn_err add_run(struct gdn__line *line, struct gdn__sight sight, uint32_t from,
                            uint32_t end)
{
    if (end - from < RUN_CUT_MIN) return add_items(line, sight, from, end);
    int level = 31 - __builtin_clz(from ^ (end - 1));
    uint32_t middle = (end - 1) >> level << level;
    enum gdn_err err = add_wing(line, sight, middle, true, middle - from);
    return err == GDN_OK ? add_wing(line, sight, middle, false, end - middle) : err;
}

/* From the last of the process's items (1 + index) backwards. */
enum gdn_err gdn__prefix_extend_without(struct gdn__line *line, struct gdn__prefix *prefix,
                                        struct gdn__sight sight, uint32_t end, uint32_t last)
{
    if (prefix->upto >= end) return GDN_OK;
    enum gdn_err err = GDN_OK;
    uint32_t after = end;
    while (last > end) last = line->items[last - 1].previous;
    for (; err == GDN_OK && last > prefix->upto; last = line->items[last - 1].previous) {
        err = add_run(line, sight, last, after);
        after = last - 1;
    }
    if (err == GDN_OK) err = add_run(line, sight, prefix->upto, after);
    return err == GDN_OK ? advance(line, prefix, end) : err;
}

enum gdn_err gdn__prefix_own(struct gdn__line *line, uint32_t process, uint64_t what, size_t *index,
                             bool *begun)
{
    struct gdn__key key = gdn__pair(process, line->home, what);
    uintptr_t known = gdn__map_get(&line->own_of, key);
    *begun = known != 0;
    if (known != 0) {
        *index = known - 1;
        return GDN_OK;
    }
    if (!gdn__grow(&line->graph->memory, &line->own, line->own_count, &line->own_capacity,
                   sizeof *line->own) ||
        !gdn__map_put(&line->own_of, key, line->own_count + 1)) {
        return GDN_ERR_MEMORY;
    }
    *index = line->own_count++;
    line->own[*index] = GDN__PREFIX_EMPTY;
    return GDN_OK;
}
