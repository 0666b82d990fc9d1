/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The subcommands of gordian. Each gets its own name as argv[0] and returns the exit status of the
 * program (exits.h). */
#ifndef GDN_CLI_ANALYZE_H
#define GDN_CLI_ANALYZE_H

int gordian_analyze(int argc, char **argv);

#endif
