/* SPDX-License-Identifier: MIT */
#include "tests/explore/site_report.h"

#include "tests/explore/introduction.h"
#include <stdio.h>
#include <stdlib.h>

/* ---- Messages and their processes ---- */

const char *site_message_name(const struct layout *layout, int c, int message, char text[16])
{
    const struct layout_channel *channel = &layout->channels[c];
    (void)snprintf(text, 16, "%c%c%d", 'A' + channel->from, 'A' + channel->to, message + 1);
    return text;
}

bool site_message_find(const struct layout *layout, gdn_process_id process, int *c, int *message)
{
    char text[16];
    for (*c = 0; *c < layout->channel_count; ++*c) {
        for (*message = 0; *message < layout->plan.messages; ++*message) {
            const char *name = site_message_name(layout, *c, *message, text);
            if (gdn_id_equal(process.id, gdn_process_named(name).id)) return true;
        }
    }
    return false;
}

int site_round(const struct layout *layout, gdn_round_id id)
{
    return layout_round(layout, (int)(id.incarnation - place_incarnation(PLACE_INITIATOR)),
                        id.number);
}

/* ---- Reports ---- */

static void read_messages(struct books *books, int r, int c, const gdn_cut *cut,
                          const struct gdn_cut_channel *channel)
{
    const struct gdn_cut_node *node = &cut->nodes[0];
    for (size_t k = 0; k < channel->message_count; k++) {
        const struct gdn_cut_message *recorded = &node->messages[channel->message_first + k];
        int of, message;
        if (recorded->verb != GDN_VERB_REQUEST ||
            !site_message_find(books->layout, cut->processes[recorded->process].id, &of,
                               &message)) {
            books_break(books, "a message is recorded that was never sent");
            return;
        }
        books_report_message(books, r, c, of, message);
    }
}

static void read_channel(struct books *books, int r, const gdn_cut *cut,
                         const struct gdn_cut_channel *channel)
{
    const struct layout *layout = books->layout;
    int peer = place_named(cut->parties[channel->peer].name), node = books->node;
    int c =
        channel->incoming ? layout_channel(layout, peer, node) : layout_channel(layout, node, peer);
    if (c < 0 || !channel->counted || channel->untagged != 0) {
        books_break(books, "the report has a channel that there is not");
        return;
    }
    if (!channel->incoming) {
        books_report_out(books, r, c, channel->count);
        return;
    }
    books_report_in(books, r, c, channel->count, channel->open);
    read_messages(books, r, c, cut, channel);
}

static uint64_t token_of(struct books *books, const gdn_cut *cut, uint32_t process)
{
    int c, message;
    if (site_message_find(books->layout, cut->processes[process].id, &c, &message)) {
        return layout_token(books->layout, c, message);
    }
    books_break(books, "the report has a process that there is not");
    return 0;
}

/* The ledger: what was sent waits, what was taken is queued, and nobody holds anything. */
static void read_ledger(struct books *books, int r, const gdn_cut *cut)
{
    const struct gdn_cut_node *node = &cut->nodes[0];
    uint64_t waiting = 0, queued = 0;
    for (size_t i = 0; i < node->wait_count; i++) {
        waiting |= token_of(books, cut, node->waits[i].process);
    }
    for (size_t i = 0; i < node->entry_count; i++) {
        queued |= token_of(books, cut, node->queue[i].process);
    }
    if (node->holder_count != 0) books_break(books, "the report has a holder");
    books_report_state(books, r, waiting, queued);
}

void site_report_read(struct books *books, struct frames *frames, const struct gdn__record *record)
{
    gdn_round_id round;
    const uint8_t *bytes;
    size_t length;
    gdn_cut *cut;
    char why[128];
    if (!gdn__get_report(record, &round, &bytes, &length) ||
        gdn_cut_decode(NULL, bytes, length, &cut, why, sizeof why) != GDN_OK) {
        books_break(books, "a report cannot be read");
        return;
    }
    int r = site_round(books->layout, round);
    if (r < 0 || cut->node_count != 1) {
        books_break(books, "a report is of no round, or of no node");
    } else {
        books_report(books, r);
        books->facts.rounds[r].report = frames_number(frames, bytes, length) + 1;
        for (size_t i = 0; i < cut->nodes[0].channel_count; i++) {
            read_channel(books, r, cut, &cut->nodes[0].channels[i]);
        }
        read_ledger(books, r, cut);
    }
    gdn_cut_free(cut);
}

/* ---- All reports of a round ---- */

static enum gdn_err merge_report(gdn_cut *cut, const struct frames *frames, uint32_t report,
                                 char *why, size_t bytes)
{
    size_t length;
    gdn_cut *part;
    const uint8_t *encoded = frames_get(frames, report - 1, &length);
    enum gdn_err err = gdn_cut_decode(NULL, encoded, length, &part, why, bytes);
    if (err != GDN_OK) return err;
    err = gdn_cut_merge(cut, part, why, bytes);
    gdn_cut_free(part);
    return err;
}

static bool check_reports(const struct frames *frames, const uint32_t *reports, int count,
                          char *why, size_t bytes)
{
    gdn_cut *cut = gdn_cut_new(NULL);
    if (cut == NULL) abort();
    enum gdn_err err = GDN_OK;
    for (int n = 0; err == GDN_OK && n < count; n++) {
        err = merge_report(cut, frames, reports[n], why, bytes);
    }
    if (err == GDN_OK) err = gdn_cut_check(cut, why, bytes);
    if (err == GDN_OK && cut->missing_count != 0) {
        (void)snprintf(why, bytes, "the merged reports lack a node");
        err = GDN_ERR_DISAGREE;
    }
    gdn_cut_free(cut);
    return err == GDN_OK;
}

bool site_reports_judge(const struct layout *layout, const struct facts *const *facts, char *why,
                        size_t why_bytes)
{
    struct introduction *introduction = introduction_of(layout);
    struct frames *judged = introduction_judged(introduction);
    for (int r = 0; r < layout->round_count; r++) {
        uint32_t reports[LAYOUT_NODES_MAX];
        int count = 0;
        for (int n = 0; n < layout->plan.nodes; n++) {
            if (facts[n]->rounds[r].report != 0) reports[count++] = facts[n]->rounds[r].report;
        }
        if (count < layout->plan.nodes) continue; /* It ended early. */
        uint32_t before = frames_count(judged);
        size_t length = (size_t)count * sizeof reports[0];
        if (frames_number(judged, (const uint8_t *)reports, length) != before) continue;
        if (!check_reports(introduction_frames(introduction), reports, count, why, why_bytes)) {
            return false;
        }
    }
    return true;
}
