/* SPDX-License-Identifier: MIT */
#include "tests/explore/explorer.h"

#include "tests/explore/replay.h"
#include <assert.h>
#include <stdio.h>
#include <string.h>

/* One state on the way to the present one. */
struct level {
    uint32_t at[LAYOUT_NODES_MAX]; /* A history of each node. */
    uint64_t todo;                 /* Actions still to be tried from here. */
    uint64_t tried;
    uint64_t asleep;
    uint8_t action; /* The one under way. */
};

struct explorer {
    const struct layout *layout;
    const struct explorer_options *options;
    struct explorer_found *found;
    struct histories *histories;
    uint64_t arrivals[LAYOUT_CHANNELS_MAX]; /* The action, as a set. */
    struct level levels[EXPLORER_LENGTH_MAX];
    int depth;
};

/* Large, and asked for what is under way when the core aborts. */
static struct explorer explorer_now;

static const struct facts *facts_of(const struct explorer *explorer, const struct level *level,
                                    int node)
{
    return histories_facts(explorer->histories, level->at[node]);
}

static uint64_t enabled_at(const struct explorer *explorer, const struct level *level)
{
    const struct layout *layout = explorer->layout;
    uint64_t enabled = 0;
    for (int n = 0; n < layout->plan.nodes; n++) enabled |= facts_of(explorer, level, n)->enabled;
    for (int c = 0; c < layout->channel_count; c++) {
        const struct layout_channel *channel = &layout->channels[c];
        bool waits = facts_of(explorer, level, channel->from)->item_count[channel->out] >
                     facts_of(explorer, level, channel->to)->arrived[channel->in];
        if (waits) enabled |= explorer->arrivals[c];
    }
    return enabled;
}

/* Some node has something to do, all of it asleep, and nothing can come to wake it: what would
 * follow has been gone through. (Without this the same is found out later.) */
static bool sleeps_for_ever(const struct explorer *explorer, const struct level *level,
                            uint64_t enabled)
{
    const struct layout *layout = explorer->layout;
    uint64_t to_come = 0;
    if ((enabled & level->asleep) == 0) return false;
    for (int c = 0; c < layout->channel_count; c++) {
        const struct layout_channel *channel = &layout->channels[c];
        int count = facts_of(explorer, level, channel->from)->item_count[channel->out];
        if (count < layout_items_max(layout)) to_come |= explorer->arrivals[c];
    }
    for (int n = 0; n < layout->plan.nodes; n++) {
        uint64_t mine = enabled & layout->of_node[n];
        if (mine != 0 && ((mine | to_come) & layout->of_node[n] & ~level->asleep) == 0) return true;
    }
    return false;
}

/* What arrives: the first item of the channel that has not. */
static uint32_t item_for(const struct explorer *explorer, const struct level *level,
                         const struct layout_action *action)
{
    const struct layout_channel *channel = &explorer->layout->channels[action->channel];
    if (action->kind != LAYOUT_ARRIVE) return 0;
    int position = facts_of(explorer, level, channel->to)->arrived[channel->in];
    return facts_of(explorer, level, channel->from)->items[channel->out][position];
}

static void break_off(struct explorer *explorer)
{
    struct explorer_found *found = explorer->found;
    found->broken = true;
    for (int d = 0; d < explorer->depth; d++) found->schedule[d] = explorer->levels[d].action;
    found->length = explorer->depth;
}

/* The members run side by side, and must end as the histories say. */
static void run_again(struct explorer *explorer, const struct facts *const *facts)
{
    struct explorer_found *found = explorer->found;
    uint8_t schedule[EXPLORER_LENGTH_MAX];
    for (int d = 0; d < explorer->depth; d++) schedule[d] = explorer->levels[d].action;
    found->again++;
    struct replay *replay = replay_new(explorer->layout);
    bool possible = replay_all(replay, schedule, explorer->depth);
    for (int n = 0; possible && n < explorer->layout->plan.nodes; n++) {
        if (memcmp(replay_facts(replay, n), facts[n], sizeof *facts[n]) != 0) possible = false;
    }
    replay_free(replay);
    if (possible) return;
    (void)snprintf(found->why, sizeof found->why, "run as a whole, it ends differently");
    break_off(explorer);
}

static void tell_end(const struct explorer *explorer, const struct level *level)
{
    uint64_t end = 0;
    for (int n = 0; n < explorer->layout->plan.nodes; n++) {
        end += histories_mark(explorer->histories, level->at[n]);
    }
    explorer->options->tell(explorer->options->context, end);
}

static void end_of_execution(struct explorer *explorer, const struct level *level)
{
    const struct facts *facts[LAYOUT_NODES_MAX];
    struct explorer_found *found = explorer->found;
    uint64_t every = explorer->options->again_every;
    for (int n = 0; n < explorer->layout->plan.nodes; n++) {
        facts[n] = facts_of(explorer, level, n);
    }
    found->interleavings++;
    if (!judge_execution(explorer->layout, facts, &found->rounds, found->why, sizeof found->why)) {
        break_off(explorer);
        return;
    }
    if (every != 0 && found->interleavings % every == 0) run_again(explorer, facts);
    if (explorer->options->tell != NULL) tell_end(explorer, level);
}

/* The state after that action, one level deeper. */
static void go(struct explorer *explorer, int action)
{
    const struct layout_action *what = &explorer->layout->actions[action];
    struct level *level = &explorer->levels[explorer->depth];
    struct level *next = level + 1;
    uint64_t bit = UINT64_C(1) << action;
    assert(explorer->depth + 1 < EXPLORER_LENGTH_MAX);
    *next = (struct level){.asleep = (level->asleep | level->tried) &
                                     ~explorer->layout->of_node[what->node]};
    memcpy(next->at, level->at, sizeof next->at);
    level->action = (uint8_t)action;
    next->at[what->node] = histories_next(explorer->histories, level->at[what->node], action,
                                          item_for(explorer, level, what));
    level->todo &= ~bit;
    if (!explorer->options->plain) level->tried |= bit;
    explorer->depth++;
}

static void arrive_at_state(struct explorer *explorer, int node)
{
    struct level *level = &explorer->levels[explorer->depth];
    const struct facts *facts = facts_of(explorer, level, node);
    if (facts->broken[0] != '\0') {
        (void)snprintf(explorer->found->why, sizeof explorer->found->why, "%c: %s", 'A' + node,
                       facts->broken);
        break_off(explorer);
        return;
    }
    uint64_t enabled = enabled_at(explorer, level);
    level->todo = enabled & ~level->asleep;
    if (enabled == 0) {
        end_of_execution(explorer, level);
    } else if (level->todo == 0 || sleeps_for_ever(explorer, level, enabled)) {
        level->todo = 0;
        explorer->found->asleep++;
    }
}

static int lowest(uint64_t set)
{
    return __builtin_ctzll(set);
}

int explorer_under_way(uint8_t *schedule)
{
    for (int d = 0; d <= explorer_now.depth; d++) schedule[d] = explorer_now.levels[d].action;
    return explorer_now.depth + 1;
}

void explorer_run(const struct layout *layout, const struct explorer_options *options,
                  struct explorer_found *found)
{
    memset(found, 0, sizeof *found);
    struct explorer *explorer = &explorer_now;
    *explorer = (struct explorer){.layout = layout, .options = options, .found = found};
    explorer->histories = histories_new(layout);
    for (int a = 0; a < layout->action_count; a++) {
        const struct layout_action *action = &layout->actions[a];
        if (action->kind == LAYOUT_ARRIVE) explorer->arrivals[action->channel] = UINT64_C(1) << a;
    }
    for (int n = 0; n < layout->plan.nodes; n++) {
        explorer->levels[0].at[n] = histories_root(explorer->histories, n);
    }
    for (int n = 0; n < layout->plan.nodes && !found->broken; n++) arrive_at_state(explorer, n);
    while (!found->broken && explorer->depth >= 0) {
        struct level *level = &explorer->levels[explorer->depth];
        if (level->todo == 0) {
            explorer->depth--;
            continue;
        }
        int action = lowest(level->todo);
        go(explorer, action);
        arrive_at_state(explorer, layout->actions[action].node);
    }
    found->histories = histories_count(explorer->histories);
    histories_free(explorer->histories);
}
