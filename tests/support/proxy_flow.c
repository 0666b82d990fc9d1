/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/support/proxy_flow.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define CHUNK_BYTES 16384

void flow_init(struct flow *flow, int from, int to)
{
    *flow = (struct flow){.from = from, .to = to, .cut_at_passed = UINT64_MAX};
}

static void drop_first(struct flow *flow)
{
    struct chunk *first = flow->first;
    flow->held -= first->length - first->at;
    flow->first = first->next;
    if (flow->first == NULL) flow->last = NULL;
    free(first);
}

void flow_fini(struct flow *flow)
{
    while (flow->first != NULL) drop_first(flow);
}

bool flow_wants_to_read(const struct flow *flow)
{
    if (flow->ended) return false;
    return flow->swallowing || (!flow->stalled && flow->held < FLOW_HELD_MAX);
}

static int64_t write_time(const struct flow *flow)
{
    int64_t due_us = flow->first->due_us;
    if (flow->bytes_per_ms > 0 && flow->allowed_at_us > due_us) due_us = flow->allowed_at_us;
    return due_us;
}

static bool may_write(const struct flow *flow)
{
    return flow->first != NULL && !flow->stalled && !flow->swallowing && !flow_is_cut(flow);
}

bool flow_wants_to_write(const struct flow *flow, int64_t now_us)
{
    return may_write(flow) && write_time(flow) <= now_us;
}

int64_t flow_deadline(const struct flow *flow)
{
    if (flow_is_cut(flow)) return 0;
    return may_write(flow) && !flow->blocked ? write_time(flow) : INT64_MAX;
}

static bool keep(struct flow *flow, const uint8_t *bytes, size_t length, int64_t due_us)
{
    struct chunk *chunk = malloc(sizeof *chunk + length);
    if (chunk == NULL) return false;
    *chunk = (struct chunk){.due_us = due_us, .length = length};
    memcpy(chunk->bytes, bytes, length);
    if (flow->last != NULL)
        flow->last->next = chunk;
    else
        flow->first = chunk;
    flow->last = chunk;
    flow->held += length;
    return true;
}

bool flow_read(struct flow *flow, int64_t now_us)
{
    uint8_t bytes[CHUNK_BYTES];
    ssize_t got = recv(flow->from, bytes, sizeof bytes, MSG_DONTWAIT);
    if (got < 0) return errno == EAGAIN || errno == EINTR;
    if (got == 0) flow->ended = true;
    if (got == 0 || flow->swallowing) return true;
    return keep(flow, bytes, (size_t)got, now_us + flow->late_us);
}

static size_t allowed_bytes(const struct flow *flow)
{
    const struct chunk *chunk = flow->first;
    uint64_t allowed = chunk->length - chunk->at;
    uint64_t to_cut = flow->cut_at_passed - flow->passed;
    if (allowed > to_cut) allowed = to_cut;
    if (flow->bytes_per_ms > 0 && allowed > flow->bytes_per_ms) allowed = flow->bytes_per_ms;
    return (size_t)allowed;
}

static void note_passed(struct flow *flow, size_t length, int64_t now_us)
{
    flow->passed += length;
    flow->first->at += length;
    flow->held -= length;
    if (flow->first->at == flow->first->length) drop_first(flow);
    if (flow->bytes_per_ms == 0) return;
    flow->allowed_at_us = now_us + (int64_t)length * 1000 / flow->bytes_per_ms;
}

bool flow_write(struct flow *flow, int64_t now_us)
{
    flow->blocked = false;
    while (flow_wants_to_write(flow, now_us)) {
        size_t length = allowed_bytes(flow);
        ssize_t put = send(flow->to, flow->first->bytes + flow->first->at, length,
                           MSG_DONTWAIT | MSG_NOSIGNAL);
        if (put < 0) {
            flow->blocked = errno == EAGAIN;
            return errno == EAGAIN || errno == EINTR;
        }
        note_passed(flow, (size_t)put, now_us);
    }
    return true;
}

bool flow_is_cut(const struct flow *flow)
{
    return flow->passed >= flow->cut_at_passed;
}

bool flow_is_over(const struct flow *flow)
{
    return flow->ended && flow->first == NULL;
}
