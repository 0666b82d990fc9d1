/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "render_fixture.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

uint32_t fixture_process(struct fixture *fixture, const char *name, const char *label)
{
    uint32_t process = gdn_cut_process(fixture->cut, gdn_process_named(name), label);
    assert(process != GDN_NONE);
    enum gdn_err err = gdn_cut_name_process(fixture->cut, process, name);
    assert(err == GDN_OK);
    (void)err;
    return process;
}

uint32_t fixture_resource(struct fixture *fixture, const char *name)
{
    uint32_t resource = gdn_cut_resource(fixture->cut, gdn_resource_named(name), NULL);
    assert(resource != GDN_NONE);
    enum gdn_err err = gdn_cut_name_resource(fixture->cut, resource, name);
    assert(err == GDN_OK);
    (void)err;
    return resource;
}

static void add_member(struct fixture *fixture, size_t i, size_t count)
{
    char name[32], label[32];
    (void)snprintf(name, sizeof name, "P%zu", i + 1);
    (void)snprintf(label, sizeof label, "transfer %zu", i + 1);
    fixture->members[i] = fixture_process(fixture, name, label);
    (void)snprintf(name, sizeof name, "n%zu", i + 1);
    uint32_t party = gdn_cut_party(fixture->cut, name, 7 + i), node;
    enum gdn_err err = gdn_cut_add_node(fixture->cut, party, &node);
    assert(err == GDN_OK);
    (void)err;
    (void)snprintf(name, sizeof name, "acct/%zu", i + 1);
    fixture->edges[i] = (struct gdn_edge){.waiter = (uint32_t)i,
                                          .holder = (uint32_t)((i + 1) % count),
                                          .issuer = party,
                                          .ticket = 10 + i,
                                          .home = (uint32_t)((i + 1) % count),
                                          .resource = fixture_resource(fixture, name),
                                          .mode = (uint8_t)(i % 2),
                                          .waited_us = 205000 + 1000 * i};
}

void fixture_ring(struct fixture *fixture, size_t count)
{
    assert(count >= 1 && count <= FIXTURE_MAX);
    memset(fixture, 0, sizeof *fixture);
    fixture->cut = gdn_cut_new(NULL);
    assert(fixture->cut != NULL);
    for (size_t i = 0; i < count; i++) add_member(fixture, i, count);
    fixture->victims[0] = (struct gdn_victim){.process = 0, .party = 0, .ticket = 10};
    (void)snprintf(fixture->reason, sizeof fixture->reason, "youngest of %zu", count);
    fixture->deadlocks[0] = (struct gdn_deadlock){.id = gdn_id_from_name("a core"),
                                                  .model = GDN_MODEL_ALL,
                                                  .members = fixture->members,
                                                  .member_count = count,
                                                  .tail = fixture->tail,
                                                  .witness = fixture->edges,
                                                  .witness_count = count,
                                                  .victims = fixture->victims,
                                                  .victim_count = 1,
                                                  .victim_reason = fixture->reason,
                                                  .reorder = fixture->reorder};
    fixture->verdict = (gdn_verdict){.cut = fixture->cut,
                                     .complete = true,
                                     .deadlocks = fixture->deadlocks,
                                     .deadlock_count = 1,
                                     .process_count = count,
                                     .waiting_count = count};
}

void fixture_hostile(struct fixture *fixture)
{
    fixture_ring(fixture, 2);
    uint32_t process = fixture_process(fixture, HOSTILE, HOSTILE " label");
    fixture->members[1] = fixture->edges[1].waiter = fixture->edges[0].holder = process;
    fixture->edges[0].resource = fixture_resource(fixture, HOSTILE "r");
}

static void forget_names(struct fixture *fixture)
{
    if (fixture->named) gdn__names_fini(&fixture->names);
    fixture->named = false;
}

const gdn_verdict *fixture_verdict(struct fixture *fixture)
{
    forget_names(fixture);
    enum gdn_err err = gdn__names_init(&fixture->names, fixture->cut);
    assert(err == GDN_OK);
    (void)err;
    fixture->named = true;
    fixture->verdict.names = &fixture->names;
    return &fixture->verdict;
}

void fixture_free(struct fixture *fixture)
{
    forget_names(fixture);
    gdn_cut_free(fixture->cut);
}
