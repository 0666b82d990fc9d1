/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "scheme.h"

#include <stddef.h>
#include <string.h>

const struct gdn__colours gdn__light = {.page = "#ffffff",
                                        .text = "#1b2733",
                                        .line = "#4a5a6a",
                                        .faint = "#66788a",
                                        .box = "#e3edf8",
                                        .box_line = "#4a76ad",
                                        .victim = "#fbdcd8",
                                        .victim_line = "#b3261e"};

const struct gdn__colours gdn__dark = {.page = "#12181f",
                                       .text = "#e6ebf0",
                                       .line = "#9fb0c0",
                                       .faint = "#8797a6",
                                       .box = "#1d3550",
                                       .box_line = "#6f9fd6",
                                       .victim = "#571f1b",
                                       .victim_line = "#f28b82"};

const struct gdn__colours *gdn__colours_of(enum gdn__scheme scheme)
{
    return scheme == GDN__SCHEME_DARK ? &gdn__dark : &gdn__light;
}

bool gdn__scheme_from_name(const char *name, enum gdn__scheme *scheme)
{
    static const char *const names[] = {"auto", "light", "dark"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strcmp(name, names[i]) != 0) continue;
        *scheme = (enum gdn__scheme)i;
        return true;
    }
    return false;
}
