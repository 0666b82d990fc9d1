/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The dining philosophers (Dijkstra, 1971), each in a process of his own, with a node, and a fork
 * that lives there. All take the fork on their left, and only when everybody holds one do they
 * reach for the right: a deadlock across N nodes, every time. gordiand finds the ring and asks one
 * philosopher to give way; then everybody eats.
 *
 *     fork 1 -- Plato -- fork 2 -- Kant -- fork 3 -- Hume -- … -- fork 1 */
#include "demos/common/child.h"
#include "demos/common/clock.h"
#include "demos/common/cluster.h"
#include "demos/common/events.h"
#include "demos/common/place.h"
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define GUESTS_MAX  16
#define DINNER_US   INT64_C(30000000)
#define GLANCE_US   INT64_C(10000)
#define EXIT_USAGE  2
#define PERIOD_MS   200
#define DEADLINE_MS 1000

static const char *const names[GUESTS_MAX] = {
    "Plato", "Kant",     "Hume",     "Hypatia", "Leibniz", "Arendt", "Spinoza", "Anscombe",
    "Locke", "Averroes", "Zhuangzi", "Diotima", "Aquinas", "Weil",   "Peirce",  "Laozi"};

static const char help[] =
    "Usage: philosophers [--guests N]\n"
    "\n"
    "N philosophers (2 to 16, default 5) dine, each a process; gordiand breaks their deadlock.\n"
    "\n"
    "Exit status: 0 all have eaten, 1 something went wrong, 2 usage.\n";

/* ---- A philosopher ---- */

static bool take_fork(struct member *member, gdn_process_id self, int fork_number,
                      enum lock_result *result)
{
    char name[32];
    struct lock_call call;
    int home = fork_number % member->count;
    (void)snprintf(name, sizeof name, "fork %d", home + 1);
    enum gdn_err err =
        lockmgr_ask(member->locks, &call, self, member_node(home), name, GDN_MODE_EXCLUSIVE);
    if (err != GDN_OK) return false;
    *result = lockmgr_wait(member->locks, &call, -1);
    return *result == LOCK_GRANTED;
}

/* One attempt to eat; false when he had to give way, or cannot go on at all. */
static bool dine(struct member *member, gdn_process_id self, bool is_first)
{
    struct words words;
    enum lock_result result = LOCK_REFUSED;
    struct gdn_process_info info = {
        .label = names[member->index], .started_us = clock_utc_us(), .abortable = true};
    if (gdn_describe(member->node, self, &info) != GDN_OK) return false;
    bool fed = take_fork(member, self, member->index, &result);
    if (fed) {
        member_say(member, "left");
        /* Nobody reaches for the right before all hold a left one. */
        if (is_first && !member_hear(member, &words)) return false;
        fed = take_fork(member, self, member->index + 1, &result);
    }
    if (fed) member_say(member, "eats");
    lockmgr_end(member->locks, self); /* Puts down whatever he holds. */
    if (result == LOCK_ABORTED) member_say(member, "yields");
    if (!fed && result != LOCK_ABORTED) member_say(member, "fails");
    return fed;
}

static int philosopher(struct member *member, const void *argument)
{
    struct words words;
    gdn_process_id self = gdn_process_named(names[member->index]);
    (void)argument;
    member->locks = lockmgr_start(member->node, NULL);
    if (member->locks == NULL) return 1;
    for (int attempts = 0; attempts < 100; attempts++) {
        if (dine(member, self, attempts == 0)) break;
    }
    while (member_hear(member, &words)) {
    } /* His fork may still be wanted. */
    return 0;
}

/* ---- The host ---- */

struct dinner {
    int held, fed, yielded;
    bool reached; /* All hold one fork: the word is given. */
};

static bool note(struct dinner *dinner, struct cluster *cluster, int guest, const char *what)
{
    if (strcmp(what, "left") == 0) {
        (void)printf("%-9s takes the fork on the left\n", names[guest]);
        dinner->held++;
    } else if (strcmp(what, "eats") == 0) {
        (void)printf("%-9s has both forks and eats\n", names[guest]);
        dinner->fed++;
    } else if (strcmp(what, "yields") == 0) {
        (void)printf("%-9s gives way, puts the fork back and tries again\n", names[guest]);
        dinner->yielded++;
    } else {
        (void)fprintf(stderr, "%s cannot go on\n", names[guest]);
        return false;
    }
    if (dinner->held == cluster->count && !dinner->reached) {
        dinner->reached = true;
        (void)printf("Everybody holds one fork and reaches for the other. Nobody can go on.\n\n");
        for (int i = 0; i < cluster->count; i++) (void)cluster_tell(cluster, i, "go");
    }
    (void)fflush(stdout); /* gordiand writes to the same place. */
    return true;
}

static bool host_dinner(struct cluster *cluster, struct events *events)
{
    struct dinner dinner = {.held = 0};
    int64_t deadline = clock_us() + DINNER_US;
    while (dinner.fed < cluster->count) {
        char text[WORDS_LINE_BYTES];
        int guest = 0;
        enum heard heard = cluster_hear(cluster, deadline, &guest, text, sizeof text, NULL);
        if (heard == HEARD_NOTHING) (void)fprintf(stderr, "the dinner takes too long\n");
        if (heard != HEARD_LINE || !note(&dinner, cluster, guest, text)) return false;
    }
    while (events_read(events) && events_seen(events, "aborted") == 0 && clock_us() < deadline) {
        struct pollfd none = {.fd = -1};
        (void)child_poll(&none, 1, (int)(GLANCE_US / 1000));
    }
    (void)printf("\nAll %d have eaten. Deadlocks found: %lu; philosophers who gave way: %d.\n",
                 dinner.fed, events_seen(events, "deadlock"), dinner.yielded);
    return events_seen(events, "deadlock") > 0 && dinner.yielded > 0;
}

static bool run(int guests)
{
    char path[PLACE_PATH_BYTES];
    struct service service;
    struct events events;
    struct cluster cluster = {.service = &service};
    struct service_options service_options = {.period_ms = PERIOD_MS,
                                              .deadline_ms = DEADLINE_MS,
                                              .resolve = "youngest",
                                              .events = place_path(path, "events.jsonl"),
                                              .expect_count = guests};
    if (!service_start(&service, &service_options)) return false;
    struct cluster_options options = {
        .count = guests, .detector = service.endpoint, .role = philosopher};
    bool well = cluster_start(&cluster, &options);
    if (well) {
        (void)printf("%d philosophers, %d forks, a process for each.\n\n", guests, guests);
        events_open(&events, path);
        well = host_dinner(&cluster, &events);
        events_close(&events);
        well = cluster_stop(&cluster) && well;
    }
    int status = service_stop(&service);
    if (status != 0) (void)fprintf(stderr, "gordiand ended with status %d\n", status);
    return well && status == 0;
}

static int read_guests(const char *text)
{
    char *end = NULL;
    long guests = strtol(text, &end, 10);
    if (end != text && *end == '\0' && guests >= 2 && guests <= GUESTS_MAX) return (int)guests;
    (void)fprintf(stderr, "philosophers: --guests is from 2 to %d, not '%s'\n", GUESTS_MAX, text);
    exit(EXIT_USAGE);
}

int main(int argc, char **argv)
{
    static const struct option options[] = {{"guests", required_argument, NULL, 'g'},
                                            {"help", no_argument, NULL, 'h'},
                                            {NULL, 0, NULL, 0}};
    int option, guests = 5;
    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (option == 'h') {
            (void)fputs(help, stdout);
            return EXIT_SUCCESS;
        }
        if (option != 'g') return EXIT_USAGE;
        guests = read_guests(optarg);
    }
    if (optind < argc) {
        (void)fprintf(stderr, "philosophers: unexpected: %s\n", argv[optind]);
        return EXIT_USAGE;
    }
    if (!child_guard() || !place_make()) {
        (void)fprintf(stderr, "philosophers: no signals or no temporary directory to be had\n");
        return EXIT_FAILURE;
    }
    return run(guests) ? EXIT_SUCCESS : EXIT_FAILURE;
}
