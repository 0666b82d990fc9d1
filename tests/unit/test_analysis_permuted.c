/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A verdict is a function of what is the case, not of how it is told: large random cuts, each
 * written down twice. The second time nodes, homes, holders and processes stand in other orders
 * (detectors that merged the same reports differently must choose the same victims, also where a
 * heuristic chooses), and then: all have other names, others run beside them, or homes have moved
 * to nodes of their own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "analysis_world.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MANY_PROCESSES 240
#define MANY_RESOURCES 160
#define MANY_NODES     5
#define IN_ONE_HOME    12
#define FREE_PROCESSES 20
#define TEXT_BYTES     (1 << 20)

struct stake {
    uint32_t process;
    uint8_t mode;
};

struct place {
    struct stake held[IN_ONE_HOME], queued[IN_ONE_HOME];
    uint32_t held_count, queued_count;
    uint64_t ticket; /* Of the first in the queue. */
};

struct sketch {
    uint32_t process_count, resource_count;
    struct gdn_cut_process processes[MANY_PROCESSES];
    struct place places[MANY_RESOURCES];
};

static struct sketch sketch;

/* ---- Making ---- */

static struct stake any_stake(uint64_t *seed, int shared_percent)
{
    uint32_t process = (uint32_t)world_below(seed, (int)sketch.process_count);
    bool shared = world_below(seed, 100) < shared_percent;
    return (struct stake){process, shared ? GDN_MODE_SHARED : GDN_MODE_EXCLUSIVE};
}

static void make_sketch(uint64_t *seed)
{
    memset(&sketch, 0, sizeof sketch);
    sketch.process_count = (uint32_t)(20 + world_below(seed, MANY_PROCESSES - 20));
    sketch.resource_count = (uint32_t)(10 + world_below(seed, MANY_RESOURCES - 10));
    int holders = 1 + world_below(seed, IN_ONE_HOME), entries = 1 + world_below(seed, IN_ONE_HOME);
    int shared = world_below(seed, 100), fixed = world_below(seed, 3) * 4;
    for (uint32_t p = 0; p < sketch.process_count; p++) {
        struct gdn_cut_process *process = &sketch.processes[p];
        process->described = true;
        process->started_us = 1000000 * world_below(seed, 8);
        process->work = (uint64_t)world_below(seed, 4);
        process->priority = world_below(seed, 3);
        process->abortable = world_below(seed, 100) >= fixed;
    }
    uint64_t ticket = 1;
    for (uint32_t r = 0; r < sketch.resource_count; r++) {
        struct place *place = &sketch.places[r];
        place->ticket = ticket;
        place->held_count = 1 + (uint32_t)world_below(seed, holders);
        place->queued_count = (uint32_t)world_below(seed, entries);
        for (uint32_t i = 0; i < place->held_count; i++) place->held[i] = any_stake(seed, shared);
        for (uint32_t i = 0; i < place->queued_count; i++) {
            place->queued[i] = any_stake(seed, shared);
        }
        ticket += place->queued_count;
    }
}

/* ---- Writing down ---- */

static void shuffle(uint64_t *seed, uint32_t *order, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) order[i] = i;
    for (uint32_t i = count; i > 1; i--) {
        uint32_t j = (uint32_t)world_below(seed, (int)i), kept = order[i - 1];
        order[i - 1] = order[j];
        order[j] = kept;
    }
}

static void must(enum gdn_err err)
{
    assert_int_equal(err, GDN_OK);
}

enum telling { TOLD_AGAIN, TOLD_RENAMED, TOLD_WITH_OTHERS, TOLD_SPLIT };

/* A sketch as a cut, on the way. */
struct writing {
    enum telling telling;
    gdn_cut *cut;
    uint64_t *seed;
    uint32_t process[MANY_PROCESSES]; /* By number in the sketch. */
    uint32_t issuers[MANY_NODES];
};

/* Whoever has the higher number has the higher id, whatever the names: what is equal goes by id. */
static gdn_id id_of(const struct writing *w, uint32_t number)
{
    gdn_id id = {.bytes = {w->telling == TOLD_RENAMED ? 0x7e : 0x11}};
    if (w->telling == TOLD_RENAMED) id.bytes[13] = (uint8_t)(number * 37);
    for (int i = 0; i < 4; i++) id.bytes[4 + i] = (uint8_t)(number >> (24 - 8 * i));
    return id;
}

static uint32_t write_process(struct writing *w, uint32_t number)
{
    gdn_process_id id = {id_of(w, number)};
    uint32_t process = gdn_cut_process(w->cut, id, NULL);
    char name[16];
    assert_int_not_equal(process, GDN_NONE);
    (void)snprintf(name, sizeof name, "w%06" PRIu32, number);
    if (w->telling == TOLD_RENAMED) must(gdn_cut_name_process(w->cut, process, name));
    return process;
}

static void open_home(struct writing *w, uint32_t node, uint32_t number)
{
    gdn_resource_id id = {id_of(w, number)};
    struct gdn_cut_home home = {.resource = gdn_cut_resource(w->cut, id, NULL)};
    must(gdn_cut_add_home(w->cut, node, &home));
}

static void write_home(struct writing *w, uint32_t node, uint32_t r)
{
    const struct place *place = &sketch.places[r];
    uint32_t order[IN_ONE_HOME];
    open_home(w, node, r);
    shuffle(w->seed, order, place->held_count);
    for (uint32_t i = 0; i < place->held_count; i++) {
        const struct stake *held = &place->held[order[i]];
        struct gdn_cut_holder holder = {.process = w->process[held->process],
                                        .issuer = w->issuers[r % MANY_NODES],
                                        .ticket = UINT64_MAX - place->ticket * 16 - order[i],
                                        .mode = held->mode};
        must(gdn_cut_add_holder(w->cut, node, &holder));
    }
    for (uint32_t i = 0; i < place->queued_count; i++) {
        struct gdn_cut_entry entry = {.process = w->process[place->queued[i].process],
                                      .issuer = w->issuers[r % MANY_NODES],
                                      .ticket = place->ticket + i,
                                      .mode = place->queued[i].mode};
        must(gdn_cut_add_entry(w->cut, node, &entry));
    }
}

static void write_processes(struct writing *w)
{
    uint32_t order[MANY_PROCESSES];
    shuffle(w->seed, order, sketch.process_count);
    for (uint32_t i = 0; i < sketch.process_count; i++) {
        uint32_t p = order[i];
        w->process[p] = write_process(w, p);
        struct gdn_cut_process *described = &w->cut->processes[w->process[p]];
        struct gdn_cut_process known = *described;
        *described = sketch.processes[p];
        described->id = known.id;
        described->name = known.name;
    }
}

/* Each waits for the next, and the last runs. */
static void write_others(struct writing *w, uint32_t node)
{
    for (uint32_t i = 0; i < FREE_PROCESSES; i++) {
        uint32_t waiter = write_process(w, MANY_PROCESSES + i);
        uint32_t holder = write_process(w, MANY_PROCESSES + i + 1);
        uint64_t ticket = (UINT64_C(1) << 32) + 2 * i;
        open_home(w, node, MANY_RESOURCES + i);
        must(gdn_cut_add_holder(w->cut, node,
                                &(struct gdn_cut_holder){.process = holder, .ticket = ticket}));
        must(gdn_cut_add_entry(w->cut, node,
                               &(struct gdn_cut_entry){.process = waiter, .ticket = ticket + 1}));
    }
}

static uint32_t write_node(struct writing *w, char letter, uint32_t number)
{
    char name[8];
    uint32_t node;
    (void)snprintf(name, sizeof name, "%c%" PRIu32, letter, number);
    must(gdn_cut_add_node(w->cut, gdn_cut_party(w->cut, name, 1), &node));
    return node;
}

static gdn_cut *write_down(enum telling telling, uint64_t *seed)
{
    struct writing w = {.telling = telling, .cut = gdn_cut_new(NULL), .seed = seed};
    uint32_t order[MANY_NODES], node[MANY_NODES], homes[MANY_RESOURCES];
    assert_non_null(w.cut);
    write_processes(&w);
    shuffle(seed, order, MANY_NODES);
    for (uint32_t i = 0; i < MANY_NODES; i++) {
        node[order[i]] = write_node(&w, 'n', order[i]);
        w.issuers[order[i]] = w.cut->nodes[node[order[i]]].party;
    }
    if (telling == TOLD_WITH_OTHERS) write_others(&w, node[0]);
    shuffle(seed, homes, sketch.resource_count);
    for (uint32_t n = 0; n < MANY_NODES; n++) {
        uint32_t moved = telling == TOLD_SPLIT ? write_node(&w, 'm', n) : node[n];
        for (uint32_t h = 0; h < sketch.resource_count; h++) {
            if (homes[h] % MANY_NODES != n) continue;
            write_home(&w, world_below(seed, 2) == 0 ? moved : node[n], homes[h]);
        }
    }
    return w.cut;
}

/* ---- Reading ---- */

struct text {
    char *bytes;
    size_t length;
};

__attribute__((format(printf, 2, 3))) static void put(struct text *text, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int length =
        vsnprintf(text->bytes + text->length, TEXT_BYTES - text->length, format, arguments);
    va_end(arguments);
    text->length += (size_t)length;
    assert_true(text->length < TEXT_BYTES);
}

/* In the sketch. */
static uint32_t number_of(const gdn_verdict *verdict, uint32_t process)
{
    const uint8_t *bytes = verdict->cut->processes[process].id.id.bytes;
    return (uint32_t)bytes[4] << 24 | (uint32_t)bytes[5] << 16 | (uint32_t)bytes[6] << 8 | bytes[7];
}

static void put_processes(struct text *text, const gdn_verdict *verdict, const char *what,
                          const uint32_t *processes, size_t count)
{
    put(text, "\n%s", what);
    for (size_t i = 0; i < count; i++) put(text, " %" PRIu32, number_of(verdict, processes[i]));
}

static void read_deadlock(struct text *text, const gdn_verdict *verdict,
                          const struct gdn_deadlock *d)
{
    char name[GDN_SHOWN_NAME_BYTES];
    put(text, "\n%s", gdn_id_format(d->id, name));
    put_processes(text, verdict, "members", d->members, d->member_count);
    put_processes(text, verdict, "tail", d->tail, d->tail_count);
    for (size_t i = 0; i < d->witness_count; i++) {
        const struct gdn_edge *edge = &d->witness[i];
        put(text, "\n%s/%" PRIu64 " %d %d", verdict->cut->parties[edge->issuer].name, edge->ticket,
            edge->mode, edge->queued);
        put_processes(text, verdict, "edge", &edge->holder, 1);
    }
    for (size_t i = 0; i < d->victim_count; i++) {
        const struct gdn_victim *victim = &d->victims[i];
        put(text, "\n%s/%" PRIu64, verdict->cut->parties[victim->party].name, victim->ticket);
        put_processes(text, verdict, "victim", &victim->process, 1);
    }
    for (size_t i = 0; i < d->reorder_count; i++) {
        put_processes(text, verdict, "serve", &d->reorder[i].first, 1);
        put_processes(text, verdict, "before", &d->reorder[i].second, 1);
    }
    /* An advised order is told by names. */
    bool named = d->reorder_count > 0;
    put(text, "\n%d %s\n", d->victims_minimal, named ? "an order" : d->victim_reason);
}

struct tally {
    size_t deadlocks, heuristic, several, fixed;
};

static void read_verdict(struct text *text, enum telling telling, enum gdn_policy policy,
                         uint64_t *seed, struct tally *tally)
{
    gdn_cut *cut = write_down(telling, seed);
    gdn_verdict *verdict;
    char why[256];
    if (gdn_analyze(cut, policy, &verdict, why, sizeof why) != GDN_OK) fail_msg("%s", why);
    size_t others = telling == TOLD_WITH_OTHERS ? FREE_PROCESSES : 0;
    text->length = 0;
    put(text, "%zu %zu", verdict->process_count - (others > 0 ? others + 1 : 0),
        verdict->waiting_count - others);
    for (size_t i = 0; i < verdict->deadlock_count; i++) {
        const struct gdn_deadlock *d = &verdict->deadlocks[i];
        read_deadlock(text, verdict, d);
        tally->deadlocks++;
        if (d->victim_count > 1) { /* The report says which of the two it is. */
            const char *word = d->victims_minimal ? " (fewest, proved)" : " (greedy: ";
            assert_non_null(strstr(d->victim_reason, word));
        }
        tally->heuristic += d->victim_count > 1 && !d->victims_minimal;
        tally->several += d->victim_count > 1 && d->victims_minimal;
        tally->fixed += strncmp(d->victim_reason, "no choice left", 14) == 0;
    }
    gdn_verdict_free(verdict);
    gdn_cut_free(cut);
}

static void compare_tellings(enum telling telling, int runs)
{
    const char *given = getenv("GDN_SEED");
    uint64_t seed = given == NULL ? 1 + (uint64_t)telling : strtoull(given, NULL, 0);
    struct text first = {malloc(TEXT_BYTES), 0}, second = {malloc(TEXT_BYTES), 0};
    struct tally tally = {0};
    assert_true(first.bytes != NULL && second.bytes != NULL);
    for (int run = 0; run < (given == NULL ? runs : 1); run++) {
        uint64_t random = seed;
        make_sketch(&random);
        enum gdn_policy policy = (enum gdn_policy)(1 + world_below(&random, 5));
        read_verdict(&first, TOLD_AGAIN, policy, &random, &tally);
        read_verdict(&second, telling, policy, &random, &tally);
        if (strcmp(first.bytes, second.bytes) != 0) {
            fail_msg("replay: GDN_SEED=%" PRIu64 " test_analysis_permuted", seed);
        }
        (void)world_random(&seed);
    }
    free(first.bytes);
    free(second.bytes);
    print_message("%zu deadlocks, %zu broken by a heuristic, %zu by several proved to be needed, "
                  "%zu not to be broken\n",
                  tally.deadlocks, tally.heuristic, tally.several, tally.fixed);
    if (given != NULL) return;
    /* The sketches are of the kind that the test is about. */
    assert_true(tally.heuristic > 50 && tally.several > 50 && tally.fixed > 0);
}

static void the_order_of_a_cut_s_tables_does_not_matter(void **state)
{
    (void)state;
    compare_tellings(TOLD_AGAIN, 500);
}

/* Ids and names of processes and locks: whoever goes first still goes first. */
static void names_do_not_matter(void **state)
{
    (void)state;
    compare_tellings(TOLD_RENAMED, 250);
}

/* Who runs, and who waits only for those, is seen by nobody. */
static void free_processes_do_not_matter(void **state)
{
    (void)state;
    compare_tellings(TOLD_WITH_OTHERS, 250);
}

/* The same queues at more nodes. */
static void how_locks_are_spread_over_nodes_does_not_matter(void **state)
{
    (void)state;
    compare_tellings(TOLD_SPLIT, 250);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_order_of_a_cut_s_tables_does_not_matter),
        cmocka_unit_test(names_do_not_matter),
        cmocka_unit_test(free_processes_do_not_matter),
        cmocka_unit_test(how_locks_are_spread_over_nodes_does_not_matter),
    };
    return !!cmocka_run_group_tests(tests, NULL, NULL);
}
