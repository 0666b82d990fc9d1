/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One gordiand in a private directory, the questions to it, and a node in this process that it
 * watches. All failures fail the test. */
#ifndef TESTS_WATCHED_H
#define TESTS_WATCHED_H

#include "tests/support/program.h"
#include <gordian/node.h>
#include <jansson.h>

#define WATCHED_START_MS     20000
#define WATCHED_STOP_MS      20000
#define WATCHED_ENDPOINT_MAX 256

struct watched {
    char directory[64];
    pid_t pid;          /* Of gordiand; -1: none runs. */
    const char *report; /* Absolute path: where its stdout goes; NULL: the file service.out. */
    char endpoint[WATCHED_ENDPOINT_MAX], control[WATCHED_ENDPOINT_MAX];
    gdn_node *node; /* Registered with it; NULL: none. */
};

/* A cmocka setup and teardown: *state is a struct watched. */
int watched_setup(void **state);
int watched_teardown(void **state);

/* The path of a file in its directory (an absolute one stays what it is). Returns @p path. */
char *watched_path(const struct watched *watched, const char *name, char path[PROGRAM_PATH_BYTES]);

/* What a program that ended has said. */
struct watched_said {
    int status;
    char *out, *err;
};

/* Let a built program run to its end. @p words: arguments separated by blanks. Caller frees with
 * watched_forget(). */
struct watched_said watched_run(const struct watched *watched, const char *program,
                                const char *words);
void watched_forget(struct watched_said *said);

/* It ends with that status, says nothing on stdout, and on stderr one line that holds @p why. */
void watched_expect_refused(const struct watched *watched, const char *program, const char *words,
                            int status, const char *why);

/* Start gordiand on a free port with more options, and wait until it listens. */
void watched_start(struct watched *watched, const char *words);
/* The same, with its events in the file events. */
void watched_start_with_events(struct watched *watched, const char *more);
/* SIGTERM: it ends with status 0. */
void watched_end(struct watched *watched);

/* Wait until an event of that kind stands in the file events. */
void watched_await_event(const struct watched *watched, const char *event);

/* `gordian status` or `gordian waits` of it. */
struct watched_said watched_ask(const struct watched *watched, const char *command,
                                const char *more);
/* As JSON. Caller frees with json_decref(). */
json_t *watched_ask_json(const struct watched *watched, const char *command, int status);

void watched_open_node(struct watched *watched, const char *name);
void watched_close_node(struct watched *watched);

/* T1 and T2 hold A and B; then T1 waits for B, and after it T2 for A. */
void watched_make_ring(gdn_node *node);

/* P is a pool of 3 units: T1 has 2, and T2 waits for 2. */
void watched_make_pool(gdn_node *node);

#endif
