/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Tickets that a hand-written cut leaves out: which listings are one wait. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cutfile_fixture.h"

/* A wait listed by its requester and at home is one wait. */
static void both_listings_of_a_wait_get_one_number(void **state)
{
    (void)state;
    gdn_cut *cut = load_cut(
        NODES "{'node': 'n1', 'resources': [{'resource': 'a', 'holders': [{'process': 'T1'}], "
              "'queue': [{'process': 'T2', 'issuer': 'n2'}]}], "
              "'waits': [{'process': 'T1', 'resource': 'b', 'home': 'n2'}]}, "
              "{'node': 'n2', 'resources': [{'resource': 'b', 'holders': [{'process': 'T2'}], "
              "'queue': [{'process': 'T1', 'issuer': 'n1'}]}], "
              "'waits': [{'process': 'T2', 'resource': 'a', 'home': 'n1'}]}]}");
    const struct gdn_cut_node *n1 = node_named(cut, "n1"), *n2 = node_named(cut, "n2");
    assert_true(n1->waits[0].ticket != 0);
    assert_true(n1->waits[0].ticket == n2->queue[0].ticket);
    assert_true(n2->waits[0].ticket == n1->queue[0].ticket);
    assert_true(n1->holders[0].ticket != n1->waits[0].ticket);
    gdn_cut_free(cut);
}

/* One of the two listings has a number: the other takes it over. */
static void a_number_on_one_side_holds_for_the_other(void **state)
{
    (void)state;
    gdn_cut *cut = load_cut(NODES "{'node': 'n1', 'waits': ["
                                  "{'process': 'T', 'resource': 'a', 'home': 'n2', 'ticket': 41}, "
                                  "{'process': 'T', 'resource': 'b', 'home': 'n2'}]}, "
                                  "{'node': 'n2', 'resources': ["
                                  "{'resource': 'a', 'queue': [{'process': 'T', 'issuer': 'n1'}]}, "
                                  "{'resource': 'b', 'queue': [{'process': 'T', 'issuer': 'n1', "
                                  "'ticket': '17'}]}]}]}");
    const struct gdn_cut_node *n1 = node_named(cut, "n1"), *n2 = node_named(cut, "n2");
    assert_int_equal(n2->queue[0].ticket, 41);
    assert_int_equal(n1->waits[1].ticket, 17);
    gdn_cut_free(cut);
}

/* A conversion: the hold of the same process and resource is another ticket than its wait. */
static void a_hold_and_its_conversion_are_two_tickets(void **state)
{
    (void)state;
    gdn_cut *cut = load_cut(NODE "'resources': [{'resource': 'a', "
                                 "'holders': [{'process': 'T', 'mode': 'shared'}], "
                                 "'queue': [{'process': 'T'}]}], "
                                 "'waits': [{'process': 'T', 'resource': 'a'}]}]}");
    const struct gdn_cut_node *node = node_named(cut, "n1");
    assert_true(node->queue[0].ticket == node->waits[0].ticket);
    assert_true(node->holders[0].ticket != node->waits[0].ticket);
    gdn_cut_free(cut);
}

/* The grant in flight is for the wait that still stands, and the hold is what it granted. */
static void a_grant_in_flight_names_wait_and_hold(void **state)
{
    (void)state;
    gdn_cut *cut = load_cut(NODES "{'node': 'n1', 'waits': [{'process': 'T', 'resource': 'a', "
                                  "'home': 'n2'}], 'channels': [{'from': 'n2', 'messages': "
                                  "[{'verb': 'grant', 'process': 'T', 'resource': 'a'}]}]}, "
                                  "{'node': 'n2', 'resources': [{'resource': 'a', 'holders': "
                                  "[{'process': 'T', 'issuer': 'n1'}]}]}]}");
    const struct gdn_cut_node *n1 = node_named(cut, "n1"), *n2 = node_named(cut, "n2");
    assert_true(n1->waits[0].ticket != 0);
    assert_true(n1->messages[0].ticket == n1->waits[0].ticket);
    assert_true(n2->holders[0].ticket == n1->waits[0].ticket);
    gdn_cut_free(cut);
}

/* The cancelled request is the older one, in the queue; the wait that stands is the new one. */
static void a_cancel_in_flight_ends_the_older_request(void **state)
{
    (void)state;
    gdn_cut *cut = load_cut(NODES "{'node': 'n1', 'waits': [{'process': 'T', 'resource': 'a', "
                                  "'home': 'n2'}]}, {'node': 'n2', 'resources': [{'resource': 'a', "
                                  "'queue': [{'process': 'T', 'issuer': 'n1'}]}], 'channels': "
                                  "[{'from': 'n1', 'messages': ["
                                  "{'verb': 'cancel', 'process': 'T', 'resource': 'a'}, "
                                  "{'verb': 'request', 'process': 'T', 'resource': 'a'}]}]}]}");
    const struct gdn_cut_node *n1 = node_named(cut, "n1"), *n2 = node_named(cut, "n2");
    assert_true(n2->messages[0].ticket == n2->queue[0].ticket);
    assert_true(n2->messages[1].ticket == n1->waits[0].ticket);
    assert_true(n2->messages[0].ticket != n2->messages[1].ticket);
    gdn_cut_free(cut);
}

/* One ticket over two resources is listed in two queues. */
static void a_wait_for_two_resources_is_one_ticket_in_both_queues(void **state)
{
    (void)state;
    gdn_cut *cut = load_cut(NODE "'resources': ["
                                 "{'resource': 'a', 'queue': [{'process': 'T'}]}, "
                                 "{'resource': 'b', 'queue': [{'process': 'T'}]}], "
                                 "'waits': [{'process': 'T', 'needs': {'any': "
                                 "[{'resource': 'a'}, {'resource': 'b'}]}}]}]}");
    const struct gdn_cut_node *node = node_named(cut, "n1");
    assert_true(node->waits[0].ticket != 0);
    assert_true(node->queue[0].ticket == node->waits[0].ticket);
    assert_true(node->queue[1].ticket == node->waits[0].ticket);
    gdn_cut_free(cut);
}

/* Numbers given explicitly, anywhere, are not given again to that issuer. */
static void fresh_numbers_avoid_given_ones(void **state)
{
    (void)state;
    gdn_cut *cut = load_cut(NODES "{'node': 'n1', 'waits': ["
                                  "{'process': 'A', 'needs': 'Z'}, {'process': 'B', 'needs': 'Z', "
                                  "'ticket': '1'}, {'process': 'C', 'needs': 'Z'}]}, "
                                  "{'node': 'n2', 'channels': [{'from': 'n1', 'messages': "
                                  "[{'verb': 'release', 'process': 'Q', 'resource': 'r', "
                                  "'ticket': 2}]}]}]}");
    const struct gdn_cut_node *node = node_named(cut, "n1");
    assert_int_equal(node->waits[0].ticket, 3);
    assert_int_equal(node->waits[1].ticket, 1);
    assert_int_equal(node->waits[2].ticket, 4);
    gdn_cut_free(cut);
}

/* "A release without one drops that process's hold": it must not get a number of its own. */
static void releases_and_wakes_may_name_no_ticket(void **state)
{
    (void)state;
    gdn_cut *cut = load_cut(NODE "'channels': [{'from': 'n2', 'messages': ["
                                 "{'verb': 'release', 'process': 'T', 'resource': 'r'}, "
                                 "{'verb': 'wake', 'process': 'T', 'by': 'Q'}, "
                                 "{'verb': 'end', 'process': 'T'}]}]}]}");
    const struct gdn_cut_node *node = node_named(cut, "n1");
    for (size_t i = 0; i < 3; i++) assert_int_equal(node->messages[i].ticket, 0);
    gdn_cut_free(cut);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_listings_of_a_wait_get_one_number),
        cmocka_unit_test(a_number_on_one_side_holds_for_the_other),
        cmocka_unit_test(a_hold_and_its_conversion_are_two_tickets),
        cmocka_unit_test(a_grant_in_flight_names_wait_and_hold),
        cmocka_unit_test(a_cancel_in_flight_ends_the_older_request),
        cmocka_unit_test(a_wait_for_two_resources_is_one_ticket_in_both_queues),
        cmocka_unit_test(fresh_numbers_avoid_given_ones),
        cmocka_unit_test(releases_and_wakes_may_name_no_ticket),
    };
    return !!cmocka_run_group_tests(tests, NULL, NULL);
}
