/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A site that has a node and a detector for peers, and what comes in from outside and above. The
 * bytes are steps; the lowest three bits of the first say what (enum step), the next says which
 * peer (0 the node, 1 the detector), the rest how many:
 *
 *     NUMBERED, MORE   1 to 4 records, each: type, length, body; header and numbers are right
 *     UNNUMBERED       one record: type, length, body
 *     RAW              length; a frame as it stands
 *     TAKE             so many items
 *     PASS             quarters of a hundred milliseconds
 *     VERB             which, process, resource, and one more
 *     ANSWER           the peer acknowledges and has taken what it was sent, or greets again */
#include "tests/fuzz/peers.h"
#include "tests/fuzz/targets.h"
#include <gordian/node.h>
#include <gordian/verdict.h>
#include <string.h>

enum step { NUMBERED, MORE, UNNUMBERED, RAW, TAKE, PASS, VERB, ANSWER };

#define SELF          UINT64_C(0xb2)
#define NODE          UINT64_C(0xa1)
#define STEPS_MAX     200 /* One input is not to last longer than a few milliseconds. */
#define DETECTOR_NAME "dddddddddddddddddddddddddddddddd" /* The id of the vectors. */

struct site {
    gdn_site *site;
    struct gdn_actions actions;
    int64_t now_us;
    struct fuzz_peers peers;
};

/* ---- What the site sends ---- */

/* A report is a cut that can be read again and judged. */
static void check_record(void *context, const struct gdn__record *record)
{
    char why[256];
    gdn_round_id round;
    const uint8_t *bytes;
    size_t length;
    gdn_cut *cut;
    gdn_verdict *verdict;
    (void)context;
    if (record->type != GDN__REPORT) return;
    FUZZ_MUST(gdn__get_report(record, &round, &bytes, &length));
    FUZZ_MUST(gdn_cut_decode(NULL, bytes, length, &cut, why, sizeof why) == GDN_OK);
    FUZZ_MUST(cut->node_count == 1);
    if (gdn_cut_check(cut, why, sizeof why) == GDN_OK) {
        FUZZ_MUST(gdn_analyze(cut, GDN_POLICY_YOUNGEST, &verdict, why, sizeof why) == GDN_OK);
        gdn_verdict_free(verdict);
    }
    gdn_cut_free(cut);
}

static enum gdn_err step(struct site *s, struct gdn_event event)
{
    event.now_us = s->now_us;
    enum gdn_err err = gdn_site_step(s->site, &event, &s->actions);
    if (event.type == GDN_EVENT_ITEM_TAKEN && err == GDN_OK) gdn_item_fini(&s->actions.item);
    if (event.type != GDN_EVENT_LINKS_READY) return err;
    for (size_t i = 0; i < s->actions.frame_count; i++) {
        const struct gdn_frame *frame = &s->actions.frames[i];
        fuzz_sent(&s->peers, frame->bytes, frame->length, check_record, NULL);
    }
    return err;
}

static void receive(void *context, const struct fuzz_peer *from, const uint8_t *bytes,
                    size_t length)
{
    struct gdn_event event = {.type = GDN_EVENT_FRAME_RECEIVED};
    event.as.frame.bytes = bytes;
    event.as.frame.length = length;
    event.as.frame.from = from->name;
    enum gdn_err err = step(context, event);
    FUZZ_MUST(err != GDN_ERR_MISUSE && err != GDN_ERR_MEMORY);
}

/* ---- The application ---- */

/* The ids of the vectors: few, so that they meet. */
static gdn_id id_like(uint8_t kind, uint8_t which)
{
    gdn_id id;
    memset(id.bytes, kind, sizeof id.bytes);
    id.bytes[15] = (uint8_t)(1 + which % 4);
    return id;
}

static void request(struct site *s, gdn_process_id process, gdn_resource_id resource, uint8_t more)
{
    struct gdn_request wanted = {.process = process,
                                 .resource = resource,
                                 .label = more % 2 != 0 ? "label" : NULL,
                                 .mode = more >> 1 & 1,
                                 .flags = more >> 2 & 7,
                                 .units = more >> 5 & 1,
                                 .branch_id = more >> 6 & 1};
    struct gdn_event event = {.type = GDN_EVENT_REQUESTED};
    event.as.requested.home = gdn_node_named(more >> 7 != 0 ? "n1" : "n2");
    event.as.requested.request = &wanted;
    (void)step(s, event);
}

static void wait_on(struct site *s, gdn_process_id process, gdn_resource_id resource, uint8_t more)
{
    struct gdn_need needs[] = {
        gdn_need_at_least(1u + more % 2, 2),
        gdn_need_hold((gdn_process_id){id_like(0x10, more >> 1)}, resource),
        gdn_need_branch((gdn_process_id){id_like(0x10, more >> 3)}, more >> 7)};
    struct gdn_event event = {.type = GDN_EVENT_WAITED_ON};
    event.as.waited_on = (struct gdn_wait){process, needs, 3, more >> 6 & 1, 0};
    (void)step(s, event);
}

static gdn_ticket ticket_of(uint8_t more)
{
    gdn_ticket own = {gdn_node_named("n2"), SELF, 1u + more / 2};
    gdn_ticket other = {gdn_node_named("n1"), NODE, 256u + more / 2};
    return more % 2 == 0 ? own : other;
}

static void of_ticket(struct site *s, enum gdn_event_type type, uint8_t more)
{
    struct gdn_event event = {.type = type};
    event.as.ticket = ticket_of(more);
    (void)step(s, event);
}

static void grant_next(struct site *s, gdn_resource_id resource)
{
    struct gdn_event event = {.type = GDN_EVENT_GRANTED};
    if (!gdn_site_next(s->site, resource, &event.as.ticket)) return;
    FUZZ_MUST(step(s, event) == GDN_OK);
}

static void of_lock(struct site *s, enum gdn_event_type type, gdn_process_id process,
                    gdn_resource_id resource)
{
    struct gdn_event event = {.type = type};
    event.as.lock.process = process;
    event.as.lock.resource = resource;
    (void)step(s, event);
}

static void of_resource(struct site *s, gdn_resource_id resource, uint8_t more)
{
    struct gdn_event event = {.type = GDN_EVENT_CAPACITY_SET};
    event.as.capacity.resource = resource;
    event.as.capacity.units = more / 2;
    if (more % 2 != 0) {
        event = (struct gdn_event){.type = GDN_EVENT_UNORDERED};
        event.as.unordered.resource = resource;
        event.as.unordered.on = more / 2 % 2 != 0;
    }
    (void)step(s, event);
}

static void requeue(struct site *s, uint8_t more)
{
    struct gdn_event event = {.type = GDN_EVENT_REQUEUED};
    event.as.requeued.ticket = ticket_of(more);
    event.as.requeued.before = ticket_of((uint8_t)(more >> 4));
    (void)step(s, event);
}

static void wake(struct site *s, gdn_process_id process, uint8_t more)
{
    struct gdn_event event = {.type = GDN_EVENT_WOKEN};
    event.as.woken.ticket = ticket_of(more);
    event.as.woken.process = process;
    event.as.woken.by = (gdn_process_id){id_like(0x10, more)};
    (void)step(s, event);
}

static void verb(struct site *s)
{
    uint8_t which = fuzz_byte(&s->peers.in);
    gdn_process_id process = {id_like(0x10, fuzz_byte(&s->peers.in))};
    gdn_resource_id resource = {id_like(0x20, fuzz_byte(&s->peers.in))};
    uint8_t more = fuzz_byte(&s->peers.in);
    struct gdn_event drop = {.type = GDN_EVENT_ORPHANS_DROPPED};
    drop.as.peer = gdn_node_named("n1");
    switch (which % 12) {
    case 0:
    case 1:
        request(s, process, resource, more);
        return;
    case 2:
        wait_on(s, process, resource, more);
        return;
    case 3:
        of_lock(s, GDN_EVENT_RELEASED, process, resource);
        return;
    case 4:
        of_lock(s, GDN_EVENT_ENDED, process, resource);
        return;
    case 5:
        of_ticket(s, GDN_EVENT_CANCELLED, more);
        return;
    case 6:
        of_ticket(s, GDN_EVENT_REFUSED, more);
        return;
    case 7:
        of_resource(s, resource, more);
        return;
    case 8:
        requeue(s, more);
        return;
    case 9:
        wake(s, process, more);
        return;
    case 10:
        (void)step(s, drop);
        return;
    default:
        grant_next(s, resource);
    }
}

static void take(struct site *s, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (step(s, (struct gdn_event){.type = GDN_EVENT_ITEM_TAKEN}) == GDN_ERR_EMPTY) return;
    }
}

/* ---- The whole ---- */

static void one_step(struct site *s)
{
    static const enum gdn__record_type types[] = {
        GDN__LOCK,    GDN__MARKER, GDN__START,   GDN__COLLECT, GDN__ABANDON, GDN__ABORT,
        GDN__PAYLOAD, GDN__OPEN,   GDN__SUSPECT, GDN__REPORT,  GDN__FAILED,  GDN__ABORTED};
    uint8_t what = fuzz_byte(&s->peers.in);
    size_t peer = what >> 3 & 1, count = (size_t)(what >> 4);
    switch ((enum step)(what & 7)) {
    case NUMBERED:
    case MORE:
        fuzz_send_numbered(&s->peers, peer, 1 + count % 4, types, 12);
        break;
    case UNNUMBERED:
        fuzz_send_unnumbered(&s->peers, peer);
        break;
    case RAW:
        fuzz_send_raw(&s->peers, peer);
        break;
    case TAKE:
        take(s, 1 + count);
        break;
    case PASS:
        s->now_us += 25000 * (int64_t)fuzz_byte(&s->peers.in);
        (void)step(s, (struct gdn_event){.type = GDN_EVENT_TIME_PASSED});
        break;
    case VERB:
        verb(s);
        break;
    case ANSWER:
        if (count % 2 != 0) {
            fuzz_greet(&s->peers, peer);
        } else {
            fuzz_acknowledge(&s->peers, peer);
        }
        break;
    }
    (void)step(s, (struct gdn_event){.type = GDN_EVENT_LINKS_READY});
}

/* What it records of itself can be read again. */
static void inspect(struct site *s)
{
    char why[256];
    gdn_cut *cut, *again;
    uint8_t *bytes;
    size_t length;
    FUZZ_MUST(gdn_site_inspect(s->site, s->now_us, &cut) == GDN_OK);
    FUZZ_MUST(gdn_cut_encode(cut, &bytes, &length) == GDN_OK);
    FUZZ_MUST(gdn_cut_decode(NULL, bytes, length, &again, why, sizeof why) == GDN_OK);
    gdn_cut_free(again);
    gdn_cut_free(cut);
    free(bytes);
}

void fuzz_frames(const uint8_t *bytes, size_t length)
{
    struct gdn_site_options options = {.name = "n2",
                                       .endpoint = "inproc://n2",
                                       .incarnation = SELF,
                                       .window = 8,
                                       .window_bytes = 2048,
                                       .recording_max = 4096,
                                       .tickets_max = 64};
    struct fuzz_peer list[] = {
        {.name = "n1", .endpoint = "inproc://n1", .incarnation = NODE, .role = GDN__ROLE_NODE},
        {.name = DETECTOR_NAME,
         .endpoint = "inproc://d",
         .incarnation = 1,
         .role = GDN__ROLE_DETECTOR}};
    struct site s = {.site = gdn_site_new(&options), .now_us = 1};
    s.peers = (struct fuzz_peers){list, 2, SELF, {bytes, length}, receive, &s};
    FUZZ_MUST(s.site != NULL);
    for (size_t peer = 0; peer < 2; peer++) {
        fuzz_greet(&s.peers, peer);
        (void)step(&s, (struct gdn_event){.type = GDN_EVENT_LINKS_READY});
        fuzz_open(&s.peers, peer);
        (void)step(&s, (struct gdn_event){.type = GDN_EVENT_LINKS_READY});
    }
    struct gdn_site_counters counters = gdn_site_counters(s.site);
    FUZZ_MUST(counters.peers_connected == 1 && counters.detectors_connected == 1);
    for (size_t i = 0; i < STEPS_MAX && s.peers.in.left > 0; i++) one_step(&s);
    inspect(&s);
    gdn_site_free(s.site);
}
