/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What every cut is held to, whoever wrote it and in which form: ids are set, and in a list nothing
 * stands twice, be it one that is compared, in order, or looked up. */
#include "cut_fixture.h"

#include "detector/cutfile/cutfile.h"
#include "src/core/contents.h"
#include "tests/support/faulty.h"
#include <stdlib.h>
#include <string.h>

#define WHY_BYTES 512

enum kind { WAITS, HOLDERS, QUEUE };

/* Node n1 lists tickets of n2, all of one kind: @p count with ascending numbers or falling ones. */
static gdn_cut *tickets_of(enum kind kind, uint64_t count, bool falling)
{
    uint32_t node;
    gdn_cut *cut = report_of("n1", &node);
    uint32_t process = gdn_cut_process(cut, P("T"), NULL);
    uint32_t issuer = gdn_cut_party(cut, "n2", 1);
    struct gdn_cut_home home = {.resource = gdn_cut_resource(cut, R("r"), NULL)};
    cut->nodes[node].waits_listed = true;
    assert_ok(gdn_cut_name_resource(cut, home.resource, "r"));
    assert_ok(gdn_cut_add_home(cut, node, &home));
    for (uint64_t i = 0; i < count; i++) {
        uint64_t ticket = falling ? count - i : i + 1;
        struct gdn_cut_holder holder = {.process = process, .issuer = issuer, .ticket = ticket};
        struct gdn_cut_entry entry = {.process = process, .issuer = issuer, .ticket = ticket};
        struct gdn_cut_wait wait = {
            .process = process, .resource = home.resource, .home = issuer, .ticket = ticket};
        if (kind == WAITS) assert_ok(gdn_cut_add_wait(cut, node, &wait));
        if (kind == HOLDERS) assert_ok(gdn_cut_add_holder(cut, node, &holder));
        if (kind == QUEUE) assert_ok(gdn_cut_add_entry(cut, node, &entry));
    }
    return cut;
}

static uint64_t *ticket_at(gdn_cut *cut, enum kind kind, size_t index)
{
    struct gdn_cut_node *node = &cut->nodes[0];
    if (kind == WAITS) return &node->waits[index].ticket;
    return kind == HOLDERS ? &node->holders[index].ticket : &node->queue[index].ticket;
}

/* As it is, and as bytes that are read again: one sentence. */
static void expect_refused(gdn_cut *cut, const char *sentence)
{
    char why[GDN__CUTFILE_WHY_BYTES] = "", line[WHY_BYTES] = "f.cut: ";
    uint8_t *bytes;
    size_t length;
    gdn_cut *read;
    assert_int_equal(gdn_cut_check(cut, why, sizeof why), GDN_ERR_FORMAT);
    assert_string_equal(why, sentence);
    assert_ok(gdn_cut_encode(cut, &bytes, &length));
    assert_int_equal(gdn__cutfile_parse("f.cut", bytes, length, &read, why, sizeof why),
                     GDN_ERR_FORMAT);
    assert_string_equal(why, strcat(line, sentence));
    free(bytes);
}

/* Every pair of places of short lists, some of long ones. */
static void repeat_everywhere(enum kind kind, uint64_t count, bool falling, const char *format)
{
    for (size_t k = 1; k < count; k = k < 10 ? k + 1 : k + 97) {
        for (size_t i = 0; i < k; i = i < 10 ? i + 1 : i + 89) {
            char sentence[WHY_BYTES];
            gdn_cut *cut = tickets_of(kind, count, falling);
            uint64_t again = *ticket_at(cut, kind, i);
            *ticket_at(cut, kind, k) = again;
            (void)snprintf(sentence, sizeof sentence, format, (unsigned long long)again);
            expect_refused(cut, sentence);
            gdn_cut_free(cut);
        }
    }
}

static void a_ticket_stands_once_in_its_list(void **state)
{
    static const uint64_t counts[] = {2, 8, 9, 400};
    (void)state;
    for (size_t c = 0; c < sizeof counts / sizeof *counts; c++) {
        for (int falling = 0; falling < 2; falling++) {
            repeat_everywhere(WAITS, counts[c], falling != 0,
                              "node n1: ticket %llu of n1 stands twice among its waits");
            repeat_everywhere(HOLDERS, counts[c], falling != 0,
                              "node n1: ticket %llu of n2 stands twice among its holders of r");
            repeat_everywhere(QUEUE, counts[c], falling != 0,
                              "node n1: ticket %llu of n2 stands twice among its entries of r");
        }
    }
}

static void different_tickets_are_fine_in_any_order(void **state)
{
    static const uint64_t counts[] = {0, 1, 8, 9, 400};
    (void)state;
    for (size_t c = 0; c < 2 * sizeof counts / sizeof *counts; c++) {
        for (int kind = WAITS; kind <= QUEUE; kind++) {
            gdn_cut *cut = tickets_of((enum kind)kind, counts[c / 2], c % 2 != 0);
            assert_ok(gdn_cut_check(cut, NULL, 0));
            gdn_cut_free(cut);
        }
    }
}

/* A number belongs to its issuer: n1's 1 and n2's 1 are two tickets; and one ticket may stand in
 * the queue and, for what was granted of it before, among the holders. */
static void the_same_number_may_be_another_ticket(void **state)
{
    (void)state;
    gdn_cut *cut = tickets_of(QUEUE, 2, false);
    struct gdn_cut_holder holder = {
        .process = 0, .issuer = cut->nodes[0].queue[0].issuer, .ticket = 1};
    *ticket_at(cut, QUEUE, 1) = 1;
    cut->nodes[0].queue[1].issuer = cut->nodes[0].party;
    assert_ok(gdn_cut_add_holder(cut, 0, &holder));
    assert_ok(gdn_cut_check(cut, NULL, 0));
    gdn_cut_free(cut);
}

static void a_resource_stands_once_in_its_node(void **state)
{
    (void)state;
    gdn_cut *cut = tickets_of(HOLDERS, 1, false);
    struct gdn_cut_home other = {.resource = gdn_cut_resource(cut, R("s"), NULL)};
    struct gdn_cut_home again = {.resource = 0};
    uint32_t second;
    assert_ok(gdn_cut_add_home(cut, 0, &other));
    assert_ok(gdn_cut_add_node(cut, gdn_cut_party(cut, "n2", 1), &second));
    assert_ok(gdn_cut_add_home(cut, second, &again)); /* That is another node. */
    assert_ok(gdn_cut_check(cut, NULL, 0));
    assert_ok(gdn_cut_add_home(cut, second, &other));
    assert_ok(gdn_cut_add_home(cut, second, &again));
    expect_refused(cut, "node n2: resource r stands there twice");
    gdn_cut_free(cut);
}

static void a_channel_stands_once_in_its_node(void **state)
{
    uint32_t node;
    (void)state;
    gdn_cut *cut = report_of("n1", &node);
    add_channel(cut, node, "n2", false, 0);
    add_channel(cut, node, "n2", true, 0);
    add_channel(cut, node, "n3", true, 0);
    assert_ok(gdn_cut_check(cut, NULL, 0));
    add_channel(cut, node, "n2", true, 0);
    expect_refused(cut, "node n1: the channel from n2 stands there twice");
    gdn_cut_free(cut);
}

/* All who forgot to set theirs would be one process, and wait for each other. */
static void an_id_that_nobody_set_is_refused(void **state)
{
    static const gdn_id none;
    uint32_t node;
    (void)state;
    gdn_cut *cut = report_of("n1", &node);
    (void)gdn_cut_process(cut, P("T"), NULL);
    uint32_t process = gdn_cut_process(cut, (gdn_process_id){none}, "worker");
    expect_refused(cut, "a process has an id of 16 zero bytes: nobody has set it");
    assert_ok(gdn_cut_name_process(cut, process, "W"));
    expect_refused(cut, "a process called W has an id of 16 zero bytes: nobody has set it");
    gdn_cut_free(cut);
    cut = report_of("n1", &node);
    (void)gdn_cut_resource(cut, (gdn_resource_id){none}, NULL);
    expect_refused(cut, "a resource has an id of 16 zero bytes: nobody has set it");
    gdn_cut_free(cut);
}

static void a_document_cannot_name_such_an_id_either(void **state)
{
    static const char text[] = "{\"format\": \"gordian-cut/1\", \"processes\": [{\"process\": "
                               "\"00000000000000000000000000000000\"}], \"nodes\": []}";
    char why[GDN__CUTFILE_WHY_BYTES];
    gdn_cut *read;
    (void)state;
    assert_int_equal(gdn__cutfile_parse("f.json", text, strlen(text), &read, why, sizeof why),
                     GDN_ERR_FORMAT);
    assert_string_equal(why, "f.json: a process has an id of 16 zero bytes: nobody has set it");
}

/* A list that is looked up, and the stamps of everything. */
static void checking_may_fail_at_every_allocation(void **state)
{
    size_t failures = 0;
    (void)state;
    gdn_cut *cut = tickets_of(QUEUE, 400, true);
    struct faulty faulty = {0};
    struct gdn_allocator usual = cut->allocator;
    cut->allocator = faulty_allocator(&faulty);
    for (;; failures++) {
        char why[WHY_BYTES];
        faulty.allowed = failures;
        enum gdn_err err = gdn__cut_check_contents(cut, why, sizeof why);
        if (err == GDN_OK) break;
        assert_int_equal(err, GDN_ERR_MEMORY);
        assert_string_equal(why, gdn_err_text(GDN_ERR_MEMORY));
    }
    assert_int_equal(failures, 2);
    assert_int_equal(faulty.live, 0);
    cut->allocator = usual;
    gdn_cut_free(cut);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_ticket_stands_once_in_its_list),
        cmocka_unit_test(different_tickets_are_fine_in_any_order),
        cmocka_unit_test(the_same_number_may_be_another_ticket),
        cmocka_unit_test(a_resource_stands_once_in_its_node),
        cmocka_unit_test(a_channel_stands_once_in_its_node),
        cmocka_unit_test(an_id_that_nobody_set_is_refused),
        cmocka_unit_test(a_document_cannot_name_such_an_id_either),
        cmocka_unit_test(checking_may_fail_at_every_allocation),
    };
    return !!cmocka_run_group_tests(tests, NULL, NULL);
}
