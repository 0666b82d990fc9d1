/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "detector/rounds/rounds.h"

#include "src/core/contents.h"
#include "src/core/mem.h"
#include "src/core/merge.h"
#include <assert.h>
#include <stdio.h>
#include <string.h>

enum phase {
    RESTING,
    COLLECTING, /* Everybody was told to start. */
    CALLING,    /* The silent were told to hand over what they have. */
    HURRYING    /* Those that are there are given a little longer. */
};

enum answer {
    NOT_ASKED, /* Registered, but not of this round. */
    SILENT,    /* Asked, and has not answered. */
    UNHEARD,   /* The same, and nothing else came from it: not waited for. */
    REPORTED,
    MISSING /* Answered with something that is no report. */
};

struct node {
    uint32_t number; /* The host's. */
    char *name;
    uint64_t incarnation;
    enum answer answer;
};

struct expected {
    char *name;
    bool present; /* It is registered. */
};

struct gdn__rounds {
    struct gdn_allocator allocator;
    char *name;
    gdn_round_id id; /* Of the round under way, or of the last one. */
    int64_t period_us, deadline_us;
    struct expected *expect;
    size_t expect_count;

    struct node *nodes; /* In no order. */
    size_t node_count, node_capacity;
    uint32_t *index_of; /* By the host's number: 1 + index in nodes[]; 0: not registered. */
    size_t index_count, index_capacity;

    enum phase phase;
    gdn_cut *cut; /* Of the round under way: the reports so far. */
    int64_t started_us;
    int64_t ends_at_us;  /* Of the phase, unless it rests. */
    size_t silent_count; /* Those waited for. */

    int64_t due_at_us;    /* Of the periodic round; INT64_MAX: none. */
    bool suspected;       /* Start at once, or when the round under way ends. */
    int64_t retry_at_us;  /* INT64_MAX: the last round did not fail. */
    uint32_t failed_runs; /* In a row. */

    struct gdn__rounds_action *actions; /* Always room for the largest step: see make_room(). */
    size_t action_count, action_capacity;
    char why[GDN__ROUND_WHY_BYTES];        /* Of FAIL. */
    char refuse_why[GDN__ROUND_WHY_BYTES]; /* Of REFUSE, which may come in the same step. */
    struct gdn__rounds_counters counters;
};

/* ---- Life ---- */

static bool copy_expected(gdn__rounds *rounds, const struct gdn__rounds_options *options)
{
    if (options->expect_count == 0) return true;
    rounds->expect =
        gdn__calloc(&rounds->allocator, options->expect_count * sizeof *rounds->expect);
    if (rounds->expect == NULL) return false;
    for (size_t i = 0; i < options->expect_count; i++) {
        rounds->expect[i].name = gdn__strdup(&rounds->allocator, options->expect[i]);
        if (rounds->expect[i].name == NULL) return false;
        rounds->expect_count++;
    }
    return true;
}

/* A step refuses one report or fails one round, abandons it at every node and starts the next at
 * every node: with that much room no step can run out of memory for its actions. */
static bool make_room(gdn__rounds *rounds, size_t node_count)
{
    size_t wanted = 2 * node_count + 3;
    if (wanted <= rounds->action_capacity) return true;
    size_t capacity = 2 * wanted;
    struct gdn__rounds_action *actions = gdn__alloc(&rounds->allocator, capacity * sizeof *actions);
    if (actions == NULL) return false;
    gdn__free(&rounds->allocator, rounds->actions);
    rounds->actions = actions;
    rounds->action_capacity = capacity;
    return true;
}

gdn__rounds *gdn__rounds_new(const struct gdn__rounds_options *options, int64_t now_us)
{
    gdn__rounds *rounds = gdn__calloc(&options->allocator, sizeof *rounds);
    if (rounds == NULL) return NULL;
    rounds->allocator = options->allocator;
    rounds->id = (gdn_round_id){gdn_node_named(options->name), options->incarnation, 0};
    rounds->period_us = options->period_us;
    rounds->deadline_us = options->deadline_us;
    rounds->due_at_us = options->period_us > 0 ? now_us + options->period_us : INT64_MAX;
    rounds->retry_at_us = INT64_MAX;
    rounds->name = gdn__strdup(&rounds->allocator, options->name);
    if (rounds->name == NULL || !copy_expected(rounds, options) || !make_room(rounds, 1)) {
        gdn__rounds_free(rounds);
        return NULL;
    }
    return rounds;
}

void gdn__rounds_free(gdn__rounds *rounds)
{
    if (rounds == NULL) return;
    struct gdn_allocator memory = rounds->allocator;
    for (size_t i = 0; i < rounds->node_count; i++) gdn__free(&memory, rounds->nodes[i].name);
    for (size_t i = 0; i < rounds->expect_count; i++) gdn__free(&memory, rounds->expect[i].name);
    gdn__free(&memory, rounds->expect);
    gdn__free(&memory, rounds->nodes);
    gdn__free(&memory, rounds->index_of);
    gdn__free(&memory, rounds->actions);
    gdn__free(&memory, rounds->name);
    gdn_cut_free(rounds->cut);
    gdn__free(&memory, rounds);
}

struct gdn__rounds_counters gdn__rounds_counters(const gdn__rounds *rounds)
{
    struct gdn__rounds_counters counters = rounds->counters;
    counters.nodes = rounds->node_count;
    return counters;
}

/* ---- Actions ---- */

static struct gdn__rounds_action *act(gdn__rounds *rounds, enum gdn__rounds_action_type type)
{
    assert(rounds->action_count < rounds->action_capacity);
    struct gdn__rounds_action *action = &rounds->actions[rounds->action_count++];
    *action = (struct gdn__rounds_action){.type = type, .round = rounds->id};
    return action;
}

static void tell(gdn__rounds *rounds, enum gdn__rounds_action_type type, const struct node *node)
{
    act(rounds, type)->node = node->number;
}

static bool is_silent(const struct node *node)
{
    return node->answer == SILENT || node->answer == UNHEARD;
}

static void tell_silent(gdn__rounds *rounds, enum gdn__rounds_action_type type)
{
    for (size_t i = 0; i < rounds->node_count; i++) {
        if (is_silent(&rounds->nodes[i])) tell(rounds, type, &rounds->nodes[i]);
    }
}

/* ---- A round begins and ends ---- */

static void rest(gdn__rounds *rounds)
{
    gdn_cut_free(rounds->cut);
    rounds->cut = NULL;
    rounds->phase = RESTING;
    rounds->silent_count = 0;
    for (size_t i = 0; i < rounds->node_count; i++) rounds->nodes[i].answer = NOT_ASKED;
}

/* Give up the round under way and try again after a pause, which grows while rounds fail. */
static void fail_round(gdn__rounds *rounds, int64_t now_us)
{
    int64_t pause_us = GDN__ROUND_PAUSE_MAX_US;
    if (rounds->failed_runs < 7) pause_us = GDN__ROUND_PAUSE_US << rounds->failed_runs;
    if (pause_us > GDN__ROUND_PAUSE_MAX_US) pause_us = GDN__ROUND_PAUSE_MAX_US;
    tell_silent(rounds, GDN__ROUNDS_ABANDON);
    act(rounds, GDN__ROUNDS_FAIL)->why = rounds->why;
    rest(rounds);
    rounds->failed_runs++;
    rounds->counters.failed++;
    rounds->retry_at_us = now_us + pause_us;
}

static void start_round(gdn__rounds *rounds, int64_t now_us, int64_t utc_us)
{
    rounds->id.number++;
    rounds->counters.started++;
    rounds->suspected = false;
    rounds->retry_at_us = INT64_MAX;
    if (rounds->period_us > 0) rounds->due_at_us = now_us + rounds->period_us;
    rounds->cut = gdn_cut_new(&rounds->allocator);
    if (rounds->cut == NULL ||
        gdn_cut_set_round(rounds->cut, rounds->name, rounds->id, utc_us) != GDN_OK) {
        (void)snprintf(rounds->why, sizeof rounds->why, "%s", gdn_err_text(GDN_ERR_MEMORY));
        fail_round(rounds, now_us);
        return;
    }
    rounds->phase = COLLECTING;
    rounds->started_us = now_us;
    rounds->ends_at_us = now_us + rounds->deadline_us;
    rounds->silent_count = rounds->node_count;
    for (size_t i = 0; i < rounds->node_count; i++) {
        rounds->nodes[i].answer = SILENT;
        tell(rounds, GDN__ROUNDS_START, &rounds->nodes[i]);
    }
}

/* A failed round is tried again after its pause, whatever else asks for one meanwhile. */
static void start_if_wanted(gdn__rounds *rounds, int64_t now_us, int64_t utc_us)
{
    if (rounds->phase != RESTING || rounds->node_count == 0) return;
    bool wanted = rounds->retry_at_us == INT64_MAX
                      ? rounds->suspected || rounds->due_at_us <= now_us
                      : rounds->retry_at_us <= now_us;
    if (wanted) start_round(rounds, now_us, utc_us);
}

static enum gdn_err name_missing(gdn__rounds *rounds)
{
    enum gdn_err err = GDN_OK;
    for (size_t i = 0; err == GDN_OK && i < rounds->node_count; i++) {
        if (rounds->nodes[i].answer == REPORTED) continue;
        err = gdn_cut_add_missing(rounds->cut, rounds->nodes[i].name);
    }
    for (size_t i = 0; err == GDN_OK && i < rounds->expect_count; i++) {
        if (rounds->expect[i].present) continue;
        err = gdn_cut_add_missing(rounds->cut, rounds->expect[i].name);
    }
    return err;
}

static void finish_round(gdn__rounds *rounds, int64_t now_us)
{
    (void)snprintf(rounds->why, sizeof rounds->why, "%s", gdn_err_text(GDN_ERR_MEMORY));
    enum gdn_err err = name_missing(rounds);
    if (err == GDN_OK) err = gdn__cut_check_round(rounds->cut, rounds->why, sizeof rounds->why);
    if (err != GDN_OK) {
        fail_round(rounds, now_us);
        return;
    }
    tell_silent(rounds, GDN__ROUNDS_ABANDON);
    struct gdn__rounds_action *action = act(rounds, GDN__ROUNDS_FINISH);
    action->cut = rounds->cut;
    action->started_us = rounds->started_us;
    rounds->cut = NULL;
    rest(rounds);
    rounds->failed_runs = 0;
    rounds->counters.finished++;
}

/* ---- Nodes come and go ---- */

static struct node *find_node(gdn__rounds *rounds, uint32_t number)
{
    if (number >= rounds->index_count || rounds->index_of[number] == 0) return NULL;
    return &rounds->nodes[rounds->index_of[number] - 1];
}

static bool make_index(gdn__rounds *rounds, uint32_t number)
{
    while (rounds->index_count <= number) {
        if (!gdn__grow(&rounds->allocator, &rounds->index_of, rounds->index_count,
                       &rounds->index_capacity, sizeof *rounds->index_of)) {
            return false;
        }
        rounds->index_of[rounds->index_count++] = 0;
    }
    return true;
}

static void note_presence(gdn__rounds *rounds, const char *name, bool present)
{
    for (size_t i = 0; i < rounds->expect_count; i++) {
        if (strcmp(rounds->expect[i].name, name) == 0) rounds->expect[i].present = present;
    }
}

static void restart_round(gdn__rounds *rounds, int64_t now_us, const char *name, const char *what)
{
    if (rounds->phase == RESTING) return;
    (void)snprintf(rounds->why, sizeof rounds->why, "%s %s during the round", name, what);
    fail_round(rounds, now_us);
}

static enum gdn_err step_joined(gdn__rounds *rounds, const struct gdn__rounds_event *event)
{
    assert(find_node(rounds, event->node) == NULL);
    if (!make_index(rounds, event->node) || !make_room(rounds, rounds->node_count + 1) ||
        !gdn__grow(&rounds->allocator, &rounds->nodes, rounds->node_count, &rounds->node_capacity,
                   sizeof *rounds->nodes)) {
        return GDN_ERR_MEMORY;
    }
    char *name = gdn__strdup(&rounds->allocator, event->name);
    if (name == NULL) return GDN_ERR_MEMORY;
    rounds->nodes[rounds->node_count++] =
        (struct node){.number = event->node, .name = name, .incarnation = event->incarnation};
    rounds->index_of[event->node] = (uint32_t)rounds->node_count;
    note_presence(rounds, name, true);
    restart_round(rounds, event->now_us, name, "joined");
    return GDN_OK;
}

static void step_left(gdn__rounds *rounds, const struct gdn__rounds_event *event)
{
    struct node *node = find_node(rounds, event->node);
    if (node == NULL) return;
    char *name = node->name;
    *node = rounds->nodes[--rounds->node_count]; /* The last one takes its place. */
    rounds->index_of[node->number] = rounds->index_of[event->node];
    rounds->index_of[event->node] = 0;
    note_presence(rounds, name, false);
    restart_round(rounds, event->now_us, name, "left");
    gdn__free(&rounds->allocator, name);
}

/* ---- Answers ---- */

/* The node whose answer this is; NULL: the answer comes too late, or twice. */
static struct node *answering(gdn__rounds *rounds, const struct gdn__rounds_event *event)
{
    bool current = rounds->phase != RESTING && event->round.number == rounds->id.number &&
                   event->round.incarnation == rounds->id.incarnation &&
                   gdn_id_equal(event->round.initiator.id, rounds->id.initiator.id);
    struct node *node = current ? find_node(rounds, event->node) : NULL;
    return node != NULL && is_silent(node) ? node : NULL;
}

static void answered(gdn__rounds *rounds, struct node *node, enum answer answer, int64_t now_us)
{
    if (node->answer == SILENT) rounds->silent_count--;
    node->answer = answer;
    if (rounds->silent_count == 0) finish_round(rounds, now_us);
}

/* A report speaks for the node that sent it and for no other. */
static enum gdn_err check_author(const gdn_cut *report, const struct node *node, char *why,
                                 size_t why_bytes)
{
    if (report->node_count != 1) {
        (void)snprintf(why, why_bytes, "it holds %zu nodes, not 1", report->node_count);
        return GDN_ERR_FORMAT;
    }
    const struct gdn_cut_party *party = &report->parties[report->nodes[0].party];
    if (strcmp(party->name, node->name) == 0 && party->incarnation == node->incarnation) {
        return GDN_OK;
    }
    (void)snprintf(why, why_bytes, "it speaks for %s, incarnation %llu", party->name,
                   (unsigned long long)party->incarnation);
    return GDN_ERR_FORMAT;
}

static enum gdn_err read_report(const gdn__rounds *rounds, const struct node *node,
                                const struct gdn__rounds_event *event, gdn_cut **report, char *why,
                                size_t why_bytes)
{
    enum gdn_err err =
        gdn_cut_decode(&rounds->allocator, event->bytes, event->length, report, why, why_bytes);
    if (err == GDN_OK) err = check_author(*report, node, why, why_bytes);
    if (err == GDN_OK) err = gdn__cut_check_contents(*report, why, why_bytes);
    return err;
}

static void step_reported(gdn__rounds *rounds, const struct gdn__rounds_event *event)
{
    struct node *node = answering(rounds, event);
    if (node == NULL) return;
    char reason[GDN__ROUND_WHY_BYTES - GDN_NAME_MAX - 32];
    gdn_cut *report = NULL;
    enum gdn_err err = read_report(rounds, node, event, &report, reason, sizeof reason);
    if (err == GDN_OK) {
        err = gdn_cut_merge(rounds->cut, report, rounds->why, sizeof rounds->why);
        if (err == GDN_OK)
            answered(rounds, node, REPORTED, event->now_us);
        else
            fail_round(rounds, event->now_us); /* Half merged: the cut is of no more use. */
    } else {
        (void)snprintf(rounds->refuse_why, sizeof rounds->refuse_why, "report of %s refused: %s",
                       node->name, reason);
        rounds->counters.reports_refused++;
        struct gdn__rounds_action *action = act(rounds, GDN__ROUNDS_REFUSE);
        action->node = node->number;
        action->why = rounds->refuse_why;
        answered(rounds, node, MISSING, event->now_us);
    }
    gdn_cut_free(report);
}

/* Tried again, but not for ever: one node that always fails must not hide all the others. */
static void step_failed(gdn__rounds *rounds, const struct gdn__rounds_event *event)
{
    struct node *node = answering(rounds, event);
    if (node == NULL) return;
    if (rounds->failed_runs >= GDN__ROUND_PATIENCE) {
        answered(rounds, node, MISSING, event->now_us);
        return;
    }
    (void)snprintf(rounds->why, sizeof rounds->why, "%s cannot report: %s", node->name,
                   event->reason);
    node->answer = MISSING; /* It need not be told. */
    fail_round(rounds, event->now_us);
}

/* ---- Time ---- */

/* Its report would change nothing in what the others recorded, so waiting for it is a matter of
 * completeness alone; and it has had a whole deadline to say anything. */
static void step_heard(gdn__rounds *rounds, const struct gdn__rounds_event *event)
{
    if (rounds->phase != CALLING || event->now_us < rounds->ends_at_us) return;
    struct node *node = find_node(rounds, event->node);
    if (node == NULL || node->answer != SILENT || event->heard_us >= rounds->started_us) return;
    answered(rounds, node, UNHEARD, event->now_us);
}

static int64_t at_most(int64_t us, int64_t max_us)
{
    return us < max_us ? us : max_us;
}

static void step_time_passed(gdn__rounds *rounds, int64_t now_us)
{
    if (rounds->phase == RESTING || now_us < rounds->ends_at_us) return;
    int64_t hurry_us = at_most(rounds->deadline_us / 2, GDN__ROUND_HURRY_MAX_US);
    int64_t call_us = at_most(hurry_us, GDN__ROUND_CALL_US);
    switch (rounds->phase) {
    case COLLECTING:
        rounds->phase = CALLING;
        rounds->ends_at_us = now_us + call_us;
        tell_silent(rounds, GDN__ROUNDS_COLLECT);
        break;
    case CALLING:
        rounds->phase = HURRYING;
        rounds->ends_at_us = now_us + hurry_us - call_us;
        break;
    case HURRYING:
    case RESTING:
        finish_round(rounds, now_us);
        break;
    }
}

int64_t gdn__rounds_deadline(const gdn__rounds *rounds)
{
    if (rounds->phase != RESTING) return rounds->ends_at_us;
    if (rounds->node_count == 0) return INT64_MAX;
    if (rounds->retry_at_us != INT64_MAX) return rounds->retry_at_us;
    return rounds->suspected ? INT64_MIN : rounds->due_at_us;
}

enum gdn_err gdn__rounds_step(gdn__rounds *rounds, const struct gdn__rounds_event *event,
                              struct gdn__rounds_actions *actions)
{
    enum gdn_err err = GDN_OK;
    rounds->action_count = 0;
    switch (event->type) {
    case GDN__ROUNDS_JOINED:
        err = step_joined(rounds, event);
        break;
    case GDN__ROUNDS_LEFT:
        step_left(rounds, event);
        break;
    case GDN__ROUNDS_SUSPECTED:
        rounds->suspected = true;
        break;
    case GDN__ROUNDS_REPORTED:
        step_reported(rounds, event);
        break;
    case GDN__ROUNDS_FAILED:
        step_failed(rounds, event);
        break;
    case GDN__ROUNDS_HEARD:
        step_heard(rounds, event);
        break;
    case GDN__ROUNDS_TIME_PASSED:
        step_time_passed(rounds, event->now_us);
        break;
    }
    start_if_wanted(rounds, event->now_us, event->utc_us);
    *actions = (struct gdn__rounds_actions){rounds->actions, rounds->action_count};
    return err;
}
