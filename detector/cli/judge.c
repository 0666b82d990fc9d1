/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "detector/cli/judge.h"

#include "detector/cutfile/cutfile.h"
#include "detector/render/textbuf.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

bool gdn__judge(const char *file, enum gdn_policy policy, struct gdn__judged *judged)
{
    char why[GDN__CUTFILE_WHY_BYTES] = "";
    if (gdn__cutfile_load(file, &judged->cut, why, sizeof why) != GDN_OK) {
        (void)fprintf(stderr, "%s\n", why);
        return false;
    }
    enum gdn_err err = gdn_analyze(judged->cut, policy, &judged->verdict, why, sizeof why);
    if (err == GDN_OK) return true;
    struct gdn__textbuf shown = {0};
    gdn__textbuf_add_shown(&shown, gdn__file_name(file));
    (void)fprintf(stderr, "%s: cannot be judged: %s\n", shown.text != NULL ? shown.text : "the cut",
                  why[0] != '\0' ? why : gdn_err_text(err));
    gdn__textbuf_fini(&shown);
    gdn_cut_free(judged->cut);
    return false;
}

void gdn__judged_fini(struct gdn__judged *judged)
{
    gdn_verdict_free(judged->verdict);
    gdn_cut_free(judged->cut);
}

const char *gdn__file_name(const char *file)
{
    return strcmp(file, "-") == 0 ? "standard input" : file;
}

bool gdn__wants_colour(void)
{
    const char *no_colour = getenv("NO_COLOR");
    const char *terminal = getenv("TERM");
    if (no_colour != NULL && no_colour[0] != '\0') return false;
    if (terminal != NULL && strcmp(terminal, "dumb") == 0) return false;
    return isatty(STDOUT_FILENO) == 1;
}
