/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Follows the event file that gordiand writes (gordian-event/1, one JSON object on each line). */
#ifndef DEMOS_EVENTS_H
#define DEMOS_EVENTS_H

#include <stdbool.h>
#include <stdio.h>

#define EVENTS_KINDS 16

struct events {
    const char *path;
    FILE *file; /* NULL until it exists. */
    int kind_count;
    struct {
        char name[24];
        unsigned long seen;
    } kinds[EVENTS_KINDS];
};

/* Borrows @p path until events_close(). */
void events_open(struct events *events, const char *path);
void events_close(struct events *events);

/* Read what was added. False when a whole line is not an event. */
bool events_read(struct events *events);

/* How many of that kind were read: "deadlock", "aborted", "stale", … */
unsigned long events_seen(const struct events *events, const char *kind);

#endif
