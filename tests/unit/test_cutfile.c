/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Cuts in files: what is read, and that nothing is lost on the way out and in again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cutfile_fixture.h"

#include "detector/cutfile/when.h"
#include "detector/render/render.h"
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- What is read ---- */

/* The smallest document: everything but two keys may be left out. */
static void an_empty_cut_is_read(void **state)
{
    (void)state;
    gdn_cut *cut = load_cut(NODES "]}");
    assert_int_equal(cut->node_count, 0);
    assert_false(cut->has_round);
    gdn_cut_free(cut);
}

static void the_round_is_read(void **state)
{
    (void)state;
    gdn_cut *cut =
        load_cut(HEAD "'round': {'initiator': 'd', 'incarnation': '18446744073709551615', "
                      "'number': 42, 'scope': 'full', "
                      "'started': '1970-01-02T00:00:01.5Z'}, 'nodes': []}");
    assert_true(cut->has_round);
    assert_string_equal(cut->initiator, "d");
    assert_true(cut->round.incarnation == UINT64_MAX);
    assert_int_equal(cut->round.number, 42);
    assert_int_equal(cut->scope, GDN_SCOPE_FULL);
    assert_int_equal(cut->started_us, 86401500000);
    gdn_cut_free(cut);
}

static void processes_are_described(void **state)
{
    (void)state;
    gdn_cut *cut = load_cut(HEAD "'processes': ["
                                 "{'process': 'T1', 'label': 'x', 'work': '9007199254740993', "
                                 "'priority': -3, 'abortable': false}, {'process': 'T2'}], "
                                 "'nodes': []}");
    const struct gdn_cut_process *first = &cut->processes[0], *second = &cut->processes[1];
    assert_string_equal(first->name, "T1");
    assert_string_equal(first->label, "x");
    assert_true(first->described);
    assert_true(first->work == UINT64_C(9007199254740993));
    assert_int_equal(first->priority, -3);
    assert_false(first->abortable);
    assert_false(second->described);
    assert_true(second->abortable);
    gdn_cut_free(cut);
}

/* 32 hex digits are an id, whatever their case, and not a name. */
static void hex_names_are_ids(void **state)
{
    (void)state;
    gdn_cut *cut =
        load_cut(NODE "'resources': [{'resource': '00112233445566778899AABBCCDDEEFF', "
                      "'holders': [{'process': '00112233445566778899aabbccddeeff'}]}]}]}");
    assert_null(cut->processes[0].name);
    assert_null(cut->resources[0].name);
    assert_int_equal(cut->processes[0].id.id.bytes[10], 0xaa);
    assert_true(gdn_id_equal(cut->processes[0].id.id, cut->resources[0].id.id));
    gdn_cut_free(cut);
}

/* A node that says nothing of its waits is not the same as one that says there are none. */
static void waits_left_out_differ_from_no_waits(void **state)
{
    (void)state;
    gdn_cut *cut = load_cut(NODES "{'node': 'n1'}, {'node': 'n2', 'waits': []}]}");
    assert_false(node_named(cut, "n1")->waits_listed);
    assert_true(node_named(cut, "n2")->waits_listed);
    gdn_cut_free(cut);
}

static void extra_keys_are_ignored_anywhere(void **state)
{
    (void)state;
    gdn_cut *cut =
        load_cut(HEAD "'x-a': 1, 'round': {'x-b': {}}, 'nodes': [{'node': 'n1', 'x-c': [], "
                      "'resources': [{'resource': 'r', 'x-d': null, 'holders': "
                      "[{'process': 'T', 'x-e': 0}]}]}]}");
    assert_int_equal(node_named(cut, "n1")->holder_count, 1);
    gdn_cut_free(cut);
}

/* One node, one incarnation, wherever it is said: the issuer of a ticket is the same party as the
 * node that reports. */
static void a_node_is_one_party(void **state)
{
    (void)state;
    gdn_cut *cut = load_cut(NODES "{'node': 'n1', 'resources': [{'resource': 'r', 'queue': "
                                  "[{'process': 'T', 'issuer': 'n2'}]}]}, "
                                  "{'node': 'n2', 'incarnation': '8', 'waits': []}]}");
    assert_int_equal(cut->party_count, 2);
    assert_int_equal(cut->parties[node_named(cut, "n1")->queue[0].issuer].incarnation, 8);
    assert_int_equal(cut->missing_count, 0);
    gdn_cut_free(cut);
}

/* RULES 9: who is only named did not answer. */
static void named_nodes_without_a_report_are_missing(void **state)
{
    (void)state;
    gdn_cut *cut = load_cut(NODE "'waits': [{'process': 'T', 'resource': 'r', 'home': 'n9'}]}]}");
    assert_int_equal(cut->missing_count, 1);
    assert_string_equal(cut->missing[0], "n9");
    gdn_cut_free(cut);
}

/* Both ways to write a conflict matrix give the same one. */
static void modes_are_flags_or_names(void **state)
{
    (void)state;
    gdn_cut *cut = load_cut(HEAD "'modes': {'names': ['r', 'w', 'u'], 'conflicts': "
                                 "[[0, 1, false], ['r', 'w', 'u'], []]}, 'nodes': []}");
    assert_true(cut->modes_given);
    assert_int_equal(cut->modes.conflicts[0], 2);
    assert_int_equal(cut->modes.conflicts[1], 7);
    assert_int_equal(cut->modes.conflicts[2], 0);
    gdn_cut_free(cut);
}

/* The outermost level is "all", said or not; groups stand before their members. */
static void needs_stand_in_prefix_order(void **state)
{
    (void)state;
    gdn_cut *cut =
        load_cut(NODE "'waits': [{'process': 'P', 'needs': {'all': ['A', {'at_least': 2, 'of': ["
                      "{'process': 'B', 'branch': true, 'queued': true}, "
                      "{'process': 'C', 'branch': 'n2', 'resource': 'r'}, {'any': ['D']}]}, "
                      "{'resource': 's', 'home': 'n3'}]}}]}]}");
    const struct gdn_cut_node *node = node_named(cut, "n1");
    const struct gdn_cut_need *needs = node->needs;
    assert_int_equal(node->waits[0].need_count, 7);
    assert_int_equal(node->waits[0].home, GDN_NONE);
    assert_int_equal(needs[0].kind, GDN_NEED_PROCESS);
    assert_int_equal(needs[1].kind, GDN_NEED_GROUP);
    assert_int_equal(needs[1].at_least, 2);
    assert_int_equal(needs[1].child_count, 3);
    assert_int_equal(needs[2].branch, node->party);
    assert_true(needs[2].queued);
    assert_string_equal(cut->parties[needs[3].branch].name, "n2");
    assert_string_equal(cut->resources[needs[3].resource].name, "r");
    assert_int_equal(needs[4].kind, GDN_NEED_GROUP);
    assert_int_equal(needs[4].at_least, 1);
    assert_int_equal(needs[6].kind, GDN_NEED_RESOURCE);
    assert_string_equal(cut->parties[needs[6].home].name, "n3");
    gdn_cut_free(cut);
}

static void waited_times_keep_their_microseconds(void **state)
{
    (void)state;
    gdn_cut *cut = load_cut(NODE "'waits': [{'process': 'P', 'needs': 'Q', 'waited_ms': 0.001}, "
                                 "{'process': 'Q', 'needs': 'P', 'waited_ms': 123456789.987}]}]}");
    assert_int_equal(node_named(cut, "n1")->waits[0].waited_us, 1);
    assert_int_equal(node_named(cut, "n1")->waits[1].waited_us, 123456789987);
    gdn_cut_free(cut);
}

/* ---- Out and in again ---- */

/* The binary form keeps all of a cut, so equal bytes are equal cuts. */
static void assert_same_cut(const gdn_cut *a, const gdn_cut *b)
{
    uint8_t *bytes_a, *bytes_b;
    size_t length_a, length_b;
    assert_int_equal(gdn_cut_encode(a, &bytes_a, &length_a), GDN_OK);
    assert_int_equal(gdn_cut_encode(b, &bytes_b, &length_b), GDN_OK);
    assert_int_equal(length_a, length_b);
    assert_memory_equal(bytes_a, bytes_b, length_a);
    free(bytes_a);
    free(bytes_b);
}

/* Saving and loading may number tables anew; from the second time on it changes nothing at all,
 * and the first time nothing that the text shows. */
static void nothing_is_lost_through_json(void **state)
{
    (void)state;
    gdn_cut *first = load_cut(everything), *second, *third;
    char *one = saved_cut(first);
    assert_int_equal(gdn__cutfile_parse("one", one, strlen(one), &second, why, sizeof why), GDN_OK);
    char *two = saved_cut(second);
    assert_string_equal(one, two);
    assert_int_equal(gdn__cutfile_parse("two", two, strlen(two), &third, why, sizeof why), GDN_OK);
    assert_same_cut(second, third);
    assert_true(node_named(second, "n1")->observed);
    assert_true(node_named(second, "n1")->aborts_unanswered);
    assert_true(node_named(second, "n1")->given_up_by_others);
    assert_int_equal(node_named(second, "n1")->messages[0].flags, 5);
    assert_int_equal(node_named(second, "n1")->queue[0].waited_us, 208125);
    assert_non_null(strstr(two, "\"x-label\": \"table 5\""));
    assert_non_null(strstr(two, "\"priority\": -2147483648"));
    gdn_cut_free(first);
    gdn_cut_free(second);
    gdn_cut_free(third);
    free(one);
    free(two);
}

static void a_path(char *path, size_t room, const char *name)
{
    const char *directory = getenv("TMPDIR");
    (void)snprintf(path, room, "%s/gordian-cutfile-%ld-%s", directory != NULL ? directory : "/tmp",
                   (long)getpid(), name);
}

/* The file's content tells its form; its name says nothing. */
static void both_forms_load_from_a_file(void **state)
{
    (void)state;
    char path[512];
    a_path(path, sizeof path, "cut");
    gdn_cut *cut = load_cut(everything), *loaded;
    assert_int_equal(gdn__cutfile_save(cut, path, GDN__CUTFILE_BINARY, why, sizeof why), GDN_OK);
    assert_int_equal(gdn__cutfile_load(path, &loaded, why, sizeof why), GDN_OK);
    assert_same_cut(cut, loaded);
    gdn_cut_free(loaded);
    assert_int_equal(gdn__cutfile_save(cut, path, GDN__CUTFILE_JSON, why, sizeof why), GDN_OK);
    assert_int_equal(gdn__cutfile_load(path, &loaded, why, sizeof why), GDN_OK);
    char *one = saved_cut(cut), *two = saved_cut(loaded);
    assert_string_equal(one, two);
    free(one);
    free(two);
    gdn_cut_free(loaded);
    gdn_cut_free(cut);
    assert_int_equal(unlink(path), 0);
}

/* One byte too many, in a file with a hole: nothing is read. */
static void a_file_beyond_the_bound_is_refused(void **state)
{
    (void)state;
    char path[512], line[600];
    gdn_cut *cut;
    a_path(path, sizeof path, "large");
    int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, "GDNC", 4), 4);
    assert_int_equal(ftruncate(fd, (off_t)GDN_CUT_BYTES_MAX + 1), 0);
    enum gdn_err err = gdn__cutfile_load(path, &cut, why, sizeof why);
    assert_int_equal(close(fd), 0);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(err, GDN_ERR_LIMIT);
    (void)snprintf(line, sizeof line, "%s: larger than 1073741824 bytes", path);
    assert_string_equal(why, line);
}

/* Its length alone is enough: nothing behind its first bytes is looked at. */
static void a_document_beyond_the_bound_is_refused_unread(void **state)
{
    gdn_cut *cut;
    (void)state;
    assert_int_equal(gdn__cutfile_parse("f", "{   ", (size_t)GDN__CUTFILE_JSON_BYTES_MAX + 1, &cut,
                                        why, sizeof why),
                     GDN_ERR_LIMIT);
    assert_string_equal(why, "f: JSON larger than 268435456 bytes");
}

static char *verdict_on(const gdn_cut *cut)
{
    gdn_verdict *verdict;
    struct gdn__textbuf text = {0};
    enum gdn_err err = gdn_analyze(cut, GDN_POLICY_YOUNGEST, &verdict, why, sizeof why);
    assert_int_equal(err, GDN_OK);
    gdn__render_json(verdict, false, &text);
    assert_false(text.failed);
    gdn_verdict_free(verdict);
    return text.text;
}

/* A verdict is replayed byte for byte from the saved cut, in either form. */
static void a_saved_cut_gives_the_same_verdict(void **state)
{
    (void)state;
    static const char *const vectors[] = {
        "example",          "two-processes",   "tickets-left-out",
        "ring-of-three",    "grant-in-flight", "upgrade",
        "two-deadlocks",    "incomplete",      "release-in-flight",
        "cancel-in-flight", "queued",          "knot",
        "intention-modes",  "hostile-names",   "incomplete-deadlock",
        "pool-deadlock",    "pool-busy",       "nested-needs"};
    static const enum gdn__cutfile_form forms[] = {GDN__CUTFILE_BINARY, GDN__CUTFILE_JSON};
    char path[512], vector[128];
    a_path(path, sizeof path, "verdict");
    for (size_t i = 0; i < sizeof vectors / sizeof vectors[0]; i++) {
        gdn_cut *cut, *loaded;
        (void)snprintf(vector, sizeof vector, "tests/vectors/%s.json", vectors[i]);
        if (gdn__cutfile_load(vector, &cut, why, sizeof why) != GDN_OK) fail_msg("%s", why);
        char *verdict = verdict_on(cut);
        for (size_t form = 0; form < 2; form++) {
            assert_int_equal(gdn__cutfile_save(cut, path, forms[form], why, sizeof why), GDN_OK);
            assert_int_equal(gdn__cutfile_load(path, &loaded, why, sizeof why), GDN_OK);
            char *again = verdict_on(loaded);
            assert_string_equal(verdict, again);
            free(again);
            gdn_cut_free(loaded);
        }
        free(verdict);
        gdn_cut_free(cut);
    }
    assert_int_equal(unlink(path), 0);
}

/* Damage anywhere in a binary cut is noticed. */
static void damaged_binary_cuts_are_refused(void **state)
{
    (void)state;
    gdn_cut *cut = load_cut(everything), *loaded;
    uint8_t *bytes;
    size_t length;
    assert_int_equal(gdn_cut_encode(cut, &bytes, &length), GDN_OK);
    gdn_cut_free(cut);
    for (size_t i = 4; i < length; i++) {
        bytes[i] ^= 0x10;
        assert_int_not_equal(gdn__cutfile_parse("f", bytes, length, &loaded, why, sizeof why),
                             GDN_OK);
        assert_memory_equal(why, "f: byte ", 8);
        bytes[i] ^= 0x10;
    }
    assert_int_not_equal(gdn__cutfile_parse("f", bytes, length - 1, &loaded, why, sizeof why),
                         GDN_OK);
    free(bytes);
}

/* A write that fails leaves the old file as it was, and nothing beside it. */
static void a_failed_save_is_said_and_changes_nothing(void **state)
{
    (void)state;
    gdn_cut *cut = load_cut(NODES "]}");
    assert_int_equal(gdn__cutfile_save(cut, "/dev/full", GDN__CUTFILE_JSON, why, sizeof why),
                     GDN_ERR_SYSTEM);
    assert_string_equal(why, "/dev/full: cannot be written: No space left on device");
    assert_int_equal(
        gdn__cutfile_save(cut, "/nonexistent/cut", GDN__CUTFILE_BINARY, why, sizeof why),
        GDN_ERR_SYSTEM);
    assert_string_equal(why, "/nonexistent/cut: cannot be written: No such file or directory");
    assert_int_equal(gdn__cutfile_load("/nonexistent/cut", &cut, why, sizeof why), GDN_ERR_SYSTEM);
    assert_string_equal(why, "/nonexistent/cut: cannot be read: No such file or directory");
    gdn_cut_free(cut);
}

/* A random code point that a name may hold. */
static uint32_t random_code(uint64_t *random)
{
    static const uint32_t limits[] = {0x80, 0x800, 0x10000, 0x110000};
    for (;;) {
        *random = *random * UINT64_C(6364136223846793005) + 1442695040888963407;
        uint32_t code = (uint32_t)(*random >> 33) % limits[*random >> 62];
        bool control = code < 0x20 || (code >= 0x7f && code <= 0x9f);
        if (!control && (code < 0xd800 || code > 0xdfff)) return code;
    }
}

static void make_name(uint64_t *random, char name[GDN_NAME_MAX + 1])
{
    struct gdn__textbuf text = {0};
    size_t length = 1 + (*random >> 40) % (GDN_NAME_MAX - 3);
    while (text.length < length) gdn__textbuf_add_code(&text, random_code(random));
    assert_false(text.failed);
    assert_in_range(text.length, 1, GDN_NAME_MAX);
    strcpy(name, text.text);
    gdn__textbuf_fini(&text);
}

/* Whatever the application calls its own, a document holds it as it is. */
static void any_name_and_label_comes_back_as_it_was(void **state)
{
    uint64_t random = 5;
    (void)state;
    for (int i = 0; i < 500; i++) {
        char names[4][GDN_NAME_MAX + 1];
        uint32_t node;
        for (int k = 0; k < 4; k++) make_name(&random, names[k]);
        gdn_cut *cut = gdn_cut_new(NULL), *loaded;
        assert_int_equal(gdn_cut_add_node(cut, gdn_cut_party(cut, names[0], 1), &node), GDN_OK);
        assert_int_equal(gdn_cut_process(cut, gdn_process_named("P"), names[1]), 0);
        assert_int_equal(gdn_cut_resource(cut, gdn_resource_named("R"), names[2]), 0);
        struct gdn_cut_home home = {.resource = 0};
        assert_int_equal(gdn_cut_add_home(cut, node, &home), GDN_OK);
        assert_int_equal(gdn_cut_add_missing(cut, names[3]), GDN_OK);
        char *text = saved_cut(cut);
        enum gdn_err err = gdn__cutfile_parse("f", text, strlen(text), &loaded, why, sizeof why);
        if (err != GDN_OK) fail_msg("%s", why);
        assert_string_equal(loaded->parties[0].name, names[0]);
        assert_string_equal(loaded->processes[0].label, names[1]);
        assert_string_equal(loaded->resources[0].label, names[2]);
        assert_string_equal(loaded->missing[0], names[3]);
        gdn_cut_free(loaded);
        gdn_cut_free(cut);
        free(text);
    }
}

/* What a document could not hold is not read from bytes either. */
static void a_label_that_is_no_utf8_is_refused(void **state)
{
    uint8_t *bytes;
    size_t length;
    (void)state;
    gdn_cut *cut = gdn_cut_new(NULL), *loaded;
    assert_non_null(cut);
    assert_int_equal(gdn_cut_process(cut, gdn_process_named("x"), "caf\xe9"), 0);
    assert_int_equal(gdn_cut_encode(cut, &bytes, &length), GDN_OK);
    assert_int_equal(gdn__cutfile_parse("f", bytes, length, &loaded, why, sizeof why),
                     GDN_ERR_FORMAT);
    gdn_cut_free(cut);
    free(bytes);
}

/* ---- Instants ---- */

static void instants_are_read_and_written(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t us;
        const char *back;
    } cases[] = {
        {"1970-01-01T00:00:00Z", 0, "1970-01-01T00:00:00Z"},
        {"2000-02-29T12:00:00.5Z", INT64_C(951825600500000), "2000-02-29T12:00:00.500000Z"},
        {"2026-11-22T10:00:00+02:00", INT64_C(1795334400000000), "2026-11-22T08:00:00Z"},
        {"2100-03-01T00:00:00.0000019Z", INT64_C(4107542400000001), "2100-03-01T00:00:00.000001Z"},
        {"9999-12-31T23:59:59.999999Z", INT64_C(253402300799999999), "9999-12-31T23:59:59.999999Z"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        int64_t us;
        char back[GDN__WHEN_BYTES];
        assert_true(gdn__when_parse(cases[i].text, &us));
        assert_true(us == cases[i].us);
        assert_string_equal(gdn__when_format(us, back), cases[i].back);
    }
    static const char *const bad[] = {"2026-02-29T00:00:00Z",     "2026-13-01T00:00:00Z",
                                      "2026-11-22T24:00:00Z",     "2026-11-22T10:00:00",
                                      "1969-12-31T23:59:59Z",     "2026-11-22T10:00:00.Z",
                                      "2026-11-22T10:00:00Zx",    "",
                                      "1970-01-01T00:00:00+01:00"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        int64_t us;
        assert_false(gdn__when_parse(bad[i], &us));
    }
}

/* Days without gaps or doubles, over four centuries. */
static void every_day_comes_back(void **state)
{
    (void)state;
    for (int64_t day = 0; day < 146097; day++) {
        char text[GDN__WHEN_BYTES];
        int64_t us = day * INT64_C(86400000000) + day, back;
        assert_true(gdn__when_parse(gdn__when_format(us, text), &back));
        assert_true(back == us);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_cut_is_read),
        cmocka_unit_test(the_round_is_read),
        cmocka_unit_test(processes_are_described),
        cmocka_unit_test(hex_names_are_ids),
        cmocka_unit_test(waits_left_out_differ_from_no_waits),
        cmocka_unit_test(extra_keys_are_ignored_anywhere),
        cmocka_unit_test(a_node_is_one_party),
        cmocka_unit_test(named_nodes_without_a_report_are_missing),
        cmocka_unit_test(modes_are_flags_or_names),
        cmocka_unit_test(needs_stand_in_prefix_order),
        cmocka_unit_test(waited_times_keep_their_microseconds),
        cmocka_unit_test(nothing_is_lost_through_json),
        cmocka_unit_test(a_file_beyond_the_bound_is_refused),
        cmocka_unit_test(a_document_beyond_the_bound_is_refused_unread),
        cmocka_unit_test(both_forms_load_from_a_file),
        cmocka_unit_test(a_saved_cut_gives_the_same_verdict),
        cmocka_unit_test(damaged_binary_cuts_are_refused),
        cmocka_unit_test(a_failed_save_is_said_and_changes_nothing),
        cmocka_unit_test(any_name_and_label_comes_back_as_it_was),
        cmocka_unit_test(a_label_that_is_no_utf8_is_refused),
        cmocka_unit_test(instants_are_read_and_written),
        cmocka_unit_test(every_day_comes_back),
    };
    return !!cmocka_run_group_tests(tests, NULL, NULL);
}
