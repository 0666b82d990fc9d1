/* SPDX-License-Identifier: MIT */
/* Why something failed, in words, for whoever called. */
#ifndef GDN_CORE_WHY_H
#define GDN_CORE_WHY_H

#include <gordian/base.h>

/* Write it, cut to @p why_bytes; NULL or no room: nobody wants to know. Returns @p err. */
__attribute__((format(printf, 4, 5))) enum gdn_err gdn__explain(enum gdn_err err, char *why,
                                                                size_t why_bytes,
                                                                const char *format, ...);

#endif
