/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A verdict is a function of what is the case, not of the order in which it is listed: large random
 * cuts, each written down twice with nodes, homes, holders and processes in other orders. Detectors
 * that merged the same reports differently must choose the same victims, also where a heuristic
 * chooses. */
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

static void write_home(gdn_cut *cut, uint32_t node, uint32_t r, const uint32_t *process,
                       uint64_t *seed)
{
    const struct place *place = &sketch.places[r];
    uint32_t order[IN_ONE_HOME], party = cut->nodes[node].party;
    gdn_resource_id id = {gdn_id_from_counter(gdn_node_named("resources"), r)};
    struct gdn_cut_home home = {.resource = gdn_cut_resource(cut, id, NULL)};
    must(gdn_cut_add_home(cut, node, &home));
    shuffle(seed, order, place->held_count);
    for (uint32_t i = 0; i < place->held_count; i++) {
        const struct stake *held = &place->held[order[i]];
        struct gdn_cut_holder holder = {.process = process[held->process],
                                        .issuer = party,
                                        .ticket = UINT64_MAX - place->ticket * 16 - order[i],
                                        .mode = held->mode};
        must(gdn_cut_add_holder(cut, node, &holder));
    }
    for (uint32_t i = 0; i < place->queued_count; i++) {
        struct gdn_cut_entry entry = {.process = process[place->queued[i].process],
                                      .issuer = party,
                                      .ticket = place->ticket + i,
                                      .mode = place->queued[i].mode};
        must(gdn_cut_add_entry(cut, node, &entry));
    }
}

static gdn_cut *write_down(uint64_t *seed)
{
    gdn_cut *cut = gdn_cut_new(NULL);
    assert_non_null(cut);
    uint32_t order[MANY_PROCESSES], process[MANY_PROCESSES], nodes[MANY_NODES];
    shuffle(seed, order, sketch.process_count);
    for (uint32_t i = 0; i < sketch.process_count; i++) {
        uint32_t p = order[i];
        gdn_process_id id = {gdn_id_from_counter(gdn_node_named("processes"), p)};
        process[p] = gdn_cut_process(cut, id, NULL);
        struct gdn_cut_process *described = &cut->processes[process[p]];
        id = described->id;
        *described = sketch.processes[p];
        described->id = id;
    }
    shuffle(seed, nodes, MANY_NODES);
    for (uint32_t i = 0; i < MANY_NODES; i++) {
        char name[8];
        uint32_t node, homes[MANY_RESOURCES];
        (void)snprintf(name, sizeof name, "n%" PRIu32, nodes[i]);
        must(gdn_cut_add_node(cut, gdn_cut_party(cut, name, 1), &node));
        shuffle(seed, homes, sketch.resource_count);
        for (uint32_t h = 0; h < sketch.resource_count; h++) {
            if (homes[h] % MANY_NODES == nodes[i]) write_home(cut, node, homes[h], process, seed);
        }
    }
    return cut;
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

static void put_processes(struct text *text, const gdn_verdict *verdict, const char *what,
                          const uint32_t *processes, size_t count)
{
    char name[GDN_SHOWN_NAME_BYTES];
    put(text, "\n%s", what);
    for (size_t i = 0; i < count; i++) {
        put(text, " %s", gdn_verdict_process_name(verdict, processes[i], name));
    }
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
    put(text, "\n%d %s\n", d->victims_minimal, d->victim_reason);
}

struct tally {
    size_t deadlocks, heuristic, several, fixed;
};

static void read_verdict(struct text *text, enum gdn_policy policy, uint64_t *seed,
                         struct tally *tally)
{
    gdn_cut *cut = write_down(seed);
    gdn_verdict *verdict;
    char why[256];
    if (gdn_analyze(cut, policy, &verdict, why, sizeof why) != GDN_OK) fail_msg("%s", why);
    text->length = 0;
    put(text, "%zu %zu", verdict->process_count, verdict->waiting_count);
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

static void the_order_of_a_cut_s_tables_does_not_matter(void **state)
{
    (void)state;
    const char *given = getenv("GDN_SEED");
    uint64_t seed = given == NULL ? 1 : strtoull(given, NULL, 0);
    struct text first = {malloc(TEXT_BYTES), 0}, second = {malloc(TEXT_BYTES), 0};
    struct tally tally = {0};
    for (int run = 0; run < (given == NULL ? 500 : 1); run++) {
        uint64_t random = seed;
        make_sketch(&random);
        enum gdn_policy policy = (enum gdn_policy)(1 + world_below(&random, 5));
        read_verdict(&first, policy, &random, &tally);
        read_verdict(&second, policy, &random, &tally);
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
    assert_true(tally.heuristic > 100 && tally.several > 100 && tally.fixed > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_order_of_a_cut_s_tables_does_not_matter),
    };
    return !!cmocka_run_group_tests(tests, NULL, NULL);
}
