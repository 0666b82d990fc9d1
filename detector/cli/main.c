/* SPDX-License-Identifier: GPL-2.0-or-later */
/* gordian: the command line. */
#include "detector/cli/analyze.h"
#include "detector/cli/cut.h"
#include "detector/cli/diff.h"
#include "detector/cli/exits.h"
#include "detector/cli/status.h"
#include <errno.h>
#include <gordian/base.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct subcommand {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *purpose;
};

static const struct subcommand subcommands[] = {
    {"analyze", gordian_analyze, "say what saved cuts mean: every deadlock, its cycle, a victim"},
    {"status", gordian_status, "ask a running service: nodes, last round, deadlocks"},
    {"waits", gordian_waits, "ask a running service who waits now, longest first"},
    {"cut", gordian_cut, "ask a running service for a snapshot and save it"},
    {"diff", gordian_diff, "say what changed between two saved cuts"},
};

#define SUBCOMMANDS (sizeof subcommands / sizeof subcommands[0])

static void print_usage(FILE *out)
{
    (void)fputs("Usage: gordian COMMAND [OPTION...]\n\n", out);
    for (size_t i = 0; i < SUBCOMMANDS; i++) {
        (void)fprintf(out, "  %-10s%s\n", subcommands[i].name, subcommands[i].purpose);
    }
    (void)fputs("\ngordian COMMAND --help tells more; gordian --version tells the version.\n", out);
}

/* What was printed last may still fail: a full disk shows when the buffer is written. */
static int finish(int status)
{
    bool written = fflush(stdout) == 0 && !ferror(stdout);
    if (written || status == GDN__EXIT_OUTPUT) return status;
    (void)fprintf(stderr, "gordian: standard output: cannot be written: %s\n", strerror(errno));
    return GDN__EXIT_OUTPUT;
}

/* Jansson does not look whether there was memory for each character of a string: it would leave out
 * some, and read another name. */
static void *malloc_or_exit(size_t bytes)
{
    void *block = malloc(bytes);
    if (block != NULL) return block;
    (void)fputs("gordian: out of memory\n", stderr);
    exit(GDN__EXIT_USAGE);
}

int main(int argc, char **argv)
{
    json_set_alloc_funcs(malloc_or_exit, free);
    const char *word = argc > 1 ? argv[1] : "";
    for (size_t i = 0; i < SUBCOMMANDS; i++) {
        if (strcmp(word, subcommands[i].name) == 0) {
            /* getopt_long() begins its messages with argv[0]. */
            char program[32];
            (void)snprintf(program, sizeof program, "gordian %s", subcommands[i].name);
            argv[1] = program;
            return finish(subcommands[i].run(argc - 1, argv + 1));
        }
    }
    if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0 || strcmp(word, "help") == 0) {
        print_usage(stdout);
        return finish(GDN__EXIT_DONE);
    }
    if (strcmp(word, "--version") == 0) {
        (void)puts("gordian " GDN_VERSION);
        return finish(GDN__EXIT_DONE);
    }
    if (word[0] != '\0') (void)fprintf(stderr, "gordian: '%.60s' is no command\n", word);
    print_usage(stderr);
    return GDN__EXIT_USAGE;
}
