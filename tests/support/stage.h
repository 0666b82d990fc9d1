/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Where a system test with faults plays: puppets, up to two detectors, a proxy if wanted, and a
 * directory. Whatever happens, the teardown ends and removes it all. */
#ifndef TESTS_STAGE_H
#define TESTS_STAGE_H

#include "tests/support/proxy.h"
#include "tests/support/puppets.h"
#include "tests/support/watched.h"

#define STAGE_PUPPETS   6
#define STAGE_DETECTORS 2

struct stage {
    struct puppet puppets[STAGE_PUPPETS];
    int ports[STAGE_PUPPETS]; /* What a puppet binds: the same at each start. */
    int gates[STAGE_PUPPETS]; /* Ports of the proxy's gates; 0: none. */
    struct watched *detectors[STAGE_DETECTORS];
    struct proxy proxy;
};

/* A cmocka setup and teardown: *state is a struct stage. */
int stage_setup(void **state);
int stage_teardown(void **state);

/* Start node n<index + 1>, for the first time or anew, at its port. @p words: more options. */
struct puppet *stage_puppet(struct stage *stage, int index, const char *words);

/* The same for @p count of them, behind gates of the proxy if @p proxied, each joined with each. */
void stage_puppets(struct stage *stage, int count, bool proxied, const char *words);

/* Start detector @p index with more options; its events go to the file events, which is empty then.
 * Started again, it has the same endpoint. */
struct watched *stage_detector(struct stage *stage, int index, const char *words);

/* Its pid is killed. */
void stage_kill_detector(struct stage *stage, int index);

/* Wait until `gordian status` of it says that so many nodes are registered. */
void stage_await_nodes(const struct watched *detector, size_t count);

/* Wait until it has finished a round after this call that is complete, or not. Returns what it
 * says of it. Caller frees with json_decref(). */
json_t *stage_await_round(const struct watched *detector, bool complete);

/* A ring across nodes @p a and @p b: T1 of a holds A (home a) and waits for B, T2 of b holds B
 * (home b) and waits for A. */
void stage_make_ring(struct puppet *a, struct puppet *b);

/* How many events of that kind the detector has written, and the value of @p key in the last of
 * them as text (NULL: not wanted; else *value is NULL before; free with free()). */
size_t stage_events(const struct watched *detector, const char *kind, const char *key,
                    char **value);

/* The path of a file in the stage's directory. */
char *stage_path(const struct stage *stage, const char *name, char path[PROGRAM_PATH_BYTES]);

int64_t stage_now_ms(void);

#endif
