/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Exit statuses of the command line; scripts depend on them. */
#ifndef GDN_CLI_EXITS_H
#define GDN_CLI_EXITS_H

enum gdn__exit {
    GDN__EXIT_DONE = 0,
    GDN__EXIT_DEADLOCK = 1,
    GDN__EXIT_USAGE = 2, /* Also input that cannot be read. */
    GDN__EXIT_INCOMPLETE = 3,
    GDN__EXIT_UNAVAILABLE = 69, /* The service, or dot, cannot be reached. */
    GDN__EXIT_OUTPUT = 74,
    GDN__EXIT_CONFIGURATION = 78
};

#endif
