/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cutfile_fixture.h"

#include "detector/cutfile/jsonsave.h"
#include <stdlib.h>
#include <string.h>

char why[GDN__CUTFILE_WHY_BYTES];

const char everything[] =
    "{'format': 'gordian-cut/1', 'round': {'initiator': 'd', 'incarnation': '3', 'number': '9', "
    "'scope': 'full', 'started': '2026-11-22T10:00:00.123456Z'}, 'missing': ['n3', 'n0'], "
    "'modes': {'names': ['r', 'w'], 'conflicts': [['w'], ['r', 'w']]}, "
    "'processes': [{'process': 'T1', 'label': 'a \\\"b\\\" \\\\ c', "
    "'started': '2026-11-22T09:59:58Z', 'work': '18446744073709551615', 'priority': -2147483648, "
    "'abortable': false}, {'process': '000102030405060708090a0b0c0d0e0f', 'label': 'by id'}], "
    "'nodes': [{'node': 'n1', 'incarnation': '7', 'x-observed': true, "
    "'x-aborts-unanswered': true, 'x-given-up-by-others': true, 'resources': ["
    "{'resource': 'r1', 'order': 'none', 'holders': [{'process': 'T1', 'mode': 'w', "
    "'hold': 'brief', 'ticket': '18446744073709551615', 'branch_id': 4294967295}], "
    "'queue': [{'process': 'T2', 'branch_id': 2, 'mode': 'r', 'issuer': 'n2', 'ticket': '9', "
    "'waited_ms': 208.125}]}, "
    "{'resource': 'ffffffffffffffffffffffffffffffff', 'x-label': 'table 5', 'holders': "
    "[{'process': '000102030405060708090a0b0c0d0e0f', 'mode': 'r'}]}, "
    "{'resource': 'p', 'capacity': 4294967295, 'holders': [{'process': 'T6', 'units': 2}], "
    "'queue': [{'process': 'T7', 'units': 4294967295, 'ticket': '90'}, {'process': 'T8'}]}], "
    "'waits': [{'process': 'P', 'branch_id': 3, 'ticket': '3', 'needs': {'all': ['Q', {'any': ["
    "{'process': 'R', 'branch': 'n2', 'branch_id': 7, 'queued': true, 'resource': 'r7'}, "
    "{'resource': 'r8', 'home': 'n2', 'units': 3}, {'all': ['S', 'T1']}]}, {'at_least': 2, 'of': "
    "['A', {'process': 'B', 'x-met': true}, 'C']}]}, 'waited_ms': 40}, {'process': 'T1', 'ticket': "
    "'4', 'resource': 'r9', "
    "'home': 'n2', 'mode': 'r', 'waited_ms': 1}], "
    "'channels': [{'from': 'n2', 'incarnation': '8', 'taken': '17', 'untagged': '1', 'open': true, "
    "'messages': [{'verb': 'request', 'process': 'T5', 'resource': 'r1', 'mode': 'r', "
    "'ticket': '12', 'branch_id': 4, 'units': 7, 'x-flags': 5}, {'verb': 'grant', 'process': 'T1', "
    "'resource': "
    "'r9', "
    "'mode': 'r', 'ticket': '4'}, {'verb': 'release', 'process': 'T6', 'resource': 'r1'}, "
    "{'verb': 'cancel', 'process': 'T6', 'resource': 'r1', 'ticket': '13'}, "
    "{'verb': 'end', 'process': 'T6'}, {'verb': 'wake', 'process': 'P', 'by': 'Q', "
    "'ticket': '3'}]}, {'to': 'n2', 'incarnation': '8', 'sent': '4'}]}, "
    "{'node': 'n2', 'incarnation': '8'}]}";

char *double_quoted(const char *text)
{
    char *copy = strdup(text);
    assert_non_null(copy);
    for (char *at = copy; *at != '\0'; at++) {
        if (*at == '\'') *at = '"';
    }
    return copy;
}

enum gdn_err parse_cut(const char *text, gdn_cut **cut)
{
    char *document = double_quoted(text);
    memset(why, 0, sizeof why);
    enum gdn_err err =
        gdn__cutfile_parse("f.json", document, strlen(document), cut, why, sizeof why);
    free(document);
    return err;
}

gdn_cut *load_cut(const char *text)
{
    gdn_cut *cut;
    if (parse_cut(text, &cut) != GDN_OK) fail_msg("%s", why);
    return cut;
}

const struct gdn_cut_node *node_named(const gdn_cut *cut, const char *name)
{
    for (size_t i = 0; i < cut->node_count; i++) {
        if (strcmp(cut->parties[cut->nodes[i].party].name, name) == 0) return &cut->nodes[i];
    }
    fail_msg("no node %s", name);
    return NULL;
}

char *saved_cut(const gdn_cut *cut)
{
    struct gdn__textbuf text = {0};
    assert_int_equal(gdn__json_save(cut, &text), GDN_OK);
    return text.text;
}
