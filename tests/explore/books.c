/* SPDX-License-Identifier: MIT */
#include "tests/explore/books.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void books_open(struct books *books, const struct layout *layout, int node)
{
    *books = (struct books){.layout = layout, .node = node, .tokens = layout_tokens(layout, node)};
}

void books_break(struct books *books, const char *format, ...)
{
    va_list arguments;
    if (books->facts.broken[0] != '\0') return;
    va_start(arguments, format);
    (void)vsnprintf(books->facts.broken, sizeof books->facts.broken, format, arguments);
    va_end(arguments);
}

static const char *word(const struct books *books, int r)
{
    return layout_round_word(books->layout, r);
}

/* ---- The application ---- */

int books_send(struct books *books, int c)
{
    int message = books->facts.sent[books->layout->channels[c].out]++;
    books->tokens &= ~layout_token(books->layout, c, message);
    return message;
}

void books_take(struct books *books, int c, int message)
{
    const struct layout_channel *channel = &books->layout->channels[c];
    if (books->facts.taken[channel->in]++ != message) {
        books_break(books, "message %d of %c is taken out of turn", message + 1,
                    'A' + channel->from);
    }
    books->tokens |= layout_token(books->layout, c, message);
}

void books_emit(struct books *books, int out, uint32_t item)
{
    struct facts *facts = &books->facts;
    if (facts->item_count[out] >= layout_items_max(books->layout)) {
        books_break(books, "more leaves on a channel than there is");
        return;
    }
    facts->items[out][facts->item_count[out]++] = item;
}

static bool can(const struct books *books, const struct layout_action *action, uint8_t sends,
                bool takes)
{
    const struct layout *layout = books->layout;
    int out = layout->channels[action->channel].out;
    switch (action->kind) {
    case LAYOUT_SEND:
        return (sends >> out & 1) != 0 && books->facts.sent[out] < layout->plan.messages;
    case LAYOUT_OPEN:
        return (books->open >> out & 1) == 0;
    case LAYOUT_TAKE:
        return takes;
    case LAYOUT_ORDER:
        return layout_order(layout, action->initiator, books->node,
                            books->facts.orders[action->initiator]) != NULL;
    case LAYOUT_ARRIVE:
        return false; /* That depends on the sender. */
    }
    return false;
}

void books_note_enabled(struct books *books, uint8_t sends, bool takes)
{
    const struct layout *layout = books->layout;
    books->facts.enabled = 0;
    for (int a = 0; a < layout->action_count; a++) {
        const struct layout_action *action = &layout->actions[a];
        if (action->node != books->node) continue;
        if (can(books, action, sends, takes)) books->facts.enabled |= UINT64_C(1) << a;
    }
}

/* ---- The cut ---- */

static bool was_abandoned(const struct books *books, int r)
{
    const struct layout_round *round = &books->layout->rounds[r];
    for (int k = 0; k < books->facts.orders[round->initiator]; k++) {
        const struct layout_order *order =
            layout_order(books->layout, round->initiator, books->node, k);
        if (order->verb == LAYOUT_ABANDON && order->number == round->number) return true;
    }
    return false;
}

void books_record(struct books *books, int r)
{
    struct facts_round *round = &books->facts.rounds[r];
    if (round->phase != FACTS_NOT_YET) books_break(books, "%s is recorded again", word(books, r));
    if (was_abandoned(books, r)) {
        books_break(books, "%s begins though it was abandoned", word(books, r));
    }
    round->phase = FACTS_CUT;
    round->tokens = books->tokens;
    memcpy(round->sent, books->facts.sent, sizeof round->sent);
    memcpy(round->taken, books->facts.taken, sizeof round->taken);
}

void books_marker(struct books *books, int r, int out)
{
    if (books->facts.rounds[r].markers[out]++ != 0) {
        books_break(books, "a second marker of %s on a channel", word(books, r));
    }
}

/* ---- The report ---- */

void books_report(struct books *books, int r)
{
    struct facts_round *round = &books->facts.rounds[r];
    if (round->phase != FACTS_CUT) {
        books_break(books, "%s is reported out of turn", word(books, r));
    }
    round->phase = FACTS_REPORTED;
    round->heard = books->heard;
}

void books_report_out(struct books *books, int r, int c, uint64_t sent)
{
    const struct layout_channel *channel = &books->layout->channels[c];
    struct facts_round *round = &books->facts.rounds[r];
    round->outs |= (uint8_t)(1 << channel->out);
    if (sent == round->sent[channel->out]) return;
    books_break(books, "the report says %d were sent to %c, it was %d", (int)sent,
                'A' + channel->to, round->sent[channel->out]);
}

void books_report_in(struct books *books, int r, int c, uint64_t taken, bool open)
{
    const struct layout_channel *channel = &books->layout->channels[c];
    struct facts_round *round = &books->facts.rounds[r];
    round->ins |= (uint8_t)(1 << channel->in);
    if (open) round->open |= (uint8_t)(1 << channel->in);
    if (taken == round->taken[channel->in]) return;
    books_break(books, "the report says %d were taken from %c, it was %d", (int)taken,
                'A' + channel->from, round->taken[channel->in]);
}

/* The messages right after those taken, in order, and no others. */
void books_report_message(struct books *books, int r, int c, int of, int message)
{
    const struct layout_channel *channel = &books->layout->channels[c];
    struct facts_round *round = &books->facts.rounds[r];
    int expected = round->taken[channel->in] + round->recorded[channel->in]++;
    round->tokens |= layout_token(books->layout, c, expected);
    if (of == c && message == expected) return;
    books_break(books, "message %d of %c is recorded where message %d of %c belongs", message + 1,
                'A' + books->layout->channels[of].from, expected + 1, 'A' + channel->from);
}

void books_end_round(struct books *books, int r)
{
    struct facts_round *round = &books->facts.rounds[r];
    if (round->phase == FACTS_REPORTED) return;
    if (!books->layout->rounds[r].may_end) books_break(books, "%s is given up", word(books, r));
    round->phase = FACTS_ENDED;
}

void books_report_state(struct books *books, int r, uint64_t waiting, uint64_t queued)
{
    const struct layout *layout = books->layout;
    const struct facts_round *round = &books->facts.rounds[r];
    uint64_t sent = 0, taken = 0;
    for (int c = 0; c < layout->channel_count; c++) {
        const struct layout_channel *channel = &layout->channels[c];
        for (int m = 0; m < layout->plan.messages; m++) {
            bool is_sent = channel->from == books->node && m < round->sent[channel->out];
            bool is_taken = channel->to == books->node && m < round->taken[channel->in];
            if (is_sent) sent |= layout_token(layout, c, m);
            if (is_taken) taken |= layout_token(layout, c, m);
        }
    }
    if (waiting == sent && queued == taken) return;
    books_break(books, "%s has a ledger that is not the one at the cut", word(books, r));
}

/* A newer round of its initiator replaces it, and it may be abandoned. */
static bool must_have_ended(const struct books *books, int r)
{
    const struct layout_round *round = &books->layout->rounds[r];
    int newer = layout_round(books->layout, round->initiator, round->number + UINT64_C(1));
    if (newer >= 0 && books->facts.rounds[newer].phase != FACTS_NOT_YET) return true;
    return was_abandoned(books, r);
}

void books_check(struct books *books)
{
    for (int r = 0; r < books->layout->round_count; r++) {
        if (books->facts.rounds[r].phase != FACTS_CUT || !must_have_ended(books, r)) continue;
        books_break(books, "%s goes on though it has been replaced or abandoned", word(books, r));
    }
}

void books_end_rounds(struct books *books, int under_way)
{
    for (int r = 0; r < books->layout->round_count; r++) {
        struct facts_round *round = &books->facts.rounds[r];
        if (round->phase == FACTS_CUT && must_have_ended(books, r)) round->phase = FACTS_ENDED;
        if (round->phase == FACTS_CUT) under_way--;
    }
    if (under_way != 0) books_break(books, "%d rounds too many are under way", under_way);
}
