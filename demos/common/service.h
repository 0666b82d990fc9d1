/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Runs gordiand, the detector service, beside a demo. */
#ifndef DEMOS_SERVICE_H
#define DEMOS_SERVICE_H

#include <stdbool.h>
#include <sys/types.h>

struct service_options {
    const char *bind; /* NULL: a free port of the loopback. */
    int period_ms, deadline_ms;
    const char *resolve;   /* A policy; NULL: none. */
    const char *keep_cuts; /* A directory, or NULL. */
    const char *events;    /* A file, or NULL. */
    const char *report;    /* A file for its verdicts; NULL: our own stdout. */
    int expect_count;      /* It expects n1 to n<expect_count>. */
};

struct service {
    pid_t pid;
    int talk; /* Its stderr. */
    char endpoint[128];
};

/* Start it and wait until it listens. On failure says why on stderr; nothing runs. */
bool service_start(struct service *service, const struct service_options *options);

/* Pass on what it has to say; call when @c talk can be read. */
void service_talk(struct service *service);

/* SIGTERM, and its exit status: 0 when all is well. Harmless when it does not run. */
int service_stop(struct service *service);

#endif
