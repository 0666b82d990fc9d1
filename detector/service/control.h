/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Answers `gordian status` and `gordian waits`: one word in, one JSON document out, over a REP
 * socket of its own. "waits" is answered from the round that it asks for. */
#ifndef GDN_SERVICE_CONTROL_H
#define GDN_SERVICE_CONTROL_H

#include <gordian/detector.h>

struct control {
    void *context;
    void *socket;         /* NULL: not bound; then nobody can ask. */
    int descriptor;       /* Readable when somebody may have asked. */
    bool waits_asked;     /* A client waits for the next round. */
    int64_t answer_by_us; /* Then it is told that none came. */
    char endpoint[256];
    /* Of the last round, for "status". */
    bool has_round, complete;
    uint64_t round;
    int64_t latency_us, ended_us;
    char *missing; /* JSON array, as text. */
};

/* @p endpoint NULL: derived from @p bound. False: it cannot be bound, and one line on stderr said
 * why. */
bool control_open(struct control *control, const char *endpoint, const char *bound,
                  const char *wanted_bind);
void control_close(struct control *control);

/* Answer who has asked; a request for waits starts a round. */
void control_serve(struct control *control, gdn_detector *detector);

/* A round has its verdict: remember it, answer who waits for it. */
void control_round(struct control *control, gdn_detector *detector,
                   const struct gdn_detector_event *event);

#endif
