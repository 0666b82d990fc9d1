/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/support/stream.h"

#include <string.h>

static void remove_gap(struct stream *stream, int gap)
{
    stream->gap_count--;
    memmove(&stream->gaps[gap], &stream->gaps[gap + 1],
            (size_t)(stream->gap_count - gap) * sizeof stream->gaps[0]);
}

static void add_gap(struct stream *stream, uint64_t first, uint64_t count)
{
    if (count == 0) return;
    if (stream->gap_count == STREAM_GAPS_MAX) remove_gap(stream, 0);
    stream->gaps[stream->gap_count].first = first;
    stream->gaps[stream->gap_count++].count = count;
}

/* It was missing: fill its place. False: it had come before. */
static bool fill_gap(struct stream *stream, uint64_t number)
{
    for (int i = 0; i < stream->gap_count; i++) {
        uint64_t first = stream->gaps[i].first, count = stream->gaps[i].count;
        if (number < first || number - first >= count) continue;
        remove_gap(stream, i);
        add_gap(stream, first, number - first);
        add_gap(stream, number + 1, count - (number - first) - 1);
        return true;
    }
    return false;
}

void stream_arrive(struct stream *stream, uint64_t number)
{
    stream->arrived++;
    if (stream->reopened) {
        stream->reopened = false;
        stream->expected = number;
        stream->gap_count = 0;
    }
    if (number >= stream->expected) {
        stream->lost += number - stream->expected;
        add_gap(stream, stream->expected, number - stream->expected);
        stream->expected = number + 1;
    } else if (fill_gap(stream, number)) {
        stream->lost--;
        stream->reordered++;
    } else {
        stream->repeated++;
    }
}

void stream_reopen(struct stream *stream)
{
    stream->reopened = true;
}
