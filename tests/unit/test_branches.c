/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Several threads of one process at one node, each a branch with an id of its own (RULES 12): from
 * the request over home, cut, bytes and document to the verdict and its report. */
#include "capture_fixture.h"
#include "cutfile_fixture.h"

#include "detector/render/render.h"
#include "src/core/mem.h"
#include "src/core/wire.h"
#include <gordian/verdict.h>

/* ---- Documents ---- */

/* A worker of T waits for the latch l, which U holds; U waits for m, which a worker of T holds for
 * as long as it works. %s: which of them each is, and what kind of thing m is. */
static const char workers[] =
    "{'format': 'gordian-cut/1', 'nodes': [{'node': 'n1', 'incarnation': '7', 'resources': ["
    "{'resource': 'l', 'holders': [{'process': 'U'}], 'queue': ["
    "{'process': 'T', 'ticket': '1'%s}]},"
    "{'resource': 'm', %s 'holders': [{'process': 'T', 'hold': 'brief', 'ticket': '2'%s}], "
    "'queue': [{'process': 'U', 'ticket': '3'}]}]}]}";

static gdn_verdict *judge(const gdn_cut *cut)
{
    gdn_verdict *verdict;
    assert_ok(gdn_analyze(cut, GDN_POLICY_YOUNGEST, &verdict, why, sizeof why));
    return verdict;
}

static size_t deadlocks_in(const gdn_cut *cut)
{
    gdn_verdict *verdict = judge(cut);
    size_t count = verdict->deadlock_count;
    gdn_verdict_free(verdict);
    return count;
}

static gdn_cut *load_workers(const char *waits, const char *kind, const char *holds)
{
    char text[1024];
    (void)snprintf(text, sizeof text, workers, waits, kind, holds);
    return load_cut(text);
}

static size_t deadlocks_of_workers(const char *waits, const char *kind, const char *holds)
{
    gdn_cut *cut = load_workers(waits, kind, holds);
    size_t count = deadlocks_in(cut);
    gdn_cut_free(cut);
    return count;
}

/* Another worker of T holds m, and runs: it will give m to U, and U then l to the first. */
static void parallel_workers_of_one_transaction_make_no_false_loop(void **state)
{
    (void)state;
    static const char *const kinds[] = {"", "'capacity': 1,", "'order': 'none',"};
    for (size_t i = 0; i < 3; i++) {
        const char *first = ", 'branch_id': 1", *second = ", 'branch_id': 2";
        assert_int_equal(deadlocks_of_workers(first, kinds[i], second), 0);
        assert_int_equal(deadlocks_of_workers("", kinds[i], second), 0);
        assert_int_equal(deadlocks_of_workers(first, kinds[i], ""), 0);
        assert_int_equal(deadlocks_of_workers(first, kinds[i], first), 1);
        assert_int_equal(deadlocks_of_workers("", kinds[i], ""), 1); /* Its only branch. */
    }
}

static char *shown(const gdn_verdict *verdict, bool json)
{
    struct gdn__textbuf text = {0};
    struct gdn__render_options options = {.no_picture = true};
    if (json) gdn__render_json(verdict, true, &text);
    if (!json) gdn__render_text(verdict, &options, &text);
    assert_false(text.failed);
    return text.text;
}

static void report_says_which_branches(void **state)
{
    (void)state;
    gdn_cut *cut = load_workers(", 'branch_id': 3", "", ", 'branch_id': 3");
    gdn_verdict *verdict = judge(cut);
    assert_int_equal(verdict->deadlock_count, 1);
    char *text = shown(verdict, false), *json = shown(verdict, true);
    assert_non_null(strstr(text, "  T branch 3   waits for exclusive l at n1, held by U\n"));
    assert_non_null(strstr(text, "held briefly by T branch 3\n"));
    assert_non_null(strstr(json, "\"branch\":false,\"waiter_branch\":3}"));
    assert_non_null(strstr(json, "\"branch\":true,\"holder_branch\":3}"));
    free(text);
    free(json);
    gdn_verdict_free(verdict);
    gdn_cut_free(cut);
}

/* T's leader waits for T's worker, and that for a lock of U. */
static const char leader[] =
    "{'format': 'gordian-cut/1', 'nodes': [{'node': 'n1', 'incarnation': '7', 'resources': ["
    "{'resource': 'l', 'holders': [{'process': 'U'}], 'queue': ["
    "{'process': 'T', 'ticket': '1', 'branch_id': 1}]}], 'waits': ["
    "{'process': 'T', 'ticket': '1', 'branch_id': 1, 'resource': 'l', 'home': 'n1'},"
    "{'process': 'T', 'ticket': '2', 'needs': {'process': 'T', 'branch': true%s}}%s]}]}";

static size_t deadlocks_of_leader(const char *waits_for, const char *more)
{
    char text[1024];
    (void)snprintf(text, sizeof text, leader, waits_for, more);
    gdn_cut *cut = load_cut(text);
    size_t count = deadlocks_in(cut);
    gdn_cut_free(cut);
    return count;
}

static void a_leader_may_wait_for_its_worker(void **state)
{
    (void)state;
    const char *back = ", {'process': 'U', 'ticket': '3', 'needs': 'T'}";
    assert_int_equal(deadlocks_of_leader(", 'branch_id': 1", ""), 0);
    assert_int_equal(deadlocks_of_leader(", 'branch_id': 1", back), 1);
    assert_int_equal(deadlocks_of_leader("", ""), 1); /* It waits for itself. */
}

static void expect_refused(const char *text, const char *place)
{
    gdn_cut *cut = NULL;
    assert_int_equal(parse_cut(text, &cut), GDN_ERR_FORMAT);
    if (strstr(why, place) == NULL) fail_msg("%s", why);
}

static void a_branch_id_that_means_nothing_is_refused(void **state)
{
    (void)state;
    expect_refused("{'format': 'gordian-cut/1', 'nodes': [{'node': 'n1', 'waits': [{'process': "
                   "'P', 'needs': {'process': 'Q', 'branch_id': 1}}]}]}",
                   "nodes[0].waits[0].needs.branch_id");
    expect_refused("{'format': 'gordian-cut/1', 'nodes': [{'node': 'n1', 'waits': [{'process': "
                   "'P', 'needs': 'Q', 'branch_id': 0}]}]}",
                   "nodes[0].waits[0].branch_id");
    expect_refused("{'format': 'gordian-cut/1', 'nodes': [{'node': 'n1', 'channels': [{'from': "
                   "'n2', 'messages': [{'verb': 'end', 'process': 'P', 'branch_id': 1}]}]}]}",
                   "nodes[0].channels[0].messages[0].branch_id");
}

/* ---- Ledgers ---- */

/* n1, home of everything, and n2, where T works; n2 is peer 2 of n1. */
struct pair {
    gdn_ledger *home, *issuer;
};

static int make_pair(void **state)
{
    struct pair *pair = calloc(1, sizeof *pair);
    if (pair == NULL) return -1;
    *state = pair;
    pair->home = gdn_ledger_new(NULL);
    pair->issuer = gdn_ledger_new(NULL);
    return pair->home == NULL || pair->issuer == NULL ? -1 : 0;
}

static int free_pair(void **state)
{
    struct pair *pair = *state;
    gdn_ledger_free(pair->home);
    gdn_ledger_free(pair->issuer);
    free(pair);
    return 0;
}

/* As it arrives on the wire. */
static struct gdn_message carried(const struct gdn_message *sent)
{
    struct gdn_allocator memory = gdn__allocator_or_default(NULL);
    struct gdn__buffer bytes;
    struct gdn_message arrived;
    gdn__buffer_init(&bytes, &memory);
    gdn__put_lock(&bytes, sent);
    struct gdn__record record = {GDN__LOCK, bytes.bytes, bytes.length};
    assert_true(gdn__get_lock(&record, &arrived));
    gdn__buffer_fini(&bytes);
    return arrived;
}

static struct gdn_message requested(struct pair *pair, const char *resource, uint32_t branch_id,
                                    uint8_t flags)
{
    struct gdn_request request = {
        .process = P("T"), .resource = R(resource), .flags = flags, .branch_id = branch_id};
    struct gdn_message sent;
    uint64_t number;
    assert_ok(gdn_ledger_request(pair->issuer, 1, &request, 0, &number, &sent));
    return carried(&sent);
}

/* n1 is peer 1 of n2 and the other way round: one numbering for both. */
static void add_report(gdn_cut *cut, gdn_ledger *ledger, uint32_t node)
{
    gdn_capture *capture;
    assert_ok(gdn_ledger_capture(ledger, cut, node, party_of, NULL, 1000, &capture));
    gdn_capture_free(capture);
    cut->nodes[node].waits_listed = true;
}

/* Own tickets are of peer 0, whoever records. */
static gdn_cut *report_of(gdn_ledger *ledger, const char *self)
{
    gdn_cut *cut = gdn_cut_new(NULL), *named = gdn_cut_new(NULL);
    uint32_t node;
    assert_ok(gdn_cut_add_node(cut, party_of(NULL, cut, 0), &node));
    add_report(cut, ledger, node);
    free(cut->parties[0].name);
    cut->parties[0].name = strdup(self);
    cut->parties[0].id = gdn_node_named(self);
    assert_ok(gdn_cut_merge(named, cut, why, sizeof why));
    gdn_cut_free(cut);
    return named;
}

/* Both reports, as bytes and back, merged; @p in_flight (or NULL) on the channel from n2. */
static size_t deadlocks_between(struct pair *pair, const struct gdn_message *in_flight)
{
    gdn_cut *parts[] = {report_of(pair->home, "n1"), report_of(pair->issuer, "n2")};
    gdn_cut *cut = gdn_cut_new(NULL);
    for (size_t i = 0; i < 2; i++) {
        uint8_t *bytes;
        size_t length;
        gdn_cut *decoded;
        assert_ok(gdn_cut_encode(parts[i], &bytes, &length));
        assert_ok(gdn_cut_decode(NULL, bytes, length, &decoded, why, sizeof why));
        assert_ok(gdn_cut_merge(cut, decoded, why, sizeof why));
        gdn_cut_free(decoded);
        gdn_cut_free(parts[i]);
        free(bytes);
    }
    if (in_flight != NULL) {
        struct gdn_cut_channel channel = {.peer = gdn_cut_party(cut, "n2", 7), .incoming = true};
        struct gdn_cut_message message = {.verb = GDN_VERB_REQUEST,
                                          .process = gdn_cut_process(cut, P("T"), NULL),
                                          .resource =
                                              gdn_cut_resource(cut, in_flight->resource, NULL),
                                          .by = GDN_NONE,
                                          .ticket = in_flight->number,
                                          .branch_id = in_flight->branch_id,
                                          .flags = in_flight->flags};
        assert_ok(gdn_cut_add_channel(cut, 0, &channel));
        assert_ok(gdn_cut_add_message(cut, 0, &message));
    }
    if (gdn_cut_check(cut, why, sizeof why) != GDN_OK) fail_msg("%s", why);
    size_t count = deadlocks_in(cut);
    gdn_cut_free(cut);
    return count;
}

/* T's second worker holds m briefly, its first waits for l; U has l and wants m. */
static void ledgers_keep_branches_apart(void **state)
{
    struct pair *pair = *state;
    struct gdn_message hold_m = requested(pair, "m", 2, GDN_REQUEST_BRIEF), granted;
    (void)arrive(pair->home, 2, hold_m);
    assert_ok(gdn_ledger_grant(pair->home, ref(2, hold_m.number), &granted));
    (void)arrive(pair->issuer, 1, carried(&granted));
    hold(pair->home, "U", "l", X);
    (void)arrive(pair->home, 2, requested(pair, "l", 1, 0));
    ask(pair->home, 0, "U", "m", X);
    assert_int_equal(deadlocks_between(pair, NULL), 0);

    /* The worker that holds m wants l too, and its request is still on its way. */
    struct gdn_message second = requested(pair, "l", 2, 0);
    assert_int_equal(second.branch_id, 2);
    assert_int_equal(deadlocks_between(pair, &second), 1);
}

/* T's leader and U wait for T's worker, which then waits for U. */
static void direct_waits_name_branches(void **state)
{
    struct pair *pair = *state;
    struct gdn_need worker = gdn_need_branch(P("T"), 1), other = gdn_need_process(P("U"));
    const struct gdn_wait of_leader = {.process = P("T"), .needs = &worker, .count = 1};
    const struct gdn_wait of_other = {.process = P("U"), .needs = &worker, .count = 1};
    const struct gdn_wait of_worker = {
        .process = P("T"), .needs = &other, .count = 1, .branch_id = 1};
    uint64_t number;
    assert_ok(gdn_ledger_wait_on(pair->home, &of_leader, 0, &number));
    assert_ok(gdn_ledger_wait_on(pair->home, &of_other, 0, &number));
    assert_int_equal(deadlocks_between(pair, NULL), 0);
    assert_ok(gdn_ledger_wait_on(pair->home, &of_worker, 0, &number));
    assert_int_equal(deadlocks_between(pair, NULL), 1);
}

static void a_need_says_a_branch_id_only_with_a_branch(void **state)
{
    struct pair *pair = *state;
    struct gdn_need need = gdn_need_process(P("T"));
    struct gdn_wait wait = {.process = P("U"), .needs = &need, .count = 1};
    uint64_t number;
    need.branch_id = 1;
    assert_int_equal(gdn_ledger_wait_on(pair->home, &wait, 0, &number), GDN_ERR_MISUSE);
    need.branch_at = "n2";
    assert_ok(gdn_ledger_wait_on(pair->home, &wait, 0, &number));
    struct gdn_need group[] = {gdn_need_all(1), gdn_need_process(P("T"))};
    group[0].branch_id = 1;
    wait.needs = group;
    wait.count = 2;
    assert_int_equal(gdn_ledger_wait_on(pair->home, &wait, 0, &number), GDN_ERR_MISUSE);
}

/* The number was the lost node's; this one may call a thread of its own so. */
static void an_orphan_is_of_no_numbered_branch(void **state)
{
    struct pair *pair = *state;
    struct gdn_message hold_m = requested(pair, "m", 2, GDN_REQUEST_BRIEF), granted;
    (void)arrive(pair->home, 2, hold_m);
    assert_ok(gdn_ledger_grant(pair->home, ref(2, hold_m.number), &granted));
    ask(pair->home, 0, "U", "m", X);
    assert_ok(gdn_ledger_peer_lost(pair->home, 2, N("n2"), 0));
    gdn_cut *cut = report_of(pair->home, "n1");
    assert_int_equal(cut->nodes[0].holder_count, 1);
    assert_int_equal(cut->nodes[0].holders[0].branch_id, 0);
    gdn_cut_free(cut);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parallel_workers_of_one_transaction_make_no_false_loop),
        cmocka_unit_test(report_says_which_branches),
        cmocka_unit_test(a_leader_may_wait_for_its_worker),
        cmocka_unit_test(a_branch_id_that_means_nothing_is_refused),
        cmocka_unit_test_setup_teardown(ledgers_keep_branches_apart, make_pair, free_pair),
        cmocka_unit_test_setup_teardown(direct_waits_name_branches, make_pair, free_pair),
        cmocka_unit_test_setup_teardown(a_need_says_a_branch_id_only_with_a_branch, make_pair,
                                        free_pair),
        cmocka_unit_test_setup_teardown(an_orphan_is_of_no_numbered_branch, make_pair, free_pair),
    };
    return !!cmocka_run_group_tests(tests, NULL, NULL);
}
