/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/support/program.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

char *program_path(char path[PROGRAM_PATH_BYTES], const char *name)
{
    const char *build = getenv("GDN_BUILD");
    (void)snprintf(path, PROGRAM_PATH_BYTES, "%s/%s", build != NULL ? build : "build", name);
    return path;
}

static void become_program(char *const argv[], const char *out, const char *err, pid_t parent)
{
    int out_fd = open(out != NULL ? out : "/dev/null", O_WRONLY | O_CREAT | O_TRUNC, 0666);
    int err_fd = open(err != NULL ? err : "/dev/null", O_WRONLY | O_CREAT | O_TRUNC, 0666);
    (void)prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() != parent || out_fd < 0 || err_fd < 0) _exit(126);
    (void)dup2(out_fd, STDOUT_FILENO);
    (void)dup2(err_fd, STDERR_FILENO);
    (void)execv(argv[0], argv);
    (void)dprintf(STDERR_FILENO, "%s cannot be run\n", argv[0]);
    _exit(127);
}

pid_t program_start(char *const argv[], const char *out, const char *err)
{
    pid_t parent = getpid();
    (void)fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) become_program(argv, out, err, parent);
    return pid;
}

static long long now_ms(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (long long)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static bool holds(const char *path, const char *text)
{
    char *content = program_read_file(path);
    bool found = content != NULL && strstr(content, text) != NULL;
    free(content);
    return found;
}

bool program_await_text(const char *path, const char *text, int timeout_ms)
{
    long long deadline = now_ms() + timeout_ms;
    int created = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0666); /* So that it can be watched. */
    int watch = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    bool found = false;
    if (created >= 0) (void)close(created);
    if (watch < 0 || inotify_add_watch(watch, path, IN_MODIFY) < 0) deadline = 0;
    while (!(found = holds(path, text)) && now_ms() < deadline) {
        char events[4096];
        struct pollfd changed = {.fd = watch, .events = POLLIN};
        (void)poll(&changed, 1, (int)(deadline - now_ms()));
        (void)!read(watch, events, sizeof events);
    }
    if (watch >= 0) (void)close(watch);
    return found;
}

int program_end(pid_t pid, int signal, int timeout_ms)
{
    int status = 0;
    struct pollfd end = {.fd = pidfd_open(pid, 0), .events = POLLIN};
    if (signal != 0) (void)kill(pid, signal);
    while (end.fd >= 0 && poll(&end, 1, timeout_ms) < 0 && errno == EINTR) {
    }
    if (end.fd >= 0) (void)close(end.fd);
    pid_t ended = waitpid(pid, &status, WNOHANG);
    if (ended == 0) {
        (void)kill(pid, SIGKILL);
        ended = waitpid(pid, &status, 0);
    }
    if (ended != pid) return -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

char *program_read_file(const char *path)
{
    FILE *file = fopen(path, "re");
    char *text = NULL;
    size_t bytes = 0;
    if (file == NULL) return NULL;
    ssize_t length = getdelim(&text, &bytes, '\0', file); /* Text has no NUL. */
    (void)fclose(file);
    if (length < 0 && text != NULL) text[0] = '\0';
    return text;
}
