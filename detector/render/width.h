/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How many columns of a terminal text takes. libc's wcwidth() depends on the locale and on the
 * release, and the same verdict must give the same bytes everywhere. */
#ifndef GDN_RENDER_WIDTH_H
#define GDN_RENDER_WIDTH_H

#include <stddef.h>
#include <stdint.h>

/* 2 for what East Asian typography sets wide and for emoji, 0 for marks that stand on the character
 * before them, else 1. Marks of rare scripts count as 1: their lines are ragged, no more. */
size_t gdn__code_width(uint32_t code);

/* Of valid UTF-8. */
size_t gdn__text_width(const char *text);

#endif
