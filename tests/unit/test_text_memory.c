/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Cut files and reports, with malloc() itself failing once, at each of its calls: what was asked
 * for comes out whole or not at all, the lack is named, nothing leaks, and the next try succeeds.
 *
 * The linker puts the functions below in place of malloc() and its kin in our code (see the
 * Makefile). The libraries keep theirs; what becomes of jansson's is in detector/cli/main.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cutfile_fixture.h"
#include "render_fixture.h"

#include "detector/cutfile/cutfile.h"
#include "detector/cutfile/jsonsave.h"
#include "detector/render/diff.h"
#include "detector/render/render.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- malloc() ---- */

/* Calls until one fails. Compilers know that the real ones do not look at it. */
static volatile size_t allowed = SIZE_MAX;
static size_t live;

void *__real_realloc(void *block, size_t bytes);
void __real_free(void *block);
void *__wrap_malloc(size_t bytes);
void *__wrap_calloc(size_t count, size_t bytes);
void *__wrap_realloc(void *block, size_t bytes);
char *__wrap_strdup(const char *text);
void __wrap_free(void *block);

void *__wrap_realloc(void *block, size_t bytes)
{
    if (allowed == 0) {
        allowed = SIZE_MAX;
        return NULL;
    }
    if (allowed != SIZE_MAX) allowed--;
    live += block == NULL;
    return __real_realloc(block, bytes);
}

void *__wrap_malloc(size_t bytes)
{
    return __wrap_realloc(NULL, bytes);
}

void *__wrap_calloc(size_t count, size_t bytes)
{
    void *block = __wrap_realloc(NULL, count * bytes);
    if (block != NULL) memset(block, 0, count * bytes);
    return block;
}

char *__wrap_strdup(const char *text)
{
    char *copy = __wrap_malloc(strlen(text) + 1);
    if (copy != NULL) memcpy(copy, text, strlen(text) + 1);
    return copy;
}

void __wrap_free(void *block)
{
    live -= block != NULL;
    __real_free(block);
}

/* ---- The harness ---- */

/* Does something to end; *text is what came of it, NULL if nothing; free()d by the caller. */
typedef enum gdn_err some_task(char **text);

/* How many calls of malloc() failed until none was left to fail. */
static size_t fail_each(some_task *task)
{
    char *twin, *text;
    size_t failures = 0, live_before = live;
    assert_int_equal(task(&twin), GDN_OK);
    for (;; failures++) {
        allowed = failures;
        enum gdn_err err = task(&text);
        bool failed = allowed == SIZE_MAX;
        allowed = SIZE_MAX;
        if (err == GDN_OK) {
            assert_string_equal(text, twin);
            free(text);
        } else {
            assert_int_equal(err, GDN_ERR_MEMORY);
            assert_null(text);
            assert_true(failed);
        }
        if (!failed) break;
    }
    free(twin);
    assert_int_equal(live, live_before);
    return failures;
}

/* ---- Cut files ---- */

static char *document;

static enum gdn_err load_document(char **text)
{
    gdn_cut *cut = NULL;
    *text = NULL;
    why[0] = '\0';
    enum gdn_err err =
        gdn__cutfile_parse("f.json", document, strlen(document), &cut, why, sizeof why);
    if (err != GDN_OK) {
        assert_null(cut);
        assert_string_equal(why, "f.json: out of memory");
        return err;
    }
    size_t left = allowed; /* Only what is read is tested here. */
    allowed = SIZE_MAX;
    *text = saved_cut(cut);
    gdn_cut_free(cut);
    allowed = left;
    return GDN_OK;
}

static void a_document_is_read_whole_or_not_at_all(void **state)
{
    (void)state;
    document = double_quoted(everything);
    assert_true(fail_each(load_document) > 50);
    free(document);
}

static gdn_cut *whole;

static enum gdn_err save_document(char **text)
{
    struct gdn__textbuf out = {0};
    enum gdn_err err = gdn__json_save(whole, &out);
    *text = out.text;
    if (err == GDN_OK) return err;
    gdn__textbuf_fini(&out);
    *text = NULL;
    return err;
}

static void a_document_is_written_whole_or_not_at_all(void **state)
{
    (void)state;
    whole = load_cut(everything);
    assert_true(fail_each(save_document) > 3);
    gdn_cut_free(whole);
}

static char path[64];
static enum gdn__cutfile_form form;

static enum gdn_err save_file(char **text)
{
    *text = NULL;
    enum gdn_err err = gdn__cutfile_save(whole, path, form, why, sizeof why);
    if (err == GDN_OK) {
        size_t left = allowed;
        allowed = SIZE_MAX;
        *text = strdup("written");
        allowed = left;
    }
    return err;
}

static enum gdn_err load_file(char **text)
{
    gdn_cut *cut = NULL;
    *text = NULL;
    enum gdn_err err = gdn__cutfile_load(path, &cut, why, sizeof why);
    if (err != GDN_OK) {
        assert_null(cut);
        assert_non_null(strstr(why, "out of memory"));
        return err;
    }
    size_t left = allowed;
    allowed = SIZE_MAX;
    *text = saved_cut(cut);
    gdn_cut_free(cut);
    allowed = left;
    return GDN_OK;
}

static void a_file_is_saved_and_loaded_whole_or_not_at_all(void **state)
{
    (void)state;
    whole = load_cut(everything);
    (void)snprintf(path, sizeof path, "/tmp/gordian-memory-%d.cut", (int)getpid());
    for (int i = 0; i < 2; i++) {
        form = i == 0 ? GDN__CUTFILE_BINARY : GDN__CUTFILE_JSON;
        assert_true(fail_each(save_file) > 1);
        assert_true(fail_each(load_file) > 50);
    }
    assert_int_equal(unlink(path), 0);
    gdn_cut_free(whole);
}

/* ---- Reports ---- */

static struct fixture fixture;
static void (*write_report)(const gdn_verdict *verdict, struct gdn__textbuf *out);

static void write_text(const gdn_verdict *verdict, struct gdn__textbuf *out)
{
    gdn__render_text(verdict, &(struct gdn__render_options){.colour = true}, out);
}

static void write_json(const gdn_verdict *verdict, struct gdn__textbuf *out)
{
    gdn__render_json(verdict, false, out);
}

static void write_dot(const gdn_verdict *verdict, struct gdn__textbuf *out)
{
    gdn__render_dot(verdict, &(struct gdn__render_options){.colour = false}, out);
}

static const gdn_verdict *found;

static enum gdn_err report(char **text)
{
    struct gdn__textbuf out = {0};
    write_report(found, &out);
    *text = out.failed ? NULL : out.text;
    enum gdn_err err = out.failed ? GDN_ERR_MEMORY : GDN_OK;
    if (out.failed) gdn__textbuf_fini(&out);
    return err;
}

static void a_report_is_whole_or_says_that_it_is_not(void **state)
{
    void (*const writers[])(const gdn_verdict *, struct gdn__textbuf *) = {write_text, write_json,
                                                                           write_dot};
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        write_report = writers[i];
        fixture_ring(&fixture, 5);
        found = fixture_verdict(&fixture);
        assert_true(fail_each(report) > 3);
        fixture_free(&fixture);
        fixture_hostile(&fixture);
        found = fixture_verdict(&fixture);
        assert_true(fail_each(report) > 3);
        fixture_free(&fixture);
    }
}

/* ---- Of verdicts that were found ---- */

#define KNOT(ticket)                                                                               \
    "{'format': 'gordian-cut/1', 'nodes': [{'node': 'n1', 'resources': [{'resource': 'r', "        \
    "'holders': [{'process': 'P'}], 'queue': [{'process': 'S', 'ticket': '9'}]}], 'waits': ["      \
    "{'process': 'P', 'ticket': '1', 'needs': {'any': ['Q', {'all': ['R', 'Q']}]}}, "              \
    "{'process': 'Q', 'ticket': '2', 'needs': 'P'}, "                                              \
    "{'process': 'R', 'ticket': '" ticket                                                          \
    "', 'needs': 'P'}, {'process': 'S', 'ticket': '9', 'resource': 'r'}]}]}"

static struct gdn__diff diff;
static void write_changes(const gdn_verdict *verdict, struct gdn__textbuf *out)
{
    struct gdn__diff_options options = {.from = "a", .to = "b"};
    (void)verdict;
    gdn__diff_text(&diff, &options, out);
}

static void write_changes_as_json(const gdn_verdict *verdict, struct gdn__textbuf *out)
{
    (void)verdict;
    gdn__diff_json(&diff, out);
}

static void a_choice_and_a_change_are_told_whole_or_not_at_all(void **state)
{
    void (*const writers[])(const gdn_verdict *, struct gdn__textbuf *) = {
        write_text, write_json, write_dot, write_changes, write_changes_as_json};
    gdn_cut *cuts[2] = {load_cut(KNOT("3")), load_cut(KNOT("4"))};
    gdn_verdict *verdicts[2];
    (void)state;
    for (int i = 0; i < 2; i++) {
        enum gdn_err err = gdn_analyze(cuts[i], GDN_POLICY_YOUNGEST, &verdicts[i], why, sizeof why);
        if (err != GDN_OK) fail_msg("%s", why);
    }
    assert_int_equal(gdn__diff_init(&diff, verdicts[0], verdicts[1]), GDN_OK);
    found = verdicts[0];
    for (size_t i = 0; i < 5; i++) {
        write_report = writers[i];
        assert_true(fail_each(report) > 1);
    }
    gdn__diff_fini(&diff);
    for (int i = 0; i < 2; i++) {
        gdn_verdict_free(verdicts[i]);
        gdn_cut_free(cuts[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_document_is_read_whole_or_not_at_all),
        cmocka_unit_test(a_document_is_written_whole_or_not_at_all),
        cmocka_unit_test(a_file_is_saved_and_loaded_whole_or_not_at_all),
        cmocka_unit_test(a_report_is_whole_or_says_that_it_is_not),
        cmocka_unit_test(a_choice_and_a_change_are_told_whole_or_not_at_all),
    };
    return !!cmocka_run_group_tests(tests, NULL, NULL);
}
