/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The inside of a world, shared by its files:
 *
 *     world.c        places, what their applications do
 *     world_memory.c what a place's memory is worth
 *     world_net.c    frames, links and the clock
 *     world_watch.c  detectors: bare meshes, and whole ones
 *     world_words.c  the trace, cuts in words */
#ifndef TESTS_SIM_WORLD_INSIDE_H
#define TESTS_SIM_WORLD_INSIDE_H

#include "src/core/mesh.h"
#include "tests/sim/world.h"
#include "tests/support/faulty.h"
#include <stdio.h>

#define ROUNDS_KEPT      64
#define TEXT_MAX         65536
#define WORLD_NAME_BYTES 136

struct frame {
    struct frame *next;
    size_t length;
    uint8_t bytes[];
};

struct queue {
    struct frame *first, **last;
    bool held;
};

struct answers {
    gdn_cut *cut;
    size_t reports;
    char failure[GDN_NAME_MAX + 1];
};

/* A node or a detector. */
struct place {
    bool used;
    char name[WORLD_NAME_BYTES];
    struct faulty memory;
    gdn_site *site;  /* A node ... */
    gdn__mesh *mesh; /* ... or a detector, or a mute node; borrowed if it has a watch. */
    bool detector;
    gdn__watch *watch;
    uint64_t incarnation;
    uint64_t rounds;
    struct answers answers[ROUNDS_KEPT];
    int outcome;
    size_t suspicions;
    int64_t deadline_us;
    char links[WORLD_PLACES_MAX][WORLD_NAME_BYTES]; /* Link number to the name of a place. */
};

struct world {
    size_t starved; /* Allocations that failed at places that are gone. */
    struct place places[WORLD_PLACES_MAX];
    struct queue queues[WORLD_PLACES_MAX][WORLD_PLACES_MAX];
    int64_t now_us;
    uint64_t incarnations;
    struct world_hooks hooks;
    FILE *narrator; /* Instead of the trace. */
    bool muted;     /* No trace at all. */
    char trace[TEXT_MAX];
    size_t trace_length;
    char words[TEXT_MAX];
    const char *names[256]; /* Process and resource names seen, for the trace. */
    size_t name_count;
    struct place *receiving; /* The detector whose callback runs. */
};

int world__find(const struct world *world, const char *name);
int world__index(const struct world *world, const char *name);
struct place *world__place(struct world *world, const char *name);
struct place *world__new_place(struct world *world, const char *name);
void world__clear_queue(struct queue *queue);

/* Send what the place has to send, and note its deadline. */
void world__flush(struct world *world, int at);
struct gdn__now world__now(const struct world *world);

/* One step of a site. If it fails for want of memory, nothing has changed, and it is made again. */
enum gdn_err world__step(struct place *place, const struct gdn_event *event,
                         struct gdn_actions *actions);

void world__tell(struct world *world, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void world__learn(struct world *world, const char *name);
void world__tell_frame(struct world *world, int from, int to, const struct frame *frame);
void world__tell_item(struct world *world, const char *node, const struct gdn_item *item);

#endif
