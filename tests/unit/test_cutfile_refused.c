/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is refused of a document, and the line that says so: file, place, what is wrong. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cutfile_fixture.h"

#include "detector/render/textbuf.h"
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void refuse(const char *text, enum gdn_err expected, const char *line)
{
    gdn_cut *cut;
    assert_int_equal(parse_cut(text, &cut), expected);
    assert_string_equal(why, line);
}

/* Refused, and the line is "f.json: PLACE: REASON". */
static void refuse_place(const char *text, const char *line)
{
    refuse(text, GDN_ERR_FORMAT, line);
}

static void syntax_errors_name_line_and_column(void **state)
{
    (void)state;
    refuse_place("{'format':\n  nonsense}", "f.json: 2:10: invalid token near 'nonsense'");
    refuse_place("{'format': 1, 'format': 2}",
                 "f.json: 1:22: duplicate object key near '\"format\"'");
    refuse_place("", "f.json: 1:0: '[' or '{' expected near end of file");
    refuse_place(NODES "]", "f.json: 1:39: '}' expected near end of file");
}

static void the_format_must_be_ours(void **state)
{
    (void)state;
    refuse_place("[]", "f.json: top level: an object is expected here");
    refuse_place("{'nodes': []}",
                 "f.json: top level: the key 'format' is missing: expected \"gordian-cut/1\"");
    refuse_place("{'format': 'gordian-cut/2', 'nodes': []}",
                 "f.json: format: only \"gordian-cut/1\" can be read");
    refuse_place("{'format': 'gordian-cut/1'}", "f.json: top level: the key 'nodes' is missing");
}

static void unknown_keys_are_named_with_their_place(void **state)
{
    (void)state;
    refuse_place(HEAD "'nodez': [], 'nodes': []}", "f.json: top level: unknown key 'nodez'");
    refuse_place(NODE "'waits': [{'process': 'T', 'tikket': '1', 'needs': 'Q'}]}]}",
                 "f.json: nodes[0].waits[0]: unknown key 'tikket'");
    refuse_place(NODE "'waits': [{'process': 'T', 'needs': {'any': [{'process': 'Q', "
                      "'when': 1}]}}]}]}",
                 "f.json: nodes[0].waits[0].needs.any[0]: unknown key 'when'");
}

static void repeats_are_refused(void **state)
{
    (void)state;
    refuse_place(NODES "{'node': 'n1'}, {'node': 'n1'}]}",
                 "f.json: nodes[1].node: the node stands in 'nodes' twice");
    refuse_place(NODE "'waits': [{'process': 'T', 'ticket': 4, 'needs': 'Q'}, {'process': 'U', "
                      "'ticket': '4', 'needs': 'Q'}]}]}",
                 "f.json: nodes[0].waits[1].ticket: the ticket stands in this list twice "
                 "(first in [0])");
    refuse_place(NODE "'resources': [{'resource': 'r', 'queue': [{'process': 'T', 'ticket': 4}, "
                      "{'process': 'U'}, {'process': 'T', 'ticket': 4}]}]}]}",
                 "f.json: nodes[0].resources[0].queue[2].ticket: the ticket stands in this list "
                 "twice (first in [0])");
    refuse_place(NODE "'resources': [{'resource': 'r'}, {'resource': 'r'}]}]}",
                 "f.json: nodes[0].resources[1].resource: the resource stands in this node twice "
                 "(first in [0])");
    refuse_place(NODE "'channels': [{'to': 'n2'}, {'from': 'n2'}, {'to': 'n2'}]}]}",
                 "f.json: nodes[0].channels[2]: the channel stands in this node twice "
                 "(first in [0])");
    refuse_place(HEAD "'processes': [{'process': 'T'}, {'process': 'T'}], 'nodes': []}",
                 "f.json: processes[1].process: the process is described twice");
}

/* Tickets of different issuers are different tickets. */
static void the_same_number_of_two_issuers_is_no_repeat(void **state)
{
    (void)state;
    gdn_cut *cut = load_cut(NODE "'resources': [{'resource': 'r', 'queue': ["
                                 "{'process': 'T', 'ticket': 4}, "
                                 "{'process': 'U', 'ticket': 4, 'issuer': 'n2'}]}]}]}");
    gdn_cut_free(cut);
}

static void groups_are_checked(void **state)
{
    (void)state;
    refuse_place(NODE "'waits': [{'process': 'T', 'needs': {'any': []}}]}]}",
                 "f.json: nodes[0].waits[0].needs.any: a group of needs is empty");
    refuse_place(NODE "'waits': [{'process': 'T', 'needs': {'at_least': 0, 'of': ['Q']}}]}]}",
                 "f.json: nodes[0].waits[0].needs.at_least: a whole number from 1 to 1 is "
                 "expected");
    refuse_place(NODE "'waits': [{'process': 'T', 'needs': {'at_least': 3, 'of': ['Q', 'R']}}]}]}",
                 "f.json: nodes[0].waits[0].needs.at_least: a whole number from 1 to 2 is "
                 "expected");
    refuse_place(NODE "'waits': [{'process': 'T', 'needs': {'of': ['Q', 'R']}}]}]}",
                 "f.json: nodes[0].waits[0].needs: the key 'at_least' is missing");
    refuse_place(NODE "'waits': [{'process': 'T', 'needs': 7}]}]}",
                 "f.json: nodes[0].waits[0].needs: a process, a resource, 'all', 'any' or "
                 "'at_least' is expected here");
    refuse_place(NODE "'waits': [{'process': 'T'}]}]}",
                 "f.json: nodes[0].waits[0]: a wait has either 'resource' or 'needs'");
}

/* @p depth groups around one process. */
static char *nested_needs(unsigned depth)
{
    struct gdn__textbuf text = {0};
    gdn__textbuf_add(&text, NODE "'waits': [{'process': 'T', 'needs': ");
    for (unsigned i = 0; i < depth; i++) gdn__textbuf_add(&text, "{'any': [");
    gdn__textbuf_add(&text, "'Q'");
    for (unsigned i = 0; i < depth; i++) gdn__textbuf_add(&text, "]}");
    gdn__textbuf_add(&text, "}]}]}");
    return text.text;
}

/* With the outermost "all" there are 32 levels, and what can be read can be saved and read. */
static void nesting_has_a_maximum(void **state)
{
    (void)state;
    char *text = nested_needs(31);
    gdn_cut *cut = load_cut(text);
    free(text);
    text = saved_cut(cut);
    gdn_cut_free(cut);
    assert_int_equal(gdn__cutfile_parse("f", text, strlen(text), &cut, why, sizeof why), GDN_OK);
    gdn_cut_free(cut);
    free(text);
    text = nested_needs(32);
    assert_int_equal(parse_cut(text, &cut), GDN_ERR_FORMAT);
    assert_non_null(strstr(why, "needs are nested deeper than 32"));
    free(text);
}

static void numbers_out_of_range_are_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "0", "-1", "1.5", "'18446744073709551616'", "'+1'", "'1 '", "''", "null", "true", "'0x1'"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        char text[256];
        (void)snprintf(text, sizeof text,
                       NODE "'waits': [{'process': 'T', 'needs': 'Q', 'ticket': %s}]}]}", bad[i]);
        refuse_place(text, "f.json: nodes[0].waits[0].ticket: a whole number from 1 to "
                           "18446744073709551615 is expected");
    }
    refuse_place(HEAD "'processes': [{'process': 'T', 'priority': 2147483648}], 'nodes': []}",
                 "f.json: processes[0].priority: a whole number of 32 bits is expected");
    refuse_place(NODE "'waits': [{'process': 'T', 'needs': 'Q', 'waited_ms': -1}]}]}",
                 "f.json: nodes[0].waits[0].waited_ms: a number of milliseconds, 0 to 1e14, is "
                 "expected");
    refuse_place(HEAD "'round': {'started': 'yesterday'}, 'nodes': []}",
                 "f.json: round.started: an instant such as \"2026-11-22T10:00:00.000000Z\" is "
                 "expected");
}

static void names_are_checked(void **state)
{
    (void)state;
    char text[512], long_name[GDN_NAME_MAX + 2];
    refuse_place(NODES "{'node': ''}]}", "f.json: nodes[0].node: the name is empty");
    refuse_place(NODES "{'node': 'a\\u0007b'}]}",
                 "f.json: nodes[0].node: the name holds a control character");
    refuse_place(NODES "{'node': 5}]}",
                 "f.json: nodes[0].node: a name (a string) is expected here");
    refuse_place(NODES "{}]}", "f.json: nodes[0]: the key 'node' is missing");
    refuse_place(NODE "'resources': [{'resource': 'r', 'holders': [{}]}]}]}",
                 "f.json: nodes[0].resources[0].holders[0]: the key 'process' is missing");
    memset(long_name, 'a', sizeof long_name - 1);
    long_name[sizeof long_name - 1] = '\0';
    (void)snprintf(text, sizeof text, NODES "{'node': '%s'}]}", long_name);
    refuse_place(text, "f.json: nodes[0].node: the name is longer than 255 bytes");
    long_name[GDN_NAME_MAX] = '\0';
    (void)snprintf(text, sizeof text, NODES "{'node': '%s'}]}", long_name);
    gdn_cut_free(load_cut(text));
}

/* A NUL would cut the name short without anybody noticing. */
static void a_nul_in_a_name_is_refused(void **state)
{
    (void)state;
    gdn_cut *cut;
    assert_int_equal(parse_cut(NODES "{'node': 'a\\u0000b'}]}", &cut), GDN_ERR_FORMAT);
    assert_non_null(strstr(why, "\\u0000"));
}

static void modes_are_checked(void **state)
{
    (void)state;
    refuse_place(HEAD "'modes': {'names': ['a', 'a'], 'conflicts': [[], []]}, 'nodes': []}",
                 "f.json: modes.names[1]: the mode is named twice");
    refuse_place(HEAD "'modes': {'names': ['a', 'b'], 'conflicts': [[]]}, 'nodes': []}",
                 "f.json: modes.conflicts: 2 rows are expected, one for each mode");
    refuse_place(HEAD "'modes': {'names': ['a', 'b'], 'conflicts': [[1], []]}, 'nodes': []}",
                 "f.json: modes.conflicts[0]: 2 flags are expected, one for each mode");
    refuse_place(HEAD "'modes': {'names': ['a', 'b'], 'conflicts': [[1, 'b'], []]}, 'nodes': []}",
                 "f.json: modes.conflicts[0][1]: flags and names of modes are mixed in one row");
    refuse_place(HEAD "'modes': {'names': ['a'], 'conflicts': [['c']]}, 'nodes': []}",
                 "f.json: modes.conflicts[0][0]: no mode is named 'c'");
    refuse_place(NODE "'resources': [{'resource': 'r', 'holders': [{'process': 'T', "
                      "'mode': 'update'}]}]}]}",
                 "f.json: nodes[0].resources[0].holders[0].mode: no mode is named 'update'");
}

static void disagreeing_incarnations_are_refused(void **state)
{
    (void)state;
    refuse_place(NODES "{'node': 'n1', 'incarnation': '7'}, {'node': 'n2', 'channels': "
                       "[{'from': 'n1', 'incarnation': '8'}]}]}",
                 "f.json: nodes[1].channels[0].incarnation: node 'n1' is in incarnation 8 here, "
                 "but 7 elsewhere in this cut");
}

static void channels_are_checked(void **state)
{
    (void)state;
    refuse_place(NODE "'channels': [{'taken': 1}]}]}",
                 "f.json: nodes[0].channels[0]: a channel has either 'from' or 'to'");
    refuse_place(NODE "'channels': [{'from': 'a', 'to': 'b'}]}]}",
                 "f.json: nodes[0].channels[0]: a channel has either 'from' or 'to'");
    refuse_place(NODE "'channels': [{'to': 'b', 'messages': []}]}]}",
                 "f.json: nodes[0].channels[0].messages: a channel 'to' another node has no such "
                 "key");
    refuse_place(NODE "'channels': [{'from': 'b', 'messages': [{'verb': 'grand', "
                      "'process': 'T'}]}]}]}",
                 "f.json: nodes[0].channels[0].messages[0].verb: one of \"request\", \"grant\", "
                 "\"release\", \"cancel\", \"end\", \"wake\" is expected");
    refuse_place(HEAD "'missing': ['n1'], 'nodes': [{'node': 'n1'}]}",
                 "f.json: missing[0]: the node is missing, but nodes[0] is its report");
}

static void unbalanced_channels_are_refused(void **state)
{
    (void)state;
    refuse(NODES "{'node': 'n1', 'channels': [{'to': 'n2', 'sent': 4}]}, "
                 "{'node': 'n2', 'channels': [{'from': 'n1', 'taken': 2, 'untagged': 1}]}]}",
           GDN_ERR_UNBALANCED,
           "f.json: channel n1 -> n2 does not balance: sent 4, but taken 2 + untagged 1 + "
           "recorded 0");
}

static void units_are_checked(void **state)
{
    (void)state;
    refuse_place(NODE "'resources': [{'resource': 'p', 'capacity': 0}]}]}",
                 "f.json: nodes[0].resources[0].capacity: a whole number from 1 to 4294967295 is "
                 "expected");
    refuse_place(NODE "'resources': [{'resource': 'p', 'capacity': 3, 'holders': "
                      "[{'process': 'T', 'units': 4}]}]}]}",
                 "f.json: nodes[0].resources[0].holders[0].units: more than the capacity, which is "
                 "3");
    refuse_place(NODE
                 "'resources': [{'resource': 'p', 'queue': [{'process': 'T', 'units': 1}]}]}]}",
                 "f.json: nodes[0].resources[0].queue[0].units: only a resource with 'capacity' "
                 "has units");
    refuse_place(NODE "'waits': [{'process': 'T', 'needs': {'resource': 'p', 'units': 0}}]}]}",
                 "f.json: nodes[0].waits[0].needs.units: a whole number from 1 to 4294967295 is "
                 "expected");
}

/* What is refused may have been made to fool the terminal that shows the refusal. */
static void refusals_are_safe_to_show(void **state)
{
    (void)state;
    refuse_place(HEAD "'\\u001b[2J\\u202e': 1, 'nodes': []}",
                 "f.json: top level: unknown key '\\u{1b}[2J\\u{202e}'");
    gdn_cut *cut;
    assert_int_equal(gdn__cutfile_parse("a\nb", "x", 1, &cut, why, sizeof why), GDN_ERR_FORMAT);
    assert_null(strchr(why, '\n'));
}

/* A key of any length gives a line of bounded length. */
static void long_keys_are_cut_short(void **state)
{
    (void)state;
    struct gdn__textbuf text = {0};
    gdn__textbuf_add(&text, HEAD "'");
    for (unsigned i = 0; i < 4000; i++) gdn__textbuf_add(&text, "\xc3\xa9");
    gdn__textbuf_add(&text, "': 1, 'nodes': []}");
    gdn_cut *cut;
    assert_int_equal(parse_cut(text.text, &cut), GDN_ERR_FORMAT);
    assert_true(strlen(why) < 120);
    assert_true(gdn__text_is_utf8(why));
    gdn__textbuf_fini(&text);
}

/* Every prefix of a document is refused, never read as something smaller. */
static void truncated_documents_are_refused(void **state)
{
    (void)state;
    const char *whole = NODE "'waits': [{'process': 'T', 'needs': {'any': ['Q']}}]}]}";
    char *document = double_quoted(whole);
    for (size_t length = 0; length < strlen(document); length++) {
        gdn_cut *cut;
        assert_int_equal(gdn__cutfile_parse("f", document, length, &cut, why, sizeof why),
                         GDN_ERR_FORMAT);
        assert_memory_equal(why, "f: ", 3);
    }
    free(document);
}

/* ---- Anything in place of anything ---- */

/* Values of every type, small, large and hostile. */
static const char *const intruders[] = {"null", "true",   "-1",          "0",  "1e99",
                                        "\"\"", "\"T1\"", "[]",          "{}", "[[]]",
                                        "[{}]", "[1]",    "{\"all\":[]}"};

/* Reads a document that somebody tampered with: it is refused in one line, or it can be saved and
 * read again. */
static void try_document(const json_t *document)
{
    char *text = json_dumps(document, JSON_COMPACT);
    gdn_cut *cut, *again;
    assert_non_null(text);
    memset(why, 0, sizeof why);
    if (gdn__cutfile_parse("f", text, strlen(text), &cut, why, sizeof why) == GDN_OK) {
        char *copy = saved_cut(cut);
        enum gdn_err err = gdn__cutfile_parse("copy", copy, strlen(copy), &again, why, sizeof why);
        if (err != GDN_OK) fail_msg("%s\n%s\n%s", why, text, copy);
        gdn_cut_free(again);
        gdn_cut_free(cut);
        free(copy);
    } else {
        assert_memory_equal(why, "f: ", 3);
        assert_null(strchr(why, '\n'));
    }
    free(text);
}

/* Tries every intruder in the place of one member of @p parent, whose old value comes back. */
static void try_member(const json_t *root, json_t *parent, const char *key, size_t index)
{
    json_t *old =
        json_incref(key != NULL ? json_object_get(parent, key) : json_array_get(parent, index));
    for (size_t i = 0; i <= sizeof intruders / sizeof intruders[0]; i++) {
        bool last = i == sizeof intruders / sizeof intruders[0];
        json_t *value = last ? json_incref(old) : json_loads(intruders[i], JSON_DECODE_ANY, NULL);
        assert_non_null(value);
        assert_int_equal(key != NULL ? json_object_set_new(parent, key, value)
                                     : json_array_set_new(parent, index, value),
                         0);
        if (!last) try_document(root);
    }
    json_decref(old);
}

/* All values below @p parent, deepest last. The document is ours, so its depth is known. */
static void try_everywhere(const json_t *root, json_t *parent)
{
    const char *key;
    json_t *member;
    void *next;
    size_t index;
    json_object_foreach_safe(parent, next, key, member)
    {
        char *copy = strdup(key);
        try_member(root, parent, copy, 0);
        free(copy);
        try_everywhere(root, member);
    }
    json_array_foreach(parent, index, member)
    {
        try_member(root, parent, NULL, index);
        try_everywhere(root, member);
    }
}

/* Every value of a rich document is replaced by every kind of value in turn: no crash, no leak, no
 * silence. */
static void any_value_in_any_place_is_read_or_refused(void **state)
{
    (void)state;
    char *text = double_quoted(everything);
    json_t *root = json_loads(text, 0, NULL);
    assert_non_null(root);
    try_everywhere(root, root);
    json_decref(root);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(syntax_errors_name_line_and_column),
        cmocka_unit_test(the_format_must_be_ours),
        cmocka_unit_test(unknown_keys_are_named_with_their_place),
        cmocka_unit_test(repeats_are_refused),
        cmocka_unit_test(the_same_number_of_two_issuers_is_no_repeat),
        cmocka_unit_test(groups_are_checked),
        cmocka_unit_test(nesting_has_a_maximum),
        cmocka_unit_test(numbers_out_of_range_are_refused),
        cmocka_unit_test(names_are_checked),
        cmocka_unit_test(a_nul_in_a_name_is_refused),
        cmocka_unit_test(modes_are_checked),
        cmocka_unit_test(disagreeing_incarnations_are_refused),
        cmocka_unit_test(channels_are_checked),
        cmocka_unit_test(unbalanced_channels_are_refused),
        cmocka_unit_test(units_are_checked),
        cmocka_unit_test(refusals_are_safe_to_show),
        cmocka_unit_test(long_keys_are_cut_short),
        cmocka_unit_test(truncated_documents_are_refused),
        cmocka_unit_test(any_value_in_any_place_is_read_or_refused),
    };
    return !!cmocka_run_group_tests(tests, NULL, NULL);
}
