/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Programs under test: started, watched by a deadline, and ended whatever happens. */
#ifndef TESTS_PROGRAM_H
#define TESTS_PROGRAM_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define PROGRAM_PATH_BYTES 512

/* The path of a built program: $GDN_BUILD (default build) and @p name. */
char *program_path(char path[PROGRAM_PATH_BYTES], const char *name);

/* Start it; -1 on failure. Its stdout goes to the file @p out, its stderr to @p err (NULL:
 * /dev/null). It is killed when this program dies. */
pid_t program_start(char *const argv[], const char *out, const char *err);

/* Wait until @p text stands in the file. False when it does not within @p timeout_ms. */
bool program_await_text(const char *path, const char *text, int timeout_ms);

/* Send @p signal (0: none) and wait. The exit status, or 128 + signal; it is killed when it takes
 * longer than @p timeout_ms. */
int program_end(pid_t pid, int signal, int timeout_ms);

/* The whole of a file as text; NULL when there is none. Caller frees with free(). */
char *program_read_file(const char *path);

#endif
