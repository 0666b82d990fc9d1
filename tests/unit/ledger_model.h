/* SPDX-License-Identifier: MIT */
/* A naive ledger: one array of records and one order per queue, searched from end to end, that
 * states the rules as they are written (RULES 1 to 4). */
#ifndef TESTS_UNIT_LEDGER_MODEL_H
#define TESTS_UNIT_LEDGER_MODEL_H

#include "ledger_fixture.h"

#define PROCESSES 5
#define RESOURCES 4
#define PEERS     3 /* Besides this node, 0. */
#define RECORDS   160

enum side { NOT_HERE, ASKED, HAS };

/* A ticket. Its issuer's side is here when we issued it, its home's side when the home is 0. */
struct record {
    bool live;
    uint32_t issuer, home; /* One of them is 0. */
    uint64_t number;
    uint32_t process, resource;
    uint8_t mode, flags;
    enum side at_issuer, at_home;
    bool conversion;
    bool direct;
    uint32_t orphan_of;
    uint32_t needs[3], need_count; /* Processes; direct only. PROCESSES: met. */
};

struct model {
    struct gdn_modes modes;
    struct record records[RECORDS];
    struct record *queue[RESOURCES][RECORDS];
    size_t queued[RESOURCES];
    bool unordered[RESOURCES];
    uint32_t freed[RESOURCES];
    size_t freed_count;
    uint64_t last_number;
    uint64_t remote_number[PEERS + 1];
    uint64_t crossed;
    uint64_t first_seed, step_count, step; /* To say how to replay. */
};

#define EACH_RECORD(model, r)                                                                      \
    for (struct record *r = (model)->records; r < (model)->records + RECORDS; r++)                 \
        if (r->live)

#define check(model, condition)                                                                    \
    do {                                                                                           \
        if (!(condition)) model_disagrees(model, #condition, __FILE__, __LINE__);                  \
    } while (0)

/* Fails the test and says how to replay it. */
void model_disagrees(const struct model *model, const char *what, const char *file, int line);

gdn_process_id process_id(uint32_t process);
gdn_resource_id resource_id(uint32_t resource);

/* One that is not live, or NULL. */
struct record *model_new_record(struct model *model);

bool model_grantable(struct model *model, const struct record *request);

/* Grantable without what its process holds, so that giving that back changes nothing. */
bool model_lasts(struct model *model, const struct record *request);

void model_enqueue(struct model *model, struct record *r);

/* How many of a queue's entries, its first, are NO_WAIT ones; and put an admitted one there. */
size_t model_promised(const struct model *model, uint32_t resource);
void model_promise(struct model *model, struct record *r);

void model_put_in_queue(struct model *model, struct record *r, size_t at);
void model_take_from_queue(struct model *model, struct record *r);
void model_give(struct model *model, struct record *r);
void model_finish(struct model *model, struct record *r);

void model_note_freed(struct model *model, uint32_t resource);
void model_forget_freed(struct model *model, uint32_t resource);

/* Every ticket, queue head, counter and list. */
void model_compare(struct model *model, const gdn_ledger *ledger);

#endif
