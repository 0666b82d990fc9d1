/* SPDX-License-Identifier: GPL-2.0-or-later */
/* gordiand: a detector as a service. One loop: take an event, tell it, look for signals and for
 * questions. */
#include "detector/cli/exits.h"
#include "detector/cutfile/when.h"
#include "detector/render/render.h"
#include "detector/render/shown.h"
#include "detector/service/control.h"
#include "detector/service/events.h"
#include "detector/service/keep.h"
#include "detector/service/options.h"
#include "detector/service/output.h"
#include "src/node/endpoint.h"
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#define LOOK_MS 500 /* At least so often is looked for questions. */

struct service {
    struct options options;
    gdn_detector *detector;
    struct control control;
    struct events events;
    struct keep keep;
    int signals;
    int watched;         /* epoll: signals and control. */
    struct spell report; /* Of text for stdout that could not be written. */
    bool stopping;
};

/* ---- Telling ---- */

static void log_line(void *context, enum gdn_log_level level, const char *line)
{
    const struct service *service = context;
    if (level < GDN_LOG_WARNING && !service->options.verbose) return;
    (void)fprintf(stderr, "gordiand: %s\n", line);
}

/* What cannot be written is told of once, and the next is tried. */
static void print_text(struct service *service, struct gdn__textbuf *text)
{
    errno = ENOMEM;
    bool written = !text->failed && output_write(STDOUT_FILENO, text->text, text->length);
    if (spell_begins(&service->report, written)) {
        (void)fprintf(stderr, "gordiand: the report cannot be written: %s\n", strerror(errno));
    }
    gdn__textbuf_fini(text);
}

/* The report of the one deadlock that is new (the others of the round were told before), as gordian
 * analyze gives it from the cut; then how soon it was found, which the cut cannot tell. */
static void print_deadlock(struct service *service, const struct gdn_detector_event *event)
{
    static const struct gdn__render_options options;
    char id[GDN_ID_TEXT_BYTES];
    struct gdn__textbuf text = {0};
    const struct gdn_deadlock *deadlock = &event->verdict->deadlocks[event->deadlock];
    uint64_t last_us = gdn__last_request_us(deadlock);
    gdn__render_deadlock(event->verdict, event->deadlock, &options, &text);
    gdn__textbuf_addf(&text, "deadlock %.6s: found ", gdn_id_format(event->id, id));
    gdn__show_duration(&text, last_us + (uint64_t)event->latency_us);
    gdn__textbuf_add(&text, last_us > 0 ? " after its last request\n" : " after the round began\n");
    print_text(service, &text);
}

static void print_outcome(struct service *service, const struct gdn_detector_event *event,
                          const char *what)
{
    char id[GDN_ID_TEXT_BYTES];
    struct gdn__textbuf text = {0};
    gdn__textbuf_addf(&text, "deadlock %.6s: ", gdn_id_format(event->id, id));
    gdn__textbuf_add_shown(&text, event->process);
    gdn__textbuf_addf(&text, " %s ", what);
    gdn__textbuf_add_shown(&text, event->node);
    gdn__textbuf_addf(&text, " after %.1f ms\n", (double)event->after_us / 1000.0);
    print_text(service, &text);
}

static void print_gone(struct service *service, const struct gdn_detector_event *event)
{
    char id[GDN_ID_TEXT_BYTES];
    struct gdn__textbuf text = {0};
    gdn__textbuf_addf(&text, "deadlock %.6s: gone after %.1f ms\n", gdn_id_format(event->id, id),
                      (double)event->after_us / 1000.0);
    print_text(service, &text);
}

/* A known deadlock is not reported again; that it stands is said in its 8th, 16th, 32nd, ... round,
 * so that its lines stay few however long nobody breaks it. */
static void print_standing(struct service *service, const struct gdn_detector_event *event)
{
    char id[GDN_ID_TEXT_BYTES], when[GDN__WHEN_BYTES];
    for (size_t i = 0; i < gdn_detector_incident_count(service->detector); i++) {
        struct gdn_detector_incident incident = gdn_detector_incident(service->detector, i);
        bool due = incident.rounds >= 8 && (incident.rounds & (incident.rounds - 1)) == 0;
        if (!due || incident.seen_in.number != event->round.number) continue;
        struct gdn__textbuf text = {0};
        gdn__textbuf_addf(&text,
                          "deadlock %.6s: still there, seen in %" PRIu64 " rounds since %s\n",
                          gdn_id_format(incident.id, id), incident.rounds,
                          gdn__when_format(incident.found_us, when));
        print_text(service, &text);
    }
}

static void print_news(struct service *service, const struct gdn_detector_event *event)
{
    switch (event->type) {
    case GDN_DETECTOR_DEADLOCK:
        print_deadlock(service, event);
        return;
    case GDN_DETECTOR_ABORTED:
        print_outcome(service, event, "aborted by");
        return;
    case GDN_DETECTOR_STALE:
        print_outcome(service, event, "was no longer waiting at");
        return;
    case GDN_DETECTOR_REFUSED:
        print_outcome(service, event, "must not be aborted, says");
        return;
    case GDN_DETECTOR_UNKNOWN:
        print_outcome(service, event, "asked to abort, no answer from");
        return;
    case GDN_DETECTOR_GONE:
        print_gone(service, event);
        return;
    case GDN_DETECTOR_ABORT_ASKED:
    case GDN_DETECTOR_ROUND:
    case GDN_DETECTOR_ROUND_FAILED:
    case GDN_DETECTOR_NODE_JOINED:
    case GDN_DETECTOR_NODE_LOST:
        return;
    }
}

static void tell(struct service *service, const struct gdn_detector_event *event)
{
    bool to_events = service->events.fd == STDOUT_FILENO;
    events_write(&service->events, event);
    if (!to_events) print_news(service, event); /* One kind of line on one stream. */
    if (event->type == GDN_DETECTOR_ROUND_FAILED) log_line(service, GDN_LOG_INFO, event->why);
    if (event->type != GDN_DETECTOR_ROUND) return;
    if (!to_events) print_standing(service, event);
    if (event->news) keep_cut(&service->keep, event->cut);
    control_round(&service->control, service->detector, event);
}

/* ---- Signals ---- */

static bool watch(const struct service *service, int descriptor)
{
    struct epoll_event wanted = {.events = EPOLLIN, .data = {.fd = descriptor}};
    return descriptor < 0 || epoll_ctl(service->watched, EPOLL_CTL_ADD, descriptor, &wanted) == 0;
}

/* Before any thread is started, so that none of them takes the signals. */
static bool catch_signals(struct service *service)
{
    sigset_t wanted;
    (void)signal(SIGPIPE, SIG_IGN);
    (void)sigemptyset(&wanted);
    (void)sigaddset(&wanted, SIGTERM);
    (void)sigaddset(&wanted, SIGINT);
    (void)sigaddset(&wanted, SIGHUP);
    (void)sigprocmask(SIG_BLOCK, &wanted, NULL);
    service->signals = signalfd(-1, &wanted, SFD_CLOEXEC | SFD_NONBLOCK);
    service->watched = epoll_create1(EPOLL_CLOEXEC);
    if (service->signals >= 0 && service->watched >= 0 && watch(service, service->signals)) {
        return true;
    }
    (void)fprintf(stderr, "gordiand: signals cannot be watched: %s\n", strerror(errno));
    return false;
}

static void look_for_signals(struct service *service)
{
    struct signalfd_siginfo arrived;
    while (read(service->signals, &arrived, sizeof arrived) == (ssize_t)sizeof arrived) {
        if (arrived.ssi_signo == SIGHUP) {
            events_reopen(&service->events);
        } else {
            service->stopping = true;
        }
    }
}

/* ---- Life ---- */

static int open_detector(struct service *service)
{
    const struct options *options = &service->options;
    const struct gdn__endpoint_rules rules = {.remote = options->allow_remote};
    char why[512];
    if (gdn__endpoint_check(options->bind, &rules, why, sizeof why) != GDN_OK) {
        (void)fprintf(stderr, "gordiand: --bind %s\n", why);
        return GDN__EXIT_CONFIGURATION;
    }
    struct gdn_detector_options detector = {.name = options->name,
                                            .bind = options->bind,
                                            .advertise = options->advertise,
                                            .period_ms = options->period_ms,
                                            .deadline_ms = options->deadline_ms,
                                            .silence_ms = (uint32_t)options->silence_ms,
                                            .expect = options->expect,
                                            .expect_count = options->expect_count,
                                            .policy = options->policy,
                                            .allow_remote = options->allow_remote,
                                            .log = {log_line, service}};
    enum gdn_err err = gdn_detector_open(&detector, &service->detector, why, sizeof why);
    if (err == GDN_OK) return GDN__EXIT_DONE;
    (void)fprintf(stderr, "gordiand: %s\n", why);
    bool configuration = err == GDN_ERR_NAME || err == GDN_ERR_MISUSE;
    return configuration ? GDN__EXIT_CONFIGURATION : GDN__EXIT_UNAVAILABLE;
}

static int open_service(struct service *service)
{
    const struct options *options = &service->options;
    if (!keep_open(&service->keep, options->keep_cuts, options->name, options->keep_max) ||
        !events_open(&service->events, options->events)) {
        return GDN__EXIT_CONFIGURATION;
    }
    if (!catch_signals(service)) return GDN__EXIT_UNAVAILABLE;
    int status = open_detector(service);
    if (status != GDN__EXIT_DONE) return status;
    bool asked = control_open(&service->control, options->control,
                              gdn_detector_endpoint(service->detector), options->bind);
    if (!asked && options->control != NULL) return GDN__EXIT_UNAVAILABLE;
    if (!watch(service, service->control.descriptor)) return GDN__EXIT_UNAVAILABLE;
    if (asked) {
        (void)fprintf(stderr, "gordiand: gordian status, waits and cut ask at %s\n",
                      service->control.endpoint);
    }
    (void)fprintf(stderr, "gordiand: listening on %s\n", gdn_detector_endpoint(service->detector));
    return GDN__EXIT_DONE;
}

static void run(struct service *service)
{
    struct gdn_detector_event event;
    while (!service->stopping) {
        enum gdn_err err =
            gdn_detector_next_or(service->detector, service->watched, LOOK_MS, &event);
        if (err == GDN_OK) tell(service, &event);
        look_for_signals(service);
        control_serve(&service->control, service->detector);
    }
}

static void close_service(struct service *service)
{
    control_close(&service->control);
    gdn_detector_close(service->detector);
    events_close(&service->events);
    keep_close(&service->keep);
    if (service->signals >= 0) (void)close(service->signals);
    if (service->watched >= 0) (void)close(service->watched);
    options_free(&service->options);
}

int main(int argc, char **argv)
{
    struct service service = {
        .signals = -1, .watched = -1, .control = {.descriptor = -1}, .events = {.fd = -1}};
    int status = GDN__EXIT_DONE;
    if (options_read(argc, argv, &service.options, &status)) {
        status = open_service(&service);
        if (status == GDN__EXIT_DONE) run(&service);
    }
    close_service(&service);
    return status;
}
