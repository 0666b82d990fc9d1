/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Node processes on strings: started, told what to do, listened to, stopped, killed (see puppet.c
 * for what they understand). All failures fail the test, with what the process has said. */
#ifndef TESTS_PUPPETS_H
#define TESTS_PUPPETS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define PUPPET_LINE_BYTES 1024
#define PUPPET_NEWS_MAX   4096
#define PUPPET_LONG_MS    30000 /* A deadline that only a broken program meets. */

struct puppet_news {
    char *line;
    bool heard; /* By puppet_await(). */
};

struct puppet {
    pid_t pid; /* 0: does not run. */
    int string;
    bool stopped;
    char name[16];
    char endpoint[128]; /* What it advertises. */
    uint64_t incarnation;
    char answer[PUPPET_LINE_BYTES];
    struct puppet_news news[PUPPET_NEWS_MAX];
    int news_count;
};

/* Start one; its stderr goes to the end of the file @p err. @p words: its options, separated by
 * blanks. What an earlier process of this puppet said is forgotten. */
void puppet_start(struct puppet *puppet, const char *name, const char *bind, const char *err,
                  const char *words);

/* Tell it, and return its answer after "ok "; borrowed until the next call. */
const char *puppet_ask(struct puppet *puppet, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* The number behind "KEY=" in its answer to @p question. */
uint64_t puppet_number(struct puppet *puppet, const char *question, const char *key);

/* Ask until that number is what is wanted. */
void puppet_await_number(struct puppet *puppet, const char *question, const char *key,
                         uint64_t wanted);

/* Wait for news that begin with these words. Returns the line; each is found once. */
const char *puppet_await(struct puppet *puppet, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* News that begin with these words have come already, and were not awaited. */
bool puppet_has_said(struct puppet *puppet, const char *words);

/* Each dials the other, and both can send. */
void puppet_join(struct puppet *puppet, struct puppet *other);

void puppet_signal(struct puppet *puppet, int signal); /* SIGSTOP, SIGCONT */
void puppet_kill(struct puppet *puppet);               /* SIGKILL, and it is gone. */
void puppet_quit(struct puppet *puppet);               /* It closes its node and ends with 0. */

/* For teardown: whatever state it is in, also none. */
void puppet_remove(struct puppet *puppet);

#endif
