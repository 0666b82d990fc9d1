/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Saved cuts of rounds with news: DIR/NAME-NUMBER.cut, the newest so many of this run. */
#ifndef GDN_SERVICE_KEEP_H
#define GDN_SERVICE_KEEP_H

#include <gordian/cut.h>

#include "detector/service/output.h"

struct keep {
    const char *directory; /* NULL: nobody wants them. */
    char *prefix;          /* Of file names: the detector's name, made safe. */
    uint64_t *numbers;     /* Ring of the rounds that were saved. */
    size_t first, count, max;
    struct spell spell; /* Of cuts that could not be saved. */
};

/* False: the directory cannot be written, and one line on stderr said why. */
bool keep_open(struct keep *keep, const char *directory, const char *detector, size_t max);
void keep_close(struct keep *keep);

/* Save one; the oldest goes when there are too many. What fails is said once on stderr. */
void keep_cut(struct keep *keep, const gdn_cut *cut);

#endif
