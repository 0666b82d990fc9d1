/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "demos/common/cluster.h"

#include "demos/common/child.h"
#include "demos/common/clock.h"
#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define READY_US INT64_C(20000000)
#define QUIT_MS  10000

static void close_controls(struct cluster *cluster)
{
    for (int i = 0; i < cluster->count; i++) {
        if (cluster->members[i].control >= 0) (void)close(cluster->members[i].control);
        cluster->members[i].control = -1;
    }
}

static bool fork_member(struct cluster *cluster, const struct cluster_options *options, int index)
{
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0) return false;
    pid_t pid = child_fork(SIGKILL);
    if (pid == 0) {
        (void)close(pair[0]);
        close_controls(cluster); /* Those of the members before this one. */
        exit(member_main(index, pair[1], options));
    }
    (void)close(pair[1]);
    cluster->members[index].pid = pid;
    cluster->members[index].control = pair[0];
    cluster->count = index + 1;
    return pid > 0;
}

bool cluster_tell(struct cluster *cluster, int member, const char *format, ...)
{
    char text[WORDS_LINE_BYTES];
    va_list values;
    va_start(values, format);
    int length = vsnprintf(text, sizeof text, format, values);
    va_end(values);
    if (length < 0 || (size_t)length >= sizeof text) return false;
    return send(cluster->members[member].control, text, (size_t)length, MSG_NOSIGNAL) == length;
}

/* One packet of a member whose socket can be read. */
static enum heard read_member(struct cluster *cluster, int member, char *text, size_t text_bytes,
                              size_t *length)
{
    ssize_t got = recv(cluster->members[member].control, text, text_bytes - 1, 0);
    if (got <= 0) {
        (void)fprintf(stderr, "n%d has ended\n", member + 1);
        return HEARD_END;
    }
    text[got] = '\0';
    if (length != NULL) *length = (size_t)got;
    return HEARD_LINE;
}

/* Waits for whoever speaks next; the service's talk is passed on here. -1: nobody. */
static int poll_members(struct cluster *cluster, int timeout_ms)
{
    struct pollfd fds[CLUSTER_MAX + 1];
    struct service *service = cluster->service;
    nfds_t count = (nfds_t)cluster->count;
    for (int i = 0; i < cluster->count; i++) {
        fds[i] = (struct pollfd){.fd = cluster->members[i].control, .events = POLLIN};
    }
    fds[count] = (struct pollfd){.fd = service != NULL ? service->talk : -1, .events = POLLIN};
    if (child_poll(fds, count + 1, timeout_ms) <= 0) return -1;
    if (fds[count].revents != 0) service_talk(service);
    for (int i = 0; i < cluster->count; i++) {
        if (fds[i].revents != 0) return i;
    }
    return -1;
}

enum heard cluster_hear(struct cluster *cluster, int64_t deadline_us, int *member, char *text,
                        size_t text_bytes, size_t *length)
{
    for (;;) {
        int left_ms = clock_left_ms(deadline_us);
        int speaker = poll_members(cluster, left_ms);
        if (child_interrupted()) {
            (void)fprintf(stderr, "interrupted\n");
            return HEARD_END;
        }
        if (speaker >= 0) {
            *member = speaker;
            return read_member(cluster, speaker, text, text_bytes, length);
        }
        if (left_ms == 0) return HEARD_NOTHING;
    }
}

/* One packet from each member, that begins with @p word; what follows it goes to endpoint. */
static bool hear_all(struct cluster *cluster, const char *word, bool keep)
{
    char text[WORDS_LINE_BYTES];
    int64_t deadline = clock_us() + READY_US;
    for (int i = 0; i < cluster->count; i++) {
        int member = 0;
        enum heard heard = cluster_hear(cluster, deadline, &member, text, sizeof text, NULL);
        if (heard == HEARD_NOTHING) (void)fprintf(stderr, "the nodes do not find each other\n");
        if (heard != HEARD_LINE || strncmp(text, word, strlen(word)) != 0) return false;
        if (!keep) continue;
        (void)snprintf(cluster->members[member].endpoint, sizeof cluster->members[0].endpoint, "%s",
                       text + strlen(word));
    }
    return true;
}

static bool tell_all(struct cluster *cluster, const char *word)
{
    bool told = true;
    for (int i = 0; i < cluster->count; i++) told = cluster_tell(cluster, i, "%s", word) && told;
    return told;
}

static bool introduce(struct cluster *cluster)
{
    bool told = true;
    for (int i = 0; i < cluster->count; i++) {
        for (int k = 0; k < cluster->count; k++) {
            if (k == i) continue;
            told = cluster_tell(cluster, i, "peer n%d %s", k + 1, cluster->members[k].endpoint) &&
                   told;
        }
    }
    return tell_all(cluster, "go") && told;
}

bool cluster_start(struct cluster *cluster, const struct cluster_options *options)
{
    bool started = options->count <= CLUSTER_MAX;
    cluster->count = 0;
    for (int i = 0; started && i < options->count; i++) {
        started = fork_member(cluster, options, i);
    }
    started = started && hear_all(cluster, "at ", true) && introduce(cluster) &&
              hear_all(cluster, "ready", false) && tell_all(cluster, "play");
    if (started) return true;
    (void)fprintf(stderr, "the cluster could not be started\n");
    (void)cluster_stop(cluster);
    return false;
}

bool cluster_stop(struct cluster *cluster)
{
    bool well = tell_all(cluster, "quit");
    for (int i = 0; i < cluster->count; i++) {
        bool hurry = child_interrupted();
        int status = child_end(cluster->members[i].pid, hurry ? SIGKILL : 0, QUIT_MS);
        if (status != 0 && !hurry) {
            (void)fprintf(stderr, "n%d ended with status %d\n", i + 1, status);
        }
        well = status == 0 && well;
    }
    close_controls(cluster);
    cluster->count = 0;
    return well;
}
