/* SPDX-License-Identifier: MIT */
/* A node that is a whole site; its messages are requests (site_report.h). */
#include "src/core/channel.h"
#include "tests/explore/introduction.h"
#include "tests/explore/member.h"
#include "tests/explore/site_report.h"
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define LEAVING_MAX 16 /* Frames in one step. */

struct leaving {
    int to;
    uint32_t frame;
};

struct member {
    struct books books;
    struct introduction *introduction;
    struct host host;
    int64_t now_us;
    struct leaving leaving[LEAVING_MAX];
    int leaving_count;
};

/* ---- What leaves ---- */

/* The round that a record is about; -1: none. */
static int round_in(const struct layout *layout, const struct gdn__record *record)
{
    gdn_round_id round;
    const uint8_t *bytes;
    size_t length;
    bool is_about = record->type == GDN__MARKER   ? gdn__get_round_id(record, &round)
                    : record->type == GDN__REPORT ? gdn__get_report(record, &round, &bytes, &length)
                                                  : false;
    return is_about ? site_round(layout, round) : -1;
}

static struct gdn__reader reader_of(const struct member *member, uint32_t frame)
{
    size_t length;
    struct gdn__header header;
    const uint8_t *bytes = frames_get(introduction_frames(member->introduction), frame, &length);
    struct gdn__reader in = gdn__reader_of(bytes, length);
    enum gdn_err err = gdn__get_header(&in, &header);
    assert(err == GDN_OK);
    (void)err;
    return in;
}

/* A node that sends a marker or a report of a round has cut it. */
static void note_cuts(struct member *member, uint32_t frame)
{
    struct gdn__record record;
    struct gdn__reader in = reader_of(member, frame);
    while (gdn__next_record(&in, &record)) {
        int r = round_in(member->books.layout, &record);
        if (r < 0 || member->books.facts.rounds[r].phase != FACTS_NOT_YET) continue;
        books_record(&member->books, r);
    }
}

static void leave_for_peer(struct member *member, int to, uint32_t frame)
{
    struct gdn__record record;
    struct gdn__reader in = reader_of(member, frame);
    int c = layout_channel(member->books.layout, member->books.node, to);
    assert(c >= 0);
    int out = member->books.layout->channels[c].out;
    while (gdn__next_record(&in, &record)) {
        int r = round_in(member->books.layout, &record);
        if (r >= 0) books_marker(&member->books, r, out);
    }
    books_emit(&member->books, out, frame);
}

static void leave_for_initiator(struct member *member, uint32_t frame)
{
    struct gdn__record record;
    struct gdn__failed failed;
    struct gdn__reader in = reader_of(member, frame);
    while (gdn__next_record(&in, &record)) {
        if (record.type == GDN__REPORT)
            site_report_read(&member->books, introduction_frames(member->introduction), &record);
        if (record.type == GDN__FAILED && gdn__get_failed(&record, &failed)) {
            books_break(&member->books, "a round failed: %.60s", failed.reason);
        }
    }
}

static void hold(void *context, int to, const uint8_t *bytes, size_t length)
{
    struct member *member = context;
    assert(member->leaving_count < LEAVING_MAX);
    member->leaving[member->leaving_count++] = (struct leaving){
        to, frames_number(introduction_frames(member->introduction), bytes, length)};
}

static void let_leave(struct member *member)
{
    for (int i = 0; i < member->leaving_count; i++) note_cuts(member, member->leaving[i].frame);
    for (int i = 0; i < member->leaving_count; i++) {
        const struct leaving *leaving = &member->leaving[i];
        if (leaving->to < PLACE_INITIATOR) leave_for_peer(member, leaving->to, leaving->frame);
        if (leaving->to >= PLACE_INITIATOR) leave_for_initiator(member, leaving->frame);
    }
    member->leaving_count = 0;
}

static void after(struct member *member, enum gdn_err err)
{
    if (err != GDN_OK) books_break(&member->books, "an event is refused: %s", gdn_err_text(err));
    let_leave(member);
}

/* ---- What happens ---- */

static void send_message(struct member *member, int c)
{
    char name[16];
    int to = member->books.layout->channels[c].to;
    (void)site_message_name(member->books.layout, c, books_send(&member->books, c), name);
    struct gdn_request request = {.process = gdn_process_named(name),
                                  .resource = gdn_resource_named(name),
                                  .mode = GDN_MODE_EXCLUSIVE};
    struct gdn_event event = {.type = GDN_EVENT_REQUESTED, .now_us = member->now_us};
    event.as.requested.home = gdn_node_named(place_name(to));
    event.as.requested.request = &request;
    after(member, host_step(&member->host, &event, NULL));
}

static void receive(struct member *member, uint32_t frame)
{
    size_t length;
    const uint8_t *bytes = frames_get(introduction_frames(member->introduction), frame, &length);
    after(member, host_receive(&member->host, bytes, length, member->now_us));
}

/* What opens a channel is acknowledged at once: its sender waits for that. Of all else no
 * acknowledgement falls due. */
static void arrive(struct member *member, int c, uint32_t frame)
{
    bool opens = false;
    struct gdn__record record;
    struct gdn__reader in = reader_of(member, frame);
    const struct layout_channel *channel = &member->books.layout->channels[c];
    while (gdn__next_record(&in, &record)) opens = opens || record.type == GDN__OPEN;
    member->books.facts.arrived[channel->in]++;
    if (opens) member->books.heard |= (uint8_t)(1 << channel->in);
    receive(member, frame);
    if (!opens) return;
    member->now_us += GDN__ACK_DELAY_US;
    after(member, host_pass(&member->host, member->now_us));
}

static void take(struct member *member)
{
    struct gdn_item item;
    int c, message;
    enum gdn_err err = host_take(&member->host, member->now_us, &item);
    if (err == GDN_OK && item.type == GDN_ITEM_REQUESTED) {
        if (site_message_find(member->books.layout, item.process, &c, &message)) {
            books_take(&member->books, c, message);
        } else {
            books_break(&member->books, "a message is taken that was never sent");
        }
    }
    after(member, err);
}

static void order_arrived(struct member *member, int initiator)
{
    int position = member->books.facts.orders[initiator]++;
    receive(member,
            introduction_order(member->introduction, initiator, member->books.node, position));
}

static void open_channel(struct member *member, int c)
{
    const struct layout_channel *channel = &member->books.layout->channels[c];
    member->books.open |= (uint8_t)(1 << channel->out);
    after(member, host_dial(&member->host, channel->to, member->now_us));
}

/* ---- After it ---- */

static bool can_send(const struct member *member, int to)
{
    bool can = false;
    enum gdn_err err = gdn_site_can_send(member->host.site, gdn_node_named(place_name(to)), &can);
    return err == GDN_OK && can;
}

static void note_enabled(struct member *member)
{
    const struct layout *layout = member->books.layout;
    int node = member->books.node;
    uint8_t sends = 0;
    for (int out = 0; out < layout->out_count[node]; out++) {
        int to = layout->channels[layout->outs[node][out]].to;
        if (can_send(member, to)) sends |= (uint8_t)(1 << out);
    }
    books_note_enabled(&member->books, sends, member->host.items_waiting > 0);
}

static void settle(struct member *member)
{
    books_end_rounds(&member->books, (int)gdn_site_counters(member->host.site).rounds_under_way);
    note_enabled(member);
}

/* ---- Making and freeing ---- */

static struct member *make(const struct layout *layout, int node)
{
    struct member *member = calloc(1, sizeof *member);
    if (member == NULL) abort();
    books_open(&member->books, layout, node);
    member->introduction = introduction_of(layout);
    member->now_us = introduction_time_us(member->introduction);
    for (int in = 0; in < layout->in_count[node]; in++) {
        if (!layout->channels[layout->ins[node][in]].late) {
            member->books.heard |= (uint8_t)(1 << in);
        }
    }
    introduction_host(member->introduction, node, &member->host);
    member->host.sent = hold;
    member->host.context = member;
    note_enabled(member);
    return member;
}

static const struct facts *facts(const struct member *member)
{
    return &member->books.facts;
}

/* A site that frees itself finds what was not given back. */
static bool end(struct member *member)
{
    host_close(&member->host);
    free(member);
    return true;
}

/* ---- In words ---- */

static void tell_record(const struct layout *layout, const struct gdn__record *record,
                        FILE *narrator)
{
    static const struct {
        enum gdn__record_type type;
        const char *word;
    } words[] = {{GDN__HELLO, "hello"},
                 {GDN__ACK, "acknowledgement"},
                 {GDN__OPEN, "open"},
                 {GDN__MARKER, "marker"},
                 {GDN__LOCK, "message"}};
    int r = round_in(layout, record);
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (words[i].type == record->type) (void)fprintf(narrator, "%s", words[i].word);
    }
    if (r >= 0) (void)fprintf(narrator, " of %s", layout_round_word(layout, r));
}

static void tell(const struct layout *layout, uint32_t frame, FILE *narrator)
{
    size_t length;
    struct gdn__header header;
    struct gdn__record record;
    const uint8_t *bytes = frames_get(introduction_frames(introduction_of(layout)), frame, &length);
    struct gdn__reader in = gdn__reader_of(bytes, length);
    if (gdn__get_header(&in, &header) != GDN_OK) return;
    while (gdn__next_record(&in, &record)) tell_record(layout, &record, narrator);
    if (header.sequence != 0) {
        (void)fprintf(narrator, " (number %llu)", (unsigned long long)header.sequence);
    }
}

const struct member_kind member_site = {.make = make,
                                        .send = send_message,
                                        .arrive = arrive,
                                        .take = take,
                                        .order = order_arrived,
                                        .open = open_channel,
                                        .settle = settle,
                                        .facts = facts,
                                        .end = end,
                                        .tell = tell,
                                        .judge = site_reports_judge};
