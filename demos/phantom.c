/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Phantom deadlocks: what happens to a detector that looks at different nodes at different times.
 *
 * The workload can never deadlock: a session holds at most one lock, and releases it before it
 * asks for the next. Two detectors watch it. gordiand takes consistent cuts. The naive poller asks
 * one node after another for its waits, puts the answers together and looks for cycles, with the
 * same analysis:
 *
 *     n1 asked:  s2 waits for key/1, held by s1      ... a moment later, all of that is over ...
 *     n2 asked:  s1 waits for key/2, held by s2      "a deadlock: s1 -> s2 -> s1"
 *
 * Both answers are true. Together they describe a state that never was. */
#include "demos/common/child.h"
#include "demos/common/clock.h"
#include "demos/common/cluster.h"
#include "demos/common/events.h"
#include "demos/common/place.h"
#include <getopt.h>
#include <gordian/verdict.h>
#include <inttypes.h>
#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SESSIONS_MAX 64
#define ANSWER_BYTES 65536
#define ANSWER_US    INT64_C(10000000)
#define LOCK_MS      5000
#define EXIT_USAGE   2

struct settings {
    int nodes, sessions, keys, rounds, gap_ms, period_ms, hold_us;
};

static const char help[] =
    "Usage: phantom [OPTION...]\n"
    "\n"
    "A workload that can never deadlock, watched by gordiand and by a naive poller.\n"
    "\n"
    "      --rounds N     of each detector, at least (default 200)\n"
    "      --nodes N      node processes (default 2)\n"
    "      --sessions N   on each node (default 6)\n"
    "      --keys N       lockable (default 4)\n"
    "      --hold US      how long a lock is held, at most (default 400)\n"
    "      --gap MS       of the poller between two nodes (default 5)\n"
    "      --period MS    of gordiand's rounds (default 10)\n"
    "      --help\n"
    "\n"
    "Exit status: 0 Gordian reported nothing, 1 it did, or something went wrong, 2 usage.\n";

/* ---- A node and its sessions ---- */

struct session {
    struct member *member;
    const struct settings *settings;
    atomic_bool *stop;
    int number;
    unsigned random;
};

static int pick(struct session *session, int below)
{
    return rand_r(&session->random) % below;
}

/* Lock, hold, release. Nothing is held while it asks: no session can be in anybody's way and in
 * need of somebody at the same time. */
static bool visit(struct session *session, gdn_process_id self)
{
    char key[32];
    struct lock_call call;
    struct lockmgr *locks = session->member->locks;
    int number = pick(session, session->settings->keys);
    gdn_node_id home = member_node(number % session->settings->nodes);
    struct timespec hold = {0, (long)(1 + pick(session, session->settings->hold_us)) * 1000};
    (void)snprintf(key, sizeof key, "key/%d", number);
    if (lockmgr_ask(locks, &call, self, home, key, GDN_MODE_EXCLUSIVE) != GDN_OK) return false;
    if (lockmgr_wait(locks, &call, LOCK_MS) != LOCK_GRANTED) return false;
    (void)nanosleep(&hold, NULL); /* Its work. */
    return lockmgr_release(locks, self, key);
}

static void *run_session(void *context)
{
    char name[32];
    struct session *session = context;
    bool visited = true;
    (void)snprintf(name, sizeof name, "s%d@%s", session->number, session->member->name);
    gdn_process_id self = gdn_process_named(name);
    struct gdn_process_info info = {.label = name, .started_us = clock_utc_us(), .abortable = true};
    if (gdn_describe(session->member->node, self, &info) != GDN_OK) visited = false;
    while (visited && !atomic_load(session->stop)) visited = visit(session, self);
    lockmgr_end(session->member->locks, self);
    return visited ? NULL : session; /* Anything but NULL: a lock was not to be had. */
}

static void say_books(struct member *member)
{
    gdn_cut *cut = NULL;
    uint8_t *bytes = NULL;
    size_t length = 0;
    if (gdn_inspect(member->node, &cut) == GDN_OK &&
        gdn_cut_encode(cut, &bytes, &length) == GDN_OK && length < ANSWER_BYTES) {
        member_say_bytes(member, bytes, length);
    } else {
        member_say(member, "error");
    }
    free(bytes);
    gdn_cut_free(cut);
}

static int host_sessions(struct member *member, const void *argument)
{
    const struct settings *settings = argument;
    struct session sessions[SESSIONS_MAX];
    pthread_t threads[SESSIONS_MAX];
    struct words words;
    atomic_bool stop = false;
    int started = 0, failed = 0;
    member->locks = lockmgr_start(member->node, NULL);
    if (member->locks == NULL) return 1;
    while (started < settings->sessions) {
        struct session *session = &sessions[started];
        *session = (struct session){.member = member,
                                    .settings = settings,
                                    .stop = &stop,
                                    .number = started + 1,
                                    .random = (unsigned)(member->index * 97 + started)};
        if (pthread_create(&threads[started], NULL, run_session, session) != 0) break;
        started++;
    }
    while (member_hear(member, &words)) {
        if (words_is(&words, 0, "inspect")) {
            say_books(member);
        } else if (words_is(&words, 0, "stop")) {
            atomic_store(&stop, true);
            for (int i = 0; i < started; i++) {
                void *result = NULL;
                (void)pthread_join(threads[i], &result);
                failed += result != NULL;
            }
            member_say(member, "stopped");
        } else {
            member_say(member, "%" PRIu64, gdn_node_counters(member->node).rounds_reported);
        }
    }
    return started == settings->sessions && failed == 0 ? 0 : 1;
}

/* ---- The naive poller ---- */

struct poller {
    struct cluster *cluster;
    const struct settings *settings;
    uint8_t answer[ANSWER_BYTES];
    size_t length;
    unsigned long rounds, alarmed, alarms;
    int64_t asked_us[CLUSTER_MAX];
    char sample[2048]; /* The first false report. */
};

static bool ask(struct poller *poller, int member, const char *question)
{
    int who = 0;
    return cluster_tell(poller->cluster, member, "%s", question) &&
           cluster_hear(poller->cluster, clock_us() + ANSWER_US, &who, (char *)poller->answer,
                        sizeof poller->answer, &poller->length) == HEARD_LINE;
}

/* Add one node's books to the picture. */
static bool add_books(struct poller *poller, gdn_cut *picture, int member)
{
    char why[256] = "";
    gdn_cut *books = NULL;
    if (!ask(poller, member, "inspect")) return false;
    poller->asked_us[member] = clock_us();
    enum gdn_err err =
        gdn_cut_decode(NULL, poller->answer, poller->length, &books, why, sizeof why);
    if (err == GDN_OK) err = gdn_cut_merge(picture, books, why, sizeof why);
    gdn_cut_free(books);
    if (err != GDN_OK) (void)fprintf(stderr, "n%d: %s %s\n", member + 1, gdn_err_text(err), why);
    return err == GDN_OK;
}

/* The cycle of a report in one line. */
static void keep_sample(struct poller *poller, const gdn_verdict *verdict)
{
    const struct gdn_deadlock *deadlock = &verdict->deadlocks[0];
    char waiter[GDN_SHOWN_NAME_BYTES], holder[GDN_SHOWN_NAME_BYTES];
    char resource[GDN_SHOWN_NAME_BYTES];
    size_t used = 0;
    for (size_t i = 0; i < deadlock->witness_count && used < sizeof poller->sample; i++) {
        const struct gdn_edge *edge = &deadlock->witness[i];
        if (edge->resource == GDN_NONE || edge->home == GDN_NONE) continue;
        int length = snprintf(poller->sample + used, sizeof poller->sample - used,
                              "%s%s waits for %s at %s, held by %s", i > 0 ? "; " : "",
                              gdn_verdict_process_name(verdict, edge->waiter, waiter),
                              gdn_verdict_resource_name(verdict, edge->resource, resource),
                              verdict->cut->parties[edge->home].name,
                              gdn_verdict_process_name(verdict, edge->holder, holder));
        used += (size_t)length;
    }
}

static bool poll_once(struct poller *poller)
{
    char why[256] = "";
    gdn_verdict *verdict = NULL;
    gdn_cut *picture = gdn_cut_new(NULL);
    bool polled = picture != NULL;
    for (int i = 0; polled && i < poller->settings->nodes; i++) {
        struct pollfd none = {.fd = -1};
        if (i > 0) (void)child_poll(&none, 1, poller->settings->gap_ms);
        polled = add_books(poller, picture, i);
    }
    if (polled) {
        enum gdn_err err = gdn_analyze(picture, GDN_POLICY_NONE, &verdict, why, sizeof why);
        polled = err == GDN_OK;
        if (!polled) (void)fprintf(stderr, "analysis: %s %s\n", gdn_err_text(err), why);
    }
    if (polled) {
        poller->rounds++;
        poller->alarms += verdict->deadlock_count;
        if (verdict->deadlock_count > 0 && poller->alarmed++ == 0) keep_sample(poller, verdict);
    }
    gdn_verdict_free(verdict);
    gdn_cut_free(picture);
    return polled;
}

/* ---- Both, side by side ---- */

/* Rounds that every node has reported to gordiand. */
static bool count_rounds(struct poller *poller, unsigned long *rounds)
{
    *rounds = ULONG_MAX;
    for (int i = 0; i < poller->settings->nodes; i++) {
        if (!ask(poller, i, "rounds")) return false;
        unsigned long reported = strtoul((const char *)poller->answer, NULL, 10);
        if (reported < *rounds) *rounds = reported;
    }
    return true;
}

static bool watch(struct poller *poller, unsigned long *rounds)
{
    unsigned long wanted = (unsigned long)poller->settings->rounds;
    bool well = true;
    *rounds = 0;
    while (well && (poller->rounds < wanted || *rounds < wanted)) {
        well = poll_once(poller) && count_rounds(poller, rounds);
    }
    for (int i = 0; well && i < poller->settings->nodes; i++) well = ask(poller, i, "stop");
    return well;
}

static void print_result(const struct poller *poller, unsigned long rounds, unsigned long found)
{
    (void)printf("naive poller  %lu rounds: %lu \"deadlocks\", in %.1f %% of its rounds\n",
                 poller->rounds, poller->alarms,
                 100.0 * (double)poller->alarmed / (double)poller->rounds);
    (void)printf("Gordian       %lu rounds: %lu deadlocks\n", rounds, found);
    if (poller->alarmed == 0) return;
    (void)printf("\nThe first false report of the poller was this cycle:\n  %s.\n"
                 "Each wait was real when its node was asked, but not any more when the next one "
                 "was, %d ms later.\nA consistent cut shows both nodes, and the messages between "
                 "them, as of one possible instant.\n",
                 poller->sample, poller->settings->gap_ms);
}

static bool run(const struct settings *settings)
{
    static struct poller poller;
    char path[PLACE_PATH_BYTES];
    struct service service;
    struct events events;
    unsigned long rounds = 0;
    struct cluster cluster = {.service = &service};
    struct service_options service_options = {.period_ms = settings->period_ms,
                                              .deadline_ms = 1000,
                                              .events = place_path(path, "events.jsonl"),
                                              .expect_count = settings->nodes};
    if (!service_start(&service, &service_options)) return false;
    struct cluster_options options = {.count = settings->nodes,
                                      .detector = service.endpoint,
                                      .role = host_sessions,
                                      .argument = settings};
    poller.cluster = &cluster;
    poller.settings = settings;
    bool well = cluster_start(&cluster, &options);
    if (well) {
        (void)printf("%d nodes with %d sessions each lock %d keys, one at a time: no session ever "
                     "holds a lock while it\nwaits, so there can be no deadlock.\n\n",
                     settings->nodes, settings->sessions, settings->keys);
        (void)fflush(stdout);
        well = watch(&poller, &rounds);
        well = cluster_stop(&cluster) && well;
    }
    int status = service_stop(&service); /* Its last round is judged then. */
    if (status != 0) (void)fprintf(stderr, "gordiand ended with status %d\n", status);
    events_open(&events, path);
    well = events_read(&events) && well && status == 0;
    if (well) print_result(&poller, rounds, events_seen(&events, "deadlock"));
    events_close(&events);
    return well && events_seen(&events, "deadlock") == 0;
}

static void read_number(const char *name, const char *text, int least, int most, int *number)
{
    char *end = NULL;
    long value = strtol(text, &end, 10);
    if (end == text || *end != '\0' || value < least || value > most) {
        (void)fprintf(stderr, "phantom: --%s is from %d to %d, not '%s'\n", name, least, most,
                      text);
        exit(EXIT_USAGE);
    }
    *number = (int)value;
}

int main(int argc, char **argv)
{
    static const struct option options[] = {{"rounds", required_argument, NULL, 'r'},
                                            {"nodes", required_argument, NULL, 'n'},
                                            {"sessions", required_argument, NULL, 's'},
                                            {"keys", required_argument, NULL, 'k'},
                                            {"hold", required_argument, NULL, 'h'},
                                            {"gap", required_argument, NULL, 'g'},
                                            {"period", required_argument, NULL, 'p'},
                                            {"help", no_argument, NULL, '?' + 256},
                                            {NULL, 0, NULL, 0}};
    static struct settings settings = {.nodes = 2,
                                       .sessions = 6,
                                       .keys = 4,
                                       .rounds = 200,
                                       .gap_ms = 5,
                                       .period_ms = 10,
                                       .hold_us = 400};
    int option;
    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        switch (option) {
        case 'r':
            read_number("rounds", optarg, 1, 1000000, &settings.rounds);
            break;
        case 'n':
            read_number("nodes", optarg, 2, CLUSTER_MAX, &settings.nodes);
            break;
        case 's':
            read_number("sessions", optarg, 1, SESSIONS_MAX, &settings.sessions);
            break;
        case 'k':
            read_number("keys", optarg, 1, 1000, &settings.keys);
            break;
        case 'h':
            read_number("hold", optarg, 1, 900000, &settings.hold_us);
            break;
        case 'g':
            read_number("gap", optarg, 0, 1000, &settings.gap_ms);
            break;
        case 'p':
            read_number("period", optarg, 1, 10000, &settings.period_ms);
            break;
        case '?' + 256:
            (void)fputs(help, stdout);
            return EXIT_SUCCESS;
        default:
            return EXIT_USAGE;
        }
    }
    if (optind < argc) {
        (void)fprintf(stderr, "phantom: unexpected: %s\n", argv[optind]);
        return EXIT_USAGE;
    }
    if (!child_guard() || !place_make()) {
        (void)fprintf(stderr, "phantom: no signals or no temporary directory to be had\n");
        return EXIT_FAILURE;
    }
    return run(&settings) ? EXIT_SUCCESS : EXIT_FAILURE;
}
