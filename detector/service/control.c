/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "detector/service/control.h"

#include "detector/service/answers.h"
#include "detector/service/waits.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <zmq.h>

#define REQUEST_BYTES_MAX 64
#define ANSWER_US         INT64_C(8000000)

static int64_t clock_us(clockid_t clock)
{
    struct timespec now;
    (void)clock_gettime(clock, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

/* The port after the bound one, or the path with .control. A port that the kernel was to choose is
 * chosen by the kernel here too. */
static void derive(const char *bound, const char *wanted_bind, char *endpoint, size_t bytes)
{
    const char *port = strrchr(bound, ':');
    size_t asked = strlen(wanted_bind);
    if (strncmp(bound, "tcp://", 6) != 0 || port == NULL) {
        (void)snprintf(endpoint, bytes, "%s.control", bound);
    } else if (asked > 2 && strcmp(wanted_bind + asked - 2, ":*") == 0) {
        (void)snprintf(endpoint, bytes, "%.*s:*", (int)(port - bound), bound);
    } else {
        (void)snprintf(endpoint, bytes, "%.*s:%ld", (int)(port - bound), bound,
                       strtol(port + 1, NULL, 10) + 1);
    }
}

bool control_open(struct control *control, const char *endpoint, const char *bound,
                  const char *wanted_bind)
{
    char derived[256];
    int linger = 200;
    int64_t largest = REQUEST_BYTES_MAX;
    size_t bytes = sizeof control->endpoint;
    size_t descriptor_bytes = sizeof control->descriptor;
    *control = (struct control){.descriptor = -1};
    if (endpoint == NULL) {
        derive(bound, wanted_bind, derived, sizeof derived);
        endpoint = derived;
    }
    control->context = zmq_ctx_new();
    if (control->context != NULL) control->socket = zmq_socket(control->context, ZMQ_REP);
    if (control->socket != NULL &&
        zmq_setsockopt(control->socket, ZMQ_LINGER, &linger, sizeof linger) == 0 &&
        zmq_setsockopt(control->socket, ZMQ_MAXMSGSIZE, &largest, sizeof largest) == 0 &&
        zmq_bind(control->socket, endpoint) == 0 &&
        zmq_getsockopt(control->socket, ZMQ_LAST_ENDPOINT, control->endpoint, &bytes) == 0 &&
        zmq_getsockopt(control->socket, ZMQ_FD, &control->descriptor, &descriptor_bytes) == 0) {
        return true;
    }
    (void)fprintf(stderr, "gordiand: --control %s: %s\n", endpoint, zmq_strerror(zmq_errno()));
    control_close(control);
    return false;
}

void control_close(struct control *control)
{
    if (control->socket != NULL) (void)zmq_close(control->socket);
    if (control->context != NULL) (void)zmq_ctx_term(control->context);
    free(control->missing);
    free(control->cut);
    *control = (struct control){.descriptor = -1};
}

static void answer(struct control *control, char *text)
{
    static const char failed[] = "{\"error\":\"out of memory\"}";
    const char *said = text != NULL ? text : failed;
    /* A client that has gone away misses its answer, and nobody else. */
    (void)zmq_send(control->socket, said, strlen(said), ZMQ_DONTWAIT);
    free(text);
}

static void answer_cut(struct control *control)
{
    if (control->cut == NULL) {
        answer(control, answers_error("out of memory: the cut could not be kept"));
    } else {
        (void)zmq_send(control->socket, control->cut, control->cut_bytes, ZMQ_DONTWAIT);
    }
}

static void answer_from_round(struct control *control, gdn_detector *detector,
                              enum control_pending wanted)
{
    control->pending = wanted;
    control->asked_us = clock_us(CLOCK_REALTIME);
    control->answer_by_us = clock_us(CLOCK_MONOTONIC) + ANSWER_US;
    gdn_detector_suspect(detector);
}

static void serve_one(struct control *control, gdn_detector *detector, const char *request)
{
    /* No round is taken while nobody takes part. */
    bool alone = gdn_detector_node_count(detector) == 0;
    if (strcmp(request, "status") == 0) {
        answer(control, answers_status(control, detector));
    } else if (strcmp(request, "waits") == 0 && alone) {
        answer(control, waits_of_nobody());
    } else if (strcmp(request, "waits") == 0) {
        answer_from_round(control, detector, CONTROL_WAITS);
    } else if (strcmp(request, "cut") == 0 && alone) {
        answer(control, answers_error("no node takes part, so there is nothing to cut"));
    } else if (strcmp(request, "cut") == 0) {
        answer_from_round(control, detector, CONTROL_CUT);
    } else if (strcmp(request, "cut last") == 0 && !control->has_round) {
        answer(control, answers_error("no round has ended yet"));
    } else if (strcmp(request, "cut last") == 0) {
        answer_cut(control);
    } else {
        answer(control, answers_error("no such request"));
    }
}

void control_serve(struct control *control, gdn_detector *detector)
{
    char request[REQUEST_BYTES_MAX + 1];
    if (control->socket == NULL) return;
    if (control->pending != CONTROL_NOTHING) {
        if (clock_us(CLOCK_MONOTONIC) < control->answer_by_us) return; /* One at a time. */
        control->pending = CONTROL_NOTHING;
        answer(control, answers_error("no round came to an end in time"));
    }
    while (control->pending == CONTROL_NOTHING) {
        int length = zmq_recv(control->socket, request, REQUEST_BYTES_MAX, ZMQ_DONTWAIT);
        if (length < 0) return;
        request[length] = '\0';
        serve_one(control, detector, request);
    }
}

/* Kept as bytes, for the cut itself goes with its events. */
static void keep_cut_bytes(struct control *control, const gdn_cut *cut)
{
    free(control->cut);
    control->cut = NULL;
    if (gdn_cut_encode(cut, &control->cut, &control->cut_bytes) != GDN_OK) control->cut = NULL;
}

static void answer_pending(struct control *control, const struct gdn_detector_event *event)
{
    enum control_pending wanted = control->pending;
    control->pending = CONTROL_NOTHING;
    if (wanted == CONTROL_WAITS) answer(control, waits_of(event->verdict));
    if (wanted == CONTROL_CUT) answer_cut(control);
}

void control_round(struct control *control, gdn_detector *detector,
                   const struct gdn_detector_event *event)
{
    control->has_round = true;
    control->complete = event->verdict->complete;
    control->round = event->round.number;
    control->latency_us = event->latency_us;
    control->ended_us = clock_us(CLOCK_REALTIME);
    free(control->missing);
    control->missing = answers_missing(event->cut);
    if (control->socket != NULL) keep_cut_bytes(control, event->cut);
    if (control->pending == CONTROL_NOTHING) return;
    /* The round that was under way then shows an earlier state; another one follows it. */
    if (event->cut->started_us < control->asked_us) return;
    answer_pending(control, event);
    control_serve(control, detector);
}
