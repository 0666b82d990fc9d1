/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The event stream: one gordian-event/1 object a line, for machines. */
#ifndef GDN_SERVICE_EVENTS_H
#define GDN_SERVICE_EVENTS_H

#include <gordian/detector.h>

#include "detector/service/output.h"

struct events {
    const char *path;   /* NULL: nobody wants them. "-": standard output. */
    int fd;             /* -1: not open. */
    struct spell spell; /* Of lines that could not be written. */
};

/* False: it cannot be opened, and one line on stderr said why. */
bool events_open(struct events *events, const char *path);
void events_close(struct events *events);
/* After the file was moved away: write to a new one. */
void events_reopen(struct events *events);

/* Rounds are written only by what they found, so one without news writes nothing. A line that
 * cannot be written whole is not written, which is said once on stderr, and the next one is tried.
 */
void events_write(struct events *events, const struct gdn_detector_event *event);

/* "deadlock", "abort_asked", …; NULL for a round. */
const char *events_name(enum gdn_detector_event_type type);

#endif
