/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A node in a process of its own that does what it is told, one command in each packet on stdin (a
 * socket), one packet back: "ok ..." or "error ...". News come in between, as they happen:
 *
 *     up NODE INCARNATION        granted PROCESS RESOURCE       settled
 *     lost NODE INCARNATION      refused PROCESS RESOURCE       aborted PROCESS DEADLOCK
 *
 * What is requested of it, it grants as soon as that can be. A process that is aborted rolls back.
 *
 *     puppet NAME BIND [KEY=VALUE...]     the options of struct gdn_node_options, and detector= */
#include "tests/support/traffic.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define LINE_BYTES    1024
#define WORDS_MAX     16
#define CALLS_MAX     256
#define DETECTORS_MAX 4
#define AWAIT_MS      20000

/* A request of ours: its cookie is its index. */
struct call {
    char process[32], resource[32];
};

struct puppet {
    gdn_node *node;
    pthread_t manager;
    pthread_mutex_t mutex; /* Of all below. */
    pthread_cond_t changed;
    bool paused;  /* The manager is to take nothing ... */
    bool resting; /* ... and takes nothing. */
    struct call calls[CALLS_MAX];
    size_t call_count;
    struct traffic *traffic; /* NULL: none. */
    bool settled;            /* Said so. */
};

static void say(const char *format, ...) __attribute__((format(printf, 1, 2)));

static void say(const char *format, ...)
{
    char line[LINE_BYTES];
    va_list values;
    va_start(values, format);
    int length = vsnprintf(line, sizeof line, format, values);
    va_end(values);
    if (length > 0) (void)send(STDIN_FILENO, line, (size_t)length, MSG_NOSIGNAL);
}

static void say_error(enum gdn_err err)
{
    say("error %s", gdn_err_name(err));
}

/* ---- The manager ---- */

static void serve(struct puppet *puppet, gdn_resource_id resource)
{
    gdn_ticket ticket;
    while (gdn_next(puppet->node, resource, &ticket) == GDN_OK) {
        if (gdn_grant(puppet->node, ticket) != GDN_OK) return;
    }
}

static struct call call_of(struct puppet *puppet, const struct gdn_item *item)
{
    struct call call = {"?", "?"};
    pthread_mutex_lock(&puppet->mutex);
    if (item->cookie < puppet->call_count) call = puppet->calls[item->cookie];
    pthread_mutex_unlock(&puppet->mutex);
    return call;
}

static void handle(struct puppet *puppet, const struct gdn_item *item)
{
    char id[GDN_ID_TEXT_BYTES];
    struct call call = call_of(puppet, item);
    switch (item->type) {
    case GDN_ITEM_REQUESTED:
    case GDN_ITEM_RELEASED:
        serve(puppet, item->resource);
        return;
    case GDN_ITEM_GRANTED:
        say("granted %s %s", call.process, call.resource);
        return;
    case GDN_ITEM_REFUSED:
        say("refused %s %s%s", call.process, call.resource, item->lost ? " lost" : "");
        return;
    case GDN_ITEM_ABORTED:
        (void)!gdn_end(puppet->node, item->process);
        say("aborted %s %s", call.process, gdn_id_format(item->deadlock, id));
        return;
    case GDN_ITEM_PEER_UP:
        say("up %s %" PRIu64, item->peer_name, item->peer_incarnation);
        return;
    case GDN_ITEM_PEER_LOST:
        say("lost %s %" PRIu64, item->peer_name, item->peer_incarnation);
        return;
    case GDN_ITEM_PAYLOAD:
    case GDN_ITEM_WOKEN:
        return;
    }
}

static void await_resumed(struct puppet *puppet)
{
    pthread_mutex_lock(&puppet->mutex);
    while (puppet->paused) {
        puppet->resting = true;
        pthread_cond_broadcast(&puppet->changed);
        pthread_cond_wait(&puppet->changed, &puppet->mutex);
    }
    puppet->resting = false;
    pthread_mutex_unlock(&puppet->mutex);
}

static struct traffic *traffic_of(struct puppet *puppet)
{
    pthread_mutex_lock(&puppet->mutex);
    struct traffic *traffic = puppet->traffic;
    pthread_mutex_unlock(&puppet->mutex);
    return traffic;
}

static void say_if_settled(struct puppet *puppet, struct traffic *traffic)
{
    bool settled = traffic != NULL && traffic_is_settled(traffic);
    if (settled && !puppet->settled) say("settled");
    puppet->settled = settled;
}

/* Looks up now and then, for traffic may settle by what the sender does. */
static void *manage(void *opened)
{
    struct puppet *puppet = opened;
    struct gdn_item item;
    enum gdn_err err;
    while ((err = gdn_take(puppet->node, &item, 50)) != GDN_ERR_CLOSED) {
        struct traffic *traffic = traffic_of(puppet);
        if (err == GDN_OK) {
            if (traffic == NULL || !traffic_item(traffic, &item)) handle(puppet, &item);
            gdn_item_fini(&item);
        }
        if (err != GDN_OK || item.type == GDN_ITEM_PAYLOAD) say_if_settled(puppet, traffic);
        await_resumed(puppet);
    }
    return NULL;
}

/* ---- Commands ---- */

struct words {
    char *word[WORDS_MAX + 1];
    int count;
};

static bool split(struct words *words, char *line)
{
    words->count = 0;
    for (char *word = strtok(line, " "); word != NULL; word = strtok(NULL, " ")) {
        if (words->count == WORDS_MAX) return false;
        words->word[words->count++] = word;
    }
    words->word[words->count] = NULL;
    return words->count > 0;
}

static void answer(enum gdn_err err)
{
    if (err == GDN_OK)
        say("ok");
    else
        say_error(err);
}

/* The most memory that is ours now, in KiB. */
static long resident_kb(void)
{
    long pages = 0, total;
    FILE *file = fopen("/proc/self/statm", "re");
    if (file == NULL) return -1;
    if (fscanf(file, "%ld %ld", &total, &pages) != 2) pages = -1;
    (void)fclose(file);
    return pages * (sysconf(_SC_PAGESIZE) / 1024);
}

static void do_status(struct puppet *puppet, const struct words *words)
{
    (void)words;
    struct gdn_site_counters now = gdn_node_counters(puppet->node);
    say("ok peers=%zu detectors=%zu items=%zu reported=%" PRIu64 " abandoned=%" PRIu64
        " under_way=%zu sent=%" PRIu64 " taken=%" PRIu64 " refused=%" PRIu64
        " resources=%zu waiting=%zu granted=%zu crossed=%" PRIu64 " rss_kb=%ld",
        now.peers_connected, now.detectors_connected, now.items_waiting, now.rounds_reported,
        now.rounds_abandoned, now.rounds_under_way, now.messages_sent, now.messages_taken,
        now.frames_refused, now.ledger.resources, now.ledger.tickets_waiting,
        now.ledger.tickets_granted, now.ledger.crossed, resident_kb());
}

static void do_connect(struct puppet *puppet, const struct words *words)
{
    answer(gdn_connect(puppet->node, words->word[1], words->word[2]));
}

static void do_await(struct puppet *puppet, const struct words *words)
{
    answer(gdn_await(puppet->node, gdn_node_named(words->word[1]), AWAIT_MS));
}

static uint64_t note_call(struct puppet *puppet, const struct words *words)
{
    pthread_mutex_lock(&puppet->mutex);
    struct call *call = &puppet->calls[puppet->call_count];
    (void)snprintf(call->process, sizeof call->process, "%s", words->word[1]);
    (void)snprintf(call->resource, sizeof call->resource, "%s", words->word[2]);
    uint64_t cookie = puppet->call_count++;
    pthread_mutex_unlock(&puppet->mutex);
    return cookie;
}

/* lock PROCESS RESOURCE HOME */
static void do_lock(struct puppet *puppet, const struct words *words)
{
    gdn_ticket ticket;
    if (puppet->call_count == CALLS_MAX) {
        say("error too many locks");
        return;
    }
    struct gdn_process_info info = {.label = words->word[1], .abortable = true};
    struct gdn_request request = {.process = gdn_process_named(words->word[1]),
                                  .resource = gdn_resource_named(words->word[2]),
                                  .label = words->word[2],
                                  .cookie = note_call(puppet, words)};
    enum gdn_err err = gdn_describe(puppet->node, request.process, &info);
    if (err == GDN_OK) {
        err = gdn_request(puppet->node, gdn_node_named(words->word[3]), &request, &ticket);
    }
    if (err == GDN_OK)
        say("ok %" PRIu64, ticket.number);
    else
        say_error(err);
}

static void do_end(struct puppet *puppet, const struct words *words)
{
    answer(gdn_end(puppet->node, gdn_process_named(words->word[1])));
}

static void do_drop(struct puppet *puppet, const struct words *words)
{
    answer(gdn_drop_orphans(puppet->node, gdn_node_named(words->word[1])));
}

/* fill NODE BYTES: payloads of that length until the peer takes no more; how many. */
static void do_fill(struct puppet *puppet, const struct words *words)
{
    static const uint8_t bytes[65536];
    size_t length = (size_t)strtoul(words->word[2], NULL, 10);
    gdn_node_id peer = gdn_node_named(words->word[1]);
    enum gdn_err err;
    unsigned long count = 0;
    if (length > sizeof bytes) length = sizeof bytes;
    while ((err = gdn_send(puppet->node, peer, bytes, length)) == GDN_OK) count++;
    if (err == GDN_ERR_FULL)
        say("ok %lu", count);
    else
        say_error(err);
}

/* flush MS: how many messages were not acknowledged by then. */
static void do_flush(struct puppet *puppet, const struct words *words)
{
    uint64_t left = 0;
    enum gdn_err err = gdn_flush(puppet->node, (int)strtol(words->word[1], NULL, 10), &left);
    if (err == GDN_OK || err == GDN_ERR_TIMEOUT)
        say("ok left=%" PRIu64, left);
    else
        say_error(err);
}

static void resume_taking(struct puppet *puppet)
{
    pthread_mutex_lock(&puppet->mutex);
    puppet->paused = false;
    pthread_cond_broadcast(&puppet->changed);
    pthread_mutex_unlock(&puppet->mutex);
}

/* Answered when the last item has been handled. */
static void do_pause(struct puppet *puppet, const struct words *words)
{
    (void)words;
    pthread_mutex_lock(&puppet->mutex);
    puppet->paused = true;
    while (!puppet->resting) pthread_cond_wait(&puppet->changed, &puppet->mutex);
    pthread_mutex_unlock(&puppet->mutex);
    say("ok");
}

static void do_resume(struct puppet *puppet, const struct words *words)
{
    (void)words;
    resume_taking(puppet);
    say("ok");
}

/* traffic fresh|rejoins SEED NODE... */
static void do_traffic(struct puppet *puppet, const struct words *words)
{
    struct traffic *traffic =
        traffic_new(puppet->node, &words->word[3], words->count - 3,
                    strcmp(words->word[1], "rejoins") == 0, strtoull(words->word[2], NULL, 10));
    pthread_mutex_lock(&puppet->mutex);
    bool first = puppet->traffic == NULL;
    if (first) puppet->traffic = traffic;
    pthread_mutex_unlock(&puppet->mutex);
    if (!first) traffic_free(traffic);
    say(first && traffic != NULL ? "ok" : "error no traffic");
}

static void do_flow(struct puppet *puppet, const struct words *words)
{
    (void)words;
    bool flows = puppet->traffic != NULL && traffic_start(puppet->traffic);
    say(flows ? "ok" : "error no traffic");
}

static void do_halt(struct puppet *puppet, const struct words *words)
{
    (void)words;
    if (puppet->traffic != NULL) traffic_halt(puppet->traffic);
    say(puppet->traffic != NULL ? "ok" : "error no traffic");
}

static void do_totals(struct puppet *puppet, const struct words *words)
{
    (void)words;
    if (puppet->traffic == NULL) {
        say("error no traffic");
        return;
    }
    struct traffic_totals totals = traffic_totals(puppet->traffic);
    say("ok payloads=%" PRIu64 " requests=%" PRIu64 " releases=%" PRIu64 " arrived=%" PRIu64
        " grants=%" PRIu64 " lost=%" PRIu64 " repeated=%" PRIu64 " reordered=%" PRIu64
        " damaged=%" PRIu64 " full=%" PRIu64 " reopened=%" PRIu64,
        totals.payloads, totals.requests, totals.releases, totals.arrived, totals.grants,
        totals.lost, totals.repeated, totals.reordered, totals.damaged, totals.full,
        totals.reopened);
}

static const struct {
    const char *name;
    int words_min;
    void (*run)(struct puppet *puppet, const struct words *words);
} commands[] = {
    {"status", 1, do_status}, {"connect", 3, do_connect}, {"await", 2, do_await},
    {"lock", 4, do_lock},     {"end", 2, do_end},         {"drop", 2, do_drop},
    {"fill", 3, do_fill},     {"pause", 1, do_pause},     {"resume", 1, do_resume},
    {"flow", 1, do_flow},     {"traffic", 4, do_traffic}, {"halt", 1, do_halt},
    {"totals", 1, do_totals}, {"flush", 2, do_flush},
};

static void obey(struct puppet *puppet, const struct words *words)
{
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        if (strcmp(words->word[0], commands[i].name) != 0) continue;
        if (words->count < commands[i].words_min)
            say("error too few words");
        else
            commands[i].run(puppet, words);
        return;
    }
    say("error no such command: %s", words->word[0]);
}

static void obey_until_quit(struct puppet *puppet)
{
    char line[LINE_BYTES];
    struct words words;
    ssize_t got;
    while ((got = recv(STDIN_FILENO, line, sizeof line - 1, 0)) > 0) {
        line[got] = '\0';
        if (!split(&words, line)) continue;
        if (strcmp(words.word[0], "quit") == 0) return;
        obey(puppet, &words);
    }
}

/* ---- Life ---- */

static uint32_t number_in(const char *text)
{
    return (uint32_t)strtoul(text, NULL, 10);
}

static bool read_option(struct gdn_node_options *options, const char **detectors, char *word)
{
    char *value = strchr(word, '=');
    if (value == NULL) return false;
    *value++ = '\0';
    if (strcmp(word, "advertise") == 0)
        options->advertise = value;
    else if (strcmp(word, "detector") == 0 && options->detector_count < DETECTORS_MAX)
        detectors[options->detector_count++] = value;
    else if (strcmp(word, "patience_ms") == 0)
        options->patience_ms = number_in(value);
    else if (strcmp(word, "window") == 0)
        options->window = number_in(value);
    else if (strcmp(word, "window_bytes") == 0)
        options->window_bytes = number_in(value);
    else if (strcmp(word, "silence_ms") == 0)
        options->silence_ms = number_in(value);
    else if (strcmp(word, "close_ms") == 0)
        options->close_ms = number_in(value);
    else if (strcmp(word, "allow_remote") == 0)
        options->allow_remote = number_in(value) != 0;
    else
        return false;
    return true;
}

static void log_line(void *context, enum gdn_log_level level, const char *line)
{
    (void)level;
    (void)fprintf(stderr, "%s: %s\n", (const char *)context, line);
}

int main(int argc, char **argv)
{
    static struct puppet puppet = {.mutex = PTHREAD_MUTEX_INITIALIZER,
                                   .changed = PTHREAD_COND_INITIALIZER};
    char why[512] = "";
    const char *detectors[DETECTORS_MAX];
    if (argc < 3) return 2;
    struct gdn_node_options options = {.name = argv[1],
                                       .bind = argv[2],
                                       .detectors = detectors,
                                       .log = {.write = log_line, .context = argv[1]}};
    for (int i = 3; i < argc; i++) {
        if (!read_option(&options, detectors, argv[i])) return 2;
    }
    if (gdn_node_open(&options, &puppet.node, why, sizeof why) != GDN_OK) {
        say("error %s", why);
        return 1;
    }
    if (pthread_create(&puppet.manager, NULL, manage, &puppet) != 0) return 1;
    say("open %s %" PRIu64, gdn_node_endpoint(puppet.node), gdn_node_incarnation(puppet.node));
    obey_until_quit(&puppet);
    gdn_node_stop(puppet.node);
    resume_taking(&puppet);
    (void)pthread_join(puppet.manager, NULL);
    traffic_free(puppet.traffic);
    gdn_node_close(puppet.node);
    return 0;
}
