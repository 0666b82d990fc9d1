/* SPDX-License-Identifier: MIT */
/* A real site, and what it needs from its host: links to places, and where frames go. */
#ifndef TESTS_EXPLORE_HOST_H
#define TESTS_EXPLORE_HOST_H

#include "tests/explore/layout.h"
#include <gordian/site.h>

/* Places: nodes by number ("A", "B"), then initiators ("D1", "D2"). Their names are their
 * endpoints. */
#define PLACE_INITIATOR LAYOUT_NODES_MAX
#define PLACES_MAX      (LAYOUT_NODES_MAX + LAYOUT_INITIATORS_MAX)

const char *place_name(int place);
int place_named(const char *name); /* -1: there is none. */
uint64_t place_incarnation(int place);

struct host {
    gdn_site *site;
    int links[PLACES_MAX + 1]; /* The place at the other end, by link number. */
    size_t items_waiting;
    int64_t deadline_us;
    /* A frame leaves. */
    void (*sent)(void *context, int to, const uint8_t *bytes, size_t length);
    void *context;
};

/* @p sent may be NULL: nothing is told of frames. Failures to make a site end the program. */
void host_open(struct host *host, int place);
void host_close(struct host *host);

/* One event, then everything that leaves. @p item: GDN_EVENT_ITEM_TAKEN; else NULL. */
enum gdn_err host_step(struct host *host, const struct gdn_event *event, struct gdn_item *item);
enum gdn_err host_receive(struct host *host, const uint8_t *bytes, size_t length, int64_t now_us);
enum gdn_err host_dial(struct host *host, int place, int64_t now_us);
enum gdn_err host_pass(struct host *host, int64_t now_us);
enum gdn_err host_take(struct host *host, int64_t now_us, struct gdn_item *item);

#endif
