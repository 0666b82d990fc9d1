/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "detector/cli/cut.h"

#include "detector/cli/ask.h"
#include "detector/cli/exits.h"
#include "detector/cutfile/cutfile.h"
#include "detector/render/standing.h"
#include "detector/render/textbuf.h"
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct wanted {
    struct gdn__ask_options ask;
    const char *file;
    enum gdn__cutfile_form form;
    bool last;
};

static void print_help(void)
{
    (void)fputs(
        "Usage: gordian cut [--connect ENDPOINT] [-o FILE] [--json] [--last]\n"
        "\n"
        "Asks a gordiand for a consistent snapshot of who holds and waits for what, taken for\n"
        "this question, and saves it for gordian analyze and gordian diff.\n"
        "\n"
        "      --connect ENDPOINT  gordiand's control endpoint (default " GDN__ASK_DEFAULT ")\n"
        "  -o, --output FILE       where to; - (default) is standard output. An existing file is\n"
        "                          replaced by the whole new one, or stays what it was\n"
        "      --json              as gordian-cut/1 JSON instead of bytes\n"
        "      --last              the cut of the last round that ended, instead of a new one\n"
        "  -h, --help              this text\n"
        "\n"
        "Whether there is a deadlock in the cut is not looked at here.\n"
        "\n"
        "Exit status: 0 saved; 3 saved, but the view is incomplete (standard error says who is\n"
        "missing); 2 usage; 69 the service cannot be reached or has no cut; 74 the cut cannot be\n"
        "written.\n",
        stdout);
}

/* False when the program is to end with *status. */
static bool read_options(int argc, char **argv, struct wanted *wanted, int *status)
{
    static const struct option options[] = {
        {"connect", required_argument, NULL, 'c'}, {"output", required_argument, NULL, 'o'},
        {"json", no_argument, NULL, 'j'},          {"last", no_argument, NULL, 'l'},
        {"help", no_argument, NULL, 'h'},          {NULL, 0, NULL, 0}};
    *wanted = (struct wanted){.ask = {.command = argv[0], .endpoint = GDN__ASK_DEFAULT},
                              .file = "-",
                              .form = GDN__CUTFILE_BINARY};
    *status = GDN__EXIT_USAGE;
    for (int option; (option = getopt_long(argc, argv, "o:h", options, NULL)) != -1;) {
        switch (option) {
        case 'c':
            wanted->ask.endpoint = optarg;
            break;
        case 'o':
            wanted->file = optarg;
            break;
        case 'j':
            wanted->form = GDN__CUTFILE_JSON;
            break;
        case 'l':
            wanted->last = true;
            break;
        case 'h':
            print_help();
            *status = GDN__EXIT_DONE;
            return false;
        default:
            return false; /* getopt_long() has said what is wrong. */
        }
    }
    if (optind < argc) {
        (void)fprintf(stderr, "gordian cut: '%.60s' is not wanted here; -o FILE says where to\n",
                      argv[optind]);
        return false;
    }
    if (strcmp(wanted->file, "-") == 0 && wanted->form == GDN__CUTFILE_BINARY &&
        isatty(STDOUT_FILENO) == 1) {
        (void)fputs("gordian cut: bytes are nothing for a terminal; use -o FILE, or --json\n",
                    stderr);
        return false;
    }
    return true;
}

/* ---- How whole it is ---- */

static int say_how_whole(const gdn_cut *cut)
{
    struct gdn__textbuf text = {0};
    size_t open = gdn__count_open(cut);
    if (cut->missing_count == 0 && open == 0) return GDN__EXIT_DONE;
    gdn__textbuf_add(&text, "gordian cut: the view is incomplete");
    for (size_t i = 0; i < cut->missing_count; i++) {
        gdn__textbuf_add(&text, i == 0 ? ": no report from " : ", ");
        gdn__textbuf_add_shown(&text, cut->missing[i]);
    }
    if (open > 0) {
        gdn__textbuf_addf(&text, "; on %zu %s more may have been on its way", open,
                          open == 1 ? "channel" : "channels");
    }
    if (!text.failed) (void)fprintf(stderr, "%s\n", text.text);
    gdn__textbuf_fini(&text);
    return GDN__EXIT_INCOMPLETE;
}

/* ---- From answer to file ---- */

static int save(const struct wanted *wanted, const gdn_cut *cut)
{
    char why[GDN__CUTFILE_WHY_BYTES];
    if (gdn__cutfile_save(cut, wanted->file, wanted->form, why, sizeof why) != GDN_OK) {
        (void)fprintf(stderr, "gordian cut: %s\n", why);
        return GDN__EXIT_OUTPUT;
    }
    return say_how_whole(cut);
}

/* A refusal is a JSON document, and no cut begins with its bracket. */
static int read_cut(const struct wanted *wanted, zmq_msg_t *answer)
{
    char why[GDN__CUTFILE_WHY_BYTES];
    gdn_cut *cut;
    const char *bytes = zmq_msg_data(answer);
    int status = GDN__EXIT_UNAVAILABLE;
    if (zmq_msg_size(answer) > 0 && bytes[0] == '{') {
        json_t *document = gdn__ask_read(&wanted->ask, answer, &status);
        if (document != NULL) {
            (void)fprintf(stderr, "gordian cut: %s: that is no cut\n", wanted->ask.endpoint);
        }
        json_decref(document);
        return GDN__EXIT_UNAVAILABLE;
    }
    if (gdn__cutfile_parse(wanted->ask.endpoint, bytes, zmq_msg_size(answer), &cut, why,
                           sizeof why) != GDN_OK) {
        (void)fprintf(stderr, "gordian cut: %s\n", why);
        return GDN__EXIT_UNAVAILABLE;
    }
    status = save(wanted, cut);
    gdn_cut_free(cut);
    return status;
}

int gordian_cut(int argc, char **argv)
{
    struct wanted wanted;
    zmq_msg_t answer;
    int status;
    if (!read_options(argc, argv, &wanted, &status)) return status;
    (void)zmq_msg_init(&answer);
    if (gdn__ask_message(&wanted.ask, wanted.last ? "cut last" : "cut", &answer, &status)) {
        status = read_cut(&wanted, &answer);
    }
    (void)zmq_msg_close(&answer);
    return status;
}
