/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "demos/common/events.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

void events_open(struct events *events, const char *path)
{
    *events = (struct events){.path = path};
}

void events_close(struct events *events)
{
    if (events->file != NULL) (void)fclose(events->file);
    events->file = NULL;
}

static bool count_kind(struct events *events, const char *kind)
{
    for (int i = 0; i < events->kind_count; i++) {
        if (strcmp(events->kinds[i].name, kind) != 0) continue;
        events->kinds[i].seen++;
        return true;
    }
    if (events->kind_count == EVENTS_KINDS) return false;
    if (strlen(kind) >= sizeof events->kinds[0].name) return false;
    (void)strcpy(events->kinds[events->kind_count].name, kind);
    events->kinds[events->kind_count++].seen = 1;
    return true;
}

static bool count_line(struct events *events, const char *line)
{
    json_t *event = json_loads(line, JSON_REJECT_DUPLICATES, NULL);
    const char *format = json_string_value(json_object_get(event, "format"));
    const char *kind = json_string_value(json_object_get(event, "event"));
    bool valid = format != NULL && strcmp(format, "gordian-event/1") == 0 && kind != NULL &&
                 count_kind(events, kind);
    json_decref(event);
    return valid;
}

bool events_read(struct events *events)
{
    char *line = NULL;
    size_t bytes = 0;
    bool valid = true;
    if (events->file == NULL) events->file = fopen(events->path, "re");
    if (events->file == NULL) return true; /* Nobody has written yet. */
    clearerr(events->file);
    for (;;) {
        long begin = ftell(events->file);
        ssize_t length = getline(&line, &bytes, events->file);
        if (length <= 0) break;
        if (line[length - 1] != '\n') { /* Half written: once more, later. */
            (void)fseek(events->file, begin, SEEK_SET);
            break;
        }
        valid = count_line(events, line) && valid;
    }
    free(line);
    return valid;
}

unsigned long events_seen(const struct events *events, const char *kind)
{
    for (int i = 0; i < events->kind_count; i++) {
        if (strcmp(events->kinds[i].name, kind) == 0) return events->kinds[i].seen;
    }
    return 0;
}
