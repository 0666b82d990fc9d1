/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "detector/service/options.h"

#include "detector/cli/exits.h"
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PERIOD_MS        1000
#define DEADLINE_MS      1000
#define MILLISECONDS_MAX 86400000
#define KEEP_MAX         1000
#define DEADLINE_MS_MAX  60000
#define SILENCE_MS       10000

static const char usage[] =
    "Usage: gordiand [OPTION...]\n"
    "Finds deadlocks across the nodes that register with it, and breaks them if asked.\n"
    "\n"
    "  --bind ENDPOINT       where nodes register (default " OPTIONS_BIND ")\n"
    "  --advertise ENDPOINT  what nodes dial back, if it is not what was bound\n"
    "  --control ENDPOINT    where `gordian status`, `waits` and `cut` ask (default: the port\n"
    "                        after that of --bind, or its path with .control)\n"
    "  --name NAME           of this detector, unique among those that run\n"
    "  --period MS           a round at least this often; 0: only on suspicion (default 1000)\n"
    "  --deadline MS         of one round; then the silent are left out (default 1000)\n"
    "  --silence MS          a node heard nothing of for so long is lost (default 10000)\n"
    "  --expect NODE[,...]   nodes that are missing when they have not registered\n"
    "  --resolve POLICY      abort one member of each deadlock: youngest, oldest, least-work,\n"
    "                        fewest-locks, lowest-priority; none (default) only reports\n"
    "  --keep-cuts DIR       save the cut of each round with news, for `gordian analyze`\n"
    "  --keep N              at most so many of them, the oldest go (default 1000)\n"
    "  --events FILE         append what happens as JSON Lines; - is standard output\n"
    "  --allow-remote        accept addresses beyond loopback: nothing is encrypted or\n"
    "                        authenticated\n"
    "  --verbose             tell on stderr what it does\n"
    "  --help, --version\n"
    "\n"
    "Ends with status 0 on SIGTERM and SIGINT; SIGHUP opens the events file anew.\n";

enum {
    OPTION_BIND = 1000,
    OPTION_ADVERTISE,
    OPTION_CONTROL,
    OPTION_NAME,
    OPTION_PERIOD,
    OPTION_DEADLINE,
    OPTION_SILENCE,
    OPTION_EXPECT,
    OPTION_RESOLVE,
    OPTION_KEEP_CUTS,
    OPTION_KEEP,
    OPTION_EVENTS,
    OPTION_ALLOW_REMOTE,
    OPTION_VERBOSE,
    OPTION_HELP,
    OPTION_VERSION
};

static const struct option long_options[] = {
    {"bind", required_argument, NULL, OPTION_BIND},
    {"advertise", required_argument, NULL, OPTION_ADVERTISE},
    {"control", required_argument, NULL, OPTION_CONTROL},
    {"name", required_argument, NULL, OPTION_NAME},
    {"period", required_argument, NULL, OPTION_PERIOD},
    {"deadline", required_argument, NULL, OPTION_DEADLINE},
    {"silence", required_argument, NULL, OPTION_SILENCE},
    {"expect", required_argument, NULL, OPTION_EXPECT},
    {"resolve", required_argument, NULL, OPTION_RESOLVE},
    {"keep-cuts", required_argument, NULL, OPTION_KEEP_CUTS},
    {"keep", required_argument, NULL, OPTION_KEEP},
    {"events", required_argument, NULL, OPTION_EVENTS},
    {"allow-remote", no_argument, NULL, OPTION_ALLOW_REMOTE},
    {"verbose", no_argument, NULL, OPTION_VERBOSE},
    {"help", no_argument, NULL, OPTION_HELP},
    {"version", no_argument, NULL, OPTION_VERSION},
    {NULL, 0, NULL, 0},
};

/* A bad value of a known option is bad configuration. */
static int complain(const char *option, const char *value, const char *wanted)
{
    (void)fprintf(stderr, "gordiand: --%s %s: %s\n", option, value, wanted);
    return GDN__EXIT_CONFIGURATION;
}

static bool read_number(const char *option, const char *text, int64_t low, int64_t high,
                        int64_t *number, int *status)
{
    char *end;
    char wanted[80];
    errno = 0;
    long long value = strtoll(text, &end, 10);
    if (errno == 0 && end != text && *end == '\0' && value >= low && value <= high) {
        *number = value;
        return true;
    }
    (void)snprintf(wanted, sizeof wanted, "a whole number from %lld to %lld is wanted",
                   (long long)low, (long long)high);
    *status = complain(option, text, wanted);
    return false;
}

static bool add_expected(struct options *options, char *list, int *status)
{
    char *rest = list;
    for (char *name = strsep(&rest, ","); name != NULL; name = strsep(&rest, ",")) {
        if (!gdn_name_is_valid(name)) {
            *status = complain("expect", list,
                               "a node's name has 1 to 255 bytes of UTF-8 and no control "
                               "character");
            return false;
        }
        if (options->expect_count == OPTIONS_EXPECT_MAX) {
            *status = complain("expect", name, "too many nodes");
            return false;
        }
        options->expect[options->expect_count++] = name;
    }
    return true;
}

static bool read_policy(struct options *options, const char *text, int *status)
{
    if (gdn_policy_from_name(text, &options->policy)) return true;
    *status = complain("resolve", text,
                       "no such policy; there are youngest, oldest, least-work, fewest-locks, "
                       "lowest-priority and none");
    return false;
}

static bool read_name(struct options *options, const char *text, int *status)
{
    options->name = text;
    if (gdn_name_is_valid(text)) return true;
    *status = complain("name", text, "1 to 255 bytes of UTF-8 and no control character are wanted");
    return false;
}

static bool read_option(struct options *options, int option, int *status)
{
    int64_t keep;
    switch (option) {
    case OPTION_BIND:
        options->bind = optarg;
        return true;
    case OPTION_ADVERTISE:
        options->advertise = optarg;
        return true;
    case OPTION_CONTROL:
        options->control = optarg;
        return true;
    case OPTION_NAME:
        return read_name(options, optarg, status);
    case OPTION_PERIOD:
        return read_number("period", optarg, 0, MILLISECONDS_MAX, &options->period_ms, status);
    case OPTION_DEADLINE:
        return read_number("deadline", optarg, 1, DEADLINE_MS_MAX, &options->deadline_ms, status);
    case OPTION_SILENCE:
        return read_number("silence", optarg, 100, MILLISECONDS_MAX, &options->silence_ms, status);
    case OPTION_EXPECT:
        return add_expected(options, optarg, status);
    case OPTION_RESOLVE:
        return read_policy(options, optarg, status);
    case OPTION_KEEP_CUTS:
        options->keep_cuts = optarg;
        return true;
    case OPTION_KEEP:
        if (!read_number("keep", optarg, 1, 1000000, &keep, status)) return false;
        options->keep_max = (size_t)keep;
        return true;
    case OPTION_EVENTS:
        options->events = optarg;
        return true;
    case OPTION_ALLOW_REMOTE:
        options->allow_remote = true;
        return true;
    case OPTION_VERBOSE:
        options->verbose = true;
        return true;
    case OPTION_HELP:
        (void)fputs(usage, stdout);
        *status = GDN__EXIT_DONE;
        return false;
    case OPTION_VERSION:
        (void)puts("gordiand " GDN_VERSION);
        *status = GDN__EXIT_DONE;
        return false;
    default: /* getopt_long() has said what is wrong. */
        (void)fputs("gordiand: --help tells the options\n", stderr);
        *status = GDN__EXIT_USAGE;
        return false;
    }
}

/* Two detectors on one network need two names. */
static void choose_name(struct options *options)
{
    char host[48] = "";
    (void)gethostname(host, sizeof host - 1);
    (void)snprintf(options->default_name, sizeof options->default_name, "detector-%s-%ld",
                   host[0] != '\0' && gdn_name_is_valid(host) ? host : "1", (long)getpid());
    options->name = options->default_name;
}

bool options_read(int argc, char **argv, struct options *options, int *status)
{
    *options = (struct options){.bind = OPTIONS_BIND,
                                .period_ms = PERIOD_MS,
                                .deadline_ms = DEADLINE_MS,
                                .silence_ms = SILENCE_MS,
                                .policy = GDN_POLICY_NONE,
                                .keep_max = KEEP_MAX};
    choose_name(options);
    options->expect = calloc(OPTIONS_EXPECT_MAX, sizeof *options->expect);
    if (options->expect == NULL) {
        (void)fputs("gordiand: out of memory\n", stderr);
        *status = GDN__EXIT_UNAVAILABLE;
        return false;
    }
    int option;
    while ((option = getopt_long(argc, argv, "", long_options, NULL)) != -1) {
        if (!read_option(options, option, status)) return false;
    }
    if (optind == argc) return true;
    (void)fprintf(stderr, "gordiand: '%.60s' is no option; --help tells them\n", argv[optind]);
    *status = GDN__EXIT_USAGE;
    return false;
}

void options_free(struct options *options)
{
    free(options->expect);
}
