/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A whole detector with two nodes, which report whatever they like. The bytes are steps; the lowest
 * three bits of the first say what (enum step), the next says which node:
 *
 *     REPORT       length (two bytes, low first), a cut for the round under way, its checksum right
 *     AGAIN        the node's last report once more, for that round
 *     NUMBERED     one to four records: type, length, body
 *     UNNUMBERED   one record: type, length, body
 *     RAW          length; a frame as it stands
 *     PASS         tenths of a second
 *     SUSPECT      somebody wants a round
 *     ANSWER       the node acknowledges, or greets again */
#include "detector/rounds/watch.h"
#include "src/core/mem.h"
#include "tests/fuzz/judged.h"
#include "tests/fuzz/peers.h"
#include "tests/fuzz/targets.h"
#include <string.h>

enum step { REPORT, AGAIN, NUMBERED, UNNUMBERED, RAW, PASS, SUSPECT, ANSWER };

#define SELF       UINT64_C(0xd1)
#define STEPS_MAX  100
#define REPORT_MAX 4096

struct detector {
    gdn__watch *watch;
    struct gdn__now now;
    struct fuzz_peers peers;
    gdn_round_id round; /* Of the last START. */
    struct {
        uint8_t bytes[REPORT_MAX];
        size_t length;
    } last[2];
};

/* ---- What it tells and sends ---- */

static void on_told(void *context, const struct gdn_detector_event *event)
{
    (void)context;
    bool judged = event->type == GDN_DETECTOR_ROUND || event->type == GDN_DETECTOR_DEADLOCK;
    FUZZ_MUST(!judged || event->verdict != NULL);
    if (event->type != GDN_DETECTOR_DEADLOCK) return;
    FUZZ_MUST(event->deadlock < event->verdict->deadlock_count);
}

static void on_said(void *context, const char *line)
{
    (void)context;
    FUZZ_MUST(strchr(line, '\n') == NULL);
}

static void note_record(void *context, const struct gdn__record *record)
{
    struct detector *d = context;
    if (record->type == GDN__START) FUZZ_MUST(gdn__get_round_id(record, &d->round));
}

static void settle(struct detector *d)
{
    const struct gdn__packed *frames;
    const uint8_t *bytes;
    const char *endpoint;
    uint32_t link;
    gdn__mesh *mesh = gdn__watch_mesh(d->watch);
    while (gdn__mesh_take_dial(mesh, &link, &endpoint)) continue;
    size_t count = gdn__mesh_pack(mesh, d->now.monotonic_us, &frames, &bytes);
    for (size_t i = 0; i < count; i++) {
        fuzz_sent(&d->peers, bytes + frames[i].at, frames[i].length, note_record, d);
    }
}

static void receive(void *context, const struct fuzz_peer *from, const uint8_t *bytes,
                    size_t length)
{
    struct detector *d = context;
    enum gdn_err err = gdn__watch_receive(d->watch, bytes, length, from->name, d->now);
    FUZZ_MUST(err != GDN_ERR_MISUSE && err != GDN_ERR_MEMORY);
}

/* ---- Steps ---- */

static void send_report(struct detector *d, size_t node)
{
    struct gdn__buffer body = fuzz_buffer();
    gdn__put_report(&body, d->round, d->last[node].bytes, d->last[node].length);
    fuzz_send_body(&d->peers, node, GDN__REPORT, body.bytes, body.length);
    gdn__buffer_fini(&body);
}

static void read_report(struct detector *d, size_t node)
{
    size_t length = fuzz_byte(&d->peers.in);
    length |= (size_t)fuzz_byte(&d->peers.in) << 8;
    const uint8_t *bytes = fuzz_bytes(&d->peers.in, &length);
    if (length > REPORT_MAX) length = REPORT_MAX;
    if (length > 0) memcpy(d->last[node].bytes, bytes, length);
    d->last[node].length = length;
    fuzz_put_checksum_right(d->last[node].bytes, length);
}

static void one_step(struct detector *d)
{
    static const enum gdn__record_type types[] = {GDN__SUSPECT, GDN__ABORTED, GDN__FAILED,
                                                  GDN__REPORT,  GDN__OPEN,    GDN__LOCK};
    uint8_t what = fuzz_byte(&d->peers.in);
    size_t node = what >> 3 & 1, count = (size_t)(what >> 4);
    switch ((enum step)(what & 7)) {
    case REPORT:
        read_report(d, node);
        send_report(d, node);
        break;
    case AGAIN:
        send_report(d, node);
        break;
    case NUMBERED:
        fuzz_send_numbered(&d->peers, node, 1 + count % 4, types, 6);
        break;
    case UNNUMBERED:
        fuzz_send_unnumbered(&d->peers, node);
        break;
    case RAW:
        fuzz_send_raw(&d->peers, node);
        break;
    case PASS:
        d->now.monotonic_us += 100000 * (int64_t)fuzz_byte(&d->peers.in);
        gdn__watch_passed(d->watch, d->now);
        break;
    case SUSPECT:
        gdn__watch_suspect(d->watch, d->now);
        break;
    case ANSWER:
        if (count % 2 != 0) fuzz_greet(&d->peers, node);
        if (count % 2 == 0) fuzz_acknowledge(&d->peers, node);
        break;
    }
    settle(d);
}

void fuzz_detector(const uint8_t *bytes, size_t length)
{
    static const char *const expect[] = {"n1", "n2"};
    struct fuzz_peer list[] = {
        {.name = "n1", .endpoint = "inproc://n1", .incarnation = 0xa1, .role = GDN__ROLE_NODE},
        {.name = "n2", .endpoint = "inproc://n2", .incarnation = 0xb2, .role = GDN__ROLE_NODE}};
    struct detector d = {.now = {1, 1}};
    struct gdn__watch_options options = {.name = "d",
                                         .endpoint = "inproc://d",
                                         .incarnation = SELF,
                                         .deadline_us = 1000000,
                                         .expect = expect,
                                         .expect_count = 2,
                                         .policy = GDN_POLICY_YOUNGEST,
                                         .allocator = gdn__allocator_or_default(NULL),
                                         .tell = on_told,
                                         .say = on_said,
                                         .context = &d};
    d.watch = gdn__watch_new(&options, d.now);
    FUZZ_MUST(d.watch != NULL);
    d.peers = (struct fuzz_peers){list, 2, SELF, {bytes, length}, receive, &d};
    for (size_t node = 0; node < 2; node++) {
        fuzz_greet(&d.peers, node);
        settle(&d);
        fuzz_open(&d.peers, node);
        settle(&d);
    }
    FUZZ_MUST(gdn__watch_node_count(d.watch) == 2);
    for (size_t i = 0; i < STEPS_MAX && d.peers.in.left > 0; i++) one_step(&d);
    gdn__watch_free(d.watch);
}
