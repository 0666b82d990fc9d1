/* SPDX-License-Identifier: MIT */
/* Every verb, with memory running out at its first, second, ... allocation: it says so, changes
 * nothing, leaks nothing, and works when tried again. */
#include "ledger_fixture.h"

#include "src/core/ledger.h"

/* ---- A picture of the books, to compare ---- */

/* Order does not matter: sums of mixed words. */
struct picture {
    struct gdn_ledger_counters counters;
    size_t processes, accounts, resources;
    uint64_t tickets, entries, descriptions;
    bool has_freed, has_lost;
    uint64_t last_number;
};

static uint64_t mixed(uint64_t a, uint64_t b, uint64_t c)
{
    uint64_t seed = a * 31 + b;
    seed = draw(&seed) ^ c;
    return draw(&seed);
}

static uint64_t sum_of_tickets(const gdn_ledger *ledger)
{
    uint64_t sum = 0;
    size_t position = 0;
    const struct gdn__map_slot *slot;
    while ((slot = gdn__map_each(&ledger->tickets, &position)) != NULL) {
        const struct gdn__ticket *ticket = (const struct gdn__ticket *)slot->value;
        sum += mixed(ticket->number, ticket->account->peer, ticket->state);
    }
    return sum;
}

static uint64_t sum_of_entries(const gdn_ledger *ledger)
{
    uint64_t sum = 0;
    size_t position = 0;
    const struct gdn__map_slot *slot;
    while ((slot = gdn__map_each(&ledger->entries, &position)) != NULL) {
        const struct gdn__entry *entry = (const struct gdn__entry *)slot->value;
        const struct gdn__link *before = entry->place.prev;
        const struct gdn__resource *resource = entry->resource;
        bool first = before == &resource->queue || before == &resource->holders;
        uint64_t at = first ? 0 : GDN__OF(before, struct gdn__entry, place)->number;
        sum += mixed(entry->number, entry->account->peer, at * 2 + entry->held);
    }
    return sum;
}

static struct picture picture_of(const gdn_ledger *ledger)
{
    struct picture picture;
    memset(&picture, 0, sizeof picture);
    picture.counters = gdn_ledger_counters(ledger);
    picture.processes = ledger->processes.used;
    picture.resources = ledger->resources.used;
    picture.tickets = sum_of_tickets(ledger);
    picture.entries = sum_of_entries(ledger);
    picture.has_freed = gdn_ledger_has_freed(ledger);
    picture.has_lost = gdn_ledger_has_lost(ledger);
    picture.last_number = ledger->last_number;
    size_t position = 0;
    const struct gdn__map_slot *slot;
    while ((slot = gdn__map_each(&ledger->processes, &position)) != NULL) {
        const struct gdn__process *process = (const struct gdn__process *)slot->value;
        picture.descriptions += (uint64_t)(uintptr_t)process->description;
        GDN__EACH(link, &process->accounts)
        {
            picture.accounts++;
        }
    }
    return picture;
}

/* ---- The verbs that need memory ---- */

static enum gdn_err do_request(gdn_ledger *ledger, uint32_t home, uint8_t flags)
{
    struct gdn_request request = {
        .process = P("new"), .resource = R("new"), .label = "a label", .flags = flags};
    uint64_t number;
    struct gdn_message out;
    return gdn_ledger_request(ledger, home, &request, 0, &number, &out);
}

static enum gdn_err do_local_request(gdn_ledger *ledger)
{
    return do_request(ledger, 0, 0);
}

static enum gdn_err do_local_try(gdn_ledger *ledger)
{
    return do_request(ledger, 0, GDN_REQUEST_NO_WAIT);
}

static enum gdn_err do_remote_request(gdn_ledger *ledger)
{
    return do_request(ledger, 3, 0);
}

static enum gdn_err do_wait_on(gdn_ledger *ledger)
{
    struct gdn_need needs[4] = {gdn_need_process(P("A")), gdn_need_any(2), gdn_need_process(P("B")),
                                gdn_need_process(P("C"))};
    needs[0].branch_at = "n2";
    uint64_t number;
    struct gdn_wait wait = {.process = P("new"), .needs = needs, .count = 4};
    return gdn_ledger_wait_on(ledger, &wait, 0, &number);
}

static enum gdn_err do_describe(gdn_ledger *ledger)
{
    struct gdn_process_info info = {.label = "a label"};
    return gdn_ledger_describe(ledger, P("new"), &info);
}

static enum gdn_err do_describe_again(gdn_ledger *ledger)
{
    struct gdn_process_info info = {.label = "another label"};
    return gdn_ledger_describe(ledger, P("T1"), &info);
}

static enum gdn_err do_set_unordered(gdn_ledger *ledger)
{
    return gdn_ledger_set_unordered(ledger, R("new"), true);
}

static enum gdn_err do_apply_request(gdn_ledger *ledger)
{
    struct gdn_message sent = request_message("new", "new", 1000, X, 0);
    struct gdn_effect effect;
    return gdn_ledger_apply(ledger, 3, &sent, 0, &effect);
}

static enum gdn_err do_apply_try(gdn_ledger *ledger)
{
    struct gdn_message sent = request_message("new", "r0", 1000, X, GDN_REQUEST_NO_WAIT);
    struct gdn_effect effect;
    enum gdn_err err = gdn_ledger_apply(ledger, 3, &sent, 0, &effect);
    if (err == GDN_OK) assert_true(effect.has_reply);
    return err;
}

static enum gdn_err do_peer_lost(gdn_ledger *ledger)
{
    return gdn_ledger_peer_lost(ledger, 4, N("n4"), 0);
}

/* ---- The verbs that need none ---- */

static enum gdn_err do_grant(gdn_ledger *ledger)
{
    struct gdn_message out;
    return gdn_ledger_grant(ledger, ref(4, 20), &out);
}

static enum gdn_err do_refuse(gdn_ledger *ledger)
{
    struct gdn_message out;
    return gdn_ledger_refuse(ledger, ref(4, 20), &out);
}

static enum gdn_err do_requeue(gdn_ledger *ledger)
{
    return gdn_ledger_requeue(ledger, ref(4, 20), ref(0, 0));
}

static enum gdn_err do_cancel(gdn_ledger *ledger)
{
    struct gdn_outgoing out;
    return gdn_ledger_cancel(ledger, 1, &out);
}

static enum gdn_err do_release(gdn_ledger *ledger)
{
    struct gdn_outgoing out[4];
    size_t count;
    return gdn_ledger_release(ledger, P("T1"), R("r0"), out, &count);
}

static enum gdn_err do_end(gdn_ledger *ledger)
{
    struct gdn_outgoing out[4];
    size_t count;
    gdn_ledger_end(ledger, P("T1"), out, &count);
    return GDN_OK;
}

static enum gdn_err do_apply_grant(gdn_ledger *ledger)
{
    struct gdn_message sent = message(GDN_VERB_GRANT, "T2", "remote", 3);
    struct gdn_effect effect;
    return gdn_ledger_apply(ledger, 4, &sent, 0, &effect);
}

static enum gdn_err do_apply_end(gdn_ledger *ledger)
{
    struct gdn_message sent = message(GDN_VERB_END, "T3", "", 0);
    struct gdn_effect effect;
    return gdn_ledger_apply(ledger, 4, &sent, 0, &effect);
}

/* ---- The test ---- */

/* T1 holds r0 and r1 here, T2 waits at peer 4, whose T3 holds five resources here and queues for
 * two. The maps are left so full that several verbs make them grow. */
static gdn_ledger *busy_ledger(const struct gdn_allocator *allocator)
{
    struct gdn_ledger_options options = {.allocator = allocator};
    gdn_ledger *ledger = gdn_ledger_new(&options);
    assert_non_null(ledger);
    struct gdn_process_info info = {.label = "T1"};
    assert_ok(gdn_ledger_describe(ledger, P("T1"), &info));
    hold(ledger, "T1", "r0", X);       /* 1 */
    hold(ledger, "T1", "r1", X);       /* 2 */
    ask(ledger, 4, "T2", "remote", X); /* 3 */
    ask_with(ledger, 4, "T2", "remote", X, GDN_REQUEST_NO_WAIT);
    const char *names[] = {"p0", "p1", "p2", "p3", "p4"};
    for (size_t i = 0; i < 5; i++) {
        arrive(ledger, 4, request_message("T3", names[i], 10 + i, X, 0));
        grant(ledger, 4, 10 + i);
    }
    arrive(ledger, 4, request_message("T3", "p5", 20, X, 0));
    arrive(ledger, 4, request_message("T3", "r1", 21, X, 0));
    for (uint64_t i = 0; i < 3; i++) arrive(ledger, 5, request_message("T3", "r1", i + 1, X, 0));
    return ledger;
}

static size_t try_with_failing_memory(enum gdn_err (*verb)(gdn_ledger *))
{
    for (size_t allowed = 0;; allowed++) {
        struct faulty faulty = {.allowed = SIZE_MAX};
        struct gdn_allocator allocator = faulty_allocator(&faulty);
        gdn_ledger *ledger = busy_ledger(&allocator);
        struct picture before = picture_of(ledger);

        faulty.allowed = allowed;
        enum gdn_err err = verb(ledger);
        faulty.allowed = SIZE_MAX;
        if (err != GDN_OK) {
            assert_int_equal(err, GDN_ERR_MEMORY);
            struct picture after = picture_of(ledger);
            assert_memory_equal(&before, &after, sizeof before);
            assert_ok(verb(ledger));
        }
        gdn_ledger_free(ledger);
        assert_int_equal(faulty.live, 0);
        if (err == GDN_OK) return allowed;
    }
}

static void verbs_without_memory_change_nothing(void **state)
{
    (void)state;
    assert_true(try_with_failing_memory(do_local_request) > 3);
    assert_true(try_with_failing_memory(do_local_try) > 3);
    assert_true(try_with_failing_memory(do_remote_request) > 2);
    assert_true(try_with_failing_memory(do_wait_on) > 2);
    assert_true(try_with_failing_memory(do_describe) > 1);
    assert_true(try_with_failing_memory(do_describe_again) > 0);
    assert_true(try_with_failing_memory(do_set_unordered) > 0);
    assert_true(try_with_failing_memory(do_apply_request) > 3);
    assert_true(try_with_failing_memory(do_apply_try) > 2);
    assert_true(try_with_failing_memory(do_peer_lost) > 10);
}

typedef enum gdn_err some_verb(gdn_ledger *);

/* What gives something back must always work: a full memory is no reason to keep a lock. */
static void verbs_that_give_back_need_no_memory(void **state)
{
    (void)state;
    some_verb *const verbs[] = {do_grant,   do_refuse, do_requeue,     do_cancel,
                                do_release, do_end,    do_apply_grant, do_apply_end};
    for (size_t i = 0; i < sizeof verbs / sizeof verbs[0]; i++) {
        assert_int_equal(try_with_failing_memory(verbs[i]), 0);
    }
}

static void ledger_without_memory_is_not_made(void **state)
{
    (void)state;
    struct faulty faulty = {.allowed = 0};
    struct gdn_allocator allocator = faulty_allocator(&faulty);
    struct gdn_ledger_options options = {.allocator = &allocator};
    assert_null(gdn_ledger_new(&options));
}

/* Nothing may be left behind by a process that is gone: no record grows without end. */
static void ended_processes_leave_no_records(void **state)
{
    (void)state;
    gdn_ledger *ledger = gdn_ledger_new(NULL);
    for (int i = 0; i < 100; i++) {
        struct gdn_process_info info = {.label = "T"};
        assert_ok(gdn_ledger_describe(ledger, P("T"), &info));
        hold(ledger, "T", "r", X);
        ask(ledger, 3, "T", "q", X);
        arrive(ledger, 3, request_message("T", "r", (uint64_t)i + 1, X, 0));
        end(ledger, "T");
        arrive(ledger, 3, message(GDN_VERB_END, "T", "", 0));
    }
    assert_int_equal(ledger->processes.used, 0);
    assert_int_equal(ledger->resources.used, 0);
    assert_int_equal(ledger->tickets.used + ledger->entries.used + ledger->pairs.used, 0);
    gdn_ledger_free(ledger);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(verbs_without_memory_change_nothing),
        cmocka_unit_test(verbs_that_give_back_need_no_memory),
        cmocka_unit_test(ledger_without_memory_is_not_made),
        cmocka_unit_test(ended_processes_leave_no_records),
    };
    return !!cmocka_run_group_tests(tests, NULL, NULL);
}
