/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What changed between two cuts, for people and as gordian-diff/1 (docs/formats.md). Names in it
 * come from outside: both forms escape them. As the writers of render.h. */
#ifndef GDN_RENDER_DIFF_H
#define GDN_RENDER_DIFF_H

#include "detector/analysis/diff.h"
#include "detector/render/textbuf.h"

struct gdn__diff_options {
    const char *from, *to; /* The files' names. */
    bool colour;
};

void gdn__diff_text(const struct gdn__diff *diff, const struct gdn__diff_options *options,
                    struct gdn__textbuf *out);

/* Indented, ended by a newline. */
void gdn__diff_json(const struct gdn__diff *diff, struct gdn__textbuf *out);

#endif
