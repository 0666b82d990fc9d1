/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Verdicts as text and JSON. The verdicts are made by hand (render_fixture.h). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "render_fixture.h"

#include "detector/render/render.h"
#include "detector/render/shown.h"
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- Helpers ---- */

static const struct gdn__render_options plain = {.no_picture = true};

static void expect_text(struct fixture *fixture, const struct gdn__render_options *options,
                        const char *expected)
{
    struct gdn__textbuf out = {0};
    gdn__render_text(fixture_verdict(fixture), options, &out);
    assert_false(out.failed);
    assert_string_equal(out.text, expected);
    gdn__textbuf_fini(&out);
}

static json_t *rendered_json(struct fixture *fixture, bool lines)
{
    struct gdn__textbuf out = {0};
    gdn__render_json(fixture_verdict(fixture), lines, &out);
    assert_int_equal(out.text[out.length - 1], '\n');
    char *newline = strchr(out.text, '\n');
    if (lines) assert_ptr_equal(newline, out.text + out.length - 1);
    json_error_t error;
    json_t *root = json_loads(out.text, JSON_REJECT_DUPLICATES, &error);
    if (root == NULL) fail_msg("%s", error.text);
    gdn__textbuf_fini(&out);
    return root;
}

static const char *text_at(const json_t *object, const char *key)
{
    return json_string_value(json_object_get(object, key));
}

static void set_round(struct fixture *fixture)
{
    gdn_round_id round = {
        .initiator = gdn_node_named("detector-1"), .incarnation = 1, .number = 42};
    assert_int_equal(gdn_cut_set_round(fixture->cut, "detector-1", round, 0), GDN_OK);
}

static void add_channel(struct fixture *fixture, bool open)
{
    struct gdn_cut_channel channel = {.peer = 1, .incoming = true, .open = open};
    assert_int_equal(gdn_cut_add_channel(fixture->cut, 0, &channel), GDN_OK);
}

/* ---- Text ---- */

static void text_tells_who_waits_for_what_where_and_since_when(void **state)
{
    (void)state;
    struct fixture fixture;
    fixture_ring(&fixture, 3);
    set_round(&fixture);
    add_channel(&fixture, false);
    fixture.edges[2].in_flight = true;
    fixture.tail[0] = fixture_process(&fixture, "T7", NULL);
    fixture.tail[1] = fixture_process(&fixture, "T9", NULL);
    fixture.deadlocks[0].tail_count = 2;
    expect_text(&fixture, &plain,
                "deadlock 656597: 3 processes, last request 205 ms before the cut "
                "(round detector-1/42, cut complete and balanced)\n"
                "  P1 transfer 1   waits 205 ms for exclusive acct/1 at n2, held by P2 transfer 2\n"
                "  P2 transfer 2   waits 206 ms for shared    acct/2 at n3, held by P3 transfer 3\n"
                "  P3 transfer 3   waits 207 ms for exclusive acct/3 at n1, held by P1 transfer 1"
                "   [request in flight n3 -> n1]\n"
                "  behind it: T7, T9\n"
                "  victim: P1 transfer 1 at n1, youngest of 3\n");
    fixture_free(&fixture);
}

/* A service reports one deadlock of a round by itself, in the same bytes. */
static void one_deadlock_reads_as_it_does_among_others(void **state)
{
    (void)state;
    struct fixture fixture;
    struct gdn__textbuf all = {0}, one = {0};
    fixture_ring(&fixture, 2);
    fixture.deadlocks[1] = fixture.deadlocks[0];
    fixture.deadlocks[1].id.bytes[4] ^= 0x01;
    fixture.verdict.deadlock_count = 2;
    gdn__render_text(fixture_verdict(&fixture), &plain, &all);
    gdn__render_deadlock(&fixture.verdict, 0, &plain, &one);
    gdn__textbuf_add_char(&one, '\n');
    gdn__render_deadlock(&fixture.verdict, 1, &plain, &one);
    assert_string_equal(one.text, all.text);
    gdn__textbuf_fini(&all);
    gdn__textbuf_fini(&one);
    fixture_free(&fixture);
}

/* Numbers, names and modes of different length still stand in columns. */
static void columns_are_aligned_by_what_a_terminal_shows(void **state)
{
    (void)state;
    struct fixture fixture;
    fixture_ring(&fixture, 2);
    uint32_t long_name = fixture_process(&fixture, "r\xc3\xa9sum\xc3\xa9 \xe8\xb3\x87", NULL);
    fixture.members[1] = fixture.edges[1].waiter = fixture.edges[0].holder = long_name;
    fixture.edges[1].waited_us = 31400000;
    fixture.edges[0].waited_us = 0;
    expect_text(&fixture, &plain,
                "deadlock 656597: 2 processes, last request 31.4 s before the cut "
                "(offline cut, complete)\n"
                "  P1 transfer 1   waits        for exclusive acct/1 at n2, held by "
                "r\xc3\xa9sum\xc3\xa9 \xe8\xb3\x87\n"
                "  r\xc3\xa9sum\xc3\xa9 \xe8\xb3\x87       waits 31.4 s for shared    acct/2 at "
                "n1, held by P1 transfer 1\n"
                "  victim: P1 transfer 1 at n1, youngest of 2\n");
    fixture_free(&fixture);
}

/* Names too long for a column are not aligned, and there all the same. */
static void names_too_long_to_align_are_told(void **state)
{
    (void)state;
    struct fixture fixture;
    struct gdn__textbuf out = {0};
    char name[61];
    memset(name, 'x', 60);
    name[60] = '\0';
    fixture_ring(&fixture, 2);
    uint32_t process = fixture_process(&fixture, name, NULL);
    for (size_t i = 0; i < 2; i++) {
        fixture.edges[i].waiter = fixture.edges[i].holder = process;
        fixture.edges[i].resource = fixture_resource(&fixture, name);
    }
    gdn__render_text(fixture_verdict(&fixture), &plain, &out);
    char expected[512];
    (void)snprintf(expected, sizeof expected,
                   "\n  %s   waits 205 ms for exclusive %s at n2, held by %s\n", name, name, name);
    assert_non_null(strstr(out.text, expected));
    gdn__textbuf_fini(&out);
    fixture_free(&fixture);
}

static void waits_on_no_lock_are_told_in_words(void **state)
{
    (void)state;
    struct fixture fixture;
    fixture_ring(&fixture, 4);
    for (size_t i = 0; i < 3; i++) fixture.edges[i].home = GDN_NONE;
    fixture.edges[0].resource = fixture.edges[1].resource = GDN_NONE;
    fixture.edges[1].branch = true;
    fixture.edges[3].queued = true;
    fixture.deadlocks[0].victim_count = 0;
    fixture.deadlocks[0].reorder_count = 1;
    fixture.reorder[0] = (struct gdn_reorder){
        .first = 3, .second = 0, .resource = fixture.edges[3].resource, .home = 0};
    expect_text(&fixture, &plain,
                "deadlock 656597: 4 processes, last request 205 ms before the cut "
                "(offline cut, complete)\n"
                "  P1 transfer 1   waits 205 ms for P2 transfer 2 to end\n"
                "  P2 transfer 2   waits 206 ms for P3 transfer 3 to go on\n"
                "  P3 transfer 3   waits 207 ms for P4 transfer 4 to release acct/3\n"
                "  P4 transfer 4   waits 208 ms for shared acct/4 at n1, queued behind P1 "
                "transfer 1\n"
                "  way out: serve P4 before P1 for acct/4 at n1; nobody need be aborted\n");
    fixture_free(&fixture);
}

/* Lines that are alternatives must not be read as if all were needed; of one line there is nothing
 * to say. */
static void the_text_says_how_several_lines_add_up(void **state)
{
    (void)state;
    struct fixture fixture;
    struct gdn__textbuf out = {0};
    fixture_ring(&fixture, 3);
    fixture.deadlocks[0].model = GDN_MODEL_ANY;
    gdn__render_text(fixture_verdict(&fixture), &plain, &out);
    assert_null(strstr(out.text, "line of a process"));
    fixture.edges[1].issuer = fixture.edges[0].issuer;
    fixture.edges[1].ticket = fixture.edges[0].ticket;
    gdn__render_text(fixture_verdict(&fixture), &plain, &out);
    assert_non_null(
        strstr(out.text, "\n  any one line of a process would free it; none can come\n"));
    fixture.deadlocks[0].model = GDN_MODEL_MIXED;
    gdn__render_text(fixture_verdict(&fixture), &plain, &out);
    assert_non_null(strstr(out.text, "\n  not every line of a process is needed to free it, but "
                                     "too few can come\n"));
    gdn__textbuf_fini(&out);
    fixture_free(&fixture);
}

/* The shortest cycle of a core is not all of it: whoever reads the report learns of the others. */
static void members_beside_the_cycle_are_told(void **state)
{
    (void)state;
    struct fixture fixture;
    struct gdn__textbuf out = {0};
    fixture_ring(&fixture, 4);
    fixture.deadlocks[0].witness_count = 2;
    fixture.edges[1].holder = 0;
    gdn__render_text(fixture_verdict(&fixture), &plain, &out);
    assert_non_null(strstr(out.text, "held by P1 transfer 1\n  also in it: P3, P4\n  victim: "));
    gdn__textbuf_fini(&out);
    fixture_free(&fixture);
}

/* How much there is and who has it, once for each pool: without that nobody can judge the wait. */
static void a_pool_is_told_with_its_holders(void **state)
{
    (void)state;
    struct fixture fixture;
    struct gdn__textbuf out = {0};
    fixture_ring(&fixture, 2);
    struct gdn_cut_home pool = {.resource = fixture.edges[0].resource, .capacity = 4};
    struct gdn_cut_holder holders[] = {{.process = 1, .issuer = 1, .ticket = 1, .units = 3},
                                       {.process = 0, .issuer = 0, .ticket = 2, .units = 1}};
    assert_int_equal(gdn_cut_add_home(fixture.cut, 1, &pool), GDN_OK);
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(gdn_cut_add_holder(fixture.cut, 1, &holders[i]), GDN_OK);
    }
    fixture.edges[0].units = fixture.edges[1].units = 2;
    fixture.edges[1].resource = fixture.edges[0].resource;
    gdn__render_text(fixture_verdict(&fixture), &plain, &out);
    assert_non_null(strstr(out.text, "\n  acct/1 at n2 has 4 units: P2 holds 3, P1 1\n  victim: "));
    gdn__textbuf_fini(&out);
    fixture_free(&fixture);
}

static void add_group(struct fixture *fixture, uint32_t at_least, uint32_t children)
{
    struct gdn_cut_need need = {.kind = GDN_NEED_GROUP,
                                .resource = GDN_NONE,
                                .home = GDN_NONE,
                                .branch = GDN_NONE,
                                .at_least = at_least,
                                .child_count = children};
    assert_int_equal(gdn_cut_add_need(fixture->cut, 0, &need), GDN_OK);
}

static void add_need(struct fixture *fixture, const char *name, uint32_t branch, uint32_t resource)
{
    struct gdn_cut_need need = {.kind = GDN_NEED_PROCESS,
                                .process = fixture_process(fixture, name, NULL),
                                .resource = resource,
                                .home = GDN_NONE,
                                .branch = branch};
    assert_int_equal(gdn_cut_add_need(fixture->cut, 0, &need), GDN_OK);
}

/* The groups of a wait, as its manager stated them: who reads only edges cannot tell. */
static void groups_are_told_in_words(void **state)
{
    (void)state;
    struct fixture fixture;
    struct gdn__textbuf out = {0};
    fixture_ring(&fixture, 2);
    struct gdn_cut_wait wait = {.process = 0, .resource = GDN_NONE, .home = GDN_NONE, .ticket = 10};
    assert_int_equal(gdn_cut_add_wait(fixture.cut, 0, &wait), GDN_OK);
    add_need(&fixture, "P2", GDN_NONE, GDN_NONE);
    add_group(&fixture, 1, 3);
    add_need(&fixture, "R", 0, GDN_NONE);
    add_group(&fixture, 2, 2);
    add_need(&fixture, "S", GDN_NONE, fixture_resource(&fixture, "acct/1"));
    add_need(&fixture, "T", GDN_NONE, GDN_NONE);
    add_need(&fixture, "U", GDN_NONE, GDN_NONE);
    add_group(&fixture, 2, 3);
    add_need(&fixture, "A\x1b[31m", GDN_NONE, GDN_NONE);
    add_need(&fixture, "B", GDN_NONE, GDN_NONE);
    add_need(&fixture, "C", GDN_NONE, GDN_NONE);
    fixture.edges[0].home = fixture.edges[0].resource = GDN_NONE;
    fixture.deadlocks[0].model = GDN_MODEL_MIXED;
    gdn__render_text(fixture_verdict(&fixture), &plain, &out);
    assert_non_null(strstr(out.text, "\n  P1 needs P2, any of (R to go on, all of (S to release "
                                     "acct/1, T), U), 2 of (A\\u{1b}[31m, B, C)\n"));
    gdn__textbuf_fini(&out);
    fixture_free(&fixture);
}

static void no_victim_is_said(void **state)
{
    (void)state;
    struct fixture fixture;
    struct gdn__textbuf out = {0};
    fixture_ring(&fixture, 2);
    fixture.deadlocks[0].victim_count = 0;
    memcpy(fixture.reason, "nobody may be aborted", sizeof "nobody may be aborted");
    gdn__render_text(fixture_verdict(&fixture), &plain, &out);
    assert_non_null(strstr(out.text, "\n  victim: none; nobody may be aborted\n"));
    gdn__textbuf_fini(&out);
    fixture_free(&fixture);
}

static void no_deadlock_is_one_line(void **state)
{
    (void)state;
    struct fixture fixture;
    fixture_ring(&fixture, 3);
    fixture.verdict.deadlock_count = 0;
    fixture.verdict.process_count = 12;
    fixture.verdict.waiting_count = 4;
    set_round(&fixture);
    add_channel(&fixture, false);
    expect_text(&fixture, &plain,
                "no deadlock: 3 nodes, 12 processes, 4 waiting (round detector-1/42, cut complete "
                "and balanced)\n");
    fixture_free(&fixture);
}

/* Who is silent stands in the same line: the reader must not take it for an all-clear. */
static void an_incomplete_view_names_who_is_missing(void **state)
{
    (void)state;
    struct fixture fixture;
    fixture_ring(&fixture, 1);
    fixture.verdict.deadlock_count = 0;
    fixture.verdict.complete = false;
    assert_int_equal(gdn_cut_party(fixture.cut, "n2", 1), 1);
    add_channel(&fixture, true);
    expect_text(&fixture, &plain,
                "no deadlock that the nodes' answers prove: 1 node, 1 process, 1 waiting "
                "(offline cut, incomplete: channel n2 -> n1 still open)\n"
                "not known: what was still on its way on an open channel\n"
                "A deadlock that rests on any of it is not reported.\n");
    assert_int_equal(gdn_cut_add_missing(fixture.cut, "n3"), GDN_OK);
    assert_int_equal(gdn_cut_add_missing(fixture.cut, "n4\x1b[31m"), GDN_OK);
    expect_text(&fixture, &plain,
                "no deadlock that the nodes' answers prove: 1 node, 1 process, 1 waiting "
                "(offline cut, incomplete: no report from n3, n4\\u{1b}[31m; channel n2 -> n1 "
                "still open)\n"
                "not known: who waits at n3, n4\\u{1b}[31m, who holds what is homed there, and "
                "what its processes have given up elsewhere\n"
                "not known: what was still on its way on an open channel\n"
                "A deadlock that rests on any of it is not reported.\n");
    fixture.verdict.deadlock_count = 1;
    struct gdn__textbuf out = {0};
    gdn__render_deadlock(fixture_verdict(&fixture), 0, &plain, &out);
    assert_non_null(strstr(out.text, "\nWhat is reported stands whatever that is; there may be "
                                     "more.\n"));
    gdn__textbuf_fini(&out);
    fixture_free(&fixture);
}

/* Enough digits to tell two deadlocks of one verdict apart. */
static void short_ids_are_unique(void **state)
{
    (void)state;
    struct fixture fixture;
    struct gdn__textbuf out = {0};
    fixture_ring(&fixture, 2);
    fixture.deadlocks[1] = fixture.deadlocks[0];
    fixture.deadlocks[1].id.bytes[4] ^= 0x01;
    fixture.verdict.deadlock_count = 2;
    gdn__render_text(fixture_verdict(&fixture), &plain, &out);
    assert_non_null(strstr(out.text, "deadlock 65659773c0:"));
    assert_non_null(strstr(out.text, "\n\ndeadlock 65659773c1:"));
    gdn__textbuf_fini(&out);
    fixture_free(&fixture);
}

/* However many there are, each is shown with the digits that it would get by itself. */
static void short_ids_of_many_are_those_of_each(void **state)
{
    (void)state;
    static struct gdn_deadlock many[400];
    const size_t count = sizeof many / sizeof many[0];
    gdn_verdict verdict = {.deadlocks = many, .deadlock_count = count};
    size_t longest = 0;
    for (size_t i = 0; i < count; i++) {
        many[i].id = gdn_id_from_counter(gdn_node_named("cores"), i / 2);
        many[i].id.bytes[i % 16] ^= (uint8_t)(i % 2);
    }
    uint8_t *digits = gdn__short_id_digits(&verdict);
    assert_non_null(digits);
    for (size_t i = 0; i < count; i++) {
        struct gdn__textbuf alone = {0}, among = {0};
        gdn__show_short_id(&alone, &verdict, &many[i]);
        gdn__show_id(&among, &many[i], digits[i]);
        assert_string_equal(among.text, alone.text);
        if (alone.length > longest) longest = alone.length;
        gdn__textbuf_fini(&alone);
        gdn__textbuf_fini(&among);
    }
    assert_int_equal(longest, 32);
    free(digits);
}

static void colour_comes_only_when_asked(void **state)
{
    (void)state;
    struct fixture fixture;
    struct gdn__textbuf out = {0};
    struct gdn__render_options options = {.colour = false};
    fixture_ring(&fixture, 3);
    gdn__render_text(fixture_verdict(&fixture), &options, &out);
    assert_null(strchr(out.text, '\033'));
    options.colour = true;
    gdn__render_text(fixture_verdict(&fixture), &options, &out);
    assert_non_null(strchr(out.text, '\033'));
    gdn__textbuf_fini(&out);
    fixture_free(&fixture);
}

/* ---- JSON ---- */

static void json_has_exactly_the_documented_keys(void **state)
{
    (void)state;
    struct fixture fixture;
    fixture_ring(&fixture, 2);
    set_round(&fixture);
    fixture.edges[0].waited_us = 212345;
    json_t *root = rendered_json(&fixture, false);
    const json_t *deadlock = json_array_get(json_object_get(root, "deadlocks"), 0);
    const json_t *edge = json_array_get(json_object_get(deadlock, "witness"), 0);
    const json_t *victim = json_array_get(json_object_get(deadlock, "victims"), 0);
    assert_int_equal(json_object_size(root), 5);
    assert_string_equal(text_at(root, "format"), "gordian-verdict/1");
    assert_string_equal(text_at(json_object_get(root, "round"), "number"), "42");
    assert_true(json_is_true(json_object_get(root, "complete")));
    assert_int_equal(json_array_size(json_object_get(root, "missing")), 0);
    assert_int_equal(json_object_size(deadlock), 8);
    assert_string_equal(text_at(deadlock, "id"), "65659773c03c64bf6f1001f8f7e1afdb");
    assert_string_equal(text_at(deadlock, "model"), "all");
    assert_int_equal(json_array_size(json_object_get(deadlock, "members")), 2);
    assert_int_equal(json_array_size(json_object_get(deadlock, "tail")), 0);
    assert_int_equal(json_array_size(json_object_get(deadlock, "reorder")), 0);
    assert_string_equal(text_at(deadlock, "victim_reason"), "youngest of 2");
    assert_int_equal(json_object_size(edge), 12);
    assert_string_equal(text_at(edge, "waiter"), "P1");
    assert_string_equal(text_at(edge, "holder"), "P2");
    assert_string_equal(text_at(edge, "node"), "n1");
    assert_string_equal(text_at(edge, "incarnation"), "7");
    assert_string_equal(text_at(edge, "ticket"), "10");
    assert_string_equal(text_at(edge, "home"), "n2");
    assert_string_equal(text_at(edge, "resource"), "acct/1");
    assert_string_equal(text_at(edge, "mode"), "exclusive");
    assert_true(json_number_value(json_object_get(edge, "waited_ms")) > 212.344);
    assert_true(json_is_false(json_object_get(edge, "in_flight")));
    assert_true(json_is_false(json_object_get(edge, "queued")));
    assert_true(json_is_false(json_object_get(edge, "branch")));
    assert_int_equal(json_object_size(victim), 4);
    assert_string_equal(text_at(victim, "process"), "P1");
    assert_string_equal(text_at(victim, "ticket"), "10");
    json_decref(root);
    fixture_free(&fixture);
}

/* A JSON Lines reader splits at newlines, and both forms say the same. */
static void json_lines_are_one_line_and_say_the_same(void **state)
{
    (void)state;
    struct fixture fixture;
    fixture_ring(&fixture, 3);
    fixture.deadlocks[0].reorder_count = 2; /* For two queues, and told once. */
    fixture.reorder[0] = (struct gdn_reorder){.first = 1, .second = 2};
    fixture.reorder[1] = (struct gdn_reorder){.first = 1, .second = 2, .resource = 1};
    json_t *indented = rendered_json(&fixture, false), *line = rendered_json(&fixture, true);
    assert_true(json_equal(indented, line));
    const json_t *deadlock = json_array_get(json_object_get(line, "deadlocks"), 0);
    assert_int_equal(json_array_size(json_object_get(deadlock, "reorder")), 1);
    const json_t *pair = json_array_get(json_object_get(deadlock, "reorder"), 0);
    assert_string_equal(json_string_value(json_array_get(pair, 1)), "P3");
    json_decref(indented);
    json_decref(line);
    fixture_free(&fixture);
}

static void what_an_edge_has_not_is_null(void **state)
{
    (void)state;
    struct fixture fixture;
    fixture_ring(&fixture, 2);
    fixture.edges[0].home = fixture.edges[0].resource = GDN_NONE;
    json_t *root = rendered_json(&fixture, true);
    const json_t *deadlock = json_array_get(json_object_get(root, "deadlocks"), 0);
    const json_t *edge = json_array_get(json_object_get(deadlock, "witness"), 0);
    assert_true(json_is_null(json_object_get(root, "round")));
    assert_true(json_is_null(json_object_get(edge, "home")));
    assert_true(json_is_null(json_object_get(edge, "resource")));
    assert_true(json_is_null(json_object_get(edge, "mode")));
    json_decref(root);
    fixture_free(&fixture);
}

/* ---- Hostile names ---- */

/* Nothing that a name holds reaches the terminal as a control, or ends a line. */
static void text_shows_hostile_names_harmlessly(void **state)
{
    (void)state;
    struct fixture fixture;
    struct gdn__textbuf out = {0};
    struct gdn__render_options options = {.colour = false};
    fixture_hostile(&fixture);
    gdn__render_text(fixture_verdict(&fixture), &options, &out);
    assert_true(gdn__text_is_utf8(out.text));
    assert_null(strpbrk(out.text, "\x1b\x07"));
    assert_null(strstr(out.text, "\xe2\x80\xae"));
    assert_non_null(
        strstr(out.text, "held by \"\\\\u{a}\\u{1b}]0;x\\u{7}<b>&amp;{|}\\u{202e}\\xff"));
    gdn__textbuf_fini(&out);
    fixture_free(&fixture);
}

static void json_keeps_hostile_names_as_data(void **state)
{
    (void)state;
    struct fixture fixture;
    fixture_hostile(&fixture);
    json_t *root = rendered_json(&fixture, true);
    const json_t *deadlock = json_array_get(json_object_get(root, "deadlocks"), 0);
    const char *name = json_string_value(json_array_get(json_object_get(deadlock, "members"), 1));
    assert_string_equal(name, "\"\\\n\x1b]0;x\x07<b>&amp;{|}\xe2\x80\xae\xef\xbf\xbd");
    json_decref(root);
    fixture_free(&fixture);
}

/* A tag is not seen in any font. It is data all the same. */
static void json_escapes_what_nobody_sees(void **state)
{
    (void)state;
    struct fixture fixture;
    struct gdn__textbuf out = {0};
    fixture_ring(&fixture, 2);
    fixture.members[1] = fixture_process(&fixture, "a\xf3\xa0\x81\x81z", NULL);
    gdn__render_json(fixture_verdict(&fixture), true, &out);
    assert_non_null(strstr(out.text, "\"a\\udb40\\udc41z\""));
    gdn__textbuf_fini(&out);
    json_t *root = rendered_json(&fixture, true);
    const json_t *deadlock = json_array_get(json_object_get(root, "deadlocks"), 0);
    const json_t *member = json_array_get(json_object_get(deadlock, "members"), 1);
    assert_string_equal(json_string_value(member), "a\xf3\xa0\x81\x81z");
    json_decref(root);
    fixture_free(&fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_tells_who_waits_for_what_where_and_since_when),
        cmocka_unit_test(one_deadlock_reads_as_it_does_among_others),
        cmocka_unit_test(columns_are_aligned_by_what_a_terminal_shows),
        cmocka_unit_test(names_too_long_to_align_are_told),
        cmocka_unit_test(waits_on_no_lock_are_told_in_words),
        cmocka_unit_test(the_text_says_how_several_lines_add_up),
        cmocka_unit_test(members_beside_the_cycle_are_told),
        cmocka_unit_test(a_pool_is_told_with_its_holders),
        cmocka_unit_test(groups_are_told_in_words),
        cmocka_unit_test(no_victim_is_said),
        cmocka_unit_test(no_deadlock_is_one_line),
        cmocka_unit_test(an_incomplete_view_names_who_is_missing),
        cmocka_unit_test(short_ids_are_unique),
        cmocka_unit_test(short_ids_of_many_are_those_of_each),
        cmocka_unit_test(colour_comes_only_when_asked),
        cmocka_unit_test(json_has_exactly_the_documented_keys),
        cmocka_unit_test(json_lines_are_one_line_and_say_the_same),
        cmocka_unit_test(what_an_edge_has_not_is_null),
        cmocka_unit_test(text_shows_hostile_names_harmlessly),
        cmocka_unit_test(json_keeps_hostile_names_as_data),
        cmocka_unit_test(json_escapes_what_nobody_sees),
    };
    return !!cmocka_run_group_tests(tests, NULL, NULL);
}
