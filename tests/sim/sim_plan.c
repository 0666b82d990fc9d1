/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a seed means: the shape of a system, its habits and faults, and the steps of its run. */
#include "tests/sim/sim.h"
#include <string.h>

/* Less than the longest tick of the clock. */
#define SHORT_SILENCE_MS 200

uint64_t sim_mix(uint64_t *state)
{
    uint64_t z = (*state += UINT64_C(0x9e3779b97f4a7c15));
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static int below(uint64_t *state, int limit)
{
    return (int)(sim_mix(state) % (uint64_t)limit);
}

/* Faults that came later are drawn from a stream of their own: seeds keep their meaning. */
static void draw_later_fault(struct sim_shape *shape, uint64_t random, enum sim_fault fault,
                             int most, uint64_t allowed)
{
    random += (uint64_t)fault << 32;
    bool happens = below(&random, 3) == 0;
    int chance = 1 + below(&random, most);
    if (happens && (allowed >> fault & 1) != 0) shape->chance[fault] = chance;
}

/* Half of the seeds know no fault at all: what they break is easier to see. */
static void draw_faults(struct sim_shape *shape, uint64_t *random, uint64_t allowed)
{
    uint64_t seed = *random;
    static const int most[SIM_FAULT_COUNT] = {
        [SIM_LOSS] = 20,   [SIM_REPEAT] = 40, [SIM_REORDER] = 40, [SIM_PARTITION] = 15,
        [SIM_SLOW] = 20,   [SIM_CRASH] = 6,   [SIM_LEAVE] = 6,    [SIM_TIMEOUT] = 40,
        [SIM_REFUSE] = 20, [SIM_LATE] = 1000, [SIM_HURRY] = 1000, [SIM_SECOND] = 1000,
        [SIM_RESTART] = 6};
    bool calm = below(random, 2) == 0;
    for (int f = 0; f <= SIM_RESTART; f++) {
        bool happens = below(random, 3) == 0;
        int chance = 1 + below(random, most[f]);
        if (happens && !calm && (allowed >> f & 1) != 0) shape->chance[f] = chance;
    }
    if (!calm) draw_later_fault(shape, seed, SIM_MEMORY, 60, allowed);
    if (!calm) draw_later_fault(shape, seed, SIM_SILENCE, 1000, allowed);
}

static void draw_shape(struct sim_shape *shape, uint64_t *random, uint64_t allowed)
{
    shape->nodes = 2 + below(random, 3);
    shape->processes = 2 + below(random, TRUTH_PROCESSES - 1);
    shape->resources = 2 + below(random, TRUTH_RESOURCES - 1);
    shape->window = below(random, 4) == 0 ? 3 : 0;
    shape->resolves = below(random, 2) == 0;
    uint64_t later = *random; /* A stream for each habit that came later. */
    for (int h = 0; h <= SIM_STUBBORN; h++) shape->habits[h] = below(random, 3) == 0;
    for (int h = SIM_STUBBORN + 1; h < SIM_HABIT_COUNT; h++) {
        uint64_t own = later + ((uint64_t)h << 48);
        shape->habits[h] = below(&own, 4) == 0;
    }
    draw_faults(shape, random, allowed);
    shape->period_us = below(random, 2) == 0 ? 0 : 1000 * (1 + below(random, 40));
    shape->deadline_us = shape->chance[SIM_HURRY] > 0 ? 1000 * (1 + below(random, 30)) : 1000000;
    shape->detectors = shape->chance[SIM_SECOND] > 0 ? 2 : 1;
    shape->silence_ms = shape->chance[SIM_SILENCE] > 0 ? SHORT_SILENCE_MS : 0;
}

static enum sim_fault draw_fault(const struct sim_shape *shape, uint64_t *random)
{
    int draw = below(random, 1000);
    for (int f = 0; f < SIM_FAULT_COUNT; f++) {
        if (f == SIM_LATE || f == SIM_HURRY || f == SIM_SECOND || f == SIM_SILENCE) continue;
        if (draw < shape->chance[f]) return (enum sim_fault)f;
        draw -= shape->chance[f];
    }
    return SIM_FAULT_COUNT;
}

static void draw_step(struct sim_step *step, const struct sim_shape *shape, uint64_t *random)
{
    static const enum sim_step_kind kinds[] = {SIM_ACT,     SIM_ACT,     SIM_ACT,     SIM_ACT,
                                               SIM_TAKE,    SIM_TAKE,    SIM_TAKE,    SIM_TAKE,
                                               SIM_DELIVER, SIM_DELIVER, SIM_DELIVER, SIM_DELIVER,
                                               SIM_DELIVER, SIM_DELIVER, SIM_DELIVER, SIM_TICK};
    step->fault = draw_fault(shape, random);
    step->kind = kinds[below(random, 16)];
    if (below(random, 20) == 0) step->kind = SIM_SUSPECT;
    if (step->fault != SIM_FAULT_COUNT) step->kind = SIM_SUFFER;
    step->random = sim_mix(random);
}

void sim_draw(struct sim_plan *plan, uint64_t seed, uint64_t allowed)
{
    uint64_t random = seed;
    memset(plan, 0, sizeof *plan);
    plan->seed = seed;
    draw_shape(&plan->shape, &random, allowed);
    plan->step_count = 100 + below(&random, SIM_STEPS_MAX - 99);
    for (int i = 0; i < plan->step_count; i++) draw_step(&plan->steps[i], &plan->shape, &random);
}
