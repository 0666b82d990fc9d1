/* SPDX-License-Identifier: GPL-2.0-or-later */
/* lockd: a distributed lock manager of N node processes, with gordiand watching.
 *
 *     this process       forks the nodes, starts gordiand, plays the script or watches the load
 *      |- n1 … nN        one Gordian node each, a lock manager (common/lockmgr.c) around it;
 *      |                 transactions are threads under strict two-phase locking
 *      '- gordiand       finds the deadlocks and, with --resolve, breaks them
 *
 * Scenarios are scripts, see lockd/script.h; demos/transfers.lockd is one. */
#include "demos/common/child.h"
#include "demos/common/place.h"
#include "demos/lockd/actor.h"
#include "demos/lockd/load.h"
#include "demos/lockd/player.h"
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define EXIT_USAGE 2

struct settings {
    const char *script; /* NULL: load mode; "-": standard input. */
    bool load, late, quiet;
    int nodes, timeout_ms;
    const char *detector; /* NULL: our own. */
    uint32_t window, patience_ms;
    struct service_options service;
    struct load_options work;
    char endpoint[64];             /* Of a gordiand that starts late. */
    char events[PLACE_PATH_BYTES]; /* Where it writes when nobody said. */
};

static const char help[] =
    "Usage: lockd --script FILE [OPTION...]     play a scenario (- is standard input)\n"
    "       lockd --load [OPTION...]            random transactions under resolution\n"
    "\n"
    "A distributed lock manager of several node processes, watched by gordiand.\n"
    "\n"
    "      --nodes N          node processes (default: those the script names; load: 3)\n"
    "      --resolve POLICY   of gordiand (default youngest; none: only find)\n"
    "      --period MS        of gordiand's rounds (default 50)\n"
    "      --deadline MS      of a round (default 1000)\n"
    "      --events FILE      where gordiand writes its events\n"
    "      --keep-cuts DIR    where gordiand keeps the cuts of deadlocks\n"
    "      --report FILE      where gordiand's verdicts go instead of standard output\n"
    "      --detector ENDPOINT   use that gordiand; --events FILE then says which file to follow\n"
    "      --window N         messages under way to a peer before it is full\n"
    "      --patience MS      a wait that lasts longer is suspected\n"
    "script:\n"
    "      --late-detector    gordiand is started by the script's step 'detector'\n"
    "      --timeout MS       of each await (default 10000)\n"
    "      --quiet            do not tell the story\n"
    "load:\n"
    "      --workers W        threads in each node (default 4)\n"
    "      --seconds S        (default 5)\n"
    "      --keys M           accounts (default 100)\n"
    "      --hot K            half of all picks fall on the first K (default 8)\n"
    "      --seed X           (default 1)\n"
    "      --help\n"
    "\n"
    "Exit status: 0 done, 1 something did not happen as it should, 2 usage or a bad script.\n";

enum option_id {
    OPTION_SCRIPT = 256,
    OPTION_LOAD,
    OPTION_NODES,
    OPTION_RESOLVE,
    OPTION_PERIOD,
    OPTION_DEADLINE,
    OPTION_EVENTS,
    OPTION_KEEP_CUTS,
    OPTION_REPORT,
    OPTION_DETECTOR,
    OPTION_WINDOW,
    OPTION_PATIENCE,
    OPTION_LATE,
    OPTION_TIMEOUT,
    OPTION_QUIET,
    OPTION_WORKERS,
    OPTION_SECONDS,
    OPTION_KEYS,
    OPTION_HOT,
    OPTION_SEED,
    OPTION_HELP
};

static const struct option options[] = {
    {"script", required_argument, NULL, OPTION_SCRIPT},
    {"load", no_argument, NULL, OPTION_LOAD},
    {"nodes", required_argument, NULL, OPTION_NODES},
    {"resolve", required_argument, NULL, OPTION_RESOLVE},
    {"period", required_argument, NULL, OPTION_PERIOD},
    {"deadline", required_argument, NULL, OPTION_DEADLINE},
    {"events", required_argument, NULL, OPTION_EVENTS},
    {"keep-cuts", required_argument, NULL, OPTION_KEEP_CUTS},
    {"report", required_argument, NULL, OPTION_REPORT},
    {"detector", required_argument, NULL, OPTION_DETECTOR},
    {"window", required_argument, NULL, OPTION_WINDOW},
    {"patience", required_argument, NULL, OPTION_PATIENCE},
    {"late-detector", no_argument, NULL, OPTION_LATE},
    {"timeout", required_argument, NULL, OPTION_TIMEOUT},
    {"quiet", no_argument, NULL, OPTION_QUIET},
    {"workers", required_argument, NULL, OPTION_WORKERS},
    {"seconds", required_argument, NULL, OPTION_SECONDS},
    {"keys", required_argument, NULL, OPTION_KEYS},
    {"hot", required_argument, NULL, OPTION_HOT},
    {"seed", required_argument, NULL, OPTION_SEED},
    {"help", no_argument, NULL, OPTION_HELP},
    {NULL, 0, NULL, 0},
};

static void usage_error(const char *what, const char *value)
{
    (void)fprintf(stderr, "lockd: %s%s; try --help\n", what, value);
    exit(EXIT_USAGE);
}

static int read_int(const char *text, int least, int most)
{
    char *end = NULL;
    long value = strtol(text, &end, 10);
    if (end == text || *end != '\0' || value < least || value > most) {
        usage_error("not a number in range: ", text);
    }
    return (int)value;
}

static void set_option(struct settings *settings, int option, const char *value)
{
    switch (option) {
    case OPTION_SCRIPT:
        settings->script = value;
        break;
    case OPTION_LOAD:
        settings->load = true;
        break;
    case OPTION_NODES:
        settings->nodes = read_int(value, 1, CLUSTER_MAX);
        break;
    case OPTION_RESOLVE:
        settings->service.resolve = value;
        break;
    case OPTION_PERIOD:
        settings->service.period_ms = read_int(value, 1, 3600000);
        break;
    case OPTION_DEADLINE:
        settings->service.deadline_ms = read_int(value, 1, 3600000);
        break;
    case OPTION_EVENTS:
        settings->service.events = value;
        break;
    case OPTION_KEEP_CUTS:
        settings->service.keep_cuts = value;
        break;
    case OPTION_REPORT:
        settings->service.report = value;
        break;
    case OPTION_DETECTOR:
        settings->detector = value;
        break;
    case OPTION_WINDOW:
        settings->window = (uint32_t)read_int(value, 1, 1 << 20);
        break;
    case OPTION_PATIENCE:
        settings->patience_ms = (uint32_t)read_int(value, 1, 3600000);
        break;
    case OPTION_LATE:
        settings->late = true;
        break;
    case OPTION_TIMEOUT:
        settings->timeout_ms = read_int(value, 1, 3600000);
        break;
    case OPTION_QUIET:
        settings->quiet = true;
        break;
    case OPTION_WORKERS:
        settings->work.workers = read_int(value, 1, 64);
        break;
    case OPTION_SECONDS:
        settings->work.seconds = read_int(value, 1, 86400);
        break;
    case OPTION_KEYS:
        settings->work.keys = read_int(value, 3, 1 << 20);
        break;
    case OPTION_HOT:
        settings->work.hot = read_int(value, 1, 1 << 20);
        break;
    case OPTION_SEED:
        settings->work.seed = (uint64_t)read_int(value, 0, 1 << 30);
        break;
    case OPTION_HELP:
        (void)fputs(help, stdout);
        exit(EXIT_SUCCESS);
    default:
        exit(EXIT_USAGE); /* getopt_long() has said why. */
    }
}

static void read_options(struct settings *settings, int argc, char **argv)
{
    int option;
    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        set_option(settings, option, optarg);
    }
    if (optind < argc) usage_error("unexpected: ", argv[optind]);
    if ((settings->script != NULL) == settings->load) {
        usage_error("either --script FILE or --load is needed", "");
    }
    if (settings->late && (settings->detector != NULL || settings->load)) {
        usage_error("--late-detector goes with --script and a gordiand of our own", "");
    }
    if (settings->work.hot > settings->work.keys) usage_error("--hot exceeds --keys", "");
}

/* gordiand now, or what its endpoint will be. False when it does not start. */
static bool prepare_detector(struct settings *settings, struct service *service)
{
    if (settings->detector != NULL) return true;
    if (settings->service.events == NULL) {
        settings->service.events = place_path(settings->events, "events.jsonl");
    }
    settings->service.expect_count = settings->nodes;
    if (settings->late) {
        (void)snprintf(settings->endpoint, sizeof settings->endpoint, "tcp://127.0.0.1:%d",
                       place_free_port());
        settings->service.bind = settings->detector = settings->endpoint;
        return true;
    }
    if (!service_start(service, &settings->service)) return false;
    settings->detector = service->endpoint;
    return true;
}

static bool play_or_watch(const struct settings *settings, const struct script *script,
                          struct cluster *cluster, struct events *events)
{
    if (settings->load) return load_watch(cluster, &settings->work, events);
    struct player_options player = {.script = script,
                                    .cluster = cluster,
                                    .events = events,
                                    .service = settings->late ? &settings->service : NULL,
                                    .timeout_ms = settings->timeout_ms,
                                    .quiet = settings->quiet};
    return player_run(&player);
}

/* Everything runs from here on, and nothing any more at the end. */
static bool run(struct settings *settings, const struct script *script)
{
    struct service service = {.talk = -1};
    struct events events;
    struct cluster cluster = {.service = &service};
    if (!prepare_detector(settings, &service)) return false;
    struct cluster_options cluster_options = {.count = settings->nodes,
                                              .detector = settings->detector,
                                              .window = settings->window,
                                              .patience_ms = settings->patience_ms,
                                              .role = settings->load ? load_role : actor_role,
                                              .argument = &settings->work};
    bool well = cluster_start(&cluster, &cluster_options);
    if (well) {
        if (!settings->quiet) {
            for (int i = 0; i < cluster.count; i++) {
                (void)printf("n%d is process %d at %s\n", i + 1, (int)cluster.members[i].pid,
                             cluster.members[i].endpoint);
            }
            if (service.pid > 0) (void)printf("gordiand is process %d\n", (int)service.pid);
            (void)fflush(stdout);
        }
        events_open(&events, settings->service.events);
        well = play_or_watch(settings, script, &cluster,
                             settings->service.events != NULL ? &events : NULL);
        events_close(&events);
        well = cluster_stop(&cluster) && well;
    }
    int status = service_stop(&service);
    if (status != 0) (void)fprintf(stderr, "gordiand ended with status %d\n", status);
    return well && status == 0;
}

static bool read_script(struct settings *settings, struct script *script)
{
    bool is_stdin = strcmp(settings->script, "-") == 0;
    FILE *in = is_stdin ? stdin : fopen(settings->script, "re");
    if (in == NULL) {
        (void)fprintf(stderr, "lockd: %s cannot be read\n", settings->script);
        return false;
    }
    bool valid =
        script_read(script, in, is_stdin ? "standard input" : settings->script, settings->nodes);
    if (!is_stdin) (void)fclose(in);
    settings->nodes = script->node_count;
    return valid;
}

int main(int argc, char **argv)
{
    static struct script script;
    static struct settings settings = {
        .timeout_ms = 10000,
        .service = {.period_ms = 50, .deadline_ms = 1000, .resolve = "youngest"},
        .work = {.workers = 4, .seconds = 5, .keys = 100, .hot = 8, .seed = 1}};
    read_options(&settings, argc, argv);
    if (settings.load) {
        if (settings.nodes == 0) settings.nodes = 3;
        settings.work.balances = load_accounts(settings.work.keys);
        if (settings.work.balances == NULL) return EXIT_FAILURE;
    } else if (!read_script(&settings, &script)) {
        return EXIT_USAGE;
    }
    if (!child_guard() || !place_make()) {
        (void)fprintf(stderr, "lockd: no signals or no temporary directory to be had\n");
        return EXIT_FAILURE;
    }
    return run(&settings, &script) ? EXIT_SUCCESS : EXIT_FAILURE;
}
