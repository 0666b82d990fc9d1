/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "detector/service/events.h"

#include "detector/cutfile/when.h"
#include "detector/render/textbuf.h"
#include "detector/service/text.h"
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static bool is_standard_output(const char *path)
{
    return strcmp(path, "-") == 0;
}

/* A file that is there, or a new one. False with errno. */
static bool open_file(struct events *events)
{
    events->fd = is_standard_output(events->path)
                     ? STDOUT_FILENO
                     : open(events->path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
    return events->fd >= 0;
}

static void complain(const struct events *events, const char *what)
{
    (void)fprintf(stderr, "gordiand: --events %s: %s\n", events->path, what);
}

bool events_open(struct events *events, const char *path)
{
    *events = (struct events){.path = path, .fd = -1};
    if (path == NULL || open_file(events)) return true;
    complain(events, strerror(errno));
    return false;
}

void events_close(struct events *events)
{
    if (events->fd >= 0 && events->fd != STDOUT_FILENO) (void)close(events->fd);
    events->fd = -1;
}

/* If that fails, the next event tries again, and says so. */
void events_reopen(struct events *events)
{
    if (events->path == NULL) return;
    events_close(events);
    (void)open_file(events);
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

static int append(const char *bytes, size_t length, void *text)
{
    gdn__textbuf_add_bytes(text, bytes, length);
    return 0;
}

static bool write_line(const struct events *events, const json_t *line)
{
    struct gdn__textbuf text = {0};
    (void)json_dump_callback(line, append, &text, JSON_COMPACT);
    gdn__textbuf_add_char(&text, '\n');
    errno = ENOMEM;
    bool written = !text.failed && output_write(events->fd, text.text, text.length);
    int failure = errno;
    gdn__textbuf_fini(&text);
    errno = failure;
    return written;
}

static json_t *line_of(const char *name, const struct gdn_detector_event *event)
{
    char when[GDN__WHEN_BYTES];
    struct timespec now;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    json_t *line = json_object();
    (void)json_object_set_new(line, "format", json_string("gordian-event/1"));
    (void)json_object_set_new(
        line, "time",
        json_string(gdn__when_format((int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000, when)));
    (void)json_object_set_new(line, "event", json_string(name));
    set_details(line, event);
    return line;
}

void events_write(struct events *events, const struct gdn_detector_event *event)
{
    const char *name = events_name(event->type);
    if (name == NULL || events->path == NULL) return;
    json_t *line = line_of(name, event);
    bool written = (events->fd >= 0 || open_file(events)) && write_line(events, line);
    int failure = errno;
    json_decref(line);
    if (!spell_begins(&events->spell, written)) return;
    char what[128];
    (void)snprintf(what, sizeof what, "cannot be written: %s", strerror(failure));
    complain(events, what);
}
