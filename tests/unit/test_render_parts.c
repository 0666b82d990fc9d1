/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Reports that are too long to be kept whole. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "render_fixture.h"

#include "detector/render/render.h"
#include <stdlib.h>
#include <string.h>

#define COPIES 16000

static struct {
    char *text;
    size_t length, parts;
} drained;

static bool keep_part(const char *text, size_t length)
{
    if (drained.parts++ == 3) return false; /* As a full disk. */
    drained.text = realloc(drained.text, drained.length + length);
    assert_non_null(drained.text);
    memcpy(drained.text + drained.length, text, length);
    drained.length += length;
    return true;
}

static void render_copies(struct fixture *fixture, size_t count, struct gdn__textbuf *out)
{
    static struct gdn_deadlock copies[COPIES];
    for (size_t i = 0; i < count; i++) {
        copies[i] = fixture->deadlocks[0];
        copies[i].id = gdn_id_from_counter(gdn_node_named("copies"), i);
    }
    gdn_verdict verdict = *fixture_verdict(fixture);
    verdict.deadlocks = copies;
    verdict.deadlock_count = count;
    static const struct gdn__render_options options;
    gdn__render_text(&verdict, &options, out);
}

/* It may be hundreds of megabytes. */
static void a_long_report_leaves_in_parts(void **state)
{
    (void)state;
    struct fixture fixture;
    fixture_ring(&fixture, 4);
    struct gdn__textbuf whole = {0}, rest = {.drain = keep_part};
    memset(&drained, 0, sizeof drained);
    render_copies(&fixture, COPIES / 8, &whole);
    render_copies(&fixture, COPIES / 8, &rest);
    assert_false(rest.failed);
    assert_true(drained.parts > 0 && drained.length + rest.length == whole.length);
    assert_memory_equal(drained.text, whole.text, drained.length);
    assert_memory_equal(rest.text, whole.text + drained.length, rest.length);
    gdn__textbuf_fini(&whole);
    gdn__textbuf_fini(&rest);

    struct gdn__textbuf refused = {.drain = keep_part};
    render_copies(&fixture, COPIES, &refused);
    assert_true(refused.failed && refused.undrained);
    assert_int_equal(drained.parts, 4);
    gdn__textbuf_fini(&refused);
    free(drained.text);
    fixture_free(&fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_long_report_leaves_in_parts),
    };
    return !!cmocka_run_group_tests(tests, NULL, NULL);
}
