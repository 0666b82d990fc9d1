/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "detector/analysis/components.h"

#include "detector/analysis/contraction.h"
#include "detector/analysis/sweep.h"
#include "src/core/mem.h"
#include <igraph/igraph.h>
#include <setjmp.h>
#include <stdio.h>

/* ---- igraph without its way of ending programs ---- */

/* The handlers take no context, so what they need is kept here, for the one call under way. */
static struct {
    char *why;
    size_t why_bytes;
    bool told;
    jmp_buf escape;
} call;

static void keep_first(const char *reason, const char *file, int line)
{
    if (call.told || call.why_bytes == 0) return;
    call.told = true;
    (void)snprintf(call.why, call.why_bytes, "igraph: %s (%s:%d)", reason, file, line);
}

static void on_error(const char *reason, const char *file, int line, igraph_error_t code)
{
    (void)code;
    keep_first(reason, file, line);
    IGRAPH_FINALLY_FREE();
}

static void on_warning(const char *reason, const char *file, int line)
{
    (void)reason, (void)file, (void)line;
}

/* igraph calls abort() when this returns. */
static void on_fatal(const char *reason, const char *file, int line)
{
    keep_first(reason, file, line);
    longjmp(call.escape, 1);
}

static enum gdn_err translate(igraph_error_t code)
{
    if (code == IGRAPH_SUCCESS) return GDN_OK;
    return code == IGRAPH_ENOMEM ? GDN_ERR_MEMORY : GDN_ERR_SYSTEM;
}

/* Runs @p work under our handlers and puts the program's own back. */
static enum gdn_err guard(igraph_error_t (*work)(void *), void *job, char *why, size_t why_bytes)
{
    igraph_error_handler_t *error = igraph_set_error_handler(on_error);
    igraph_warning_handler_t *warning = igraph_set_warning_handler(on_warning);
    igraph_fatal_handler_t *fatal = igraph_set_fatal_handler(on_fatal);
    call.why = why;
    call.why_bytes = why_bytes;
    call.told = false;
    enum gdn_err err = GDN_ERR_SYSTEM;
    if (setjmp(call.escape) == 0) err = translate(work(job));
    (void)igraph_set_error_handler(error);
    (void)igraph_set_warning_handler(warning);
    (void)igraph_set_fatal_handler(fatal);
    return err;
}

/* ---- What is left ---- */

/* Of @p rows the vertices that are not settled, by numbers of their own, as igraph has them. */
struct rest {
    uint32_t *members; /* By number. */
    uint32_t count;
    igraph_integer_t *edges; /* In pairs. */
    size_t edge_count;
    uint32_t *label; /* By vertex of rows. */
    uint32_t *named; /* By igraph's name for a component: the first of it. */
};

static size_t draw(const struct gdn__rows *rows, struct rest *r, const uint32_t *number,
                   igraph_integer_t *edges)
{
    size_t count = 0;
    for (uint32_t i = 0; i < r->count; i++) {
        uint32_t v = r->members[i];
        for (uint32_t e = rows->first[v]; e < rows->first[v + 1]; e++) {
            uint32_t next = rows->to[e];
            if (r->label[next] != GDN_NONE) continue;
            if (edges != NULL) {
                edges[2 * count] = i;
                edges[2 * count + 1] = number[next];
            }
            count++;
        }
    }
    return count;
}

static bool list_rest(const struct gdn_allocator *memory, const struct gdn__rows *rows,
                      struct rest *r, uint32_t count)
{
    uint32_t *number = gdn__alloc(memory, rows->count * sizeof *number);
    r->members = gdn__alloc(memory, count * sizeof *r->members);
    r->named = gdn__alloc(memory, count * sizeof *r->named);
    bool fits = number != NULL && r->members != NULL && r->named != NULL;
    if (fits) {
        for (uint32_t v = 0; v < rows->count; v++) {
            if (r->label[v] != GDN_NONE) continue;
            number[v] = r->count;
            r->members[r->count++] = v;
        }
        r->edge_count = draw(rows, r, number, NULL);
        r->edges = gdn__alloc(memory, 2 * r->edge_count * sizeof *r->edges);
        fits = r->edges != NULL;
    }
    if (fits) (void)draw(rows, r, number, r->edges);
    gdn__free(memory, number);
    return fits;
}

static void name_components(struct rest *r, const igraph_vector_int_t *membership)
{
    for (uint32_t i = 0; i < r->count; i++) r->named[i] = GDN_NONE;
    for (uint32_t i = 0; i < r->count; i++) {
        uint32_t *named = &r->named[VECTOR(*membership)[i]];
        if (*named == GDN_NONE) *named = r->members[i];
        r->label[r->members[i]] = *named;
    }
}

static igraph_error_t find_components(void *context)
{
    struct rest *r = context;
    igraph_t graph;
    igraph_vector_int_t view = {0}, membership;
    igraph_vector_int_view(&view, r->edges, 2 * (igraph_integer_t)r->edge_count);
    igraph_error_t code = igraph_create(&graph, &view, r->count, IGRAPH_DIRECTED);
    if (code != IGRAPH_SUCCESS) return code;

    code = igraph_vector_int_init(&membership, 0);
    if (code == IGRAPH_SUCCESS) {
        code = igraph_connected_components(&graph, &membership, NULL, NULL, IGRAPH_STRONG);
        if (code == IGRAPH_SUCCESS) name_components(r, &membership);
        igraph_vector_int_destroy(&membership);
    }
    igraph_destroy(&graph);
    return code;
}

static enum gdn_err settle_rest(const struct gdn_allocator *memory, const struct gdn__rows *rows,
                                uint32_t *label, uint32_t left, char *why, size_t why_bytes)
{
    struct rest rest = {.label = label};
    if (left == 0) return GDN_OK;
    enum gdn_err err = list_rest(memory, rows, &rest, left)
                           ? guard(find_components, &rest, why, why_bytes)
                           : GDN_ERR_MEMORY;
    gdn__free(memory, rest.members);
    gdn__free(memory, rest.edges);
    gdn__free(memory, rest.named);
    return err;
}

/* ---- All of it ---- */

enum gdn_err gdn__components_find(const struct gdn_allocator *memory, const struct gdn__rows *rows,
                                  uint32_t *label, char *why, size_t why_bytes)
{
    struct gdn__contraction contraction;
    uint32_t *small_label = NULL, left = 0;
    enum gdn_err err = gdn__contraction_init(&contraction, memory, rows);
    if (err == GDN_OK) {
        small_label = gdn__alloc(memory, contraction.small.count * sizeof *small_label);
        if (small_label == NULL) err = GDN_ERR_MEMORY;
    }
    if (err == GDN_OK) err = gdn__sweep(memory, &contraction.small, small_label, &left);
    if (err == GDN_OK) {
        err = settle_rest(memory, &contraction.small, small_label, left, why, why_bytes);
    }
    if (err == GDN_OK) gdn__contraction_expand(&contraction, small_label, label);
    gdn__free(memory, small_label);
    gdn__contraction_fini(&contraction, memory);
    return err;
}
