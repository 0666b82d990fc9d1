/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "notes.h"

#include "detector/render/beside.h"
#include "detector/render/shown.h"

void gdn__note_open(struct gdn__picture *picture, const char *name)
{
    gdn__textbuf_addf(picture->out, "    \"d%zu %s\" [shape=\"plaintext\", style=\"\", ",
                      picture->number, name);
    gdn__textbuf_addf(picture->out, "class=\"note\", fontcolor=\"%s\", label=\"",
                      picture->colours->faint);
}

/* Below the member that it is tied to. */
void gdn__note_close(struct gdn__picture *picture, const char *name)
{
    gdn__textbuf_add(picture->out, "\"];\n    ");
    gdn__picture_vertex(picture, picture->anchor);
    gdn__textbuf_addf(picture->out, " -> \"d%zu %s\" [style=\"dotted\", arrowhead=\"none\"];\n",
                      picture->number, name);
}

static void add_names(struct gdn__picture *picture, const uint32_t *processes, size_t count,
                      size_t all)
{
    for (size_t i = 0; i < count; i++) {
        if (i > 0) gdn__textbuf_add(picture->out, i % 4 == 0 ? ",\\n" : ", ");
        gdn__picture_label(picture, gdn__picture_process, processes[i]);
        if (gdn__is_victim(picture->deadlock, processes[i])) {
            gdn__textbuf_add(picture->out, " (victim)");
        }
    }
    if (all > count) gdn__textbuf_addf(picture->out, "\\nand %zu more", all - count);
}

/* All that is merely stuck behind the core. */
static void add_tail(struct gdn__picture *picture)
{
    const struct gdn_deadlock *deadlock = picture->deadlock;
    size_t shown = deadlock->tail_count < GDN__PICTURE_NAMES_MAX ? deadlock->tail_count
                                                                 : GDN__PICTURE_NAMES_MAX;
    if (deadlock->tail_count == 0) return;
    gdn__note_open(picture, "tail");
    gdn__textbuf_addf(picture->out, "%zu behind it: ", deadlock->tail_count);
    add_names(picture, deadlock->tail, shown, deadlock->tail_count);
    gdn__note_close(picture, "tail");
}

/* Members of the core that no drawn edge concerns. */
static void add_others(struct gdn__picture *picture)
{
    uint32_t others[GDN__PICTURE_NAMES_MAX];
    size_t count = 0;
    enum gdn_err err =
        gdn__beside_find(picture->deadlock, picture->shown, others, GDN__PICTURE_NAMES_MAX, &count);
    if (err != GDN_OK) picture->out->failed = true;
    if (count == 0) return;
    gdn__note_open(picture, "others");
    gdn__textbuf_addf(picture->out, "%zu more in it: ", count);
    add_names(picture, others, count < GDN__PICTURE_NAMES_MAX ? count : GDN__PICTURE_NAMES_MAX,
              count);
    gdn__note_close(picture, "others");
}

/* Whom to serve before whom, so that nobody need be aborted. */
static void add_order(struct gdn__picture *picture)
{
    const struct gdn_deadlock *deadlock = picture->deadlock;
    size_t shown = deadlock->reorder_count < GDN__PICTURE_NAMES_MAX ? deadlock->reorder_count
                                                                    : GDN__PICTURE_NAMES_MAX;
    if (shown == 0) return;
    gdn__note_open(picture, "order");
    gdn__textbuf_add(picture->out, "way out:");
    for (size_t i = 0; i < shown; i++) {
        const struct gdn_reorder *advice = &deadlock->reorder[i];
        gdn__textbuf_add(picture->out, "\\nserve ");
        gdn__picture_label(picture, gdn__picture_process, advice->first);
        gdn__textbuf_add(picture->out, " before ");
        gdn__picture_label(picture, gdn__picture_process, advice->second);
        if (advice->resource == GDN_NONE) continue;
        gdn__textbuf_add(picture->out, " for ");
        gdn__picture_label(picture, gdn__show_resource, advice->resource);
        gdn__textbuf_add(picture->out, " @ ");
        gdn__picture_label(picture, gdn__show_party, advice->home);
    }
    gdn__note_close(picture, "order");
}

void gdn__notes_add(struct gdn__picture *picture)
{
    add_others(picture);
    add_tail(picture);
    add_order(picture);
}
