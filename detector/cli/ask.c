/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "detector/cli/ask.h"

#include "detector/cli/exits.h"
#include "detector/render/textbuf.h"
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zmq.h>

#define ANSWER_MS        10000
#define ANSWER_BYTES_MAX (INT64_C(1) << 30)
#define TEXTS            4
#define TEXT_BYTES       1024

static void print_usage(FILE *out, const char *command, const char *purpose)
{
    (void)fprintf(out,
                  "Usage: %s [--connect ENDPOINT] [-o text|json]\n"
                  "%s\n\n"
                  "  --connect ENDPOINT  gordiand's control endpoint (default " GDN__ASK_DEFAULT
                  ")\n"
                  "  -o, --output FORM   text (default) or json\n",
                  command, purpose);
}

bool gdn__ask_options(int argc, char **argv, const char *purpose, struct gdn__ask_options *options,
                      int *status)
{
    static const struct option long_options[] = {{"connect", required_argument, NULL, 'c'},
                                                 {"output", required_argument, NULL, 'o'},
                                                 {"help", no_argument, NULL, 'h'},
                                                 {NULL, 0, NULL, 0}};
    int option;
    *options = (struct gdn__ask_options){.command = argv[0], .endpoint = GDN__ASK_DEFAULT};
    *status = GDN__EXIT_USAGE;
    while ((option = getopt_long(argc, argv, "c:o:h", long_options, NULL)) != -1) {
        if (option == 'c') {
            options->endpoint = optarg;
        } else if (option == 'o' && strcmp(optarg, "json") == 0) {
            options->json = true;
        } else if (option == 'o' && strcmp(optarg, "text") == 0) {
            options->json = false;
        } else if (option == 'h') {
            print_usage(stdout, argv[0], purpose);
            *status = GDN__EXIT_DONE;
            return false;
        } else {
            if (option == 'o') {
                (void)fprintf(stderr, "%s: -o %.60s: there are text and json\n", argv[0], optarg);
            }
            print_usage(stderr, argv[0], purpose);
            return false;
        }
    }
    if (optind == argc) return true;
    (void)fprintf(stderr, "%s: '%.60s' is not wanted here\n", argv[0], argv[optind]);
    return false;
}

static bool exchange(void *socket, const char *endpoint, const char *question, zmq_msg_t *answer)
{
    int linger = 0, patience = ANSWER_MS;
    int64_t largest = ANSWER_BYTES_MAX;
    return zmq_setsockopt(socket, ZMQ_LINGER, &linger, sizeof linger) == 0 &&
           zmq_setsockopt(socket, ZMQ_RCVTIMEO, &patience, sizeof patience) == 0 &&
           zmq_setsockopt(socket, ZMQ_SNDTIMEO, &patience, sizeof patience) == 0 &&
           zmq_setsockopt(socket, ZMQ_MAXMSGSIZE, &largest, sizeof largest) == 0 &&
           zmq_connect(socket, endpoint) == 0 &&
           zmq_send(socket, question, strlen(question), 0) >= 0 &&
           zmq_msg_recv(answer, socket, 0) >= 0;
}

json_t *gdn__ask_read(const struct gdn__ask_options *options, zmq_msg_t *answer, int *status)
{
    json_error_t error;
    json_t *document =
        json_loadb(zmq_msg_data(answer), zmq_msg_size(answer), JSON_REJECT_DUPLICATES, &error);
    const char *refused = json_string_value(json_object_get(document, "error"));
    if (document != NULL && refused == NULL) {
        *status = GDN__EXIT_DONE;
        return document;
    }
    struct gdn__textbuf shown = {0}; /* Whoever answers there need not be a gordiand. */
    gdn__textbuf_add_shown(&shown, refused != NULL ? refused : "that is no answer of a gordiand");
    (void)fprintf(stderr, "%s: %s: %.200s\n", options->command, options->endpoint,
                  shown.text != NULL ? shown.text : "");
    *status = GDN__EXIT_UNAVAILABLE;
    gdn__textbuf_fini(&shown);
    json_decref(document);
    return NULL;
}

bool gdn__ask_message(const struct gdn__ask_options *options, const char *question,
                      zmq_msg_t *answer, int *status)
{
    void *context = zmq_ctx_new();
    void *socket = context == NULL ? NULL : zmq_socket(context, ZMQ_REQ);
    bool answered = socket != NULL && exchange(socket, options->endpoint, question, answer);
    if (!answered) {
        bool silent = zmq_errno() == EAGAIN;
        (void)fprintf(stderr, "%s: %s: %s; is gordiand running, with its control there?\n",
                      options->command, options->endpoint,
                      silent ? "no answer" : zmq_strerror(zmq_errno()));
        *status = GDN__EXIT_UNAVAILABLE;
    }
    if (socket != NULL) (void)zmq_close(socket);
    if (context != NULL) (void)zmq_ctx_term(context);
    return answered;
}

json_t *gdn__ask(const struct gdn__ask_options *options, const char *question, int *status)
{
    zmq_msg_t answer;
    json_t *document = NULL;
    (void)zmq_msg_init(&answer);
    if (gdn__ask_message(options, question, &answer, status)) {
        document = gdn__ask_read(options, &answer, status);
    }
    (void)zmq_msg_close(&answer);
    if (document == NULL || !options->json) return document;
    (void)json_dumpf(document, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(15));
    (void)fputc('\n', stdout);
    return document;
}

const char *gdn__ask_text(const json_t *object, const char *key)
{
    static char texts[TEXTS][TEXT_BYTES];
    static unsigned next;
    struct gdn__textbuf shown = {0};
    const char *raw = json_string_value(json_object_get(object, key));
    char *text = texts[next++ % TEXTS];
    gdn__textbuf_add_shown(&shown, raw != NULL ? raw : "");
    (void)snprintf(text, TEXT_BYTES, "%s", shown.text != NULL ? shown.text : "");
    gdn__textbuf_fini(&shown);
    return text;
}
