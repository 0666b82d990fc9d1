/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "detector/cli/status.h"

#include "detector/cli/ask.h"
#include "detector/cli/exits.h"
#include <stdio.h>
#include <string.h>

/* ---- gordian status ---- */

static long long number_of(const json_t *object, const char *key)
{
    return (long long)json_integer_value(json_object_get(object, key));
}

static void print_missing(const json_t *missing)
{
    for (size_t i = 0; i < json_array_size(missing); i++) {
        json_t *name = json_pack("{s:O}", "name", json_array_get(missing, i));
        (void)printf("%s%s", i == 0 ? "" : ", ", gdn__ask_text(name, "name"));
        json_decref(name);
    }
}

static void print_nodes(const json_t *nodes)
{
    (void)printf("%zu nodes\n", json_array_size(nodes));
    for (size_t i = 0; i < json_array_size(nodes); i++) {
        const json_t *node = json_array_get(nodes, i);
        (void)printf("  %-16s %-28s since %s, incarnation %s\n", gdn__ask_text(node, "node"),
                     gdn__ask_text(node, "endpoint"), gdn__ask_text(node, "since"),
                     gdn__ask_text(node, "incarnation"));
    }
}

static void print_last_round(const json_t *round)
{
    if (!json_is_object(round)) {
        (void)puts("no round yet");
        return;
    }
    bool complete = json_is_true(json_object_get(round, "complete"));
    (void)printf("last round %s at %s, %.1f ms, %s", gdn__ask_text(round, "number"),
                 gdn__ask_text(round, "ended"), (double)number_of(round, "latency_us") / 1000.0,
                 complete ? "complete" : "incomplete, without ");
    print_missing(json_object_get(round, "missing"));
    (void)putchar('\n');
}

static void print_deadlocks(const json_t *deadlocks)
{
    size_t count = json_array_size(deadlocks);
    (void)printf(count == 1 ? "%zu deadlock stands\n" : "%zu deadlocks stand\n", count);
    for (size_t i = 0; i < count; i++) {
        const json_t *deadlock = json_array_get(deadlocks, i);
        (void)printf("  %.6s  found %s, in %lld rounds  %s%s\n", gdn__ask_text(deadlock, "id"),
                     gdn__ask_text(deadlock, "found"), number_of(deadlock, "rounds"),
                     gdn__ask_text(deadlock, "who"),
                     json_is_true(json_object_get(deadlock, "resolving")) ? "  (abort asked)" : "");
    }
}

static void print_totals(const json_t *totals)
{
    (void)printf("in all: %lld rounds (%lld incomplete, %lld failed), %lld deadlocks, %lld aborts "
                 "asked (%lld aborted, %lld stale, %lld refused, %lld unknown)\n",
                 number_of(totals, "rounds"), number_of(totals, "rounds_incomplete"),
                 number_of(totals, "rounds_failed"), number_of(totals, "deadlocks"),
                 number_of(totals, "aborts_asked"), number_of(totals, "aborted"),
                 number_of(totals, "stale"), number_of(totals, "refused"),
                 number_of(totals, "unknown"));
}

/* A deadlock that stands, or a view that is incomplete, shows in the exit status too. */
static int status_of(const json_t *answer)
{
    const json_t *round = json_object_get(answer, "last_round");
    if (json_array_size(json_object_get(answer, "deadlocks")) > 0) return GDN__EXIT_DEADLOCK;
    bool incomplete = json_is_object(round) && json_is_false(json_object_get(round, "complete"));
    return incomplete ? GDN__EXIT_INCOMPLETE : GDN__EXIT_DONE;
}

int gordian_status(int argc, char **argv)
{
    struct gdn__ask_options options;
    int status;
    if (!gdn__ask_options(argc, argv, "Nodes, last round and standing deadlocks of a gordiand.",
                          &options, &status)) {
        return status;
    }
    json_t *answer = gdn__ask(&options, "status", &status);
    if (answer == NULL) return status;
    if (!options.json) {
        print_nodes(json_object_get(answer, "nodes"));
        print_last_round(json_object_get(answer, "last_round"));
        print_deadlocks(json_object_get(answer, "deadlocks"));
        print_totals(json_object_get(answer, "totals"));
    }
    status = status_of(answer);
    json_decref(answer);
    return status;
}

/* ---- gordian waits ---- */

/* One element of a list of names; "" where there is none. */
static const char *name_at(const json_t *names, size_t index)
{
    json_t *name = json_pack("{s:O?}", "name", json_array_get(names, index));
    const char *text = gdn__ask_text(name, "name");
    json_decref(name);
    return text;
}

/* A label travels with waits. Of a holder without one there is an id, and who can look it up. */
static void print_holders(const json_t *wait)
{
    const json_t *names = json_object_get(wait, "held_by");
    size_t shown = json_array_size(names);
    for (size_t i = 0; i < shown; i++) {
        const char *name = name_at(names, i);
        const char *node = name_at(json_object_get(wait, "held_from"), i);
        bool is_id = strlen(name) == 32 && strspn(name, "0123456789abcdef") == 32;
        (void)printf("%s%s", i == 0 ? ", held by " : ", ", name);
        if (is_id && node[0] != '\0') (void)printf(" of %s", node);
    }
    long long more = number_of(wait, "holders") - (long long)shown;
    if (more > 0) (void)printf(" and %lld more", more);
}

/* "2 of connections at n1 (3 of 4 in use)" where a lock has its mode. */
static void print_place(const json_t *wait)
{
    if (json_object_get(wait, "units") != NULL) {
        (void)printf("  waits for %lld of %s at %s", number_of(wait, "units"),
                     gdn__ask_text(wait, "resource"), gdn__ask_text(wait, "home"));
    } else {
        (void)printf("  waits for %s %s at %s", gdn__ask_text(wait, "mode"),
                     gdn__ask_text(wait, "resource"), gdn__ask_text(wait, "home"));
    }
    if (json_object_get(wait, "capacity") == NULL) return;
    (void)printf(" (%lld of %lld in use)", number_of(wait, "in_use"), number_of(wait, "capacity"));
}

static void print_wait(const json_t *wait)
{
    double waited_ms = json_number_value(json_object_get(wait, "waited_ms"));
    (void)printf("%10.1f ms  %-24s of %s", waited_ms, gdn__ask_text(wait, "process"),
                 gdn__ask_text(wait, "node"));
    if (json_object_get(wait, "branch_id") != NULL) {
        (void)printf(", branch %lld,", number_of(wait, "branch_id"));
    }
    if (json_object_get(wait, "resource") != NULL) print_place(wait);
    if (json_object_get(wait, "needs") != NULL) {
        (void)printf("  waits for %s", gdn__ask_text(wait, "needs"));
    }
    print_holders(wait);
    (void)putchar('\n');
}

int gordian_waits(int argc, char **argv)
{
    struct gdn__ask_options options;
    int status;
    if (!gdn__ask_options(argc, argv, "Who waits now, longest first, from a snapshot taken for it.",
                          &options, &status)) {
        return status;
    }
    json_t *answer = gdn__ask(&options, "waits", &status);
    if (answer == NULL) return status;
    const json_t *waits = json_object_get(answer, "waits");
    for (size_t i = 0; !options.json && i < json_array_size(waits); i++) {
        print_wait(json_array_get(waits, i));
    }
    if (!options.json && json_array_size(waits) == 0) (void)puts("nobody waits");
    if (!json_is_true(json_object_get(answer, "complete"))) {
        status = GDN__EXIT_INCOMPLETE;
        (void)fputs("the view is incomplete: some nodes did not answer\n", stderr);
    }
    json_decref(answer);
    return status;
}
