/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "standing.h"

#include "detector/render/shown.h"
#include <inttypes.h>

#define NAMES_MAX 24 /* Nodes in one enumeration. */

static size_t count_channels(const gdn_cut *cut)
{
    size_t count = 0;
    for (size_t i = 0; i < cut->node_count; i++) count += cut->nodes[i].channel_count;
    return count;
}

static void add_missing(struct gdn__textbuf *out, const gdn_cut *cut)
{
    for (size_t i = 0; i < cut->missing_count && i < NAMES_MAX; i++) {
        if (i > 0) gdn__textbuf_add(out, ", ");
        gdn__textbuf_add_shown(out, cut->missing[i]);
    }
    if (cut->missing_count > NAMES_MAX) {
        gdn__textbuf_addf(out, " and %zu more", cut->missing_count - NAMES_MAX);
    }
}

size_t gdn__count_open(const gdn_cut *cut)
{
    size_t open = 0;
    for (size_t n = 0; n < cut->node_count; n++) {
        for (size_t i = 0; i < cut->nodes[n].channel_count; i++) {
            open += cut->nodes[n].channels[i].open;
        }
    }
    return open;
}

/* The first open channel stands for all: one marker that is late says enough. */
static void add_open_channels(struct gdn__textbuf *out, const gdn_verdict *verdict, bool *said)
{
    const gdn_cut *cut = verdict->cut;
    size_t open = 0;
    for (size_t n = 0; n < cut->node_count; n++) {
        const struct gdn_cut_node *node = &cut->nodes[n];
        for (size_t i = 0; i < node->channel_count; i++) {
            if (!node->channels[i].open || open++ > 0) continue;
            gdn__textbuf_add(out, *said ? "; channel " : "channel ");
            gdn__show_party(out, verdict, node->channels[i].peer);
            gdn__textbuf_add(out, " -> ");
            gdn__show_party(out, verdict, node->party);
            gdn__textbuf_add(out, " still open");
        }
    }
    if (open > 1) gdn__textbuf_addf(out, ", and %zu more", open - 1);
    *said = *said || open > 0;
}

void gdn__show_completeness(struct gdn__textbuf *out, const gdn_verdict *verdict)
{
    const gdn_cut *cut = verdict->cut;
    if (verdict->complete) {
        gdn__textbuf_add(out, count_channels(cut) > 0 ? "complete and balanced" : "complete");
        return;
    }
    bool said = cut->missing_count > 0;
    gdn__textbuf_add(out, "incomplete: ");
    if (said) {
        gdn__textbuf_add(out, "no report from ");
        add_missing(out, cut);
    }
    add_open_channels(out, verdict, &said);
    if (!said) gdn__textbuf_add(out, "not all nodes answered");
}

void gdn__show_standing(struct gdn__textbuf *out, const gdn_verdict *verdict)
{
    const gdn_cut *cut = verdict->cut;
    if (cut->has_round) {
        gdn__textbuf_add(out, " (round ");
        gdn__textbuf_add_shown(out, cut->initiator);
        gdn__textbuf_addf(out, "/%" PRIu64 ", cut ", cut->round.number);
    } else {
        gdn__textbuf_add(out, " (offline cut, ");
    }
    gdn__show_completeness(out, verdict);
    gdn__textbuf_add_char(out, ')');
}

void gdn__show_unknown(struct gdn__textbuf *out, const gdn_verdict *verdict)
{
    if (verdict->complete) return;
    if (verdict->cut->missing_count > 0) {
        gdn__textbuf_add(out, "not known: who waits at ");
        add_missing(out, verdict->cut);
        gdn__textbuf_add(out, ", who holds what is homed there, and what its processes have given "
                              "up elsewhere\n");
    }
    if (gdn__count_open(verdict->cut) > 0) {
        gdn__textbuf_add(out, "not known: what was still on its way on an open channel\n");
    }
    gdn__textbuf_add(out, verdict->deadlock_count > 0
                              ? "What is reported stands whatever that is; there may be more.\n"
                              : "A deadlock that rests on any of it is not reported.\n");
}
