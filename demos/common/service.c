/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "demos/common/service.h"

#include "demos/common/child.h"
#include "demos/common/clock.h"
#include "demos/common/place.h"
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define START_MS  10000
#define STOP_MS   10000
#define ARGUMENTS 96

struct arguments {
    char *list[ARGUMENTS];
    int count;
    char text[2048]; /* Numbers and names that nobody else keeps. */
    size_t used;
};

static void add(struct arguments *arguments, const char *option, const char *value)
{
    if (value == NULL) return;
    arguments->list[arguments->count++] = (char *)(size_t)option; /* execv() changes nothing. */
    arguments->list[arguments->count++] = (char *)(size_t)value;
    arguments->list[arguments->count] = NULL;
}

static const char *number_text(struct arguments *arguments, const char *before, int number)
{
    char *text = arguments->text + arguments->used;
    int length = snprintf(text, sizeof arguments->text - arguments->used, "%s%d", before, number);
    arguments->used += (size_t)length + 1;
    return text;
}

static void fill_arguments(struct arguments *arguments, char *program,
                           const struct service_options *options)
{
    *arguments = (struct arguments){.list = {program}, .count = 1};
    add(arguments, "--bind", options->bind != NULL ? options->bind : "tcp://127.0.0.1:*");
    add(arguments, "--period", number_text(arguments, "", options->period_ms));
    add(arguments, "--deadline", number_text(arguments, "", options->deadline_ms));
    add(arguments, "--resolve", options->resolve);
    add(arguments, "--keep-cuts", options->keep_cuts);
    add(arguments, "--events", options->events);
    for (int i = 1; i <= options->expect_count; i++) {
        add(arguments, "--expect", number_text(arguments, "n", i));
    }
}

/* Its first line: "gordiand: listening on tcp://127.0.0.1:4711". */
static bool await_listening(struct service *service)
{
    static const char listening[] = "listening on ";
    char line[512];
    size_t used = 0;
    int64_t deadline = clock_us() + (int64_t)START_MS * 1000;
    while (used + 1 < sizeof line) {
        struct pollfd talk = {.fd = service->talk, .events = POLLIN};
        if (child_poll(&talk, 1, clock_left_ms(deadline)) <= 0) break;
        ssize_t got = read(service->talk, line + used, 1);
        if (got <= 0) break;
        if (line[used++] != '\n') continue;
        line[used - 1] = '\0';
        const char *found = strstr(line, listening);
        if (found != NULL) {
            (void)snprintf(service->endpoint, sizeof service->endpoint, "%s",
                           found + strlen(listening));
            return true;
        }
        (void)fprintf(stderr, "%s\n", line);
        used = 0;
    }
    line[used] = '\0';
    (void)fprintf(stderr, "%s%sgordiand did not begin to listen\n", line, used > 0 ? "\n" : "");
    return false;
}

static bool run(struct service *service, struct arguments *arguments, int out)
{
    int talk[2];
    if (pipe2(talk, O_CLOEXEC) != 0) return false;
    service->pid = child_exec(arguments->list, out, talk[1]);
    service->talk = talk[0];
    (void)fcntl(talk[0], F_SETFL, O_NONBLOCK); /* Whoever inherited the other end: no waiting. */
    (void)close(talk[1]);
    if (service->pid > 0 && await_listening(service)) return true;
    (void)service_stop(service);
    return false;
}

bool service_start(struct service *service, const struct service_options *options)
{
    char program[PLACE_PATH_BYTES];
    struct arguments arguments;
    int out = -1;
    *service = (struct service){.talk = -1};
    if (!place_program(program, "gordiand")) {
        (void)fprintf(stderr, "%s is missing; build it first (make)\n", program);
        return false;
    }
    if (options->report != NULL) {
        out = open(options->report, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
        if (out < 0) {
            (void)fprintf(stderr, "%s cannot be written\n", options->report);
            return false;
        }
    }
    fill_arguments(&arguments, program, options);
    bool started = run(service, &arguments, out);
    if (out >= 0) (void)close(out);
    return started;
}

void service_talk(struct service *service)
{
    char text[1024];
    ssize_t got = read(service->talk, text, sizeof text);
    if (got > 0) {
        (void)fwrite(text, 1, (size_t)got, stderr);
    } else {
        (void)close(service->talk);
        service->talk = -1;
    }
}

int service_stop(struct service *service)
{
    if (service->pid <= 0) return 0;
    int status = child_end(service->pid, SIGTERM, STOP_MS);
    while (service->talk >= 0) service_talk(service);
    service->pid = 0;
    return status;
}
