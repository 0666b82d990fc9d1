/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One question to a running gordiand. */
#ifndef GDN_CLI_ASK_H
#define GDN_CLI_ASK_H

#include <jansson.h>
#include <stdbool.h>
#include <zmq.h>

#define GDN__ASK_DEFAULT "tcp://127.0.0.1:7401"

struct gdn__ask_options {
    const char *command; /* "gordian status" */
    const char *endpoint;
    bool json; /* Print the answer as it is. */
};

/* --connect and -o. False: *status is how to exit. */
bool gdn__ask_options(int argc, char **argv, const char *purpose, struct gdn__ask_options *options,
                      int *status);

/* The answer as it came, in an initialised @p answer that the caller closes. False: one line on
 * stderr said why, *status is how to exit. */
bool gdn__ask_message(const struct gdn__ask_options *options, const char *question,
                      zmq_msg_t *answer, int *status);

/* That answer as JSON, as below. */
json_t *gdn__ask_read(const struct gdn__ask_options *options, zmq_msg_t *answer, int *status);

/* The answer as JSON; NULL: one line on stderr said why, *status is how to exit. Caller frees with
 * json_decref(). With options->json it is printed already. */
json_t *gdn__ask(const struct gdn__ask_options *options, const char *question, int *status);

/* The text of a key, "" where there is none, made safe for a terminal. Borrowed until the next
 * call but three. */
const char *gdn__ask_text(const json_t *object, const char *key);

#endif
