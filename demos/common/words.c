/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "demos/common/words.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static char *skip_blanks(char *at)
{
    while (isspace((unsigned char)*at)) at++;
    return at;
}

/* Ends the word that begins at @p at; returns what follows it, NULL for an open quote. */
static char *end_word(char *at)
{
    bool quoted = at[-1] == '"';
    while (*at != '\0' && (quoted ? *at != '"' : !isspace((unsigned char)*at))) at++;
    if (*at == '\0') return quoted ? NULL : at;
    *at = '\0';
    return at + 1;
}

const char *words_split(struct words *words, const char *line)
{
    words->count = 0;
    if (strlen(line) + 2 > sizeof words->text) return "the line is too long";
    words->text[0] = ' '; /* So that every word has a byte before it. */
    memcpy(words->text + 1, line, strlen(line) + 1);
    char *at = skip_blanks(words->text);
    while (*at != '\0' && *at != '#') {
        if (words->count == WORDS_MAX) return "the line has too many words";
        if (*at == '"') at++;
        char *word = words->word[words->count++] = at;
        at = end_word(at);
        if (at == NULL) return "a quote is not closed";
        if (strchr(word, '"') != NULL) return "a quote stands inside a word";
        at = skip_blanks(at);
    }
    words->word[words->count] = NULL;
    return NULL;
}

bool words_is(const struct words *words, int i, const char *text)
{
    return i < words->count && strcmp(words->word[i], text) == 0;
}

bool words_number(const struct words *words, int i, long most, long *number)
{
    char *end = NULL;
    if (i >= words->count || !isdigit((unsigned char)words->word[i][0])) return false;
    errno = 0;
    long value = strtol(words->word[i], &end, 10);
    if (errno != 0 || *end != '\0' || value > most) return false;
    *number = value;
    return true;
}
