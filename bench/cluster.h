/* SPDX-License-Identifier: GPL-2.0-or-later */
/** @file cluster.h  Real nodes in processes of their own, fully connected, registered with one
 *  detector in the calling process. */
#ifndef GORDIAN_BENCH_CLUSTER_H
#define GORDIAN_BENCH_CLUSTER_H

#include <gordian/detector.h>

struct cluster;

struct cluster_options {
    unsigned nodes;
    int64_t deadline_ms; /**< Of a round; 0: ten seconds. */
};

/** Fork the processes of the nodes, open the detector here, connect all. NULL: it did not come up
 * within ten seconds, and one line on stderr says why. Call it while the process has no thread and
 * no socket. Caller frees with cluster_close(). */
struct cluster *cluster_open(const struct cluster_options *options);

/** The detector, and where node @p index is; both borrowed until close. */
gdn_detector *cluster_detector(struct cluster *cluster);
const char *cluster_endpoint(const struct cluster *cluster, unsigned index);

/** The process of node @p index stands still, or goes on. */
void cluster_hang(struct cluster *cluster, unsigned index, bool hangs);

/** Run @p count rounds and set us[0..count): from START to the verdict. False: one was incomplete
 *  or did not end within ten seconds. */
bool cluster_run(struct cluster *cluster, unsigned count, double *us);

/** Bytes of one START, marker and report frame, as the nodes of a cluster of that size send them
 *  when they are idle. */
struct cluster_frames {
    size_t start, marker, report;
};
struct cluster_frames cluster_frames(unsigned nodes);

/** End every process and wait for it. NULL is fine. */
void cluster_close(struct cluster *cluster);

#endif
