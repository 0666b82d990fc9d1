/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One simulated run: real sites and real detectors in a world, applications that lock, wait and
 * move tokens, faults, and oracles that know what is really so.
 *
 *     seed --> shape (how many of what, which faults) and steps
 *     chaos phase: the steps, one by one       every round is judged as it finishes
 *     healed phase: no faults, time passes     every deadlock must go, every round must complete
 *
 * A run is a pure function of its plan. A broken oracle ends the process (sim_broken), so runs are
 * made in a child; see campaign.h.
 *
 *     sim.c          the plan, the two phases
 *     sim_drive.c    applications
 *     sim_waits.c    waits on processes, and wakes
 *     sim_manage.c   lock managers
 *     sim_taking.c   what comes of the items that are taken
 *     sim_faults.c   what the network and the nodes suffer
 *     sim_oracles.c  rounds against the truth
 *     sim_contents.c what a round recorded, against the truth
 *     sim_verdict.c  what a round reports, against the truth
 *     sim_orders.c   aborts and messages against the truth
 *     sim_compare.c  the same applications with and without rounds
 *     sim_restore.c  a system restored from a cut goes on as the original would have */
#ifndef TESTS_SIM_SIM_H
#define TESTS_SIM_SIM_H

#include "tests/sim/truth.h"
#include "tests/sim/world.h"

#define SIM_STEPS_MAX   400
#define SIM_DETECTORS   2
#define SIM_DRIVERS     (2 * TRUTH_PROCESSES)
#define SIM_PATIENCE_MS 100
#define SIM_CAPACITY    3               /* Of a pool. */
#define SIM_LAST_CUT    "build/sim.cut" /* Of a narrated run. */

/* Each can be switched off by name, and its probability is drawn from the seed. */
#define SIM_FAULTS(X)                                                                              \
    X(LOSS, "loss", "what is on a link is lost")                                                   \
    X(REPEAT, "repeat", "a frame arrives twice")                                                   \
    X(REORDER, "reorder", "two frames change places")                                              \
    X(PARTITION, "partition", "a link carries nothing for a while")                                \
    X(SLOW, "slow", "an application takes nothing for a while")                                    \
    X(CRASH, "crash", "a node vanishes and comes back as a new incarnation")                       \
    X(LEAVE, "leave", "a node says goodbye and comes back")                                        \
    X(TIMEOUT, "timeout", "an application gives up a wait by itself")                              \
    X(REFUSE, "refuse", "a lock manager turns a request down")                                     \
    X(LATE, "late", "channels are opened on first use, also during rounds")                        \
    X(HURRY, "hurry", "rounds have short deadlines, and are collected or abandoned")               \
    X(SECOND, "second", "a second detector watches the same nodes")                                \
    X(RESTART, "restart", "a detector comes back as a new incarnation")                            \
    X(MEMORY, "memory", "an allocation of a node or a detector fails")                             \
    X(SILENCE, "silence", "living peers hear nothing of each other, and give each other up")

enum sim_fault {
#define SIM_FAULT_NUMBER(name, word, text) SIM_##name,
    SIM_FAULTS(SIM_FAULT_NUMBER)
#undef SIM_FAULT_NUMBER
        SIM_FAULT_COUNT
};

const char *sim_fault_word(enum sim_fault fault);

/* What applications do beyond two-phase locking. */
enum sim_habit {
    SIM_EARLY_RELEASE,
    SIM_UPGRADES, /* Shared first, exclusive later. */
    SIM_DIRECT,   /* Waits on processes. */
    SIM_TOKENS,   /* Payloads that must not be lost. */
    SIM_LAZY,     /* Managers grant when they feel like it. */
    SIM_BRANCHES, /* Processes that work at two nodes. */
    SIM_STUBBORN, /* One process must not be aborted. */
    SIM_CHOICES,  /* Waits on some of several processes, nested. */
    SIM_TRIES,    /* Requests that do not wait. */
    SIM_BRIEF,    /* Holds until the branch goes on. */
    SIM_POOLS,    /* Every other resource is a pool of units. */
    SIM_BARGING,  /* Every third resource is without an order. */
    SIM_JUMPING,  /* Requests for the front, and managers that move entries. */
    SIM_HABIT_COUNT
};

struct sim_shape {
    int nodes, processes, resources, detectors;
    uint32_t window, silence_ms;
    bool resolves; /* Detectors break what they find. */
    int64_t period_us, deadline_us;
    bool habits[SIM_HABIT_COUNT];
    int chance[SIM_FAULT_COUNT]; /* In a thousand; 0: never. */
};

enum sim_step_kind { SIM_ACT, SIM_TAKE, SIM_DELIVER, SIM_TICK, SIM_SUSPECT, SIM_SUFFER };

struct sim_step {
    enum sim_step_kind kind;
    enum sim_fault fault; /* SIM_SUFFER */
    uint64_t random;
};

struct sim_plan {
    uint64_t seed;
    struct sim_shape shape;
    int step_count;
    struct sim_step steps[SIM_STEPS_MAX];
    bool narrate;
    bool steady; /* Detectors do not disturb the applications' schedule; see sim_compare.c. */
};

/* @p allowed: a bit for each fault that may happen. */
void sim_draw(struct sim_plan *plan, uint64_t seed, uint64_t allowed);

/* Counted over all runs of a campaign. */
struct sim_counts {
    uint64_t runs, steps, rounds, incomplete, failed, deadlocks, aborts, restored, compared;
    uint64_t choices;                 /* Deadlocks in which somebody had a choice. */
    uint64_t faults[SIM_FAULT_COUNT]; /* That really happened. */
    uint64_t opened, closed;          /* Channels, while a round was under way. */
    uint64_t abandoned[3];            /* Rounds: before any node had cut, between, after all had. */
};

/* A hash of what applications have and heard, after the steps and after the healed phase. */
struct sim_outcome {
    uint64_t middle, end;
};

/* Run it; a broken oracle ends the process. */
struct sim_outcome sim_run(const struct sim_plan *plan, struct sim_counts *counts);
/* Run it with and without rounds. */
void sim_compare(const struct sim_plan *plan, struct sim_counts *counts);
/* All that a campaign does with a seed: every eighth is compared. */
void sim_try(const struct sim_plan *plan, struct sim_counts *counts);

/* ---- Broken oracles ---- */

#define SIM_ORACLES(X)                                                                             \
    X(CONSISTENT, "1 consistent", "no message was taken before it was sent")                       \
    X(CONTENTS, "2 contents", "books and channels are recorded exactly")                           \
    X(CONSERVED, "3 conserved", "no token is lost or doubled")                                     \
    X(RESTORED, "4 restored", "a system restored from the cut goes on as the original")            \
    X(BUDGET, "5 budget", "one marker for each channel and round")                                 \
    X(OUTCOME, "6 outcome", "rounds change nothing for applications")                              \
    X(VERDICT, "7 verdict", "exactly the deadlocks of the cut are reported")                       \
    X(VICTIM, "8 victim", "nobody dies in vain, and nobody innocent")                              \
    X(ALIVE, "9 alive", "after healing, rounds complete and deadlocks go")                         \
    X(ROUND, "0 round", "a round fails only for a reason")                                         \
    X(SITE, "0 site", "a site does what its header says")

enum sim_oracle {
#define SIM_ORACLE_NUMBER(name, word, text) SIM_ORACLE_##name,
    SIM_ORACLES(SIM_ORACLE_NUMBER)
#undef SIM_ORACLE_NUMBER
        SIM_ORACLE_COUNT
};

const char *sim_oracle_word(enum sim_oracle oracle);

/* Where a child leaves word for its parent. */
struct sim_report {
    bool broken;
    enum sim_oracle oracle;
    uint64_t seed; /* Of the run under way. */
    int step;
    char why[512];
    struct sim_counts counts;
};
extern struct sim_report *sim_report;

/* ---- The inside of a run ---- */

struct sim_driver {
    int process, node;
    bool waiting;
    uint64_t number; /* Of the ticket it waits on. */
    int wanted;
    struct truth_wish wish;
    int held[TRUTH_RESOURCES]; /* 0: not; else 1 + mode. */
    bool
        brief[TRUTH_RESOURCES]; /* To be given back before anything else is waited for by others. */
};

/* A process that has ended owes this to one that waits for it. */
struct sim_owed {
    int from, to; /* Nodes. */
    uint64_t incarnation, number;
    int process, by;
};

/* One detector's view of one round, from the truth's side. */
struct sim_round {
    uint64_t incarnation, number;
    struct truth_node at_cut[TRUTH_NODES];
    bool cut[TRUTH_NODES];
    bool over;                     /* Finished, failed, or its detector has gone. */
    uint64_t crashes, spontaneous; /* Of the run, when it started ... */
    uint64_t moved;                /* ... as this. */
    size_t connected;              /* Ends of channels that were up then. */
    int due_count;                 /* Waits in a core when it started. */
    struct truth_ended due[TRUTH_WAITS];
    int due_core[TRUTH_WAITS];
};

/* A ticket of a deadlock that a detector has told and not called gone. */
struct sim_told {
    uint64_t detector, incarnation, number; /* The first two are incarnations. */
    gdn_id deadlock;
};

struct sim_order {
    int detector;
    uint64_t incarnation, number;
    uint64_t detector_incarnation;
    bool answered, fresh;
    uint64_t spontaneous; /* When its round started. */
};

/* Which of its peers are known to be lost, by what no two rows have in common. */
#define SIM_LOSSES 256
struct sim_losses {
    uint64_t nonces[SIM_LOSSES];
    int count;
};

struct sim {
    const struct sim_plan *plan;
    const struct sim_shape *shape;
    struct world *world;
    struct truth truth;
    struct sim_counts *counts;
    struct sim_driver drivers[SIM_DRIVERS];
    int driver_count;
    struct sim_owed owed[TRUTH_WAITS];
    int owed_count;
    bool must_end[TRUTH_PROCESSES]; /* Aborted: rolls back before anything else. */
    int slow[TRUTH_NODES];          /* Steps for which it takes nothing. */
    int severed[TRUTH_NODES + SIM_DETECTORS][TRUTH_NODES + SIM_DETECTORS]; /* Steps. */
    uint64_t crashes;     /* Losses of living peers too. */
    uint64_t spontaneous; /* Waits that ended, or nodes that went, by themselves. */
    uint64_t moved;       /* Entries, by managers; and holds of the dead, away. */
    uint64_t tokens;      /* All there are. */
    bool healed;
    struct sim_round rounds[SIM_DETECTORS];
    uint64_t incarnations[SIM_DETECTORS];
    struct sim_order orders[256];
    int order_count;
    struct sim_told told[TRUTH_WAITS];
    int told_count;
    struct sim_losses lost[TRUTH_NODES];
    int arrived[TRUTH_NODES];                   /* Of the step under way: untaken, by sender. */
    uint64_t highest[TRUTH_NODES][TRUTH_NODES]; /* Record number sent; from and to. */
    uint64_t highest_to[TRUTH_NODES][TRUTH_NODES];
    struct {
        uint64_t incarnation, number;
    } marked[TRUTH_NODES][TRUTH_NODES][SIM_DETECTORS]; /* Newest round that a marker was for. */
    uint64_t marked_to[TRUTH_NODES][TRUTH_NODES];
    int complete_rounds[SIM_DETECTORS]; /* Since healing, without a deadlock. */
    uint64_t outcome;                   /* Order-sensitive hash of what applications took. */
    int step;
};

/* Ends the process. */
void sim_broken(enum sim_oracle oracle, const char *format, ...)
    __attribute__((format(printf, 2, 3), noreturn));

extern const char *const sim_nodes[TRUTH_NODES];
extern const char *const sim_detectors[SIM_DETECTORS];
extern const char *const sim_processes[TRUTH_PROCESSES];
extern const char *const sim_resources[TRUTH_RESOURCES];

/* The name of a node or, behind the nodes, of a detector. */
const char *sim_place(const struct sim *sim, int place);
int sim_node_of_name(const struct sim *sim, const char *name);
int sim_process_of(const struct sim *sim, gdn_process_id id);
int sim_resource_of(const struct sim *sim, gdn_resource_id id);

/* splitmix64 */
uint64_t sim_mix(uint64_t *state);

/* sim_drive.c */
bool sim_is_there(const struct sim *sim, int node);
gdn_ticket sim_ticket(const struct sim *sim, int node, uint64_t number);
/* False: an error that a correct caller can meet; then nothing happened. */
bool sim_went_through(enum gdn_err err, const char *verb);
void sim_must(enum gdn_err err, const char *verb);
void sim_dial(struct sim *sim, int from, int to);
void sim_describe(struct sim *sim, const struct sim_driver *driver);
void sim_add_drivers(struct sim *sim, uint64_t random);
void sim_act(struct sim *sim, uint64_t random);
void sim_end_process(struct sim *sim, int process);
/* False: the answer lies in the inbox. */
bool sim_give_up(struct sim *sim, struct sim_driver *driver);
void sim_forget_node(struct sim *sim, int node);
void sim_lost_peer(struct sim *sim, int node, int peer);
/* All that can, commits; nothing new is begun. False: nothing was left to do. */
bool sim_wind_down(struct sim *sim);

/* sim_waits.c */
void sim_wait_on(struct sim *sim, struct sim_driver *driver, uint64_t random);
/* Somebody waits for the process, and is not owed a wake for it. */
bool sim_is_waited_for(const struct sim *sim, int process);
/* From now on the process owes a wake to everyone who waits for it. */
void sim_owe_wakes(struct sim *sim, int process, int from);
bool sim_owes(const struct sim *sim, int process);
/* False: it still owes something. */
bool sim_pay(struct sim *sim, int process);

/* sim_manage.c */
/* Whatever may be granted. False: there was nothing. */
bool sim_grant(struct sim *sim, int node, int resource);
/* What some managers do by themselves. False: it is not their turn. */
bool sim_manage(struct sim *sim, uint64_t *random);
/* The last in line. */
void sim_refuse_one(struct sim *sim, int node, uint64_t random);

/* sim_taking.c */
/* The next item, and the messages on the way to it of which nobody hears. False: there was none. */
bool sim_take(struct sim *sim, int node);
struct truth_peer sim_peer(const struct sim *sim, const struct gdn__peer *peer);

/* sim_faults.c */
void sim_suffer(struct sim *sim, enum sim_fault fault, uint64_t random);
bool sim_is_pool(const struct sim *sim, int resource);
void sim_start_node(struct sim *sim, int node);
void sim_connect_node(struct sim *sim, int node);
void sim_start_detector(struct sim *sim, int detector);
void sim_heal(struct sim *sim);
/* It happened, and made a difference. */
void sim_count(struct sim *sim, enum sim_fault fault);

/* sim_oracles.c, sim_orders.c */
struct world_hooks sim_hooks(struct sim *sim);
void sim_round_started(struct sim *sim, int detector, uint64_t incarnation, uint64_t number);
void sim_round_abandoned(struct sim *sim, int detector);
void sim_judge_round(struct sim *sim, int detector, const struct gdn_detector_event *event);
void sim_before(void *context, int node);
void sim_after(void *context, int node);
void sim_sent(void *context, int from, int to, const uint8_t *bytes, size_t length);
void sim_order_told(struct sim *sim, int detector, const struct gdn_detector_event *event);
void sim_deadlock_told(struct sim *sim, const struct gdn_detector_event *event);
void sim_deadlock_gone(struct sim *sim, const struct gdn_detector_event *event);
void sim_check_orders(struct sim *sim, int detector, const gdn_verdict *verdict);
void sim_abort_taken(struct sim *sim, int node, const struct gdn_item *item);

/* sim_contents.c */
void sim_check_contents(const struct sim *sim, const gdn_cut *cut, const struct sim_round *round);

/* sim_verdict.c; @p now: as of this moment. */
void sim_check_exact(const struct sim *sim, const gdn_verdict *verdict,
                     const struct truth_node *at_cut);
void sim_check_part(const struct sim *sim, const gdn_verdict *verdict,
                    const struct sim_round *round);
void sim_check_due(const struct sim *sim, const struct truth_judged *now,
                   const gdn_verdict *verdict, const struct sim_round *round);
void sim_check_stands(const struct sim *sim, const struct truth_judged *now,
                      const gdn_verdict *verdict, const struct sim_round *round,
                      const struct gdn_deadlock *deadlock);

/* sim_compare.c */
uint64_t sim_hash(const struct sim *sim);
void sim_deliver_steadily(struct sim *sim, uint64_t random);
void sim_watch_steadily(struct sim *sim, uint64_t random);

/* sim_restore.c */
void sim_check_restored(struct sim *sim, const gdn_cut *cut, const struct truth_node *at_cut);

#endif
