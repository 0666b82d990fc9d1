/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/support/puppets.h"

#include "tests/support/program.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define ARGUMENTS_MAX 16
#define STOP_MS       20000
#define GLANCE_MS     5 /* Between two looks at what does not speak up by itself. */

static int64_t now_ms(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* ---- Listening ---- */

static void forget(struct puppet *puppet)
{
    for (int i = 0; i < puppet->news_count; i++) free(puppet->news[i].line);
    puppet->news_count = 0;
}

static void fail_with_news(const struct puppet *puppet, const char *what, const char *about)
{
    for (int i = 0; i < puppet->news_count; i++) {
        print_error("%s said: %s\n", puppet->name, puppet->news[i].line);
    }
    fail_msg("%s %s: %s", puppet->name, what, about);
}

/* One packet, if one comes in time. */
static bool hear(struct puppet *puppet, char line[PUPPET_LINE_BYTES], int64_t deadline_ms)
{
    struct pollfd ready = {.fd = puppet->string, .events = POLLIN};
    int64_t left_ms = deadline_ms - now_ms();
    if (poll(&ready, 1, left_ms > 0 ? (int)left_ms : 0) != 1) return false;
    ssize_t got = recv(puppet->string, line, PUPPET_LINE_BYTES - 1, 0);
    if (got <= 0) fail_with_news(puppet, "has gone", "");
    line[got] = '\0';
    return true;
}

static bool is_answer(const char *line)
{
    return strncmp(line, "ok", 2) == 0 || strncmp(line, "error", 5) == 0;
}

static void note(struct puppet *puppet, const char *line)
{
    char *copy = strdup(line);
    assert_non_null(copy);
    assert_true(puppet->news_count < PUPPET_NEWS_MAX);
    puppet->news[puppet->news_count++] = (struct puppet_news){.line = copy};
}

static struct puppet_news *find_news(struct puppet *puppet, const char *words)
{
    for (int i = 0; i < puppet->news_count; i++) {
        struct puppet_news *news = &puppet->news[i];
        if (!news->heard && strncmp(news->line, words, strlen(words)) == 0) return news;
    }
    return NULL;
}

bool puppet_has_said(struct puppet *puppet, const char *words)
{
    char line[PUPPET_LINE_BYTES];
    while (hear(puppet, line, 0)) note(puppet, line);
    return find_news(puppet, words) != NULL;
}

const char *puppet_await(struct puppet *puppet, const char *format, ...)
{
    char words[PUPPET_LINE_BYTES], line[PUPPET_LINE_BYTES];
    int64_t deadline_ms = now_ms() + PUPPET_LONG_MS;
    struct puppet_news *news;
    va_list values;
    va_start(values, format);
    (void)vsnprintf(words, sizeof words, format, values);
    va_end(values);
    while ((news = find_news(puppet, words)) == NULL) {
        if (!hear(puppet, line, deadline_ms)) fail_with_news(puppet, "never said", words);
        note(puppet, line);
    }
    news->heard = true;
    return news->line;
}

/* ---- Telling ---- */

const char *puppet_ask(struct puppet *puppet, const char *format, ...)
{
    char question[PUPPET_LINE_BYTES];
    int64_t deadline_ms = now_ms() + PUPPET_LONG_MS;
    va_list values;
    va_start(values, format);
    int length = vsnprintf(question, sizeof question, format, values);
    va_end(values);
    if (send(puppet->string, question, (size_t)length, MSG_NOSIGNAL) != length) {
        fail_with_news(puppet, "cannot be told", question);
    }
    do {
        if (!hear(puppet, puppet->answer, deadline_ms)) {
            fail_with_news(puppet, "does not answer", question);
        }
        if (!is_answer(puppet->answer)) note(puppet, puppet->answer);
    } while (!is_answer(puppet->answer));
    if (strncmp(puppet->answer, "ok", 2) != 0) {
        print_error("%s: %s\n", question, puppet->answer);
        fail_with_news(puppet, "cannot do", question);
    }
    return puppet->answer + strspn(puppet->answer, "ok ");
}

uint64_t puppet_number(struct puppet *puppet, const char *question, const char *key)
{
    char wanted[64];
    const char *answer = puppet_ask(puppet, "%s", question);
    (void)snprintf(wanted, sizeof wanted, "%s=", key);
    const char *found = strstr(answer, wanted);
    if (found == NULL) fail_msg("%s: no %s in '%s'", question, key, answer);
    return strtoull(found + strlen(wanted), NULL, 10);
}

void puppet_await_number(struct puppet *puppet, const char *question, const char *key,
                         uint64_t wanted)
{
    int64_t deadline_ms = now_ms() + PUPPET_LONG_MS;
    uint64_t number;
    while ((number = puppet_number(puppet, question, key)) != wanted) {
        if (now_ms() > deadline_ms) {
            fail_msg("%s: %s is %" PRIu64 ", not %" PRIu64, puppet->name, key, number, wanted);
        }
        (void)poll(NULL, 0, GLANCE_MS);
    }
}

/* ---- Life ---- */

static void become_puppet(char *const argv[], int string, const char *err, pid_t parent)
{
    int err_fd = open(err, O_WRONLY | O_CREAT | O_APPEND, 0666);
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent || err_fd < 0) _exit(126);
    (void)dup2(string, STDIN_FILENO);
    (void)dup2(err_fd, STDOUT_FILENO);
    (void)dup2(err_fd, STDERR_FILENO);
    (void)execv(argv[0], argv);
    _exit(127);
}

static void fill_arguments(char *argv[ARGUMENTS_MAX + 1], char *words)
{
    int count = 3;
    for (char *word = strtok(words, " "); word != NULL; word = strtok(NULL, " ")) {
        assert_true(count < ARGUMENTS_MAX);
        argv[count++] = word;
    }
    argv[count] = NULL;
}

static void hear_open(struct puppet *puppet)
{
    char line[PUPPET_LINE_BYTES];
    if (!hear(puppet, line, now_ms() + PUPPET_LONG_MS) ||
        sscanf(line, "open %127s %" SCNu64, puppet->endpoint, &puppet->incarnation) != 2) {
        fail_with_news(puppet, "does not open its node", line);
    }
}

void puppet_start(struct puppet *puppet, const char *name, const char *bind, const char *err,
                  const char *words)
{
    char path[PROGRAM_PATH_BYTES], copy[PUPPET_LINE_BYTES];
    char *argv[ARGUMENTS_MAX + 1] = {program_path(path, "tests/support/puppet"),
                                     (char *)(uintptr_t)name, (char *)(uintptr_t)bind};
    int pair[2];
    pid_t parent = getpid();
    forget(puppet);
    assert_int_equal(puppet->pid, 0);
    assert_true((size_t)snprintf(copy, sizeof copy, "%s", words) < sizeof copy);
    fill_arguments(argv, copy);
    (void)snprintf(puppet->name, sizeof puppet->name, "%s", name);
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
    (void)fflush(NULL);
    puppet->pid = fork();
    if (puppet->pid == 0) become_puppet(argv, pair[1], err, parent);
    (void)close(pair[1]);
    puppet->string = pair[0];
    puppet->stopped = false;
    assert_true(puppet->pid > 0);
    hear_open(puppet);
}

void puppet_join(struct puppet *puppet, struct puppet *other)
{
    (void)puppet_ask(puppet, "connect %s %s", other->name, other->endpoint);
    (void)puppet_ask(other, "connect %s %s", puppet->name, puppet->endpoint);
    (void)puppet_ask(puppet, "await %s", other->name);
    (void)puppet_ask(other, "await %s", puppet->name);
}

void puppet_signal(struct puppet *puppet, int signal)
{
    assert_int_equal(kill(puppet->pid, signal), 0);
    puppet->stopped = signal == SIGSTOP;
}

static int end(struct puppet *puppet, int signal)
{
    if (puppet->stopped && signal != SIGKILL) (void)kill(puppet->pid, SIGCONT);
    int status = program_end(puppet->pid, signal, STOP_MS);
    (void)close(puppet->string); /* Not before: it would quit by itself, with a goodbye. */
    puppet->pid = 0;
    return status;
}

void puppet_kill(struct puppet *puppet)
{
    assert_int_equal(end(puppet, SIGKILL), 128 + SIGKILL);
}

void puppet_quit(struct puppet *puppet)
{
    (void)send(puppet->string, "quit", 4, MSG_NOSIGNAL);
    int status = end(puppet, 0);
    if (status != 0) fail_msg("%s ended with status %d", puppet->name, status);
}

void puppet_remove(struct puppet *puppet)
{
    if (puppet->pid > 0) (void)end(puppet, SIGKILL);
    forget(puppet);
}
