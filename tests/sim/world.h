/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A small world in one thread: real sites, detectors (bare meshes that collect, or whole watches),
 * a network in memory, a virtual clock, and a trace of what happened. The stories and the simulator
 * live in it.
 *
 *     [A > B] request T1 x          a record arrived at B's inbox (or: was acted on, for markers)
 *     B took requested T1 x         B's application took it
 *     [D1 > A] start 1
 *
 * Frames travel only when told to: world_settle() delivers everything, world_hold() stops a link.
 * Names are one letter for nodes and "D1", "D2" for detectors. */
#ifndef TESTS_SIM_WORLD_H
#define TESTS_SIM_WORLD_H

#include "detector/rounds/watch.h"
#include <gordian/site.h>
#include <stdio.h>

#define WORLD_PLACES_MAX 10

struct world;

struct world_options {
    uint32_t window;
    uint32_t silence_ms;
    size_t window_bytes;
    size_t recording_max, report_max;
    size_t tickets_max, items_max;
};

struct world_watch {
    int64_t period_us, deadline_us, order_us;
    uint32_t silence_ms;
    enum gdn_policy policy;
};

/* For whoever keeps books of his own. Places by number: they are numbered as they are added, and
 * one that is added after another was removed takes its number. Any may be NULL. */
struct world_hooks {
    void *context;
    /* A frame or the time is about to reach that node, or has: rounds and losses happen then. */
    void (*before)(void *context, int node);
    void (*after)(void *context, int node);
    /* A frame leaves. */
    void (*sent)(void *context, int from, int to, const uint8_t *bytes, size_t length);
    /* What a watch tells. */
    void (*told)(void *context, int detector, const struct gdn_detector_event *event);
};

/* Nothing in it yet. All failures inside a world fail the test. */
struct world *world_new(void);
void world_free(struct world *world);

void world_add_node(struct world *world, const char *name, const struct world_options *options);
/* A bare mesh: it collects what it is sent, and does what the functions under "Rounds" say. */
void world_add_detector(struct world *world, const char *name);
/* A node that keeps its channels alive and does nothing else: it never sends a marker. */
void world_add_mute(struct world *world, const char *name);
/* A whole detector: the same object as in gordiand. */
void world_add_watch(struct world *world, const char *name, const struct world_watch *options);
gdn__watch *world_watch(struct world *world, const char *name);
void world_suspect(struct world *world, const char *name);
void world_set_hooks(struct world *world, const struct world_hooks *hooks);
/* The node says goodbye, or vanishes; adding it again starts a new incarnation. */
void world_remove(struct world *world, const char *name, bool goodbye);

/* @p from dials @p to. Nothing is delivered yet. */
void world_dial(struct world *world, const char *from, const char *to);
/* Every node dials every other one and every detector; settles; forgets the trace. */
void world_connect_all(struct world *world);

/* ---- Network and clock ---- */

/* Frames from @p from to @p to wait until released. */
void world_hold(struct world *world, const char *from, const char *to);
void world_release(struct world *world, const char *from, const char *to);
/* Lose what is on its way from @p from to @p to. False: nothing was. */
bool world_drop(struct world *world, const char *from, const char *to);
/* Its first frame goes twice; its first two change places. False: there are not so many. */
bool world_duplicate(struct world *world, const char *from, const char *to);
bool world_swap(struct world *world, const char *from, const char *to);
/* Deliver everything that is not held, without moving the clock. */
void world_settle(struct world *world);
/* Deliver one frame from the queue with number @p choice modulo those not empty. False: none. */
bool world_deliver_one(struct world *world, uint64_t choice);
/* Deliver the first frame from @p from to @p to. False: there is none, or it is held. */
bool world_deliver_from(struct world *world, const char *from, const char *to);
int64_t world_time_us(const struct world *world);
/* The earliest deadline of any place; INT64_MAX: none. */
int64_t world_deadline_us(const struct world *world);
/* The clock goes on to then, and deadlines fire. Nothing is delivered. */
void world_advance(struct world *world, int64_t until_us);
/* Let time pass: deadlines fire, and their frames are delivered. */
void world_pass_ms(struct world *world, int64_t milliseconds);

/* ---- Memory: each place has its own, and leaves none behind ---- */

/* Of that place: one allocation fails, after @p allowed more have succeeded. A call of the
 * application that fails for it is seen to have changed nothing, and is made again at once; what
 * the network brought comes again by itself. */
void world_starve(struct world *world, const char *name, size_t allowed);
/* None fails from now on. */
void world_feed_all(struct world *world);
/* How many failed. */
size_t world_starved(const struct world *world);

/* ---- What applications do; processes and resources by name ---- */

gdn_site *world_site(struct world *world, const char *node);
enum gdn_err world_request(struct world *world, const char *node, const char *home,
                           const char *process, const char *resource, uint8_t mode,
                           gdn_ticket *ticket);
/* The same in all that @p how says besides. */
enum gdn_err world_ask(struct world *world, const char *node, const char *home, const char *process,
                       const char *resource, struct gdn_request how, gdn_ticket *ticket);
enum gdn_err world_release_lock(struct world *world, const char *node, const char *process,
                                const char *resource);
enum gdn_err world_cancel(struct world *world, const char *node, gdn_ticket ticket);
enum gdn_err world_end(struct world *world, const char *node, const char *process);
enum gdn_err world_describe(struct world *world, const char *node, const char *process,
                            const struct gdn_process_info *info);
enum gdn_err world_send(struct world *world, const char *node, const char *to, const char *text);
enum gdn_err world_event(struct world *world, const char *node, struct gdn_event *event,
                         gdn_ticket *ticket);
/* Take one item; false when there is none. @p item may be NULL. */
bool world_take(struct world *world, const char *node, struct gdn_item *item);
/* Grant whatever may be granted on @p resource; how many. */
int world_grant(struct world *world, const char *node, const char *resource);
/* Be a lock manager until nothing is left: take everything, grant what can be granted. */
void world_manage(struct world *world, const char *node);
void world_manage_all(struct world *world);

/* ---- Rounds ---- */

/* The detector sends START for its next round to every node it knows; nothing is delivered. */
uint64_t world_start(struct world *world, const char *detector);
void world_collect(struct world *world, const char *detector, uint64_t round);
void world_abort(struct world *world, const char *detector, gdn_ticket ticket, const char *process);
/* Reports and failures that came for that round. */
size_t world_reports(struct world *world, const char *detector, uint64_t round);
const char *world_failure(struct world *world, const char *detector, uint64_t round);
/* What became of the last abort: an enum gdn__outcome, or 0. */
int world_outcome(struct world *world, const char *detector);
size_t world_suspicions(struct world *world, const char *detector);
/* The reports of that round, merged, checked (gdn_cut_check must give @p expected). Caller frees.
 */
gdn_cut *world_round_cut(struct world *world, const char *detector, uint64_t round,
                         enum gdn_err expected);
/* The cut in words, one line for each holder, entry, wait and message; sorted. Borrowed until the
 * next call. */
const char *world_describe_cut(struct world *world, const gdn_cut *cut);

/* The trace since it was last asked for; fails the test unless equal. */
void world_expect_trace(struct world *world, const char *expected);
void world_forget_trace(struct world *world);
/* Tell it to @p narrator instead; NULL: tell nothing. */
void world_narrate(struct world *world, FILE *narrator);
void world_say(struct world *world, const char *line);

#endif
