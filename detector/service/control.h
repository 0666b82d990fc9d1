/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Answers `gordian status`, `gordian waits` and `gordian cut` over a REP socket of its own
 * (docs/formats.md): a few words in; one JSON document out, or a cut as bytes. "waits" and "cut"
 * are answered from a round that began after they were asked. */
#ifndef GDN_SERVICE_CONTROL_H
#define GDN_SERVICE_CONTROL_H

#include <gordian/detector.h>

/* What a client waits for. */
enum control_pending { CONTROL_NOTHING, CONTROL_WAITS, CONTROL_CUT };

struct control {
    void *context;
    void *socket;   /* NULL: not bound; then nobody can ask. */
    int descriptor; /* Readable when somebody may have asked. */
    enum control_pending pending;
    int64_t asked_us;     /* UTC: a round that began earlier does not answer it. */
    int64_t answer_by_us; /* Monotonic: then it is told that no round came. */
    char endpoint[256];
    uint8_t *cut; /* Of the last round, encoded; NULL: none yet, or out of memory. */
    size_t cut_bytes;
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

/* Answer who has asked; a request for waits or a cut starts a round. */
void control_serve(struct control *control, gdn_detector *detector);

/* A round has its verdict: remember it, answer who waits for it. */
void control_round(struct control *control, gdn_detector *detector,
                   const struct gdn_detector_event *event);

#endif
