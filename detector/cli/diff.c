/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "detector/cli/diff.h"

#include "detector/cli/exits.h"
#include "detector/cli/judge.h"
#include "detector/render/diff.h"
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>

static void print_help(void)
{
    (void)fputs(
        "Usage: gordian diff A B [-o text|json]\n"
        "\n"
        "Says what changed from saved cut A to saved cut B (binary or gordian-cut/1 JSON; one\n"
        "of them may be -, standard input): nodes, deadlocks, waits and holds that came (+),\n"
        "went (-), changed (~) or stayed (=). Waits and holds are told apart by their\n"
        "tickets; messages in flight are delivered first.\n"
        "\n"
        "  -o, --output FORM  text (default) or json (gordian-diff/1)\n"
        "  -h, --help         this text\n"
        "\n"
        "Exit status: 0 compared, whatever changed; 2 usage, or a file cannot be read; 74\n"
        "output cannot be written.\n",
        stdout);
}

/* False when the program is to end with *status. */
static bool read_options(int argc, char **argv, bool *json, int *status)
{
    static const struct option options[] = {{"output", required_argument, NULL, 'o'},
                                            {"help", no_argument, NULL, 'h'},
                                            {NULL, 0, NULL, 0}};
    *status = GDN__EXIT_USAGE;
    *json = false;
    for (int option; (option = getopt_long(argc, argv, "o:h", options, NULL)) != -1;) {
        if (option == 'h') {
            print_help();
            *status = GDN__EXIT_DONE;
            return false;
        }
        if (option != 'o') return false; /* getopt_long() has said what is wrong. */
        *json = strcmp(optarg, "json") == 0;
        if (!*json && strcmp(optarg, "text") != 0) {
            (void)fputs("gordian diff: -o is text or json\n", stderr);
            return false;
        }
    }
    if (argc - optind != 2) {
        (void)fputs("gordian diff: two files are wanted; try gordian diff --help\n", stderr);
        return false;
    }
    if (strcmp(argv[optind], "-") == 0 && strcmp(argv[optind + 1], "-") == 0) {
        (void)fputs("gordian diff: only one of the files can be standard input\n", stderr);
        return false;
    }
    return true;
}

static int print_diff(const struct gdn__diff *diff, const char *from, const char *to, bool json)
{
    struct gdn__textbuf out = {0};
    struct gdn__diff_options options = {
        .from = gdn__file_name(from), .to = gdn__file_name(to), .colour = gdn__wants_colour()};
    int status = GDN__EXIT_DONE;
    if (json) gdn__diff_json(diff, &out);
    if (!json) gdn__diff_text(diff, &options, &out);
    bool printed =
        !out.failed && fwrite(out.text, 1, out.length, stdout) == out.length && fflush(stdout) == 0;
    if (!printed) {
        (void)fprintf(stderr, "gordian diff: standard output: cannot be written: %s\n",
                      out.failed ? gdn_err_text(GDN_ERR_MEMORY) : strerror(errno));
        status = GDN__EXIT_OUTPUT;
    }
    gdn__textbuf_fini(&out);
    return status;
}

static int compare(const char *from, const char *to, bool json)
{
    struct gdn__judged a, b;
    struct gdn__diff diff;
    int status = GDN__EXIT_USAGE;
    if (!gdn__judge(from, GDN_POLICY_NONE, &a)) return status;
    if (gdn__judge(to, GDN_POLICY_NONE, &b)) {
        enum gdn_err err = gdn__diff_init(&diff, a.verdict, b.verdict);
        if (err == GDN_OK) status = print_diff(&diff, from, to, json);
        if (err != GDN_OK) (void)fprintf(stderr, "gordian diff: %s\n", gdn_err_text(err));
        gdn__diff_fini(&diff);
        gdn__judged_fini(&b);
    }
    gdn__judged_fini(&a);
    return status;
}

int gordian_diff(int argc, char **argv)
{
    bool json;
    int status;
    if (!read_options(argc, argv, &json, &status)) return status;
    return compare(argv[optind], argv[optind + 1], json);
}
