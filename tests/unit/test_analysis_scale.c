/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Large cuts, long queues and little memory: linear, iterative, and nothing lost on the way. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "analysis_world.h"
#include "detector/analysis/build.h"
#include "detector/analysis/queue.h"
#include "tests/support/faulty.h"
#include "tests/support/replay.h"
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

static void must(enum gdn_err err)
{
    assert_int_equal(err, GDN_OK);
}

/* ---- Cuts ---- */

static gdn_cut *new_cut(uint32_t *node)
{
    gdn_cut *cut = gdn_cut_new(NULL);
    assert_non_null(cut);
    must(gdn_cut_add_node(cut, gdn_cut_party(cut, "n1", 1), node));
    return cut;
}

static uint32_t process_numbered(gdn_cut *cut, uint32_t number)
{
    gdn_node_id node = gdn_node_named("n1");
    return gdn_cut_process(cut, (gdn_process_id){gdn_id_from_counter(node, number)}, NULL);
}

static void open_home(gdn_cut *cut, uint32_t node, uint32_t number)
{
    gdn_node_id maker = gdn_node_named("resources");
    gdn_resource_id id = {gdn_id_from_counter(maker, number)};
    struct gdn_cut_home home = {.resource = gdn_cut_resource(cut, id, NULL)};
    must(gdn_cut_add_home(cut, node, &home));
}

static void hold(gdn_cut *cut, uint32_t node, uint32_t process, uint8_t mode)
{
    struct gdn_cut_holder holder = {.process = process, .ticket = UINT64_MAX, .mode = mode};
    must(gdn_cut_add_holder(cut, node, &holder));
}

static void ask(gdn_cut *cut, uint32_t node, uint32_t process, uint64_t ticket, uint8_t mode)
{
    struct gdn_cut_entry entry = {.process = process, .ticket = ticket, .mode = mode};
    must(gdn_cut_add_entry(cut, node, &entry));
}

/* Process i waits for what process i + 1 holds; the last for the first, if it is a ring. */
static gdn_cut *make_line(uint32_t count, bool ring)
{
    uint32_t node;
    gdn_cut *cut = new_cut(&node);
    for (uint32_t i = 0; i < count; i++) {
        open_home(cut, node, i);
        hold(cut, node, process_numbered(cut, (i + 1) % count), GDN_MODE_EXCLUSIVE);
        if (!ring && i == count - 1) continue;
        ask(cut, node, process_numbered(cut, i), i + 1, GDN_MODE_EXCLUSIVE);
    }
    return cut;
}

static gdn_verdict *judge(const gdn_cut *cut)
{
    gdn_verdict *verdict;
    char why[256];
    if (gdn_analyze(cut, GDN_POLICY_YOUNGEST, &verdict, why, sizeof why) != GDN_OK) {
        fail_msg("%s", why);
    }
    return verdict;
}

/* ---- Size ---- */

/* A step of recursion takes at least 16 bytes: so many of them do not fit on this stack. */
#define LONG_LINE   300000
#define STACK_BYTES (1 << 20)

static void *judge_line(void *cut)
{
    return judge(cut);
}

/* On a stack that holds no recursion over a long line. */
static gdn_verdict *judge_on_small_stack(gdn_cut *cut)
{
    pthread_t thread;
    pthread_attr_t attributes;
    void *verdict;
    assert_int_equal(pthread_attr_init(&attributes), 0);
    assert_int_equal(pthread_attr_setstacksize(&attributes, STACK_BYTES), 0);
    assert_int_equal(pthread_create(&thread, &attributes, judge_line, cut), 0);
    assert_int_equal(pthread_join(thread, &verdict), 0);
    assert_int_equal(pthread_attr_destroy(&attributes), 0);
    return verdict;
}

static void a_long_chain_is_no_deadlock(void **state)
{
    (void)state;
    gdn_cut *cut = make_line(LONG_LINE, false);
    gdn_verdict *verdict = judge_on_small_stack(cut);
    assert_int_equal(verdict->deadlock_count, 0);
    assert_int_equal(verdict->waiting_count, LONG_LINE - 1);
    gdn_verdict_free(verdict);
    gdn_cut_free(cut);
}

static void a_long_ring_is_one_deadlock_with_one_victim(void **state)
{
    (void)state;
    const uint32_t count = LONG_LINE;
    gdn_cut *cut = make_line(count, true);
    gdn_verdict *verdict = judge_on_small_stack(cut);
    assert_int_equal(verdict->deadlock_count, 1);
    assert_int_equal(verdict->deadlocks[0].member_count, count);
    assert_int_equal(verdict->deadlocks[0].witness_count, count);
    assert_int_equal(verdict->deadlocks[0].victim_count, 1);
    gdn_verdict_free(verdict);
    gdn_cut_free(cut);
}

static void many_small_deadlocks_are_as_many(void **state)
{
    (void)state;
    const uint32_t pairs = 5000;
    uint32_t node;
    gdn_cut *cut = new_cut(&node);
    for (uint32_t i = 0; i < 2 * pairs; i++) {
        open_home(cut, node, i);
        hold(cut, node, process_numbered(cut, i ^ 1), GDN_MODE_EXCLUSIVE);
        ask(cut, node, process_numbered(cut, i), i + 1, GDN_MODE_EXCLUSIVE);
    }
    gdn_verdict *verdict = judge(cut);
    assert_int_equal(verdict->deadlock_count, pairs);
    gdn_verdict_free(verdict);
    gdn_cut_free(cut);
}

/* All hold, all want more: all but one must go, and no set of them is tried that cannot be. */
static void all_but_one_of_many_that_upgrade_must_go(void **state)
{
    (void)state;
    /* Searched in full; broken by cycles; too many links to draw. */
    static const uint32_t counts[] = {60, 600, 3000};
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        uint32_t node;
        gdn_cut *cut = new_cut(&node);
        open_home(cut, node, 0);
        for (uint32_t p = 0; p < counts[i]; p++) {
            hold(cut, node, process_numbered(cut, p), GDN_MODE_SHARED);
            ask(cut, node, process_numbered(cut, p), p + 1, GDN_MODE_EXCLUSIVE);
        }
        gdn_verdict *verdict = judge(cut);
        assert_int_equal(verdict->deadlock_count, 1);
        assert_int_equal(verdict->deadlocks[0].member_count, counts[i]);
        assert_int_equal(verdict->deadlocks[0].witness_count, 2);
        assert_int_equal(verdict->deadlocks[0].victim_count, counts[i] - 1);
        assert_int_equal(verdict->deadlocks[0].victims_minimal, counts[i] == 60);
        bool says = strstr(verdict->deadlocks[0].victim_reason, "perhaps fewer") != NULL;
        assert_int_equal(says, counts[i] != 60);
        gdn_verdict_free(verdict);
        gdn_cut_free(cut);
    }
}

/* ---- Queues ---- */

static uint32_t edges_of_queue(uint32_t count, bool holders_ask)
{
    uint32_t node;
    gdn_cut *cut = new_cut(&node);
    struct gdn__fold fold;
    struct gdn__graph graph;
    open_home(cut, node, 0);
    for (uint32_t i = 0; i < count; i++) {
        if (holders_ask || i == 0) hold(cut, node, process_numbered(cut, i), GDN_MODE_SHARED);
        uint32_t asks = holders_ask ? i : i + count;
        ask(cut, node, process_numbered(cut, asks), i + 1, i % 2 ? GDN_MODE_SHARED : 0);
    }
    gdn__graph_init(&graph, &cut->allocator);
    must(gdn__fold_init(&fold, cut));
    must(gdn__build(&fold, &graph));
    uint32_t edges = gdn__graph_edge_count(&graph);
    gdn__graph_fini(&graph);
    gdn__fold_fini(&fold);
    gdn_cut_free(cut);
    return edges;
}

/* Drawn one by one, 20000 entries would be some 10^8 edges. */
static void a_queue_costs_edges_in_proportion_to_its_length(void **state)
{
    (void)state;
    assert_true(edges_of_queue(20000, false) < 6 * 20000);
    /* Those that skip themselves cost a few more. */
    assert_true(edges_of_queue(20000, true) < 16 * 20000);
}

/* One process in one queue very often: the square of that must not show. Each stands before the
 * other somewhere, but what its first place is granted covers all of its others. */
static void a_process_may_queue_very_often(void **state)
{
    (void)state;
    uint32_t node;
    gdn_cut *cut = new_cut(&node);
    open_home(cut, node, 0);
    hold(cut, node, process_numbered(cut, 0), GDN_MODE_EXCLUSIVE);
    for (uint32_t i = 0; i < 20000; i++) {
        ask(cut, node, process_numbered(cut, 1 + i % 2), i + 1, GDN_MODE_EXCLUSIVE);
    }
    gdn_verdict *verdict = judge(cut);
    assert_int_equal(verdict->deadlock_count, 0);
    gdn_verdict_free(verdict);
    gdn_cut_free(cut);
}

/* ---- Long queues by definition ---- */

#define QUEUE_PROCESSES 12
#define QUEUE_MAX       200

/* Whom @p vertex leads to: a bit for each process, and one more set for queued links. */
static void follow(const struct gdn__graph *graph, uint32_t vertex, uint32_t info, uint64_t *found)
{
    static uint32_t stack[1 << 16];
    static uint32_t infos[1 << 16];
    size_t top = 0;
    stack[top] = vertex;
    infos[top++] = info;
    while (top > 0) {
        top--;
        uint32_t at = stack[top], flags = infos[top];
        if (graph->vertices[at].kind == GDN__VERTEX_PROCESS) {
            bool queued = (flags & GDN__INFO_QUEUED) != 0;
            *found |= UINT64_C(1) << (graph->vertices[at].ref + (queued ? 32 : 0));
            continue;
        }
        for (uint32_t e = graph->first[at]; e < graph->first[at + 1]; e++) {
            assert_true(top < sizeof stack / sizeof stack[0]);
            stack[top] = graph->to[e];
            infos[top++] = graph->info[e];
        }
    }
}

struct queued {
    uint32_t process;
    uint8_t mode;
    bool held;
    uint64_t found; /* Who stands in its way. */
};

/* Bits of those that stand in the way of line[at] from line[from] on: waiters count apart. */
static uint64_t in_the_way(const gdn_cut *cut, const struct queued *line, int from, int at)
{
    uint64_t found = 0;
    for (int i = from; i < at; i++) {
        if (line[i].process == line[at].process) continue;
        if (!gdn_modes_conflict(&cut->modes, line[at].mode, line[i].mode)) continue;
        found |= UINT64_C(1) << (line[i].process + (line[i].found != 0 ? 32 : 0));
    }
    return found;
}

static uint64_t blockers_by_definition(const gdn_cut *cut, struct queued *line, int at)
{
    uint16_t own = 0;
    for (int i = 0; i < at; i++) {
        if (line[i].held && line[i].process == line[at].process)
            own |= (uint16_t)(1u << line[i].mode);
    }
    if (own != 0 && gdn_modes_cover(&cut->modes, own, line[at].mode)) return 0;
    line[at].found = in_the_way(cut, line, 0, at);
    int first = 0; /* In the queue. */
    while (line[first].held) first++;
    if (in_the_way(cut, line, first, at) == 0) return line[at].found;
    for (int i = at - 1; i >= 0 && !line[i].held; i--) {
        uint16_t then = (uint16_t)(own | 1u << line[i].mode);
        if (line[i].process != line[at].process) continue;
        if (!gdn_modes_cover(&cut->modes, then, line[at].mode)) continue;
        bool alone = gdn_modes_cover(&cut->modes, (uint16_t)(1u << line[i].mode), line[at].mode);
        if (alone && in_the_way(cut, line, i + 1, at) == 0) continue;
        line[at].found = line[i].found;
        break;
    }
    return line[at].found;
}

static void compare_queue(uint64_t seed)
{
    static const char *const names[] = {"a", "b", "c", "d"};
    static struct queued line[QUEUE_MAX];
    uint64_t random = seed;
    uint32_t node;
    gdn_cut *cut = new_cut(&node);
    struct gdn_modes modes = {.count = 4};
    for (int m = 0; m < 4; m++) {
        modes.names[m] = names[m];
        modes.conflicts[m] = (uint16_t)world_below(&random, 16);
    }
    must(gdn_cut_set_modes(cut, &modes));
    open_home(cut, node, 0);
    int holds = world_below(&random, 40), count = holds + world_below(&random, QUEUE_MAX - 40);
    int processes = 1 + world_below(&random, QUEUE_PROCESSES);
    for (int i = 0; i < count; i++) {
        uint32_t process = process_numbered(cut, (uint32_t)world_below(&random, processes));
        line[i] = (struct queued){process, (uint8_t)world_below(&random, 4), i < holds, false};
        if (i < holds) {
            hold(cut, node, process, line[i].mode);
        } else {
            ask(cut, node, process, (uint64_t)i, line[i].mode);
        }
    }

    struct gdn__fold fold;
    struct gdn__graph graph;
    struct gdn__drawn_place places[QUEUE_MAX];
    uint32_t vertex;
    gdn__graph_init(&graph, &cut->allocator);
    must(gdn__fold_init(&fold, cut));
    for (uint32_t p = 0; p < cut->process_count; p++) {
        must(gdn__graph_add(&graph, GDN__VERTEX_PROCESS, p, GDN__NEED_ALL, &vertex));
    }
    must(gdn__queue_build(&fold, &graph, places));
    must(gdn__graph_finish(&graph));
    for (int i = holds; i < count; i++) {
        uint64_t expected = blockers_by_definition(cut, line, i), found = 0;
        const struct gdn__blockers *drawn = &places[i - holds].blockers;
        if (drawn->to != GDN_NONE) follow(&graph, drawn->to, drawn->info, &found);
        if (found != expected) {
            fail_msg("entry %d; replay: GDN_SEED=%" PRIu64 " GDN_RUNS=1 test_analysis_scale", i,
                     seed);
        }
    }
    gdn__graph_fini(&graph);
    gdn__fold_fini(&fold);
    gdn_cut_free(cut);
}

static void long_queues_are_drawn_by_definition(void **state)
{
    (void)state;
    uint64_t seed = number_from_environment("GDN_SEED", 1),
             runs = number_from_environment("GDN_RUNS", 1500);
    for (uint64_t i = 0; i < runs; i++) {
        compare_queue(seed);
        (void)world_random(&seed);
    }
}

/* ---- Memory ---- */

/* Worlds with everything in them, each allocation failing once. */
static void every_allocation_may_fail(void **state)
{
    (void)state;
    static struct world world;
    uint64_t seed = 5;
    size_t failures = 0;
    for (int i = 0; i < 12; i++) {
        world_make(&world, &seed, i % 2 == 0 ? WORLD_CHOICES : 0);
        gdn_cut *cut = world_cut(&world, &seed);
        struct gdn_allocator usual = cut->allocator;
        struct faulty faulty = {0};
        enum gdn_err err = GDN_ERR_MEMORY;
        for (size_t left = 0; err == GDN_ERR_MEMORY; left++) {
            gdn_verdict *verdict = NULL;
            char why[256];
            faulty.allowed = left;
            cut->allocator = faulty_allocator(&faulty);
            err = gdn_analyze(cut, GDN_POLICY_FEWEST_LOCKS, &verdict, why, sizeof why);
            if (err == GDN_OK) gdn_verdict_free(verdict);
            assert_int_equal(faulty.live, 0);
            assert_true(err == GDN_OK || why[0] != '\0');
            failures += err != GDN_OK;
            cut->allocator = usual;
        }
        assert_int_equal(err, GDN_OK);
        gdn_cut_free(cut);
    }
    assert_true(failures > 500);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_long_chain_is_no_deadlock),
        cmocka_unit_test(a_long_ring_is_one_deadlock_with_one_victim),
        cmocka_unit_test(many_small_deadlocks_are_as_many),
        cmocka_unit_test(all_but_one_of_many_that_upgrade_must_go),
        cmocka_unit_test(a_queue_costs_edges_in_proportion_to_its_length),
        cmocka_unit_test(a_process_may_queue_very_often),
        cmocka_unit_test(long_queues_are_drawn_by_definition),
        cmocka_unit_test(every_allocation_may_fail),
    };
    return !!cmocka_run_group_tests(tests, NULL, NULL);
}
