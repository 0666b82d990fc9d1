/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Oracle 7: exactly the deadlocks of the cut are reported, and they stand. */
#include "tests/sim/sim.h"

static struct truth_judged then; /* As of the cut. */

/* ---- The deadlocks of the cut ---- */

static bool is_member(const struct sim *sim, const gdn_verdict *verdict, const uint32_t *list,
                      size_t count, int process)
{
    for (size_t i = 0; i < count; i++) {
        if (sim_process_of(sim, verdict->cut->processes[list[i]].id) == process) return true;
    }
    return false;
}

static void check_members(const struct sim *sim, const gdn_verdict *verdict,
                          const struct gdn_deadlock *deadlock, int core)
{
    for (int p = 0; p < sim->shape->processes; p++) {
        bool in_core = false, in_any = false, behind = false;
        for (int i = 0; i < then.wait_count; i++) {
            const struct truth_wait *wait = &then.waits[i];
            if (wait->process != p) continue;
            in_core |= wait->core == core;
            in_any |= wait->core >= 0;
            behind |= wait->stuck && wait->reach[core];
        }
        bool member = is_member(sim, verdict, deadlock->members, deadlock->member_count, p);
        bool tail = is_member(sim, verdict, deadlock->tail, deadlock->tail_count, p);
        if (member != in_core) {
            sim_broken(SIM_ORACLE_VERDICT, "%s is %sreported as a member", sim_processes[p],
                       member ? "" : "not ");
        }
        if (tail != (behind && !in_any)) {
            sim_broken(SIM_ORACLE_VERDICT, "%s is %sreported as tail", sim_processes[p],
                       tail ? "" : "not ");
        }
    }
}

/* The core of the true cut that has exactly these tickets. */
static void check_core(const struct sim *sim, const gdn_verdict *verdict,
                       const struct gdn_deadlock *deadlock)
{
    int core = -1;
    size_t size = 0;
    for (size_t i = 0; i < deadlock->ticket_count; i++) {
        const struct gdn_cut_party *party = &verdict->cut->parties[deadlock->tickets[i].issuer];
        int wait = truth_find_wait(&then, party->incarnation, deadlock->tickets[i].number);
        if (wait < 0 || then.waits[wait].core < 0) {
            sim_broken(SIM_ORACLE_VERDICT, "phantom: ticket %llu of %s is in no core at the cut",
                       (unsigned long long)deadlock->tickets[i].number, party->name);
        }
        if (core >= 0 && then.waits[wait].core != core) {
            sim_broken(SIM_ORACLE_VERDICT, "two cores are reported as one");
        }
        core = then.waits[wait].core;
    }
    for (int i = 0; i < then.wait_count; i++) size += then.waits[i].core == core;
    if (core < 0 || size != deadlock->ticket_count) {
        sim_broken(SIM_ORACLE_VERDICT, "a core of %zu tickets is reported with %zu", size,
                   deadlock->ticket_count);
    }
    check_members(sim, verdict, deadlock, core);
}

/* How many wait once the mail is delivered. A direct wait counts until its issuer knows of all the
 * wakes, so it is not judged here. */
static void check_waiting(const struct sim *sim, const gdn_verdict *verdict)
{
    bool waiting[TRUTH_PROCESSES] = {false};
    size_t count = 0;
    if (sim->shape->habits[SIM_DIRECT] || sim->shape->habits[SIM_CHOICES]) return;
    for (int i = 0; i < then.wait_count; i++) waiting[then.waits[i].process] = true;
    for (int p = 0; p < TRUTH_PROCESSES; p++) count += waiting[p];
    if (count == verdict->waiting_count) return;
    sim_broken(SIM_ORACLE_VERDICT, "%zu processes are said to wait, %zu do", verdict->waiting_count,
               count);
}

void sim_check_exact(const struct sim *sim, const gdn_verdict *verdict,
                     const struct truth_node *at_cut)
{
    truth_judge(at_cut, sim->shape->nodes, &then);
    for (size_t i = 0; i < verdict->deadlock_count; i++) {
        check_core(sim, verdict, &verdict->deadlocks[i]);
    }
    if (verdict->deadlock_count != (size_t)then.core_count) {
        sim_broken(SIM_ORACLE_VERDICT, "miss: %zu deadlocks are reported, the cut has %d",
                   verdict->deadlock_count, then.core_count);
    }
    check_waiting(sim, verdict);
}

/* What is reported of a part of a cut is stuck in the whole of it, where every node has cut. */
void sim_check_part(const struct sim *sim, const gdn_verdict *verdict,
                    const struct sim_round *round)
{
    if (verdict->deadlock_count == 0 || round->crashes != sim->crashes) return;
    for (int n = 0; n < sim->shape->nodes; n++) {
        if (!round->cut[n]) return;
    }
    truth_judge(round->at_cut, sim->shape->nodes, &then);
    for (size_t d = 0; d < verdict->deadlock_count; d++) {
        const struct gdn_deadlock *deadlock = &verdict->deadlocks[d];
        for (size_t i = 0; i < deadlock->ticket_count; i++) {
            const struct gdn_cut_party *party = &verdict->cut->parties[deadlock->tickets[i].issuer];
            int wait = truth_find_wait(&then, party->incarnation, deadlock->tickets[i].number);
            if (wait >= 0 && then.waits[wait].stuck) continue;
            sim_broken(SIM_ORACLE_VERDICT, "phantom: ticket %llu of %s is stuck only in a part",
                       (unsigned long long)deadlock->tickets[i].number, party->name);
        }
    }
}

/* ---- The deadlocks of this moment ---- */

/* What is reported still stands, unless somebody gave up by himself: one of its tickets, or, since
 * the round began, a place in a queue that one of its tickets stands behind. Branches of one
 * process end at several nodes at once, and know of each other without a message: a hidden channel.
 */
void sim_check_stands(const struct sim *sim, const struct truth_judged *now,
                      const gdn_verdict *verdict, const struct sim_round *round,
                      const struct gdn_deadlock *deadlock)
{
    bool given_up = round->spontaneous != sim->spontaneous || sim->shape->habits[SIM_BRANCHES];
    for (size_t i = 0; i < deadlock->ticket_count; i++) {
        const struct gdn_cut_party *party = &verdict->cut->parties[deadlock->tickets[i].issuer];
        given_up |= truth_reason(&sim->truth, party->incarnation, deadlock->tickets[i].number) ==
                    TRUTH_GIVEN_UP;
    }
    for (size_t i = 0; i < deadlock->ticket_count && !given_up; i++) {
        const struct gdn_cut_party *party = &verdict->cut->parties[deadlock->tickets[i].issuer];
        int wait = truth_find_wait(now, party->incarnation, deadlock->tickets[i].number);
        if (wait >= 0 && now->waits[wait].core >= 0) continue;
        sim_broken(SIM_ORACLE_VERDICT, "phantom: ticket %llu of %s does not stand",
                   (unsigned long long)deadlock->tickets[i].number, party->name);
    }
}

static bool is_reported(const gdn_verdict *verdict, const struct truth_ended *due)
{
    for (size_t d = 0; d < verdict->deadlock_count; d++) {
        const struct gdn_deadlock *deadlock = &verdict->deadlocks[d];
        for (size_t i = 0; i < deadlock->ticket_count; i++) {
            const struct gdn_cut_party *party = &verdict->cut->parties[deadlock->tickets[i].issuer];
            if (party->incarnation == due->incarnation &&
                deadlock->tickets[i].number == due->number) {
                return true;
            }
        }
    }
    return false;
}

/* All of its waits are still there: nobody has given up. */
static bool is_intact(const struct truth_judged *now, const struct sim_round *round, int core)
{
    for (int i = 0; i < round->due_count; i++) {
        const struct truth_ended *due = &round->due[i];
        if (round->due_core[i] != core) continue;
        int wait = truth_find_wait(now, due->incarnation, due->number);
        if (wait < 0 || now->waits[wait].core < 0) return false;
    }
    return true;
}

/* What was there when the round started and still is must be in it. Not judged where managers moved
 * entries meanwhile, there and back again perhaps, or dropped what the dead held: who waited for it
 * may be stuck again by now, behind the next holder (seed 77015764). */
void sim_check_due(const struct sim *sim, const struct truth_judged *now,
                   const gdn_verdict *verdict, const struct sim_round *round)
{
    if (round->moved != sim->moved) return;
    for (int i = 0; i < round->due_count; i++) {
        const struct truth_ended *due = &round->due[i];
        int wait = truth_find_wait(now, due->incarnation, due->number);
        if (is_reported(verdict, due) || !is_intact(now, round, round->due_core[i])) continue;
        sim_broken(SIM_ORACLE_VERDICT, "miss: %s was stuck when the round started",
                   sim_processes[now->waits[wait].process]);
    }
}
