/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Small cuts written as documents, and what the analysis says of them as short lines. */
#ifndef GDN_TESTS_ANALYSIS_FIXTURE_H
#define GDN_TESTS_ANALYSIS_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <gordian/verdict.h>

/* ---- Documents ---- */

#define CUT(nodes) "{'format': 'gordian-cut/1', 'nodes': [" nodes "]}"
#define CUT_OF(processes, nodes)                                                                   \
    "{'format': 'gordian-cut/1', 'processes': [" processes "], 'nodes': [" nodes "]}"
#define CUT_WITHOUT(name, nodes)                                                                   \
    "{'format': 'gordian-cut/1', 'missing': ['" name "'], 'nodes': [" nodes "]}"

/* A node that says nothing of its waits: what queues at a home waits. */
#define AT(name, resources) "{'node': '" name "', 'resources': [" resources "]}"
/* A node that lists its waits. */
#define FULL(name, resources, waits, channels)                                                     \
    "{'node': '" name "', 'resources': [" resources "], 'waits': [" waits                          \
    "], 'channels': [" channels "]}"

#define RESOURCE(name, holders, queue)                                                             \
    "{'resource': '" name "', 'holders': [" holders "], 'queue': [" queue "]}"
#define UNORDERED(name, holders, queue)                                                            \
    "{'resource': '" name "', 'order': 'none', 'holders': [" holders "], 'queue': [" queue "]}"

#define HELD(process)        "{'process': '" process "'}"
#define SHARED(process)      "{'process': '" process "', 'mode': 'shared'}"
#define BRIEF(process, node) "{'process': '" process "', 'issuer': '" node "', 'hold': 'brief'}"
#define HELD_FROM(process, node, ticket)                                                           \
    "{'process': '" process "', 'issuer': '" node "', 'ticket': '" ticket "'}"

#define ASKED(process, ticket) "{'process': '" process "', 'ticket': '" ticket "'}"
#define ASKED_SHARED(process, ticket)                                                              \
    "{'process': '" process "', 'ticket': '" ticket "', 'mode': 'shared'}"
#define ASKED_FROM(process, node, ticket)                                                          \
    "{'process': '" process "', 'issuer': '" node "', 'ticket': '" ticket "'}"

#define WAITS(process, ticket, resource, home)                                                     \
    "{'process': '" process "', 'ticket': '" ticket "', 'resource': '" resource                    \
    "', 'home': '" home "'}"
#define NEEDS(process, ticket, needs)                                                              \
    "{'process': '" process "', 'ticket': '" ticket "', 'needs': " needs "}"

#define FROM(name, messages)      "{'from': '" name "', 'messages': [" messages "]}"
#define FROM_OPEN(name, messages) "{'from': '" name "', 'open': true, 'messages': [" messages "]}"

#define MESSAGE(verb, process, resource, ticket)                                                   \
    "{'verb': '" verb "', 'process': '" process "', 'resource': '" resource                        \
    "', 'ticket': '" ticket "'}"

/* ---- Judging ---- */

struct judged {
    gdn_cut *cut;
    gdn_verdict *verdict;
};

/* Both tables are freed with forget(). */
struct judged judge_as(const char *document, enum gdn_policy policy);
struct judged judge(const char *document); /* youngest */
void forget(struct judged judged);

/* The only deadlock; fails the test unless there is exactly one. */
const struct gdn_deadlock *only(struct judged judged);

/* Lines for people to compare, each valid until the same function is called again. */
const char *members_of(struct judged judged, const struct gdn_deadlock *deadlock);
const char *tail_of(struct judged judged, const struct gdn_deadlock *deadlock);
const char *victims_of(struct judged judged, const struct gdn_deadlock *deadlock);
/* "T1 -a> T2 -b> T1": who waits for which resource; -a?> in flight, -a+> queued, -a.> a branch. */
const char *witness_of(struct judged judged, const struct gdn_deadlock *deadlock);
/* "d1<e2": serve d1 before e2. */
const char *order_of(struct judged judged, const struct gdn_deadlock *deadlock);

/* One line for each deadlock: its members. "": there is none. */
const char *deadlocks_in(const char *document);

#endif
