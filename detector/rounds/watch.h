/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Everything pure about one detector behind frames and time, as a site is for a node: who takes
 * part, when a round is taken, what its cut means, what is known of deadlocks and asked of nodes.
 *
 *     frames, time --> mesh --> rounds --> analysis --> incidents --> events
 *                        ^---------- START, COLLECT, ABANDON, ABORT -----'
 *
 * The host moves the frames of gdn__watch_mesh() and reads the clock; the simulator does the same
 * with a virtual network. One thread at a time. */
#ifndef GDN_ROUNDS_WATCH_H
#define GDN_ROUNDS_WATCH_H

#include <gordian/detector.h>

#include "detector/rounds/incidents.h"
#include "src/core/mesh.h"

typedef struct gdn__watch gdn__watch;

struct gdn__now {
    int64_t monotonic_us;
    int64_t utc_us; /* Since 1970: only for people. */
};

struct gdn__watch_options {
    const char *name;
    const char *endpoint; /* What nodes dial. */
    uint64_t incarnation;
    int64_t period_us; /* 0: rounds only on suspicion. */
    int64_t deadline_us;
    int64_t order_us;    /* 0: GDN__ORDER_US. */
    uint32_t silence_ms; /* 0: GDN__SILENCE_MS_DEFAULT. */
    const char *const *expect;
    size_t expect_count;
    enum gdn_policy policy;
    struct gdn_allocator allocator;
    /* Told in order. Cut and verdict are borrowed until the next call; other pointers until it
     * returns. latency_us is as of the call's time, before judging. May not call back. */
    void (*tell)(void *context, const struct gdn_detector_event *event);
    /* A line for the log; '!' first marks a warning. */
    void (*say)(void *context, const char *line);
    void *context;
};

/* Copies the options. NULL: out of memory. */
gdn__watch *gdn__watch_new(const struct gdn__watch_options *options, struct gdn__now now);
void gdn__watch_free(gdn__watch *watch);

/* One frame arrived; as gdn__mesh_receive(). */
enum gdn_err gdn__watch_receive(gdn__watch *watch, const uint8_t *bytes, size_t length,
                                const char *from, struct gdn__now now);
/* Somebody wants a round: now, or right after the one under way. */
void gdn__watch_suspect(gdn__watch *watch, struct gdn__now now);
void gdn__watch_passed(gdn__watch *watch, struct gdn__now now);
/* When gdn__watch_passed() should be called; INT64_MAX: no need. */
int64_t gdn__watch_deadline(const gdn__watch *watch);

/* For its dials, frames and goodbye alone. */
gdn__mesh *gdn__watch_mesh(gdn__watch *watch);

/* Free the last round's cut and verdict: nobody borrows them any more. */
void gdn__watch_forget(gdn__watch *watch);

/* A node that is registered now. */
struct gdn__watched {
    uint32_t peer;    /* In the mesh. */
    int64_t since_us; /* UTC. */
};
size_t gdn__watch_node_count(const gdn__watch *watch);
struct gdn__watched gdn__watch_node(const gdn__watch *watch, size_t index);

const gdn__incidents *gdn__watch_incidents(const gdn__watch *watch);
struct gdn_detector_counters gdn__watch_counters(const gdn__watch *watch);

#endif
