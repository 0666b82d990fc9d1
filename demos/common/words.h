/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One line of text as words: separated by blanks, "quoted" where a word has blanks in it, and a
 * '#' that begins a word begins a comment. Scripts and the demos' control lines are made of them.
 */
#ifndef DEMOS_WORDS_H
#define DEMOS_WORDS_H

#include <stdbool.h>

#define WORDS_MAX        12
#define WORDS_LINE_BYTES 512

struct words {
    int count;
    char *word[WORDS_MAX + 1]; /* Into text; NULL after the last. */
    char text[WORDS_LINE_BYTES];
};

/* NULL when @p line was split; else what is wrong with it. Copies. */
const char *words_split(struct words *words, const char *line);

/* Word @p i is exactly @p text. */
bool words_is(const struct words *words, int i, const char *text);

/* Word @p i as a number from 0 to @p most. */
bool words_number(const struct words *words, int i, long most, long *number);

#endif
