/* SPDX-License-Identifier: MIT */
#include "vectors.h"

#include "ledger_fixture.h"

#include <ctype.h>

#define LINE_BYTES 1024

static int digit_of(char c)
{
    if (!isxdigit((unsigned char)c)) return -1;
    return isdigit((unsigned char)c) ? c - '0' : tolower((unsigned char)c) - 'a' + 10;
}

static void add_byte(struct vector *vector, uint8_t byte)
{
    vector->bytes = realloc(vector->bytes, vector->length + 1);
    assert_non_null(vector->bytes);
    vector->bytes[vector->length++] = byte;
}

static void add_bytes(struct vector *vector, const char *line)
{
    for (const char *c = line; *c != '\0' && *c != '#'; c++) {
        if (isspace((unsigned char)*c)) continue;
        int high = digit_of(c[0]), low = digit_of(c[1]);
        if (high < 0 || low < 0) fail_msg("vector %s: no bytes: %s", vector->name, line);
        add_byte(vector, (uint8_t)(high << 4 | low));
        c++;
    }
}

static void add_meaning(struct vector *vector, const char *line)
{
    size_t had = strlen(vector->meaning), more = strlen(line);
    vector->meaning = realloc(vector->meaning, had + more + 2);
    assert_non_null(vector->meaning);
    memcpy(vector->meaning + had, line, more);
    memcpy(vector->meaning + had + more, "\n", 2);
}

static struct vector *begin_vector(struct vectors *vectors, const char *name)
{
    for (size_t i = 0; i < vectors->count; i++) {
        if (strcmp(vectors->list[i].name, name) == 0) fail_msg("vector %s stands twice", name);
    }
    vectors->list = realloc(vectors->list, (vectors->count + 1) * sizeof *vectors->list);
    assert_non_null(vectors->list);
    struct vector *vector = &vectors->list[vectors->count++];
    *vector = (struct vector){.meaning = calloc(1, 1)};
    assert_non_null(vector->meaning);
    assert_true(strlen(name) > 0 && strlen(name) < sizeof vector->name);
    memcpy(vector->name, name, strlen(name) + 1);
    return vector;
}

static void read_line(struct vectors *vectors, struct vector **open, char *line)
{
    static const char fence[] = "```vector ";
    line[strcspn(line, "\n")] = '\0';
    if (*open == NULL) {
        if (strncmp(line, fence, strlen(fence)) != 0) return;
        *open = begin_vector(vectors, line + strlen(fence));
    } else if (strcmp(line, "```") == 0) {
        if ((*open)->meaning[0] == '\0') fail_msg("vector %s means nothing", (*open)->name);
        *open = NULL;
    } else if (strncmp(line, "= ", 2) == 0) {
        add_meaning(*open, line + 2);
    } else {
        add_bytes(*open, line);
    }
}

struct vectors vectors_read(void)
{
    char path[512], line[LINE_BYTES];
    struct vectors vectors = {0};
    struct vector *open = NULL;
    const char *docs = getenv("GDN_DOCS");
    (void)snprintf(path, sizeof path, "%s/protocol.md", docs == NULL ? "docs" : docs);
    FILE *file = fopen(path, "r");
    if (file == NULL) fail_msg("cannot read %s: run this from the project's root", path);
    while (fgets(line, sizeof line, file) != NULL) read_line(&vectors, &open, line);
    assert_int_equal(fclose(file), 0);
    assert_null(open);
    return vectors;
}

void vectors_free(struct vectors *vectors)
{
    for (size_t i = 0; i < vectors->count; i++) {
        free(vectors->list[i].bytes);
        free(vectors->list[i].meaning);
    }
    free(vectors->list);
    *vectors = (struct vectors){0};
}

const struct vector *vectors_find(const struct vectors *vectors, const char *name)
{
    for (size_t i = 0; i < vectors->count; i++) {
        if (strcmp(vectors->list[i].name, name) == 0) return &vectors->list[i];
    }
    fail_msg("docs/protocol.md has no vector %s", name);
    return NULL;
}

bool vector_is_cut(const struct vector *vector)
{
    return strncmp(vector->name, "cut-", 4) == 0 || strncmp(vector->name, "bad-cut-", 8) == 0;
}

const char *vector_refusal(const struct vector *vector)
{
    static const char refused[] = "refused ";
    bool is_refused = strncmp(vector->meaning, refused, strlen(refused)) == 0;
    return is_refused ? vector->meaning + strlen(refused) : NULL;
}
