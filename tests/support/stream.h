/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The receiving end of a numbered stream: what should have come and did not, what came twice, and
 * what came out of order. */
#ifndef TESTS_STREAM_H
#define TESTS_STREAM_H

#include <stdbool.h>
#include <stdint.h>

#define STREAM_GAPS_MAX 256 /* Remembered; what falls into a forgotten one counts as repeated. */

struct stream {
    uint64_t expected; /* Number of the next. */
    uint64_t arrived;  /* In all, good or bad. */
    uint64_t lost;     /* Passed over, and not come since. */
    uint64_t repeated;
    uint64_t reordered; /* Came after a later one. */
    bool reopened;      /* The next number starts it anew. */
    struct {
        uint64_t first, count;
    } gaps[STREAM_GAPS_MAX];
    int gap_count;
};

/* All zero is a stream that begins with number 0. */

void stream_arrive(struct stream *stream, uint64_t number);

/* Its sender or its channel is a new one: it goes on at whatever number comes next. What was
 * counted stays counted. */
void stream_reopen(struct stream *stream);

#endif
