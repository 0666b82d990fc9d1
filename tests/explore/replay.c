/* SPDX-License-Identifier: MIT */
#include "tests/explore/replay.h"

#include "tests/explore/member.h"
#include <stdlib.h>
#include <string.h>

struct replay {
    const struct layout *layout;
    const struct member_kind *kind;
    struct member *members[LAYOUT_NODES_MAX];
    FILE *narrator;
};

struct replay *replay_new(const struct layout *layout)
{
    struct replay *replay = calloc(1, sizeof *replay);
    if (replay == NULL) abort();
    replay->layout = layout;
    replay->kind = member_kind_of(layout);
    for (int n = 0; n < layout->plan.nodes; n++) replay->members[n] = replay->kind->make(layout, n);
    return replay;
}

void replay_free(struct replay *replay)
{
    for (int n = 0; n < replay->layout->plan.nodes; n++)
        (void)replay->kind->end(replay->members[n]);
    free(replay);
}

void replay_narrate(struct replay *replay, FILE *narrator)
{
    replay->narrator = narrator;
}

const struct facts *replay_facts(const struct replay *replay, int node)
{
    return replay->kind->facts(replay->members[node]);
}

/* ---- What happens, in words ---- */

static void tell_action(const struct replay *replay, int action, uint32_t item)
{
    char word[24];
    const struct layout_action *what = &replay->layout->actions[action];
    (void)fprintf(replay->narrator, "    %-12s", layout_word(replay->layout, action, word));
    if (what->kind == LAYOUT_ARRIVE) {
        (void)fprintf(replay->narrator, " ");
        replay->kind->tell(replay->layout, item, replay->narrator);
    }
    if (what->kind == LAYOUT_ORDER) {
        static const char *const verbs[] = {"start", "collect", "abandon"};
        int heard = replay_facts(replay, what->node)->orders[what->initiator];
        const struct layout_order *order =
            layout_order(replay->layout, what->initiator, what->node, heard);
        (void)fprintf(replay->narrator, " %s %d", verbs[order->verb], order->number);
    }
}

/* What it led to. */
static void tell_change(const struct replay *replay, int node, const struct facts *before)
{
    const struct layout *layout = replay->layout;
    const struct facts *after = replay_facts(replay, node);
    for (int r = 0; r < layout->round_count; r++) {
        static const char *const words[] = {"", "state recorded", "reported", "ended"};
        const struct facts_round *round = &after->rounds[r];
        for (int p = before->rounds[r].phase + 1; p <= round->phase; p++) {
            if (p == FACTS_REPORTED && round->phase == FACTS_ENDED) continue;
            (void)fprintf(replay->narrator, "; %s %s", layout_round_word(layout, r), words[p]);
        }
    }
    for (int out = 0; out < layout->out_count[node]; out++) {
        const struct layout_channel *channel = &layout->channels[layout->outs[node][out]];
        for (int k = before->item_count[out]; k < after->item_count[out]; k++) {
            (void)fprintf(replay->narrator, "; to %c: ", 'A' + channel->to);
            replay->kind->tell(layout, after->items[out][k], replay->narrator);
        }
    }
    if (after->broken[0] != '\0' && before->broken[0] == '\0') {
        (void)fprintf(replay->narrator, "\n    %c: %s", 'A' + node, after->broken);
    }
    (void)fprintf(replay->narrator, "\n");
}

/* ---- Acting ---- */

static bool is_possible(const struct replay *replay, int action, uint32_t *item)
{
    const struct layout_action *what = &replay->layout->actions[action];
    const struct layout_channel *channel = &replay->layout->channels[what->channel];
    *item = 0;
    if (what->kind != LAYOUT_ARRIVE) {
        return (replay_facts(replay, what->node)->enabled >> action & 1) != 0;
    }
    const struct facts *sender = replay_facts(replay, channel->from);
    int position = replay_facts(replay, channel->to)->arrived[channel->in];
    if (position >= sender->item_count[channel->out]) return false;
    *item = sender->items[channel->out][position];
    return true;
}

bool replay_act(struct replay *replay, int action)
{
    const struct layout_action *what = &replay->layout->actions[action];
    uint32_t item;
    if (!is_possible(replay, action, &item)) return false;
    struct facts before = *replay_facts(replay, what->node);
    if (replay->narrator != NULL) tell_action(replay, action, item);
    member_act(replay->kind, replay->members[what->node], what, item);
    if (replay->narrator != NULL) tell_change(replay, what->node, &before);
    return true;
}

bool replay_all(struct replay *replay, const uint8_t *schedule, int length)
{
    uint32_t item;
    for (int k = 0; k < length; k++) {
        if (!replay_act(replay, schedule[k])) return false;
    }
    for (int a = 0; a < replay->layout->action_count; a++) {
        if (is_possible(replay, a, &item)) return false;
    }
    return true;
}
