/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "detector/service/events.h"

#include "detector/cutfile/when.h"
#include "detector/service/text.h"
#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

bool events_open(struct events *events, const char *path)
{
    *events = (struct events){.path = path};
    if (path == NULL) return true;
    events->file = strcmp(path, "-") == 0 ? stdout : fopen(path, "ae");
    if (events->file != NULL) return true;
    (void)fprintf(stderr, "gordiand: --events %s: %s\n", path, strerror(errno));
    return false;
}

void events_close(struct events *events)
{
    if (events->file != NULL && events->file != stdout) (void)fclose(events->file);
    events->file = NULL;
}

void events_reopen(struct events *events)
{
    if (events->path == NULL || events->file == stdout) return;
    events_close(events);
    (void)events_open(events, events->path);
}

const char *events_name(enum gdn_detector_event_type type)
{
    static const char *const names[] = {[GDN_DETECTOR_DEADLOCK] = "deadlock",
                                        [GDN_DETECTOR_ABORT_ASKED] = "abort_asked",
                                        [GDN_DETECTOR_ABORTED] = "aborted",
                                        [GDN_DETECTOR_STALE] = "stale",
                                        [GDN_DETECTOR_REFUSED] = "refused",
                                        [GDN_DETECTOR_UNKNOWN] = "unknown",
                                        [GDN_DETECTOR_GONE] = "gone",
                                        [GDN_DETECTOR_ROUND_FAILED] = "round_failed",
                                        [GDN_DETECTOR_NODE_JOINED] = "node_joined",
                                        [GDN_DETECTOR_NODE_LOST] = "node_lost"};
    return type == GDN_DETECTOR_ROUND ? NULL : names[type];
}

/* Numbers that can pass 2^53 are strings. */
static json_t *number_text(uint64_t number)
{
    return json_sprintf("%" PRIu64, number);
}

static void set_id(json_t *line, gdn_id id)
{
    char text[GDN_ID_TEXT_BYTES];
    (void)json_object_set_new(line, "id", json_string(gdn_id_format(id, text)));
}

static json_t *names_of(const gdn_verdict *verdict, const uint32_t *processes, size_t count)
{
    char name[GDN_SHOWN_NAME_BYTES];
    json_t *names = json_array();
    for (size_t i = 0; i < count; i++) {
        (void)gdn_verdict_process_name(verdict, processes[i], name);
        (void)json_array_append_new(names, text_of(name));
    }
    return names;
}

static void set_deadlock(json_t *line, const struct gdn_detector_event *event)
{
    const struct gdn_deadlock *deadlock = &event->verdict->deadlocks[event->deadlock];
    (void)json_object_set_new(line, "members",
                              names_of(event->verdict, deadlock->members, deadlock->member_count));
    (void)json_object_set_new(line, "tail",
                              names_of(event->verdict, deadlock->tail, deadlock->tail_count));
    (void)json_object_set_new(line, "complete", json_boolean(event->verdict->complete));
    (void)json_object_set_new(line, "latency_us", json_integer(event->latency_us));
}

static void set_wait(json_t *line, const struct gdn_detector_event *event)
{
    (void)json_object_set_new(line, "process", text_of(event->process));
    (void)json_object_set_new(line, "node", text_of(event->node));
    (void)json_object_set_new(line, "incarnation", number_text(event->incarnation));
    (void)json_object_set_new(line, "ticket", number_text(event->ticket));
}

static void set_details(json_t *line, const struct gdn_detector_event *event)
{
    switch (event->type) {
    case GDN_DETECTOR_DEADLOCK:
        set_id(line, event->id);
        set_deadlock(line, event);
        break;
    case GDN_DETECTOR_ABORT_ASKED:
        set_id(line, event->id);
        set_wait(line, event);
        break;
    case GDN_DETECTOR_ABORTED:
    case GDN_DETECTOR_STALE:
    case GDN_DETECTOR_REFUSED:
    case GDN_DETECTOR_UNKNOWN:
        set_id(line, event->id);
        set_wait(line, event);
        (void)json_object_set_new(line, "after_us", json_integer(event->after_us));
        break;
    case GDN_DETECTOR_GONE:
        set_id(line, event->id);
        (void)json_object_set_new(line, "after_us", json_integer(event->after_us));
        break;
    case GDN_DETECTOR_ROUND_FAILED:
        (void)json_object_set_new(line, "why", text_of(event->why));
        break;
    case GDN_DETECTOR_NODE_JOINED:
    case GDN_DETECTOR_NODE_LOST:
        (void)json_object_set_new(line, "node", text_of(event->node));
        (void)json_object_set_new(line, "incarnation", number_text(event->incarnation));
        break;
    case GDN_DETECTOR_ROUND:
        break;
    }
    if (event->round.number != 0) {
        (void)json_object_set_new(line, "round", number_text(event->round.number));
    }
}

static bool write_line(struct events *events, const json_t *line)
{
    char *text = json_dumps(line, JSON_COMPACT);
    if (text == NULL) return false;
    bool written = fprintf(events->file, "%s\n", text) > 0 && fflush(events->file) == 0;
    free(text);
    return written;
}

void events_write(struct events *events, const struct gdn_detector_event *event)
{
    char when[GDN__WHEN_BYTES];
    struct timespec now;
    const char *name = events_name(event->type);
    if (name == NULL || events->path == NULL) return;
    if (events->file == NULL) events_reopen(events);
    if (events->file == NULL) return;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    json_t *line = json_object();
    (void)json_object_set_new(line, "format", json_string("gordian-event/1"));
    (void)json_object_set_new(
        line, "time",
        json_string(gdn__when_format((int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000, when)));
    (void)json_object_set_new(line, "event", json_string(name));
    set_details(line, event);
    bool written = write_line(events, line);
    json_decref(line);
    if (!written && !events->failing) {
        (void)fprintf(stderr, "gordiand: --events %s: cannot be written: %s\n", events->path,
                      strerror(errno));
    }
    events->failing = !written;
    clearerr(events->file);
}
