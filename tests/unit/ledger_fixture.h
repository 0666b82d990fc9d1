/* SPDX-License-Identifier: MIT */
/* What the tests of the ledger share: short ways to say things, and a generator. */
#ifndef TESTS_UNIT_LEDGER_FIXTURE_H
#define TESTS_UNIT_LEDGER_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "tests/support/faulty.h"
#include "tests/support/replay.h"
#include <cmocka.h>
#include <gordian/ledger.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define X GDN_MODE_EXCLUSIVE
#define S GDN_MODE_SHARED

#define assert_ok(call) assert_int_equal((call), GDN_OK)

/* ---- Saying things ---- */

static inline gdn_process_id P(const char *name)
{
    return gdn_process_named(name);
}

static inline gdn_resource_id R(const char *name)
{
    return gdn_resource_named(name);
}

static inline gdn_node_id N(const char *name)
{
    return gdn_node_named(name);
}

static inline struct gdn_ticket_ref ref(uint32_t issuer, uint64_t number)
{
    return (struct gdn_ticket_ref){issuer, number};
}

static inline uint64_t ask_with(gdn_ledger *ledger, uint32_t home, const char *process,
                                const char *resource, uint8_t mode, uint8_t flags)
{
    struct gdn_request request = {
        .process = P(process), .resource = R(resource), .mode = mode, .flags = flags};
    uint64_t number = 0;
    struct gdn_message out;
    assert_ok(gdn_ledger_request(ledger, home, &request, 0, &number, &out));
    assert_int_equal(out.verb, home == 0 ? 0 : GDN_VERB_REQUEST);
    return number;
}

static inline uint64_t ask(gdn_ledger *ledger, uint32_t home, const char *process,
                           const char *resource, uint8_t mode)
{
    return ask_with(ledger, home, process, resource, mode, 0);
}

static inline struct gdn_effect arrive(gdn_ledger *ledger, uint32_t peer,
                                       struct gdn_message message)
{
    struct gdn_effect effect;
    assert_ok(gdn_ledger_apply(ledger, peer, &message, 0, &effect));
    return effect;
}

static inline struct gdn_message message(enum gdn_verb verb, const char *process,
                                         const char *resource, uint64_t number)
{
    return (struct gdn_message){
        .verb = verb, .number = number, .process = P(process), .resource = R(resource)};
}

static inline struct gdn_message request_message(const char *process, const char *resource,
                                                 uint64_t number, uint8_t mode, uint8_t flags)
{
    struct gdn_message request = message(GDN_VERB_REQUEST, process, resource, number);
    request.mode = mode;
    request.flags = flags;
    return request;
}

static inline void grant(gdn_ledger *ledger, uint32_t issuer, uint64_t number)
{
    struct gdn_message out;
    assert_ok(gdn_ledger_grant(ledger, ref(issuer, number), &out));
    assert_int_equal(out.verb, issuer == 0 ? 0 : GDN_VERB_GRANT);
}

/* Ask at home here and be granted at once. */
static inline uint64_t hold(gdn_ledger *ledger, const char *process, const char *resource,
                            uint8_t mode)
{
    uint64_t number = ask(ledger, 0, process, resource, mode);
    grant(ledger, 0, number);
    return number;
}

static inline size_t release(gdn_ledger *ledger, const char *process, const char *resource)
{
    struct gdn_outgoing out[16];
    size_t count = 0;
    assert_true(gdn_ledger_release_homes(ledger, P(process), R(resource), NULL, 0) <= 16);
    assert_ok(gdn_ledger_release(ledger, P(process), R(resource), out, &count));
    return count;
}

static inline void cancel(gdn_ledger *ledger, uint64_t number)
{
    struct gdn_outgoing out;
    assert_ok(gdn_ledger_cancel(ledger, number, &out));
}

static inline size_t end(gdn_ledger *ledger, const char *process)
{
    struct gdn_outgoing out[16];
    size_t count = 0;
    assert_true(gdn_ledger_end_homes(ledger, P(process), NULL, 0) <= 16);
    gdn_ledger_end(ledger, P(process), out, &count);
    return count;
}

/* The number of the entry that is next, or 0. */
static inline uint64_t next_number(const gdn_ledger *ledger, const char *resource)
{
    struct gdn_ticket_ref next = {0};
    return gdn_ledger_next(ledger, R(resource), &next) ? next.number : 0;
}

static inline bool is_held(const gdn_ledger *ledger, uint32_t issuer, uint64_t number)
{
    struct gdn_entry_view view;
    return gdn_ledger_entry(ledger, ref(issuer, number), &view) && view.held;
}

static inline bool is_queued(const gdn_ledger *ledger, uint32_t issuer, uint64_t number)
{
    struct gdn_entry_view view;
    return gdn_ledger_entry(ledger, ref(issuer, number), &view) && !view.held;
}

static inline bool is_live(const gdn_ledger *ledger, uint64_t number)
{
    struct gdn_ticket_view view;
    return gdn_ledger_ticket(ledger, number, &view);
}

/* ---- Random numbers (splitmix64) ---- */

static inline uint64_t draw(uint64_t *seed)
{
    uint64_t z = *seed += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static inline uint32_t below(uint64_t *seed, uint32_t bound)
{
    return (uint32_t)(draw(seed) % bound);
}

#endif
