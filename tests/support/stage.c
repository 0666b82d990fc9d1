/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/support/stage.h"

#include "tests/support/ports.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define GLANCE_MS 10

int64_t stage_now_ms(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int stage_setup(void **state)
{
    /* The address sanitizer keeps what was freed, which would pass for a leak of the process. */
    (void)setenv("ASAN_OPTIONS", "quarantine_size_mb=4:thread_local_quarantine_size_kb=64", 0);
    struct stage *stage = calloc(1, sizeof *stage);
    if (stage == NULL) return -1;
    stage->proxy.pid = -1;
    stage->proxy.control = stage->proxy.done = -1;
    *state = stage;
    for (int i = 0; i < STAGE_DETECTORS; i++) {
        void *watched = NULL;
        int failed = watched_setup(&watched);
        stage->detectors[i] = watched;
        if (failed != 0) return failed;
    }
    return 0;
}

int stage_teardown(void **state)
{
    struct stage *stage = *state;
    for (int i = 0; i < STAGE_PUPPETS; i++) puppet_remove(&stage->puppets[i]);
    proxy_stop(&stage->proxy);
    for (int i = 0; i < STAGE_DETECTORS; i++) {
        void *watched = stage->detectors[i];
        if (watched != NULL) (void)watched_teardown(&watched);
    }
    free(stage);
    return 0;
}

char *stage_path(const struct stage *stage, const char *name, char path[PROGRAM_PATH_BYTES])
{
    return watched_path(stage->detectors[0], name, path);
}

/* ---- Nodes ---- */

static bool is_running(const struct watched *detector)
{
    return detector->endpoint[0] != '\0';
}

struct puppet *stage_puppet(struct stage *stage, int index, const char *words)
{
    char name[16], bind[64], err[PROGRAM_PATH_BYTES], all[PUPPET_LINE_BYTES];
    struct puppet *puppet = &stage->puppets[index];
    if (stage->ports[index] == 0) stage->ports[index] = port_free();
    (void)snprintf(name, sizeof name, "n%d", index + 1);
    (void)snprintf(bind, sizeof bind, "tcp://127.0.0.1:%d", stage->ports[index]);
    int length = snprintf(all, sizeof all, "%s", words);
    if (stage->gates[index] != 0) {
        length += snprintf(all + length, sizeof all - (size_t)length,
                           " advertise=tcp://127.0.0.1:%d", stage->gates[index]);
    }
    for (int i = 0; i < STAGE_DETECTORS; i++) {
        if (!is_running(stage->detectors[i])) continue;
        length += snprintf(all + length, sizeof all - (size_t)length, " detector=%s",
                           stage->detectors[i]->endpoint);
    }
    puppet_start(puppet, name, bind, stage_path(stage, name, err), all);
    return puppet;
}

void stage_puppets(struct stage *stage, int count, bool proxied, const char *words)
{
    if (proxied && stage->proxy.pid < 0) assert_true(proxy_start(&stage->proxy));
    for (int i = 0; i < count; i++) {
        stage->ports[i] = port_free();
        if (proxied) stage->gates[i] = proxy_open_gate(&stage->proxy, stage->ports[i]);
        assert_true(!proxied || stage->gates[i] > 0);
        (void)stage_puppet(stage, i, words);
    }
    for (int i = 0; i < count; i++) {
        for (int k = 0; k < i; k++) puppet_join(&stage->puppets[i], &stage->puppets[k]);
    }
}

void stage_make_ring(struct puppet *a, struct puppet *b)
{
    (void)puppet_ask(a, "lock T1 A %s", a->name);
    (void)puppet_await(a, "granted T1 A");
    (void)puppet_ask(b, "lock T2 B %s", b->name);
    (void)puppet_await(b, "granted T2 B");
    (void)puppet_ask(a, "lock T1 B %s", b->name);
    (void)puppet_ask(b, "lock T2 A %s", a->name);
}

/* ---- Detectors ---- */

struct watched *stage_detector(struct stage *stage, int index, const char *words)
{
    struct watched *detector = stage->detectors[index];
    char all[1024], again[WATCHED_ENDPOINT_MAX + 16] = "", events[PROGRAM_PATH_BYTES];
    (void)unlink(watched_path(detector, "events", events));
    if (is_running(detector)) {
        (void)snprintf(again, sizeof again, "--bind %s", detector->endpoint);
    }
    (void)snprintf(all, sizeof all, "--name d%d %s %s", index + 1, again, words);
    watched_start_with_events(detector, all);
    return detector;
}

void stage_kill_detector(struct stage *stage, int index)
{
    struct watched *detector = stage->detectors[index];
    assert_int_equal(program_end(detector->pid, SIGKILL, WATCHED_STOP_MS), 128 + SIGKILL);
    detector->pid = -1;
}

/* Its status, whatever its exit status says of deadlocks. Caller frees with json_decref(). */
static json_t *status_of(const struct watched *detector)
{
    struct watched_said said = watched_ask(detector, "status", "-o json");
    json_t *document = json_loads(said.out, JSON_REJECT_DUPLICATES, NULL);
    if (document == NULL) fail_msg("status %d: '%s' '%s'", said.status, said.out, said.err);
    watched_forget(&said);
    return document;
}

void stage_await_nodes(const struct watched *detector, size_t count)
{
    int64_t deadline_ms = stage_now_ms() + PUPPET_LONG_MS;
    for (;;) {
        json_t *status = status_of(detector);
        size_t now = json_array_size(json_object_get(status, "nodes"));
        json_decref(status);
        if (now == count) return;
        if (stage_now_ms() > deadline_ms) fail_msg("%zu nodes registered, not %zu", now, count);
        (void)poll(NULL, 0, GLANCE_MS);
    }
}

static uint64_t round_number(const json_t *round)
{
    const char *number = json_string_value(json_object_get(round, "number"));
    return number != NULL ? strtoull(number, NULL, 10) : 0;
}

json_t *stage_await_round(const struct watched *detector, bool complete)
{
    int64_t deadline_ms = stage_now_ms() + PUPPET_LONG_MS;
    uint64_t first = 0;
    for (bool has_first = false;; has_first = true) {
        json_t *status = status_of(detector);
        json_t *round = json_incref(json_object_get(status, "last_round"));
        uint64_t number = round_number(round);
        if (!has_first) first = number;
        bool is_complete = json_is_true(json_object_get(round, "complete"));
        json_decref(status);
        /* The round under way at the time of the call is none that began after it. */
        if (number > first + 1 && is_complete == complete) return round;
        json_decref(round);
        if (stage_now_ms() > deadline_ms) fail_msg("no %scomplete round", complete ? "" : "in");
        (void)poll(NULL, 0, GLANCE_MS);
    }
}

static char *text_of(const json_t *event, const char *key)
{
    const json_t *found = json_object_get(event, key);
    const char *string = json_string_value(found);
    return string != NULL ? strdup(string) : json_dumps(found, JSON_ENCODE_ANY);
}

size_t stage_events(const struct watched *detector, const char *kind, const char *key, char **value)
{
    char path[PROGRAM_PATH_BYTES];
    char *text = program_read_file(watched_path(detector, "events", path));
    char *rest = text;
    size_t count = 0;
    for (char *line = strsep(&rest, "\n"); line != NULL; line = strsep(&rest, "\n")) {
        json_t *event = json_loads(line, JSON_REJECT_DUPLICATES, NULL);
        const char *name = json_string_value(json_object_get(event, "event"));
        bool wanted = name != NULL && strcmp(name, kind) == 0;
        if (wanted) count++;
        if (wanted && key != NULL) {
            free(*value);
            *value = text_of(event, key);
        }
        json_decref(event);
    }
    free(text);
    return count;
}
