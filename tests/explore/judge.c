/* SPDX-License-Identifier: MIT */
#include "tests/explore/judge.h"

#include "tests/explore/member.h"
#include <stdio.h>

/* One round on one channel, as both ends have it. */
struct ends {
    const struct layout_channel *channel;
    const struct facts_round *sender, *receiver;
};

enum finding { RIGHT, WRONG, REFUSED };

static bool has(uint8_t set, uint8_t place)
{
    return (set >> place & 1) != 0;
}

/* A channel that one end does not list counts 0 there; the detector compares the sums. Only a
 * channel whose opening the receiver had not heard of when it reported may be missing. */
static enum finding judge_listed(const struct ends *ends, char *why, size_t bytes)
{
    const struct layout_channel *channel = ends->channel;
    bool out = has(ends->sender->outs, channel->out), in = has(ends->receiver->ins, channel->in);
    if (!in && has(ends->receiver->heard, channel->in)) {
        (void)snprintf(why, bytes, "the receiver's report does not list the channel");
        return WRONG;
    }
    if (!out && (!channel->late || ends->sender->sent[channel->out] != 0)) {
        (void)snprintf(why, bytes, "the sender's report does not list the channel");
        return WRONG;
    }
    return !in && ends->sender->sent[channel->out] != 0 ? REFUSED : RIGHT;
}

/* Exactly the messages sent before the sender's cut and not taken before the receiver's. Each
 * report has been found to hold messages right after those taken, in order: only how many is left
 * to ask. */
static bool judge_contents(const struct ends *ends, char *why, size_t bytes)
{
    const struct layout_channel *channel = ends->channel;
    int sent = ends->sender->sent[channel->out];
    int taken = ends->receiver->taken[channel->in];
    int recorded = ends->receiver->recorded[channel->in];
    if (taken > sent) {
        (void)snprintf(why, bytes, "not consistent: %d were taken before the cut, %d sent", taken,
                       sent);
        return false;
    }
    bool may_lack = has(ends->receiver->open, channel->in);
    if (recorded == sent - taken || (may_lack && recorded < sent - taken)) return true;
    (void)snprintf(why, bytes, "%d messages are recorded; %d were sent and %d taken before the cut",
                   recorded, sent, taken);
    return false;
}

/* One on each channel that the sender has when it cuts; that there is no second one, it has been
 * asked for itself. */
static bool judge_markers(const struct ends *ends, char *why, size_t bytes)
{
    uint8_t out = ends->channel->out;
    bool expected = has(ends->sender->outs, out);
    if ((ends->sender->markers[out] == 1) == expected) return true;
    /* A channel that is half open is no channel yet, but gets its marker. */
    if (!expected && ends->channel->late) return true;
    (void)snprintf(why, bytes, "%d markers were sent, not %d", ends->sender->markers[out],
                   expected);
    return false;
}

static enum finding judge_ends(const struct layout_round *round, const struct ends *ends, char *why,
                               size_t bytes)
{
    bool may_be_open = round->collected;
    enum finding finding = judge_listed(ends, why, bytes);
    if (finding == WRONG || !judge_markers(ends, why, bytes)) return WRONG;
    if (has(ends->receiver->open, ends->channel->in) && !may_be_open) {
        (void)snprintf(why, bytes, "a complete report has the channel open");
        return WRONG;
    }
    if (finding == REFUSED) return REFUSED;
    return judge_contents(ends, why, bytes) ? RIGHT : WRONG;
}

/* All there is: nothing is lost between the cut's states and its channels, nothing is there twice.
 */
static bool judge_tokens(const struct layout *layout, const struct facts *const *facts, int r,
                         char *why, size_t bytes)
{
    uint64_t found = 0, all = 0;
    for (int n = 0; n < layout->plan.nodes; n++) {
        const struct facts_round *round = &facts[n]->rounds[r];
        all |= layout_tokens(layout, n);
        if ((found & round->tokens) != 0) {
            (void)snprintf(why, bytes, "%s has tokens twice: %#llx", layout_round_word(layout, r),
                           (unsigned long long)(found & round->tokens));
            return false;
        }
        found |= round->tokens;
    }
    if (found == all || layout->rounds[r].collected) return true;
    (void)snprintf(why, bytes, "%s lacks tokens: %#llx", layout_round_word(layout, r),
                   (unsigned long long)(all & ~found));
    return false;
}

/* False: it ended early somewhere, and there is no cut to judge. */
static bool is_complete(const struct layout *layout, const struct facts *const *facts, int r)
{
    for (int n = 0; n < layout->plan.nodes; n++) {
        if (facts[n]->rounds[r].phase != FACTS_REPORTED) return false;
    }
    return true;
}

static enum finding judge_channels(const struct layout *layout, const struct facts *const *facts,
                                   int r, bool *in_flight, char *why, size_t bytes)
{
    enum finding finding = RIGHT;
    for (int c = 0; c < layout->channel_count; c++) {
        char what[128];
        const struct layout_channel *channel = &layout->channels[c];
        struct ends ends = {channel, &facts[channel->from]->rounds[r],
                            &facts[channel->to]->rounds[r]};
        enum finding found = judge_ends(&layout->rounds[r], &ends, what, sizeof what);
        if (found == WRONG) {
            (void)snprintf(why, bytes, "%s, channel %c>%c: %s", layout_round_word(layout, r),
                           'A' + channel->from, 'A' + channel->to, what);
            return WRONG;
        }
        if (found == REFUSED) finding = REFUSED;
        if (ends.receiver->recorded[channel->in] > 0) *in_flight = true;
    }
    return finding;
}

static bool judge_round(const struct layout *layout, const struct facts *const *facts, int r,
                        struct judge_counts *counts, char *why, size_t bytes)
{
    bool in_flight = false;
    if (!is_complete(layout, facts, r)) {
        counts->ended++;
        if (layout->rounds[r].may_end) return true;
        (void)snprintf(why, bytes, "%s is not complete at every node",
                       layout_round_word(layout, r));
        return false;
    }
    enum finding finding = judge_channels(layout, facts, r, &in_flight, why, bytes);
    if (finding == WRONG) return false;
    if (finding == REFUSED) {
        counts->refused++;
        return true;
    }
    counts->stood++;
    counts->in_flight += in_flight;
    return judge_tokens(layout, facts, r, why, bytes);
}

/* Rounds keep nothing from anybody: what there was to send has been sent, and taken. */
static bool judge_traffic(const struct layout *layout, const struct facts *const *facts, char *why,
                          size_t bytes)
{
    for (int c = 0; c < layout->channel_count; c++) {
        const struct layout_channel *channel = &layout->channels[c];
        int sent = facts[channel->from]->sent[channel->out];
        int taken = facts[channel->to]->taken[channel->in];
        if (sent == layout->plan.messages && taken == sent) continue;
        (void)snprintf(why, bytes, "in the end %d of %d messages %c>%c were sent and %d taken",
                       sent, layout->plan.messages, 'A' + channel->from, 'A' + channel->to, taken);
        return false;
    }
    return true;
}

bool judge_execution(const struct layout *layout, const struct facts *const *facts,
                     struct judge_counts *counts, char *why, size_t why_bytes)
{
    const struct member_kind *kind = member_kind_of(layout);
    for (int r = 0; r < layout->round_count; r++) {
        if (!judge_round(layout, facts, r, counts, why, why_bytes)) return false;
    }
    if (!judge_traffic(layout, facts, why, why_bytes)) return false;
    return kind->judge == NULL || kind->judge(layout, facts, why, why_bytes);
}
