/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Verdicts made by hand, and a trace of what is told of them over many rounds.
 *
 * Ticket k is process Tk's, issued by node nk in incarnation 100 + k. Deadlocks are called by a
 * letter. What is told is written down, one line each, with the millisecond in front. */
#ifndef GDN_TESTS_INCIDENTS_FIXTURE_H
#define GDN_TESTS_INCIDENTS_FIXTURE_H

#include "detector/analysis/names.h"
#include "detector/rounds/incidents.h"

#define TOLD_CORES_MAX   4
#define TOLD_TICKETS_MAX 8
#define TOLD_TRACE_BYTES 4096
#define TOLD_ORDER_MS    50

/* One deadlock of a verdict; zeros end the lists. */
struct told_core {
    const char *letter;
    uint32_t tickets[TOLD_TICKETS_MAX];
    uint32_t victims[TOLD_TICKETS_MAX]; /* By ticket. */
};

struct told {
    gdn__incidents *incidents;
    int64_t now_us;
    uint64_t rounds;
    char trace[TOLD_TRACE_BYTES];
    size_t length;
};

/* Of the test that runs. */
extern struct told told;

/* Each test begins with nothing known. */
int told_setup(void **state);
int told_teardown(void **state);
/* The same with that allocator; NULL: malloc(). False: out of memory. */
bool told_open(const struct gdn_allocator *allocator);

/* The trace since the last call is @p expected, to the letter. */
void told_expect(const char *expected);
/* '?': no deadlock of that id was made here. */
char told_letter(gdn_id id);

struct told_made {
    gdn_cut *cut;
    struct gdn__names names;
    gdn_verdict verdict;
    struct gdn_deadlock deadlocks[TOLD_CORES_MAX];
    struct gdn_cut_ticket tickets[TOLD_CORES_MAX][TOLD_TICKETS_MAX];
    uint32_t members[TOLD_CORES_MAX][TOLD_TICKETS_MAX];
    struct gdn_victim victims[TOLD_CORES_MAX][TOLD_TICKETS_MAX];
};

/* Cores up to a NULL letter; every ticket k is of incarnation @p incarnation + k. Caller frees
 * names and cut. */
void told_make_verdict(struct told_made *made, const struct told_core *cores, uint32_t incarnation);
enum gdn_err told_see_verdict(const gdn_verdict *verdict, int64_t started_ms);
/* A round that began at @p started_ms and has its verdict at @p now_ms. */
enum gdn_err told_try_see(int64_t started_ms, int64_t now_ms, const struct told_core *cores,
                          bool complete, uint32_t incarnation);

/* Cores up to a NULL letter, seen by a complete round. */
#define SEE(started_ms, now_ms, ...)                                                               \
    assert_int_equal(                                                                              \
        told_try_see(started_ms, now_ms, (const struct told_core[]){__VA_ARGS__, {0}}, true, 100), \
        GDN_OK)
#define SEE_INCOMPLETE(started_ms, now_ms, ...)                                                    \
    assert_int_equal(told_try_see(started_ms, now_ms,                                              \
                                  (const struct told_core[]){__VA_ARGS__, {0}}, false, 100),       \
                     GDN_OK)
#define NOTHING                                                                                    \
    {                                                                                              \
        0                                                                                          \
    }

/* The node of that ticket answers the order that names it. */
void told_answer(uint32_t ticket, int64_t now_ms, enum gdn__order_state outcome);
void told_pass(int64_t now_ms);

#endif
