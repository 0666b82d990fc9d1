/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A saved cut and what it means, for the commands that read files. */
#ifndef GDN_CLI_JUDGE_H
#define GDN_CLI_JUDGE_H

#include <gordian/verdict.h>

struct gdn__judged {
    gdn_cut *cut;
    gdn_verdict *verdict;
};

/* Read @p file and judge it. False: one line on stderr said why. */
bool gdn__judge(const char *file, enum gdn_policy policy, struct gdn__judged *judged);
void gdn__judged_fini(struct gdn__judged *judged);

/* What to call the file in the output. */
const char *gdn__file_name(const char *file);

/* True when standard output is a terminal that takes colour, and nobody has said NO_COLOR. */
bool gdn__wants_colour(void);

#endif
