/* SPDX-License-Identifier: GPL-2.0-or-later */
/* gordian analyze: what saved cuts mean. */
#include "analyze.h"

#include "detector/cli/exits.h"
#include "detector/cli/judge.h"
#include "detector/render/render.h"
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>

enum form { FORM_TEXT, FORM_JSON, FORM_JSONL, FORM_DOT, FORM_SVG };

static const char *const form_names[] = {"text", "json", "jsonl", "dot", "svg", NULL};

struct analyze {
    enum form form;
    enum gdn_policy policy;
    enum gdn__scheme scheme;
    bool several; /* Files. */
    bool colour;
    bool printed; /* A verdict is out already. */
};

static void print_help(void)
{
    (void)fputs(
        "Usage: gordian analyze FILE... [-o FORM] [--victims POLICY] [--scheme SCHEME]\n"
        "\n"
        "Reads saved cuts, binary or gordian-cut/1 JSON (told apart by their content; - is\n"
        "standard input), delivers the messages in flight and prints each cut's verdict.\n"
        "\n"
        "  -o, --output FORM     text (default), json, jsonl, dot or svg\n"
        "      --victims POLICY  youngest (default), oldest, least-work, fewest-locks,\n"
        "                        lowest-priority or none\n"
        "      --scheme SCHEME   colours of dot and svg: light, dark, or auto (default): light,\n"
        "                        and an svg is dark for readers who prefer that\n"
        "  -h, --help            this text\n"
        "\n"
        "Of several files, text names each before its verdict, json prints one indented document\n"
        "after the other, jsonl one line each, dot one digraph each; svg takes one file. What\n"
        "cannot be read is said on standard error, and the other files are read all the same.\n"
        "\n"
        "Exit status: 0 no deadlock; 1 deadlock found; 2 usage, or a file cannot be read;\n"
        "3 no deadlock found, but the view is incomplete; 69 dot (Graphviz) cannot be run;\n"
        "74 output cannot be written. Of several files, 2 wins over 1 over 3 over 0.\n",
        stdout);
}

/* ---- Options ---- */

static bool choose_form(const char *name, enum form *form)
{
    for (unsigned i = 0; form_names[i] != NULL; i++) {
        if (strcmp(name, form_names[i]) == 0) {
            *form = (enum form)i;
            return true;
        }
    }
    (void)fprintf(stderr, "gordian analyze: -o is text, json, jsonl, dot or svg\n");
    return false;
}

static bool choose_policy(const char *name, enum gdn_policy *policy)
{
    if (gdn_policy_from_name(name, policy)) return true;
    (void)fprintf(stderr, "gordian analyze: --victims is youngest, oldest, least-work, "
                          "fewest-locks, lowest-priority or none\n");
    return false;
}

static bool choose_scheme(const char *name, enum gdn__scheme *scheme)
{
    if (gdn__scheme_from_name(name, scheme)) return true;
    (void)fprintf(stderr, "gordian analyze: --scheme is auto, light or dark\n");
    return false;
}

/* False when the program is to end with *status. */
static bool read_options(int argc, char **argv, struct analyze *analyze, int *status)
{
    static const struct option options[] = {{"output", required_argument, NULL, 'o'},
                                            {"victims", required_argument, NULL, 'v'},
                                            {"scheme", required_argument, NULL, 's'},
                                            {"help", no_argument, NULL, 'h'},
                                            {NULL, 0, NULL, 0}};
    *status = GDN__EXIT_USAGE;
    optind = 0; /* The program's own options were read before. */
    for (int option; (option = getopt_long(argc, argv, "o:h", options, NULL)) != -1;) {
        switch (option) {
        case 'o':
            if (!choose_form(optarg, &analyze->form)) return false;
            break;
        case 'v':
            if (!choose_policy(optarg, &analyze->policy)) return false;
            break;
        case 's':
            if (!choose_scheme(optarg, &analyze->scheme)) return false;
            break;
        case 'h':
            print_help();
            *status = GDN__EXIT_DONE;
            return false;
        default:
            return false; /* getopt_long() has said what is wrong. */
        }
    }
    analyze->several = argc - optind > 1;
    if (optind == argc) {
        (void)fprintf(stderr, "gordian analyze: no FILE is named; try gordian analyze --help\n");
        return false;
    }
    if (analyze->several && analyze->form == FORM_SVG) {
        (void)fprintf(stderr, "gordian analyze: -o svg takes one FILE\n");
        return false;
    }
    return true;
}

/* ---- One file ---- */

static int write_failed(void)
{
    (void)fprintf(stderr, "gordian analyze: standard output: cannot be written: %s\n",
                  strerror(errno));
    return GDN__EXIT_OUTPUT;
}

static bool write_part(const char *text, size_t length)
{
    return fwrite(text, 1, length, stdout) == length;
}

/* Ordinary statuses are below GDN__EXIT_UNAVAILABLE. */
static int print_verdict(struct analyze *analyze, const char *file, const gdn_verdict *verdict)
{
    struct gdn__render_options options = {.colour = analyze->colour, .scheme = analyze->scheme};
    struct gdn__textbuf out = {.drain = analyze->form == FORM_SVG ? NULL : write_part};
    char why[256];
    enum gdn_err err = GDN_OK;
    switch (analyze->form) {
    case FORM_TEXT:
        if (analyze->printed) gdn__textbuf_add_char(&out, '\n');
        if (analyze->several) {
            gdn__textbuf_add_shown(&out, gdn__file_name(file));
            gdn__textbuf_add(&out, ":\n");
        }
        gdn__render_text(verdict, &options, &out);
        break;
    case FORM_JSON:
        gdn__render_json(verdict, false, &out);
        break;
    case FORM_JSONL:
        gdn__render_json(verdict, true, &out);
        break;
    case FORM_DOT:
        gdn__render_dot(verdict, &options, &out);
        break;
    case FORM_SVG:
        err = gdn__render_svg(verdict, &options, &out, why, sizeof why);
        break;
    }
    int status = verdict->deadlock_count > 0 ? GDN__EXIT_DEADLOCK
                 : !verdict->complete        ? GDN__EXIT_INCOMPLETE
                                             : GDN__EXIT_DONE;
    if (err == GDN_ERR_SYSTEM) {
        (void)fprintf(stderr, "gordian analyze: %s\n", why);
        status = GDN__EXIT_UNAVAILABLE;
    } else if (out.undrained) {
        status = write_failed();
    } else if (out.failed || err != GDN_OK) {
        (void)fprintf(stderr, "gordian analyze: %s\n", gdn_err_text(GDN_ERR_MEMORY));
        status = GDN__EXIT_OUTPUT;
    } else if (!write_part(out.text, out.length) || fflush(stdout) != 0) {
        status = write_failed();
    }
    gdn__textbuf_fini(&out);
    analyze->printed = true;
    return status;
}

static int analyze_file(struct analyze *analyze, const char *file)
{
    struct gdn__judged judged;
    if (!gdn__judge(file, analyze->policy, &judged)) return GDN__EXIT_USAGE;
    int status = print_verdict(analyze, file, judged.verdict);
    gdn__judged_fini(&judged);
    return status;
}

/* ---- All of them ---- */

/* 2 wins over 1 over 3 over 0. */
static int worse(int a, int b)
{
    static const int order[] = {GDN__EXIT_USAGE, GDN__EXIT_DEADLOCK, GDN__EXIT_INCOMPLETE};
    for (size_t i = 0; i < sizeof order / sizeof order[0]; i++) {
        if (a == order[i] || b == order[i]) return order[i];
    }
    return GDN__EXIT_DONE;
}

int gordian_analyze(int argc, char **argv)
{
    struct analyze analyze = {.form = FORM_TEXT, .policy = GDN_POLICY_YOUNGEST};
    int status;
    if (!read_options(argc, argv, &analyze, &status)) return status;
    analyze.colour = gdn__wants_colour();
    status = GDN__EXIT_DONE;
    for (int i = optind; i < argc; i++) {
        int one = analyze_file(&analyze, argv[i]);
        /* What cannot be printed now cannot be printed for the next file either. */
        if (one >= GDN__EXIT_UNAVAILABLE) return one;
        status = worse(status, one);
    }
    return status;
}
