/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One bad link at a time, through the proxy: gate i lies before node n<i + 1>. */
#include "tests/support/stage.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>

#define CUTS      40
#define CUT_BYTES 400 /* More than greeting, handshake and some messages take. */
#define PROMPT_MS 5000

static void begin(struct stage *stage, struct proxy_fault fault)
{
    assert_true(proxy_begin(&stage->proxy, &fault));
}

static void lock_and_end(struct puppet *issuer, const struct puppet *home, const char *process)
{
    (void)puppet_ask(issuer, "lock %s R %s", process, home->name);
    (void)puppet_await(issuer, "granted %s R", process);
    (void)puppet_ask(issuer, "end %s", process);
}

/* The greeting, the handshake, a header, a body: wherever the connection breaks, the lock is
 * granted once, and ended once. */
static void a_cut_at_any_byte_loses_and_repeats_nothing(void **state)
{
    struct stage *stage = *state;
    stage_puppets(stage, 2, true, "");
    struct puppet *n1 = &stage->puppets[0], *n2 = &stage->puppets[1];
    struct proxy_counts counts;
    for (uint32_t i = 0; i < CUTS; i++) {
        char process[16];
        (void)snprintf(process, sizeof process, "T%u", i);
        begin(stage, (struct proxy_fault){.kind = i % 2 == 0 ? PROXY_RESET : PROXY_FIN,
                                          .gate = (int)(i / 2 % 2),
                                          .after_bytes = (uint64_t)i * CUT_BYTES / CUTS,
                                          .for_ms = 20});
        lock_and_end(n1, n2, process);
    }
    puppet_await_number(n2, "status", "resources", 0);
    assert_int_equal(puppet_number(n2, "status", "crossed"), 0);
    assert_int_equal(puppet_number(n1, "status", "crossed"), 0);
    assert_false(puppet_has_said(n1, "granted")); /* A second time. */
    assert_false(puppet_has_said(n1, "lost"));
    assert_true(proxy_count(&stage->proxy, &counts));
    assert_true(counts.faults[PROXY_RESET] + counts.faults[PROXY_FIN] > CUTS / 2);
}

/* The connection stands, and nothing comes out of it at the other end; no reset ever tells. */
static void a_half_open_link_is_dialled_anew(void **state)
{
    struct stage *stage = *state;
    stage_puppets(stage, 2, true, "silence_ms=400");
    struct puppet *n1 = &stage->puppets[0], *n2 = &stage->puppets[1];
    begin(stage, (struct proxy_fault){.kind = PROXY_SWALLOW, .gate = 1});
    (void)puppet_await(n2, "lost n1"); /* It hears nothing of n1 any more ... */
    (void)puppet_await(n1, "up n2");
    (void)puppet_await(n1, "lost n2"); /* ... and n1 is told. */
    (void)puppet_await(n1, "up n2");
    lock_and_end(n1, n2, "T1");
    lock_and_end(n2, n1, "T2");
}

/* n2 cannot be reached by n1: that is between the two. */
static void a_stalled_link_delays_no_other(void **state)
{
    struct stage *stage = *state;
    stage_puppets(stage, 3, true, "");
    struct puppet *n1 = &stage->puppets[0], *n3 = &stage->puppets[2];
    for (uint32_t i = 0; i < 2; i++) { /* From n1 and from n3. */
        begin(stage, (struct proxy_fault){.kind = PROXY_STALL, .gate = 1, .which = i});
    }
    (void)puppet_ask(n1, "lock T1 R n2");
    int64_t began_ms = stage_now_ms();
    for (int i = 0; i < 20; i++) lock_and_end(n1, n3, "T2");
    for (int i = 0; i < 20; i++) lock_and_end(n3, n1, "T3");
    assert_true(stage_now_ms() - began_ms < PROMPT_MS);
    assert_false(puppet_has_said(n1, "granted T1 R"));
    assert_true(proxy_heal(&stage->proxy, 1));
    (void)puppet_await(n1, "granted T1 R");
    assert_false(puppet_has_said(n1, "lost"));
}

/* Both directions refused for longer than the silence: each gives the other up, once, and when the
 * link is back they meet again and nothing of the time before is left. */
static void a_link_that_is_down_too_long_parts_two_that_meet_again(void **state)
{
    struct stage *stage = *state;
    stage_puppets(stage, 2, true, "silence_ms=300");
    struct puppet *n1 = &stage->puppets[0], *n2 = &stage->puppets[1];
    (void)puppet_await(n1, "up n2");
    (void)puppet_await(n2, "up n1");
    (void)puppet_ask(n1, "lock T1 R n2");
    (void)puppet_await(n1, "granted T1 R");
    for (int gate = 0; gate < 2; gate++) {
        begin(stage, (struct proxy_fault){.kind = PROXY_REFUSE, .gate = gate});
    }
    (void)puppet_await(n1, "lost n2");
    (void)puppet_await(n2, "lost n1");
    (void)puppet_ask(n2, "drop n1");
    for (int gate = 0; gate < 2; gate++) assert_true(proxy_heal(&stage->proxy, gate));
    (void)puppet_await(n1, "up n2");
    (void)puppet_await(n2, "up n1");
    lock_and_end(n2, n2, "T2"); /* R is free. */
    lock_and_end(n1, n2, "T1");
    assert_false(puppet_has_said(n1, "lost"));
    assert_false(puppet_has_said(n2, "lost"));
}

int main(void)
{
#define RUN(test) cmocka_unit_test_setup_teardown(test, stage_setup, stage_teardown)
    const struct CMUnitTest tests[] = {
        RUN(a_cut_at_any_byte_loses_and_repeats_nothing),
        RUN(a_half_open_link_is_dialled_anew),
        RUN(a_stalled_link_delays_no_other),
        RUN(a_link_that_is_down_too_long_parts_two_that_meet_again),
    };
    return !!cmocka_run_group_tests(tests, NULL, NULL);
}
