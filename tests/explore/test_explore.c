/* SPDX-License-Identifier: MIT */
/* Small systems, gone through completely. `make explore` goes through larger ones as well, and
 * replays one execution: docs/testing.md, "The explorer". */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include "tests/explore/explorer.h"
#include "tests/explore/plans.h"
#include "tests/explore/replay.h"
#include <cmocka.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define AGAIN_EVERY 1009 /* Executions that are run again as a whole. */

/* Of this process: what else the machine does shall not count. */
static double seconds(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* ---- What is printed ---- */

static void say_head(void)
{
    print_message("%-22s %5s %8s %8s %6s %14s %9s %12s %8s %8s\n", "system", "nodes", "channels",
                  "messages", "rounds", "interleavings", "histories", "in flight", "refused",
                  "seconds");
}

static void say_line(const struct layout *layout, const struct explorer_found *found, double took)
{
    print_message("%-22s %5d %8d %8d %6d %14llu %9zu %12llu %8llu %8.1f\n", layout->plan.name,
                  layout->plan.nodes, layout->channel_count,
                  layout->channel_count * layout->plan.messages, layout->round_count,
                  (unsigned long long)found->interleavings, found->histories,
                  (unsigned long long)found->rounds.in_flight,
                  (unsigned long long)found->rounds.refused, took);
    (void)fflush(stdout);
}

/* True: nothing that happens is wrong. */
static bool narrate(const struct layout *layout, const uint8_t *schedule, int length)
{
    char why[256] = "";
    struct judge_counts counts = {0};
    const struct facts *facts[LAYOUT_NODES_MAX];
    struct replay *replay = replay_new(layout);
    replay_narrate(replay, stderr);
    bool complete = replay_all(replay, schedule, length), holds = true;
    for (int n = 0; n < layout->plan.nodes; n++) {
        facts[n] = replay_facts(replay, n);
        if (facts[n]->broken[0] != '\0') holds = false;
    }
    if (holds && complete) holds = judge_execution(layout, facts, &counts, why, sizeof why);
    if (holds && !complete) (void)fprintf(stderr, "(other things could happen next)\n");
    if (!holds) (void)fprintf(stderr, "not true: %s\n", why[0] != '\0' ? why : "see above");
    replay_free(replay);
    return holds;
}

static void say_replay(const struct layout *layout, const uint8_t *schedule, int length)
{
    char word[24];
    print_error("replay: make explore SYSTEM=%s SCHEDULE='", layout->plan.name);
    for (int k = 0; k < length; k++) {
        print_error("%s%s", k == 0 ? "" : ", ", layout_word(layout, schedule[k], word));
    }
    print_error("'\n");
}

static void explain(const struct layout *layout, const struct explorer_found *found)
{
    print_error("system %s breaks after %llu interleavings\nnot true: %s\n", layout->plan.name,
                (unsigned long long)found->interleavings, found->why);
    (void)fflush(NULL);
    (void)narrate(layout, found->schedule, found->length);
    say_replay(layout, found->schedule, found->length);
}

/* ---- The systems ---- */

static struct layout explored; /* Under way. */

/* An assertion inside the core: say where that was. */
static void on_abort(int number)
{
    uint8_t schedule[EXPLORER_LENGTH_MAX];
    (void)signal(number, SIG_DFL);
    print_error("system %s aborts\n", explored.plan.name);
    say_replay(&explored, schedule, explorer_under_way(schedule));
    (void)raise(number);
}

static bool explore(const struct layout_plan *plan)
{
    static struct explorer_found found;
    struct explorer_options options = {.again_every = AGAIN_EVERY};
    double began = seconds();
    layout_make(&explored, plan);
    (void)signal(SIGABRT, on_abort);
    explorer_run(&explored, &options, &found);
    (void)signal(SIGABRT, SIG_DFL);
    if (found.broken) {
        explain(&explored, &found);
        return false;
    }
    say_line(&explored, &found, seconds() - began);
    if (found.interleavings == plan->interleavings) return true;
    print_error("system %s has %llu interleavings, not %llu as it had\n", plan->name,
                (unsigned long long)found.interleavings, (unsigned long long)plan->interleavings);
    return false;
}

static void every_interleaving_of_small_systems_gives_a_true_cut(void **state)
{
    (void)state;
    say_head();
    for (int p = 0; p < plan_count; p++) {
        if (!plans[p].night) assert_true(explore(&plans[p]));
    }
}

/* ---- The explorer itself ---- */

/* How executions end, one number each. */
struct ends {
    uint64_t *list;
    size_t count, capacity;
};

static void note_end(void *context, uint64_t end)
{
    struct ends *ends = context;
    if (ends->count == ends->capacity) {
        ends->capacity = ends->capacity == 0 ? 4096 : ends->capacity * 2;
        ends->list = realloc(ends->list, ends->capacity * sizeof *ends->list);
        assert_non_null(ends->list);
    }
    ends->list[ends->count++] = end;
}

static int by_number(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

/* Sorted, and each once. */
static void tidy_ends(struct ends *ends)
{
    size_t kept = 0;
    qsort(ends->list, ends->count, sizeof *ends->list, by_number);
    for (size_t i = 0; i < ends->count; i++) {
        if (i == 0 || ends->list[i] != ends->list[i - 1]) ends->list[kept++] = ends->list[i];
    }
    ends->count = kept;
}

static struct ends ends_of(const char *name, bool plain)
{
    static struct layout layout;
    static struct explorer_found found;
    struct ends ends = {.list = NULL};
    struct explorer_options options = {.plain = plain, .tell = note_end, .context = &ends};
    layout_make(&layout, plans_find(name));
    explorer_run(&layout, &options, &found);
    assert_false(found.broken);
    assert_int_equal(ends.count, found.interleavings);
    return ends;
}

static void compare_with_plain(const char *name)
{
    struct ends all = ends_of(name, true), once = ends_of(name, false);
    size_t interleavings = all.count, reduced = once.count;
    tidy_ends(&all);
    tidy_ends(&once);
    print_message("%s: %zu interleavings, %zu that differ; sleep sets go through %zu\n", name,
                  interleavings, all.count, reduced);
    assert_int_equal(once.count, reduced); /* None twice ... */
    assert_int_equal(once.count, all.count);
    assert_memory_equal(once.list, all.list, all.count * sizeof *all.list); /* ... none missed. */
    assert_true(interleavings > 2 * reduced);
    free(all.list);
    free(once.list);
}

static void sleep_sets_miss_nothing_and_repeat_nothing(void **state)
{
    (void)state;
    compare_with_plain("pair-1");
    compare_with_plain("ring3-1");
    compare_with_plain("pair-1-two");
    compare_with_plain("site-pair-1");
}

/* ---- Wrong hosts ---- */

static void expect_seen(enum layout_fault fault, const char *in, const char *word)
{
    static struct layout layout;
    static struct explorer_found found;
    struct explorer_options options = {.again_every = AGAIN_EVERY};
    struct layout_plan plan = *plans_find(in);
    plan.fault = fault;
    layout_make(&layout, &plan);
    explorer_run(&layout, &options, &found);
    print_message("%s, after %llu interleavings: %s\n", in, (unsigned long long)found.interleavings,
                  found.why);
    assert_true(found.broken);
    assert_non_null(strstr(found.why, word));
}

/* The contract of participant.h: actions are carried out at once, in order. */
static void a_host_that_breaks_the_contract_is_seen(void **state)
{
    (void)state;
    expect_seen(LAYOUT_MARKER_LATE, "ring3-1", "recorded");
    expect_seen(LAYOUT_STATE_LATE, "ring3-1", "");
    expect_seen(LAYOUT_TAKEN_EARLY, "ring3-1", "taken");
    expect_seen(LAYOUT_WRONG_CHANNEL, "mesh3-1-paper", "");
}

/* ---- Entry ---- */

/* "send A>B, take B, ..." */
static int replay_schedule(const struct layout *layout, const char *text)
{
    uint8_t schedule[EXPLORER_LENGTH_MAX];
    int length = 0;
    char *copy = strdup(text), *rest = NULL;
    if (copy == NULL) abort();
    for (char *word = strtok_r(copy, ",", &rest); word != NULL; word = strtok_r(NULL, ",", &rest)) {
        int action = layout_find(layout, word + strspn(word, " "));
        if (action < 0 || length == EXPLORER_LENGTH_MAX) {
            (void)fprintf(stderr, "no such action in system %s: %s\n", layout->plan.name, word);
            free(copy);
            return 2;
        }
        schedule[length++] = (uint8_t)action;
    }
    free(copy);
    return narrate(layout, schedule, length) ? 0 : 1;
}

/* GDN_EXPLORE: a system's name, or "all". */
static int explore_named(const char *name, const char *schedule)
{
    static struct layout layout;
    bool all = strcmp(name, "all") == 0, held = true;
    const struct layout_plan *plan = plans_find(name);
    if (!all && plan == NULL) {
        (void)fprintf(stderr, "no system is called %s\n", name);
        return 2;
    }
    if (plan != NULL && schedule != NULL && *schedule != '\0') {
        layout_make(&layout, plan);
        return replay_schedule(&layout, schedule);
    }
    say_head();
    for (int p = 0; p < plan_count; p++) {
        if (all || plan == &plans[p]) held = explore(&plans[p]) && held;
    }
    return held ? 0 : 1;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_interleaving_of_small_systems_gives_a_true_cut),
        cmocka_unit_test(sleep_sets_miss_nothing_and_repeat_nothing),
        cmocka_unit_test(a_host_that_breaks_the_contract_is_seen),
    };
    const char *named = getenv("GDN_EXPLORE");
    if (named != NULL && *named != '\0') return explore_named(named, getenv("GDN_SCHEDULE"));
    return !!cmocka_run_group_tests(tests, NULL, NULL);
}
