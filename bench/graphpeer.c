/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "bench/graphpeer.h"

#include "bench/report.h"
#include <igraph/igraph.h>
#include <stdlib.h>

struct edges {
    igraph_integer_t *ends; /* In pairs. */
    size_t count;
    size_t vertex_count;
};

static void draw(struct edges *edges, size_t from, size_t to)
{
    edges->ends[2 * edges->count] = (igraph_integer_t)from;
    edges->ends[2 * edges->count + 1] = (igraph_integer_t)to;
    edges->count++;
}

/* The locks of several holders become vertices behind the processes. */
static bool draw_edges(const struct shape *shape, struct edges *edges)
{
    bool between = shape->hold_count > shape->lock_count;
    *edges = (struct edges){.vertex_count = shape->process_count};
    edges->ends = calloc(2 * (shape->hold_count + shape->wait_count), sizeof *edges->ends);
    if (edges->ends == NULL) return false;
    if (between) edges->vertex_count += shape->lock_count;
    for (size_t i = 0; between && i < shape->hold_count; i++) {
        const struct shape_stake *hold = &shape->holds[i];
        draw(edges, shape->process_count + hold->lock, hold->process);
    }
    for (size_t i = 0; i < shape->wait_count; i++) {
        const struct shape_stake *wait = &shape->waits[i];
        draw(edges, wait->process,
             between ? shape->process_count + wait->lock : shape->holds[wait->lock].process);
    }
    return true;
}

static igraph_error_t find_components(const struct edges *edges, size_t *component_count)
{
    igraph_t graph;
    igraph_vector_int_t view, membership;
    igraph_integer_t count = 0;
    igraph_vector_int_view(&view, edges->ends, 2 * (igraph_integer_t)edges->count);
    igraph_error_t code =
        igraph_create(&graph, &view, (igraph_integer_t)edges->vertex_count, IGRAPH_DIRECTED);
    if (code != IGRAPH_SUCCESS) return code;
    code = igraph_vector_int_init(&membership, 0);
    if (code == IGRAPH_SUCCESS) {
        code = igraph_connected_components(&graph, &membership, NULL, &count, IGRAPH_STRONG);
        igraph_vector_int_destroy(&membership);
    }
    igraph_destroy(&graph);
    *component_count = (size_t)count;
    return code;
}

bool graphpeer_run(const struct shape *shape, double *us, size_t *component_count)
{
    struct edges edges;
    if (!draw_edges(shape, &edges)) return false;
    igraph_error_handler_t *usual = igraph_set_error_handler(igraph_error_handler_ignore);
    double started = report_cpu_us();
    igraph_error_t code = find_components(&edges, component_count);
    *us = report_cpu_us() - started;
    (void)igraph_set_error_handler(usual);
    free(edges.ends);
    return code == IGRAPH_SUCCESS;
}
