/* SPDX-License-Identifier: MIT */
/* Building a cut, merging reports into it, and the checks before anyone trusts it. */
#include "cut_fixture.h"

#include "src/core/merge.h"

#define WHY_BYTES 512

/* ---- Building ---- */

static void tables_hold_each_thing_once(void **state)
{
    (void)state;
    gdn_cut *cut = gdn_cut_new(NULL);
    assert_int_equal(gdn_cut_party(cut, "n1", 1), 0);
    assert_int_equal(gdn_cut_party(cut, "n1", 2), 1); /* Another incarnation is another party. */
    assert_int_equal(gdn_cut_party(cut, "n2", 1), 2);
    assert_int_equal(gdn_cut_party(cut, "n1", 1), 0);
    assert_int_equal(gdn_cut_process(cut, P("T1"), NULL), 0);
    assert_int_equal(gdn_cut_process(cut, P("T2"), "second"), 1);
    assert_int_equal(gdn_cut_process(cut, P("T1"), "first"), 0);
    assert_int_equal(gdn_cut_process(cut, P("T1"), "late"), 0);
    assert_string_equal(cut->processes[0].label, "first");
    assert_int_equal(gdn_cut_find_process(cut, P("T2")), 1);
    assert_int_equal(gdn_cut_find_process(cut, P("T3")), GDN_NONE);
    assert_true(cut->processes[0].abortable); /* Unless its node says otherwise. */
    assert_int_equal(gdn_cut_resource(cut, R("r"), NULL), 0);
    assert_int_equal(gdn_cut_find_resource(cut, R("r")), 0);
    assert_int_equal(gdn_cut_find_resource(cut, R("T1")), GDN_NONE);
    assert_int_equal(cut->party_count, 3);
    assert_int_equal(cut->process_count, 2);
    gdn_cut_free(cut);
}

static void tables_grow_without_losing_anything(void **state)
{
    (void)state;
    gdn_cut *cut = gdn_cut_new(NULL);
    for (int pass = 0; pass < 2; pass++) {
        for (uint32_t i = 0; i < 1000; i++) {
            gdn_id id = gdn_id_from_counter(gdn_node_named("n"), i);
            assert_int_equal(gdn_cut_process(cut, (gdn_process_id){id}, NULL), i);
            assert_int_equal(gdn_cut_resource(cut, (gdn_resource_id){id}, NULL), i);
            assert_int_equal(gdn_cut_party(cut, "n", i), i);
        }
    }
    gdn_cut_free(cut);
}

static void a_node_reports_once(void **state)
{
    (void)state;
    uint32_t node;
    gdn_cut *cut = report_of("n1", &node);
    assert_int_equal(gdn_cut_add_node(cut, 0, &node), GDN_ERR_MISUSE);
    assert_int_equal(cut->node_count, 1);
    assert_int_equal(cut->parties[0].node, 0);
    gdn_cut_free(cut);
}

/* Holders, entries, needs and messages go to what was added last. */
static void parts_belong_to_the_whole_that_was_added_last(void **state)
{
    (void)state;
    gdn_cut *cut = full_cut(NULL);
    const struct gdn_cut_node *node = &cut->nodes[0];
    assert_int_equal(node->home_count, 2);
    assert_int_equal(node->homes[0].holder_count, 1);
    assert_int_equal(node->homes[0].entry_count, 1);
    assert_int_equal(node->homes[1].holder_first, 1);
    assert_int_equal(node->homes[1].holder_count, 2);
    assert_int_equal(node->homes[1].entry_first, 1);
    assert_int_equal(node->homes[1].entry_count, 0);
    assert_int_equal(node->waits[0].need_count, 0);
    assert_int_equal(node->waits[1].need_count, 6);
    assert_int_equal(node->channels[1].message_first, 0);
    assert_int_equal(node->channels[1].message_count, 6);
    assert_int_equal(node->channels[2].message_first, 6);
    gdn_cut_free(cut);
}

static void missing_names_are_sorted_and_stand_once(void **state)
{
    (void)state;
    static const char *const added[] = {"m", "b", "z", "b", "m", "a", "z", "n"};
    static const char *const expected[] = {"a", "b", "m", "n", "z"};
    gdn_cut *cut = gdn_cut_new(NULL);
    for (size_t i = 0; i < sizeof added / sizeof *added; i++) {
        assert_ok(gdn_cut_add_missing(cut, added[i]));
    }
    assert_int_equal(cut->missing_count, 5);
    for (size_t i = 0; i < 5; i++) assert_string_equal(cut->missing[i], expected[i]);
    gdn_cut_free(cut);
}

static void modes_that_make_no_sense_are_refused(void **state)
{
    (void)state;
    gdn_cut *cut = gdn_cut_new(NULL);
    struct gdn_modes modes = {.count = 1, .names = {"x"}, .conflicts = {2}};
    assert_int_equal(gdn_cut_set_modes(cut, &modes), GDN_ERR_MISUSE);
    assert_false(cut->modes_given);
    gdn_cut_free(cut);
}

/* ---- Merging ---- */

static gdn_cut *merge_two(gdn_cut *first, gdn_cut *second, enum gdn_err expected, char *why)
{
    gdn_cut *cut = gdn_cut_new(NULL);
    assert_ok(gdn_cut_merge(cut, first, why, WHY_BYTES));
    assert_int_equal(gdn_cut_merge(cut, second, why, WHY_BYTES), expected);
    gdn_cut_free(first);
    gdn_cut_free(second);
    return cut;
}

/* Each node numbers what it names by itself; in the merged cut one thing has one number. */
static void merging_maps_the_numbers_of_each_report(void **state)
{
    (void)state;
    char why[WHY_BYTES];
    uint32_t node;
    gdn_cut *other = report_of("n9", &node);
    /* Fill its tables so that no number stays what it was. */
    gdn_cut_party(other, "n8", 1);
    gdn_cut_process(other, P("T3"), NULL);
    gdn_cut_process(other, P("T9"), NULL);
    gdn_cut_process(other, P("T1"), NULL);
    gdn_cut_resource(other, R("r9"), NULL);
    gdn_cut_resource(other, R("r2"), NULL);
    gdn_cut *full = full_cut(NULL);
    assert_ok(gdn_cut_set_modes(other, &full->modes));
    gdn_cut *cut = merge_two(other, full_cut(NULL), GDN_OK, why);

    const struct gdn_cut_node *was = &full->nodes[0], *is = &cut->nodes[1];
    assert_int_equal(cut->node_count, 3);
    assert_string_equal(cut->parties[is->party].name, "n1");
    assert_int_equal(cut->parties[is->party].node, 1);
    assert_true(is->waits_listed);
    assert_true(is->given_up_by_others);
    assert_true(cut->nodes[2].observed && cut->nodes[2].aborts_unanswered);
    assert_int_equal(is->holder_count, was->holder_count);
    assert_int_equal(is->homes[1].holder_count, was->homes[1].holder_count);
#define SAME_PROCESS(a, b)                                                                         \
    assert_true(gdn_id_equal(cut->processes[a].id.id, full->processes[b].id.id))
#define SAME_RESOURCE(a, b)                                                                        \
    assert_true(gdn_id_equal(cut->resources[a].id.id, full->resources[b].id.id))
#define SAME_PARTY(a, b) assert_string_equal(cut->parties[a].name, full->parties[b].name)
    for (size_t i = 0; i < was->home_count; i++) {
        SAME_RESOURCE(is->homes[i].resource, was->homes[i].resource);
    }
    for (size_t i = 0; i < was->holder_count; i++) {
        SAME_PROCESS(is->holders[i].process, was->holders[i].process);
        SAME_PARTY(is->holders[i].issuer, was->holders[i].issuer);
        assert_true(is->holders[i].ticket == was->holders[i].ticket);
    }
    SAME_PROCESS(is->queue[0].process, was->queue[0].process);
    SAME_PARTY(is->queue[0].issuer, was->queue[0].issuer);
    SAME_PROCESS(is->waits[0].process, was->waits[0].process);
    SAME_RESOURCE(is->waits[0].resource, was->waits[0].resource);
    SAME_PARTY(is->waits[0].home, was->waits[0].home);
    assert_int_equal(is->waits[1].resource, GDN_NONE); /* None stays none. */
    assert_int_equal(is->waits[1].home, GDN_NONE);
    assert_int_equal(is->waits[1].need_count, 6);
    SAME_PROCESS(is->needs[0].process, was->needs[0].process);
    assert_int_equal(is->needs[0].resource, GDN_NONE);
    SAME_PARTY(is->needs[2].branch, was->needs[2].branch);
    SAME_RESOURCE(is->needs[4].resource, was->needs[4].resource);
    SAME_PARTY(is->needs[4].home, was->needs[4].home);
    SAME_RESOURCE(is->needs[5].resource, was->needs[5].resource);
    for (size_t i = 0; i < was->channel_count; i++) {
        SAME_PARTY(is->channels[i].peer, was->channels[i].peer);
        assert_int_equal(is->channels[i].message_count, was->channels[i].message_count);
    }
    SAME_RESOURCE(is->messages[0].resource, was->messages[0].resource);
    assert_int_equal(is->messages[3].resource, GDN_NONE);
    SAME_PROCESS(is->messages[5].by, was->messages[5].by);
    assert_int_equal(is->messages[0].by, GDN_NONE);
    assert_int_equal(cut->missing_count, 2);
    gdn_cut_free(cut);
    gdn_cut_free(full);
}

/* A process is described where it began; others only name it. */
static void what_is_known_of_a_process_comes_from_whoever_knows_it(void **state)
{
    (void)state;
    char why[WHY_BYTES];
    uint32_t node;
    gdn_cut *first = report_of("n1", &node), *second = report_of("n2", &node);
    gdn_cut_process(first, P("T"), NULL);
    uint32_t process = gdn_cut_process(second, P("T"), "checkout");
    struct gdn_cut_process *described = &second->processes[process];
    described->described = true;
    described->work = 7;
    described->abortable = false;
    gdn_cut *cut = merge_two(first, second, GDN_OK, why);
    assert_int_equal(cut->process_count, 1);
    assert_string_equal(cut->processes[0].label, "checkout");
    assert_true(cut->processes[0].described);
    assert_int_equal(cut->processes[0].work, 7);
    assert_false(cut->processes[0].abortable);
    gdn_cut_free(cut);
}

static void two_reports_of_one_node_are_refused(void **state)
{
    (void)state;
    char why[WHY_BYTES];
    uint32_t node;
    gdn_cut *cut = merge_two(report_of("n1", &node), report_of("n1", &node), GDN_ERR_DISAGREE, why);
    assert_string_equal(why, "two reports of node n1");
    gdn_cut_free(cut);
}

static void nodes_with_different_modes_are_refused(void **state)
{
    (void)state;
    char why[WHY_BYTES];
    uint32_t node;
    struct gdn_modes modes = gdn_modes_default();
    gdn_cut *first = report_of("n1", &node), *second = report_of("n2", &node);
    assert_ok(gdn_cut_set_modes(second, &modes)); /* Said, but no different. */
    gdn_cut_free(merge_two(first, second, GDN_OK, why));

    modes.conflicts[1] = 3;
    first = report_of("n1", &node);
    second = report_of("n2", &node);
    assert_ok(gdn_cut_set_modes(second, &modes));
    gdn_cut_free(merge_two(first, second, GDN_ERR_DISAGREE, why));
    assert_string_equal(why, "the nodes use different lock modes");

    first = report_of("n1", &node);
    second = report_of("n2", &node);
    assert_ok(gdn_cut_set_modes(first, &modes));
    gdn_cut_free(merge_two(first, second, GDN_ERR_DISAGREE, why));
}

/* RULES 9: a node that restarted during the round is two nodes, and their states do not fit. */
static void reports_that_disagree_on_an_incarnation_are_refused(void **state)
{
    (void)state;
    char why[WHY_BYTES];
    uint32_t node;
    gdn_cut *first = report_of("n1", &node), *second = report_of("n2", &node);
    gdn_cut_party(first, "n2", 77);
    gdn_cut *cut = merge_two(first, second, GDN_OK, why);
    assert_int_equal(gdn_cut_check(cut, why, sizeof why), GDN_ERR_DISAGREE);
    assert_non_null(strstr(why, "n2"));
    assert_non_null(strstr(why, "77"));
    gdn_cut_free(cut);
}

/* ---- Balance ---- */

/* What n1 sent to n2, against what n2 took, counted and recorded. */
struct balance {
    uint64_t sent, taken, untagged;
    size_t recorded;
    bool open;
};

static enum gdn_err check_balance(struct balance balance, char *why)
{
    uint32_t node;
    gdn_cut *cut = report_of("n1", &node);
    add_channel(cut, node, "n2", false, balance.sent);
    assert_ok(gdn_cut_add_node(cut, gdn_cut_party(cut, "n2", 1), &node));
    add_channel(cut, node, "n1", true, balance.taken);
    cut->nodes[node].channels[0].untagged = balance.untagged;
    cut->nodes[node].channels[0].open = balance.open;
    struct gdn_cut_message message = {.verb = GDN_VERB_END,
                                      .process = gdn_cut_process(cut, P("T"), NULL),
                                      .resource = GDN_NONE,
                                      .by = GDN_NONE};
    for (size_t i = 0; i < balance.recorded; i++) {
        assert_ok(gdn_cut_add_message(cut, node, &message));
    }
    enum gdn_err err = gdn_cut_check(cut, why, WHY_BYTES);
    gdn_cut_free(cut);
    return err;
}

static void what_was_sent_is_taken_counted_or_recorded(void **state)
{
    (void)state;
    char why[WHY_BYTES];
    assert_ok(check_balance((struct balance){.sent = 0}, why));
    assert_ok(check_balance((struct balance){.sent = 5, .taken = 5}, why));
    assert_ok(check_balance((struct balance){6, 3, 2, 1, false}, why));
    assert_int_equal(check_balance((struct balance){7, 3, 2, 1, false}, why), GDN_ERR_UNBALANCED);
    assert_string_equal(why, "channel n1 -> n2 does not balance: sent 7, but taken 3 + untagged 2 "
                             "+ recorded 1");
    assert_int_equal(check_balance((struct balance){5, 3, 2, 1, false}, why), GDN_ERR_UNBALANCED);
    assert_int_equal(check_balance((struct balance){0, 1, 0, 0, false}, why), GDN_ERR_UNBALANCED);
}

/* Its marker had not come: more may be on the way, but not less than nothing. */
static void an_open_channel_may_lack_but_never_exceed(void **state)
{
    (void)state;
    char why[WHY_BYTES];
    assert_ok(check_balance((struct balance){7, 3, 0, 1, true}, why));
    assert_ok(check_balance((struct balance){4, 3, 0, 1, true}, why));
    assert_int_equal(check_balance((struct balance){3, 3, 0, 1, true}, why), GDN_ERR_UNBALANCED);
}

/* Two nodes that each list a channel with n3, and one with each other as the flags say. */
static enum gdn_err check_listed(bool out, uint64_t sent, bool in, uint64_t taken)
{
    char why[WHY_BYTES];
    uint32_t node;
    gdn_cut *cut = report_of("n1", &node);
    add_channel(cut, node, "n3", false, 0);
    if (out) add_channel(cut, node, "n2", false, sent);
    assert_ok(gdn_cut_add_node(cut, gdn_cut_party(cut, "n2", 1), &node));
    add_channel(cut, node, "n3", false, 0);
    if (in) add_channel(cut, node, "n1", true, taken);
    enum gdn_err err = gdn_cut_check(cut, why, sizeof why);
    if (err == GDN_ERR_UNBALANCED) assert_non_null(strstr(why, "n1 -> n2"));
    gdn_cut_free(cut);
    return err;
}

/* RULES 9. A channel that carried nothing may be known at one end only. */
static void an_absent_counter_is_zero(void **state)
{
    (void)state;
    assert_ok(check_listed(true, 0, false, 0));
    assert_ok(check_listed(false, 0, true, 0));
    assert_int_equal(check_listed(true, 1, false, 0), GDN_ERR_UNBALANCED);
    assert_int_equal(check_listed(false, 0, true, 1), GDN_ERR_UNBALANCED);
}

/* A hand-written cut may list a channel for its messages alone. */
static void a_channel_without_a_count_is_not_checked(void **state)
{
    (void)state;
    char why[WHY_BYTES];
    for (int uncounted = 0; uncounted < 2; uncounted++) {
        uint32_t node;
        gdn_cut *cut = report_of("n1", &node);
        add_channel(cut, node, "n2", false, 4);
        cut->nodes[0].channels[0].counted = uncounted != 0;
        assert_ok(gdn_cut_add_node(cut, gdn_cut_party(cut, "n2", 1), &node));
        add_channel(cut, node, "n1", true, 9);
        cut->nodes[1].channels[0].counted = uncounted != 1;
        assert_ok(gdn_cut_check(cut, why, sizeof why));
        gdn_cut_free(cut);
    }
}

static void a_node_that_lists_no_channels_is_not_checked(void **state)
{
    (void)state;
    char why[WHY_BYTES];
    uint32_t node;
    gdn_cut *cut = report_of("n1", &node);
    add_channel(cut, node, "n2", false, 4);
    add_channel(cut, node, "n2", true, 4);
    assert_ok(gdn_cut_add_node(cut, gdn_cut_party(cut, "n2", 1), &node));
    assert_ok(gdn_cut_check(cut, why, sizeof why));
    gdn_cut_free(cut);
}

/* It had none when it cut, and another sent to it before its own cut: the message is in no report.
 */
static void a_node_of_a_round_that_lists_no_channels_has_none(void **state)
{
    (void)state;
    char why[WHY_BYTES];
    for (int incoming = 0; incoming < 2; incoming++) {
        uint32_t node;
        gdn_cut *cut = report_of("n1", &node);
        add_channel(cut, node, "n2", incoming == 1, 1);
        assert_ok(gdn_cut_add_node(cut, gdn_cut_party(cut, "n2", 1), &node));
        assert_int_equal(gdn__cut_check_round(cut, why, sizeof why), GDN_ERR_UNBALANCED);
        assert_non_null(strstr(why, incoming == 1 ? "channel n2 -> n1" : "channel n1 -> n2"));
        gdn_cut_free(cut);
    }
}

/* ---- Who is missing ---- */

static void whoever_is_named_and_gave_no_report_is_missing(void **state)
{
    (void)state;
    char why[WHY_BYTES];
    uint32_t node;
    gdn_cut *cut = report_of("n1", &node);
    add_channel(cut, node, "the other end", false, 4); /* Not checked: it gave no report. */
    struct gdn_cut_home home = {.resource = gdn_cut_resource(cut, R("r"), NULL)};
    struct gdn_cut_holder holder = {.process = gdn_cut_process(cut, P("T"), NULL),
                                    .issuer = gdn_cut_party(cut, "the issuer", 1),
                                    .ticket = 1};
    struct gdn_cut_wait wait = {
        .process = 0, .resource = 0, .home = gdn_cut_party(cut, "the home", 0), .ticket = 2};
    assert_ok(gdn_cut_add_home(cut, node, &home));
    assert_ok(gdn_cut_add_holder(cut, node, &holder));
    assert_ok(gdn_cut_add_wait(cut, node, &wait));
    gdn_cut_party(cut, "n1", 0); /* Known by name alone, it is the one that reports. */
    assert_ok(gdn_cut_add_missing(cut, "never registered"));
    assert_ok(gdn_cut_check(cut, why, sizeof why));
    assert_int_equal(cut->missing_count, 4);
    assert_string_equal(cut->missing[0], "never registered");
    assert_string_equal(cut->missing[1], "the home");
    assert_string_equal(cut->missing[2], "the issuer");
    assert_string_equal(cut->missing[3], "the other end");
    gdn_cut_free(cut);
}

/* ---- Memory ---- */

static void building_may_fail_at_every_allocation(void **state)
{
    (void)state;
    for (size_t allowed = 0;; allowed++) {
        struct faulty faulty = {.allowed = allowed};
        struct gdn_allocator allocator = faulty_allocator(&faulty);
        gdn_cut *cut = full_cut(&allocator);
        gdn_cut_free(cut);
        assert_int_equal(faulty.live, 0);
        if (cut == NULL) continue;
        assert_true(allowed > 20);
        return;
    }
}

static void merging_may_fail_at_every_allocation(void **state)
{
    (void)state;
    char why[WHY_BYTES];
    uint32_t node;
    for (size_t allowed = 0;; allowed++) {
        struct faulty faulty = {.allowed = SIZE_MAX};
        struct gdn_allocator allocator = faulty_allocator(&faulty);
        gdn_cut *other = full_cut(NULL), *cut = gdn_cut_new(&allocator);
        faulty.allowed = allowed;
        enum gdn_err err = gdn_cut_merge(cut, other, why, sizeof why);
        if (err == GDN_OK) {
            gdn_cut_free(other);
            other = report_of("n7", &node);
            assert_ok(gdn_cut_set_modes(other, &cut->modes));
            err = gdn_cut_merge(cut, other, why, sizeof why);
        }
        if (err == GDN_OK) err = gdn_cut_check(cut, why, sizeof why);
        gdn_cut_free(cut);
        gdn_cut_free(other);
        assert_int_equal(faulty.live, 0);
        if (err == GDN_OK) {
            assert_true(allowed > 20);
            return;
        }
        assert_int_equal(err, GDN_ERR_MEMORY);
        assert_string_equal(why, gdn_err_text(GDN_ERR_MEMORY));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tables_hold_each_thing_once),
        cmocka_unit_test(tables_grow_without_losing_anything),
        cmocka_unit_test(a_node_reports_once),
        cmocka_unit_test(parts_belong_to_the_whole_that_was_added_last),
        cmocka_unit_test(missing_names_are_sorted_and_stand_once),
        cmocka_unit_test(modes_that_make_no_sense_are_refused),
        cmocka_unit_test(merging_maps_the_numbers_of_each_report),
        cmocka_unit_test(what_is_known_of_a_process_comes_from_whoever_knows_it),
        cmocka_unit_test(two_reports_of_one_node_are_refused),
        cmocka_unit_test(nodes_with_different_modes_are_refused),
        cmocka_unit_test(reports_that_disagree_on_an_incarnation_are_refused),
        cmocka_unit_test(what_was_sent_is_taken_counted_or_recorded),
        cmocka_unit_test(an_open_channel_may_lack_but_never_exceed),
        cmocka_unit_test(an_absent_counter_is_zero),
        cmocka_unit_test(a_channel_without_a_count_is_not_checked),
        cmocka_unit_test(a_node_that_lists_no_channels_is_not_checked),
        cmocka_unit_test(a_node_of_a_round_that_lists_no_channels_has_none),
        cmocka_unit_test(whoever_is_named_and_gave_no_report_is_missing),
        cmocka_unit_test(building_may_fail_at_every_allocation),
        cmocka_unit_test(merging_may_fail_at_every_allocation),
    };
    return !!cmocka_run_group_tests(tests, NULL, NULL);
}
