/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "detector/analysis/optional.h"

enum gdn_err gdn__optional_add(struct gdn__graph *graph, uint32_t process, uint32_t whole,
                               uint32_t *vertex)
{
    enum gdn_err err = gdn__graph_add(graph, GDN__VERTEX_PLACE, process, 0, vertex);
    return err == GDN_OK ? gdn__graph_link(graph, *vertex, whole, 0) : err;
}

/* Enough of what is in @p group beside its child @p but. */
static enum gdn_err link_others(struct gdn__graph *graph, uint32_t vertex,
                                const struct gdn_cut_need *needs,
                                const struct gdn__drawn_need *drawn, size_t group, size_t but)
{
    uint32_t at_least = needs[group].at_least, from = vertex;
    enum gdn_err err = GDN_OK;
    if (needs[group].child_count > GDN__SIBLINGS_MAX) {
        return gdn__graph_link(graph, vertex, drawn[group].to, 0);
    }
    if (at_least > 1) {
        err = gdn__graph_add(graph, GDN__VERTEX_GROUP, 0, at_least, &from);
        if (err == GDN_OK) err = gdn__graph_link(graph, vertex, from, 0);
    }
    for (size_t i = group + 1; err == GDN_OK && i < drawn[group].end; i = drawn[i].end) {
        if (i != but) err = gdn__graph_link_any(graph, from, drawn[i].to, drawn[i].info);
    }
    return err;
}

enum gdn_err gdn__optional_link(struct gdn__graph *graph, uint32_t vertex,
                                const struct gdn_cut_need *needs,
                                const struct gdn__drawn_need *drawn, size_t at)
{
    enum gdn_err err = GDN_OK;
    for (size_t i = at; err == GDN_OK && drawn[i].parent != 0; i = drawn[i].parent - 1) {
        size_t group = drawn[i].parent - 1;
        bool choice = needs[group].at_least < needs[group].child_count;
        if (choice) err = link_others(graph, vertex, needs, drawn, group, i);
    }
    return err;
}
