/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A scenario as text, one step on each line:
 *
 *     # a comment
 *     resource acct/17 home n1              before its first use; else its name's hash decides
 *     n1 T1 begin "transfer 17-42"          then any of: work 7 | priority 2 | unabortable
 *     n1 T1 lock acct/42 exclusive          asks and goes on at once; exclusive is the default
 *     n1 T1 release acct/42                 early
 *     n1 T1 cancel                          gives up what it waits for
 *     n1 T1 commit                          or rollback: all its locks go
 *     await T1 granted                      blocked, granted, aborted, cancelled or refused
 *     await event deadlock 2                that many such events of gordiand, in all (default 1)
 *     await rounds 3                        that many more rounds reported by every node
 *     pause n2                              its application takes nothing any more ...
 *     resume n2                             ... and goes on
 *     serve acct/42                         its home grants what it can, even while paused
 *     fill n1 n2 1000                       payloads of 1000 bytes until the window is full
 *     detector                              start gordiand now (lockd --late-detector)
 *     say "some words"                      for the reader
 *
 * A script is checked as a whole before its first step runs. */
#ifndef DEMOS_LOCKD_SCRIPT_H
#define DEMOS_LOCKD_SCRIPT_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#define SCRIPT_STEPS_MAX        1000
#define SCRIPT_TRANSACTIONS_MAX 128
#define SCRIPT_HOMES_MAX        128
#define SCRIPT_NODES_MAX        32
#define SCRIPT_NAME_BYTES       64

enum step_verb {
    STEP_BEGIN,
    STEP_LOCK,
    STEP_RELEASE,
    STEP_CANCEL,
    STEP_END,
    STEP_AWAIT_STATE,
    STEP_AWAIT_EVENT,
    STEP_AWAIT_ROUNDS,
    STEP_PAUSE,
    STEP_RESUME,
    STEP_SERVE,
    STEP_FILL,
    STEP_DETECTOR,
    STEP_SAY
};

/** How a transaction stands. */
enum transaction_state {
    TRANSACTION_IDLE,
    TRANSACTION_WAITING, /* Asked for a lock. */
    TRANSACTION_BLOCKED, /* Only awaited: its request stands in the queue. */
    TRANSACTION_GRANTED,
    TRANSACTION_ABORTED,
    TRANSACTION_CANCELLED,
    TRANSACTION_REFUSED,
    TRANSACTION_ENDED
};

extern const char *const transaction_state_names[];

struct step {
    enum step_verb verb;
    int line;
    int node;        /* Who does it; the resource's home for STEP_SERVE. */
    int other;       /* LOCK: the home. FILL: the peer. */
    int transaction; /* Index in transactions[]. */
    bool shared;     /* LOCK. */
    bool commits;    /* END. */
    bool abortable;  /* BEGIN. */
    enum transaction_state state;
    long number;                      /* Events, rounds, bytes; BEGIN: work. */
    long priority;                    /* BEGIN. */
    char name[SCRIPT_NAME_BYTES];     /* Resource or event. */
    char text[4 * SCRIPT_NAME_BYTES]; /* Label; what to say. */
};

struct script {
    const char *file; /* Borrowed: for messages. */
    int node_count;   /* The highest node named. */
    int step_count, transaction_count, home_count;
    struct step steps[SCRIPT_STEPS_MAX];
    struct {
        char name[SCRIPT_NAME_BYTES];
        int node;
        bool open;
    } transactions[SCRIPT_TRANSACTIONS_MAX];
    struct {
        char name[SCRIPT_NAME_BYTES];
        int node;
    } homes[SCRIPT_HOMES_MAX];
};

/* Read and check all of @p in. On failure prints one line, "FILE:LINE: what", on stderr.
 * @p nodes_min: the cluster is at least so large. */
bool script_read(struct script *script, FILE *in, const char *file, int nodes_min);

#endif
