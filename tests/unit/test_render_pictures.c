/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Verdicts as pictures, on the terminal and by Graphviz. The verdicts are made by hand
 * (render_fixture.h). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "render_fixture.h"

#include "detector/render/grid.h"
#include "detector/render/render.h"
#include "detector/render/width.h"
#include <stdlib.h>
#include <string.h>

static const struct gdn__render_options plain;

static void expect_ring(struct fixture *fixture, const char *expected)
{
    struct gdn__textbuf out = {0};
    gdn__textbuf_add(&out, "");
    gdn__render_ring(fixture_verdict(fixture), &fixture->deadlocks[0], false, &out);
    assert_string_equal(out.text, expected);
    gdn__textbuf_fini(&out);
}

/* ---- The ring ---- */

static void a_pair_stands_side_by_side(void **state)
{
    (void)state;
    struct fixture fixture;
    fixture_ring(&fixture, 2);
    expect_ring(&fixture, "  ╔══════╗  acct/1 @ n2  ╭──────╮\n"
                          "  ║      ║──────────────▶│      │\n"
                          "  ║  P1  ║               │  P2  │\n"
                          "  ║      ║◀──────────────│      │\n"
                          "  ╚══════╝  acct/2 @ n1  ╰──────╯\n");
    fixture_free(&fixture);
}

static void an_odd_ring_turns_the_corner(void **state)
{
    (void)state;
    struct fixture fixture;
    fixture_ring(&fixture, 3);
    expect_ring(&fixture, "  ╔══════╗  acct/1 @ n2  ╭──────╮\n"
                          "  ║  P1  ║──────────────▶│  P2  │\n"
                          "  ╚══════╝               ╰──────╯\n"
                          "      ▲                      │\n"
                          "      │ acct/3 @ n1          │\n"
                          "  ╭──────╮    acct/2 @ n3    │\n"
                          "  │  P3  │◀──────────────────╯\n"
                          "  ╰──────╯\n");
    fixture_free(&fixture);
}

static void an_even_ring_has_two_rows(void **state)
{
    (void)state;
    struct fixture fixture;
    fixture_ring(&fixture, 4);
    fixture.deadlocks[0].victim_count = 0;
    fixture.edges[2].queued = true;
    expect_ring(&fixture, "  ╭──────╮  acct/1 @ n2  ╭──────╮\n"
                          "  │  P1  │──────────────▶│  P2  │\n"
                          "  ╰──────╯               ╰──────╯\n"
                          "      ▲          acct/2 @ n3 │\n"
                          "      │ acct/4 @ n1          ▼\n"
                          "  ╭──────╮  acct/3 @ n4  ╭──────╮\n"
                          "  │  P4  │◀╌╌╌╌╌╌╌╌╌╌╌╌╌╌│  P3  │\n"
                          "  ╰──────╯               ╰──────╯\n");
    fixture_free(&fixture);
}

static void name_member(struct fixture *fixture, size_t i, const char *name)
{
    size_t count = fixture->deadlocks[0].witness_count;
    uint32_t process = fixture_process(fixture, name, NULL);
    fixture->edges[i].waiter = process;
    fixture->edges[(i + count - 1) % count].holder = process;
}

/* Whatever the names, the drawing keeps to its columns and its shape. */
static void long_names_do_not_break_the_ring(void **state)
{
    (void)state;
    char name[201];
    memset(name, 'x', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    for (size_t count = 2; count <= GDN__RING_MAX; count++) {
        struct fixture fixture;
        struct gdn__textbuf out = {0};
        fixture_ring(&fixture, count);
        for (size_t i = 0; i < count; i++) {
            name[0] = (char)('a' + i);
            name_member(&fixture, i, name);
            fixture.edges[i].resource = fixture_resource(&fixture, name);
        }
        gdn__render_ring(fixture_verdict(&fixture), &fixture.deadlocks[0], false, &out);
        assert_true(out.length > 0);
        size_t lines = 0;
        for (char *line = strtok(out.text, "\n"); line != NULL; line = strtok(NULL, "\n")) {
            assert_in_range(gdn__text_width(line), 1, GDN__RING_COLUMNS);
            lines++;
        }
        assert_int_equal(lines, count == 2 ? 5 : 8);
        gdn__textbuf_fini(&out);
        fixture_free(&fixture);
    }
}

/* A wide character takes two columns of a terminal, and a mark on another one none. */
static void wide_names_keep_the_ring_in_shape(void **state)
{
    (void)state;
    struct fixture fixture;
    fixture_ring(&fixture, 2);
    fixture.deadlocks[0].victim_count = 0;
    name_member(&fixture, 0, "資料");
    name_member(&fixture, 1, "e\xcc\x81");
    fixture.edges[0].resource = fixture_resource(&fixture, "帳簿");
    expect_ring(&fixture, "  ╭──────╮   帳簿 @ n2   ╭──────╮\n"
                          "  │      │──────────────▶│      │\n"
                          "  │ 資料 │               │  e   │\n"
                          "  │      │◀──────────────│      │\n"
                          "  ╰──────╯  acct/2 @ n1  ╰──────╯\n");
    fixture_free(&fixture);
}

static void wide_names_are_cut_to_their_box(void **state)
{
    (void)state;
    char name[3 * 30 + 2] = "";
    for (size_t i = 0; i < 30; i++) memcpy(name + 3 * i, "資", 4);
    for (size_t count = 2; count <= GDN__RING_MAX; count++) {
        struct fixture fixture;
        struct gdn__textbuf out = {0};
        fixture_ring(&fixture, count);
        for (size_t i = 0; i < count; i++) {
            memcpy(name + 90, (const char[]){(char)('a' + i), '\0'}, 2);
            name_member(&fixture, i, name);
            fixture.edges[i].resource = fixture_resource(&fixture, name);
        }
        gdn__render_ring(fixture_verdict(&fixture), &fixture.deadlocks[0], false, &out);
        for (char *line = strtok(out.text, "\n"); line != NULL; line = strtok(NULL, "\n")) {
            assert_in_range(gdn__text_width(line), 1, GDN__RING_COLUMNS);
        }
        gdn__textbuf_fini(&out);
        fixture_free(&fixture);
    }
}

static void what_is_no_simple_ring_is_not_drawn(void **state)
{
    (void)state;
    struct fixture fixture;
    fixture_ring(&fixture, GDN__RING_MAX + 1);
    expect_ring(&fixture, "");
    fixture_free(&fixture);
    fixture_ring(&fixture, 1);
    expect_ring(&fixture, "");
    fixture_free(&fixture);
    fixture_ring(&fixture, 4);
    fixture.edges[1].holder = 0;
    expect_ring(&fixture, "");
    fixture.edges[1].holder = 2;
    fixture.deadlocks[0].model = GDN_MODEL_MIXED;
    expect_ring(&fixture, "");
    fixture_free(&fixture);
}

/* ---- Pictures ---- */

/* Names are often numbered at their end: cut there, two boxes would look the same. */
static void names_that_begin_alike_differ_in_a_ring(void **state)
{
    (void)state;
    struct fixture fixture;
    struct gdn__textbuf out = {0};
    fixture_ring(&fixture, 2);
    uint32_t one = fixture_process(&fixture, "settlement-2026-11-25-batch-0001", NULL);
    uint32_t two = fixture_process(&fixture, "settlement-2026-11-25-batch-0002", NULL);
    fixture.edges[0].waiter = fixture.edges[1].holder = one;
    fixture.edges[1].waiter = fixture.edges[0].holder = two;
    gdn__render_ring(fixture_verdict(&fixture), &fixture.deadlocks[0], false, &out);
    assert_non_null(strstr(out.text, " settlement-2\xe2\x80\xa6-batch-0001 "));
    assert_non_null(strstr(out.text, " settlement-2\xe2\x80\xa6-batch-0002 "));
    gdn__textbuf_fini(&out);
    fixture_free(&fixture);
}

static void dot_shows_members_edges_victim_and_tail(void **state)
{
    (void)state;
    struct fixture fixture;
    struct gdn__textbuf out = {0};
    fixture_ring(&fixture, 3);
    for (size_t i = 0; i < 12; i++) {
        char name[8] = {'t', (char)('a' + i)};
        fixture.tail[i] = fixture_process(&fixture, name, NULL);
    }
    fixture.deadlocks[0].tail_count = 12;
    gdn__render_dot(fixture_verdict(&fixture), &plain, &out);
    assert_non_null(strstr(out.text, "\"d0 p0\" [label=\"P1\\ntransfer 1\\nat n1\\nvictim\""));
    assert_non_null(strstr(out.text, "\"d0 p1\" [label=\"P2\\ntransfer 2\\nat n2\""));
    assert_non_null(
        strstr(out.text, "\"d0 p0\" -> \"d0 p1\" [label=\"exclusive acct/1\\n@ n2, 205 ms\""));
    assert_non_null(
        strstr(out.text, "12 behind it: ta, tb, tc, td,\\nte, tf, tg, th\\nand 4 more"));
    gdn__textbuf_fini(&out);
    fixture_free(&fixture);
}

static void expect_in_picture(struct fixture *fixture, const char *expected)
{
    struct gdn__textbuf out = {0};
    gdn__render_dot(fixture_verdict(fixture), &plain, &out);
    assert_non_null(strstr(out.text, expected));
    gdn__textbuf_fini(&out);
}

/* The last step of an odd ring would be a slanted line, across its own label. */
static void an_odd_ring_turns_around_a_corner(void **state)
{
    (void)state;
    struct fixture fixture;
    fixture_ring(&fixture, 5);
    expect_in_picture(&fixture, "\"d0 p2\" -> \"d0 corner\" [weight=\"100\", arrowhead=\"none\"];");
    expect_in_picture(&fixture,
                      "\"d0 p3\" -> \"d0 corner\" [label=\"exclusive acct/3\\n@ n4, 207 ms\", "
                      "weight=\"100\", dir=\"back\"];");
    fixture_free(&fixture);
}

/* As sure as the text, and as helpful: a picture may be all that is passed on. */
static void a_picture_says_what_it_does_not_know(void **state)
{
    (void)state;
    struct fixture fixture;
    fixture_ring(&fixture, 2);
    assert_int_equal(gdn_cut_add_missing(fixture.cut, "n\"9"), GDN_OK);
    fixture.verdict.complete = false;
    expect_in_picture(&fixture,
                      "label=\"cut incomplete: no report from n\\\"9: there may be more\";");
    fixture.verdict.deadlock_count = 0;
    expect_in_picture(&fixture, "label=\"no deadlock that the nodes' answers prove\"");
    expect_in_picture(&fixture, "label=\"cut incomplete: no report from n\\\"9\";");
    fixture_free(&fixture);
}

static void a_picture_tells_the_way_out(void **state)
{
    (void)state;
    struct fixture fixture;
    fixture_ring(&fixture, 2);
    fixture.deadlocks[0].victim_count = 0;
    fixture.deadlocks[0].reorder_count = 1;
    fixture.reorder[0] = (struct gdn_reorder){
        .first = 1, .second = 0, .resource = fixture.edges[1].resource, .home = 0};
    expect_in_picture(&fixture, "way out:\\nserve P2 before P1 for acct/2 @ n1\"");
    fixture_free(&fixture);
}

/* A cycle that is shown may leave a victim out. */
static void a_victim_that_is_not_drawn_is_named(void **state)
{
    (void)state;
    struct fixture fixture;
    fixture_ring(&fixture, 4);
    fixture.deadlocks[0].witness_count = 2;
    fixture.edges[1].holder = 0;
    fixture.deadlocks[0].victim_count = 2;
    fixture.victims[1] = (struct gdn_victim){.process = 3, .party = 3, .ticket = 13};
    expect_in_picture(&fixture, "2 more in it: P3, P4 (victim)\"");
    fixture_free(&fixture);
}

/* Nearly all of a clump are: thousands of boxes on one sheet tell nobody anything. */
static void victims_beside_the_drawn_waits_are_few_on_a_sheet(void **state)
{
    (void)state;
    struct fixture fixture;
    struct gdn__textbuf out = {0};
    size_t boxes = 0;
    fixture_ring(&fixture, FIXTURE_MAX);
    fixture.deadlocks[0].model = GDN_MODEL_MIXED;
    fixture.deadlocks[0].witness_count = 2;
    fixture.edges[1].holder = 0;
    fixture.deadlocks[0].victim_count = FIXTURE_MAX - 2;
    for (uint32_t i = 2; i < FIXTURE_MAX; i++) {
        fixture.victims[i - 2] = (struct gdn_victim){.process = i, .party = i, .ticket = 10 + i};
    }
    gdn__render_dot(fixture_verdict(&fixture), &plain, &out);
    for (const char *at = out.text; (at = strstr(at, "class=\"victim\"")) != NULL; at++) boxes++;
    assert_int_equal(boxes, 8);
    assert_non_null(strstr(out.text, "14 more in it: P3 (victim), "));
    gdn__textbuf_fini(&out);
    fixture_free(&fixture);
}

/* Each member has a cell of its own, and only the way back up may pass a free cell. */
static void a_ring_is_a_closed_way_over_its_grid(void **state)
{
    (void)state;
    for (size_t count = 2; count <= GDN__GRID_MAX; count++) {
        struct gdn__grid grid;
        bool taken[GDN__GRID_MAX][GDN__GRID_MAX] = {{false}};
        gdn__grid_lay(&grid, count);
        assert_int_equal(grid.count, count);
        for (size_t i = 0; i < count; i++) {
            struct gdn__cell a = grid.cells[i], b = grid.cells[(i + 1) % count];
            assert_true(a.row < grid.rows && a.column < grid.columns);
            assert_false(taken[a.row][a.column]);
            taken[a.row][a.column] = true;
            bool across = a.row == b.row && (a.column + 1 == b.column || b.column + 1 == a.column);
            bool down = a.row + 1 == b.row && a.column == b.column;
            bool up = a.row > b.row && a.column == 0 && b.column == 0;
            bool corner = grid.rows == 2 && count % 2 == 1 && a.row == 0 && b.row == 1;
            assert_true(across || down || up || corner);
        }
    }
}

static void a_picture_tells_units_and_branches(void **state)
{
    (void)state;
    struct fixture fixture;
    struct gdn__textbuf out = {0};
    fixture_ring(&fixture, 2);
    fixture.edges[0].units = 3;
    fixture.edges[1].branch = true;
    fixture.edges[1].holder_branch = 2;
    fixture.edges[1].waiter_branch = 7;
    gdn__render_dot(fixture_verdict(&fixture), &plain, &out);
    assert_non_null(strstr(out.text, "[label=\"3 of acct/1\\n"));
    assert_non_null(strstr(out.text, "\\nbrief hold, branch 2\\nasked by branch 7\""));
    gdn__textbuf_fini(&out);
    fixture_free(&fixture);
}

static void a_picture_has_the_colours_of_its_scheme(void **state)
{
    (void)state;
    static const struct gdn__render_options dark = {.scheme = GDN__SCHEME_DARK};
    static const struct gdn__render_options light = {.scheme = GDN__SCHEME_LIGHT};
    static const char rule[] = "@media (prefers-color-scheme: dark)";
    const struct gdn__render_options *schemes[] = {&plain, &light, &dark};
    struct fixture fixture;
    char why[256] = "";
    fixture_ring(&fixture, 2);
    for (size_t i = 0; i < 3; i++) {
        struct gdn__textbuf out = {0};
        enum gdn_err err =
            gdn__render_svg(fixture_verdict(&fixture), schemes[i], &out, why, sizeof why);
        if (err != GDN_OK) fail_msg("%s", why);
        bool turns_dark = strstr(out.text, rule) != NULL;
        assert_int_equal(turns_dark, i == 0);
        /* Else a deadlock's frame stays a light field under light text. */
        if (turns_dark) assert_non_null(strstr(out.text, ".cluster path { fill: #12181f;"));
        const char *page = i == 2 ? gdn__dark.page : gdn__light.page;
        const char *drawing = strstr(out.text, "<g id=\"graph0\"");
        assert_non_null(drawing);
        bool is_there = strstr(drawing, page) != NULL || strstr(drawing, "fill=\"white\"") != NULL;
        assert_true(is_there);
        gdn__textbuf_fini(&out);
    }
    fixture_free(&fixture);
}

static void svg_is_drawn_by_dot(void **state)
{
    (void)state;
    struct fixture fixture;
    struct gdn__textbuf out = {0};
    char why[256] = "";
    fixture_hostile(&fixture);
    enum gdn_err err = gdn__render_svg(fixture_verdict(&fixture), &plain, &out, why, sizeof why);
    if (err != GDN_OK) fail_msg("%s", why);
    assert_non_null(strstr(out.text, "<svg"));
    assert_non_null(strstr(out.text, "</svg>"));
    assert_null(strstr(out.text, "<b>"));
    assert_non_null(strstr(out.text, "&lt;b&gt;&amp;amp;{|}"));
    gdn__textbuf_fini(&out);
    fixture_free(&fixture);
}

static void a_missing_dot_is_said(void **state)
{
    (void)state;
    struct fixture fixture;
    struct gdn__textbuf out = {0};
    char why[256] = "", *path = strdup(getenv("PATH"));
    fixture_ring(&fixture, 2);
    assert_int_equal(setenv("PATH", "/nonexistent", 1), 0);
    enum gdn_err err = gdn__render_svg(fixture_verdict(&fixture), &plain, &out, why, sizeof why);
    assert_int_equal(setenv("PATH", path, 1), 0);
    free(path);
    assert_int_equal(err, GDN_ERR_SYSTEM);
    assert_string_equal(why, "dot (Graphviz) cannot be run: No such file or directory; install "
                             "graphviz, or use -o dot");
    gdn__textbuf_fini(&out);
    fixture_free(&fixture);
}

/* A quote must not end the quoted string, nor a backslash make one of dot's escapes. */
static void dot_quotes_hostile_names(void **state)
{
    (void)state;
    struct fixture fixture;
    struct gdn__textbuf out = {0};
    fixture_hostile(&fixture);
    gdn__render_dot(fixture_verdict(&fixture), &plain, &out);
    assert_non_null(strstr(out.text, "[label=\"\\\"\\\\\\\\u{a}\\\\u{1b}]0;x\\\\u{7}<b>&amp;amp;"));
    assert_true(gdn__text_is_utf8(out.text));
    gdn__textbuf_fini(&out);
    fixture_free(&fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_pair_stands_side_by_side),
        cmocka_unit_test(an_odd_ring_turns_the_corner),
        cmocka_unit_test(an_even_ring_has_two_rows),
        cmocka_unit_test(long_names_do_not_break_the_ring),
        cmocka_unit_test(wide_names_keep_the_ring_in_shape),
        cmocka_unit_test(wide_names_are_cut_to_their_box),
        cmocka_unit_test(what_is_no_simple_ring_is_not_drawn),
        cmocka_unit_test(names_that_begin_alike_differ_in_a_ring),
        cmocka_unit_test(dot_shows_members_edges_victim_and_tail),
        cmocka_unit_test(an_odd_ring_turns_around_a_corner),
        cmocka_unit_test(a_picture_says_what_it_does_not_know),
        cmocka_unit_test(a_picture_tells_the_way_out),
        cmocka_unit_test(a_victim_that_is_not_drawn_is_named),
        cmocka_unit_test(victims_beside_the_drawn_waits_are_few_on_a_sheet),
        cmocka_unit_test(a_ring_is_a_closed_way_over_its_grid),
        cmocka_unit_test(a_picture_tells_units_and_branches),
        cmocka_unit_test(a_picture_has_the_colours_of_its_scheme),
        cmocka_unit_test(svg_is_drawn_by_dot),
        cmocka_unit_test(a_missing_dot_is_said),
        cmocka_unit_test(dot_quotes_hostile_names),
    };
    return !!cmocka_run_group_tests(tests, NULL, NULL);
}
