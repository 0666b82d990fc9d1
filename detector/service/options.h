/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What gordiand was told on its command line. */
#ifndef GDN_SERVICE_OPTIONS_H
#define GDN_SERVICE_OPTIONS_H

#include <gordian/verdict.h>

#define OPTIONS_EXPECT_MAX 4096
#define OPTIONS_BIND       "tcp://127.0.0.1:7400"

struct options {
    const char *name;
    const char *bind;
    const char *advertise; /* NULL: what was bound. */
    const char *control;   /* NULL: derived from bind. */
    int64_t period_ms;
    int64_t deadline_ms;
    int64_t silence_ms;
    const char **expect; /* Pointers into argv's strings. */
    size_t expect_count;
    enum gdn_policy policy;
    const char *keep_cuts; /* NULL: none. */
    size_t keep_max;
    const char *events; /* NULL: none; "-": standard output. */
    bool allow_remote;
    bool verbose;
    char default_name[80];
};

/* False: *status is how to exit (help and version were printed, or one line on stderr said what is
 * wrong). Splits comma lists in argv in place. Caller frees with options_free(). */
bool options_read(int argc, char **argv, struct options *options, int *status);
void options_free(struct options *options);

#endif
