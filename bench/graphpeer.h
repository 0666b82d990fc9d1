/* SPDX-License-Identifier: GPL-2.0-or-later */
/** @file graphpeer.h  What the analysis is compared with: igraph on the whole wait-for graph, given
 *  to it as plain numbers. Of the benchmarks only graphpeer.c sees igraph. */
#ifndef GORDIAN_BENCH_GRAPHPEER_H
#define GORDIAN_BENCH_GRAPHPEER_H

#include "bench/shapes.h"

/** Makes an igraph of a shape and finds its strongly connected components: process to process,
 *  where a lock of several holders is a vertex between, so that the edges are no more than holds
 *  and waits. Queue order is left out, to its advantage. *us: processor time of igraph alone.
 *  False: out of memory, or igraph complained. */
bool graphpeer_run(const struct shape *shape, double *us, size_t *component_count);

#endif
