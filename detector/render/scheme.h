/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The colours of pictures. */
#ifndef GDN_RENDER_SCHEME_H
#define GDN_RENDER_SCHEME_H

#include <stdbool.h>

/* AUTO: light, and an SVG turns dark where its reader prefers that. */
enum gdn__scheme { GDN__SCHEME_AUTO, GDN__SCHEME_LIGHT, GDN__SCHEME_DARK };

struct gdn__colours {
    const char *page;
    const char *text, *line, *faint;
    const char *box, *box_line;
    const char *victim, *victim_line;
};

extern const struct gdn__colours gdn__light, gdn__dark;

const struct gdn__colours *gdn__colours_of(enum gdn__scheme scheme);

/* "auto", "light" or "dark". False: none of them. */
bool gdn__scheme_from_name(const char *name, enum gdn__scheme *scheme);

#endif
