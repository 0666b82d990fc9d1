/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "detector/service/keep.h"

#include "detector/cutfile/cutfile.h"
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool complain(const char *directory, const char *what)
{
    (void)fprintf(stderr, "gordiand: --keep-cuts %s: %s\n", directory, what);
    return false;
}

/* A detector's name may hold anything; a file's should not. */
static void make_safe(char *name)
{
    for (char *c = name; *c != '\0'; c++) {
        bool safe = (*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') ||
                    (*c >= '0' && *c <= '9') || *c == '-' || *c == '_';
        if (!safe) *c = '_';
    }
    if (strlen(name) > 100) name[100] = '\0';
}

bool keep_open(struct keep *keep, const char *directory, const char *detector, size_t max)
{
    *keep = (struct keep){.directory = directory, .max = max};
    if (directory == NULL) return true;
    if (access(directory, W_OK | X_OK) != 0) return complain(directory, strerror(errno));
    keep->prefix = strdup(detector);
    keep->numbers = calloc(max, sizeof *keep->numbers);
    if (keep->prefix == NULL || keep->numbers == NULL) return complain(directory, "out of memory");
    make_safe(keep->prefix);
    return true;
}

void keep_close(struct keep *keep)
{
    free(keep->prefix);
    free(keep->numbers);
}

static void path_of(const struct keep *keep, uint64_t number, char path[PATH_MAX])
{
    (void)snprintf(path, PATH_MAX, "%s/%s-%" PRIu64 ".cut", keep->directory, keep->prefix, number);
}

static void remove_oldest(struct keep *keep)
{
    char path[PATH_MAX];
    path_of(keep, keep->numbers[keep->first], path);
    if (unlink(path) != 0 && errno != ENOENT) (void)complain(path, strerror(errno));
    keep->first = (keep->first + 1) % keep->max;
    keep->count--;
}

void keep_cut(struct keep *keep, const gdn_cut *cut)
{
    char path[PATH_MAX], why[GDN__CUTFILE_WHY_BYTES];
    if (keep->directory == NULL) return;
    path_of(keep, cut->round.number, path);
    enum gdn_err err = gdn__cutfile_save(cut, path, GDN__CUTFILE_BINARY, why, sizeof why);
    bool begins = spell_begins(&keep->spell, err == GDN_OK);
    if (begins) (void)fprintf(stderr, "gordiand: --keep-cuts: %s\n", why);
    if (err != GDN_OK) return;
    if (keep->count == keep->max) remove_oldest(keep);
    keep->numbers[(keep->first + keep->count++) % keep->max] = cut->round.number;
}
