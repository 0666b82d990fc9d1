/* SPDX-License-Identifier: MIT */
/* How the sites of a layout, and the detectors that are its initiators, met each other before
 * anything of interest happens: played once on a small network, and written down for each site, so
 * that one site alone can be brought to where it stood then. The detectors' orders are written
 * down, too, frame by frame. */
#ifndef TESTS_EXPLORE_INTRODUCTION_H
#define TESTS_EXPLORE_INTRODUCTION_H

#include "tests/explore/frames.h"
#include "tests/explore/host.h"

struct introduction;

/* The layout's. Made when it is first asked for, and kept until another layout's is. */
struct introduction *introduction_of(const struct layout *layout);

/* Opens a site and brings it to where it stood when all had met. */
void introduction_host(const struct introduction *introduction, int node, struct host *host);
/* When that was. */
int64_t introduction_time_us(const struct introduction *introduction);
/* The frame of an initiator's order to a node, by position (see layout_order()). */
uint32_t introduction_order(const struct introduction *introduction, int initiator, int node,
                            int position);
/* All frames, and reports, that have been seen; all sets of reports that were judged. */
struct frames *introduction_frames(struct introduction *introduction);
struct frames *introduction_judged(struct introduction *introduction);

#endif
