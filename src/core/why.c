/* SPDX-License-Identifier: MIT */
#include "src/core/why.h"

#include <stdarg.h>
#include <stdio.h>

enum gdn_err gdn__explain(enum gdn_err err, char *why, size_t why_bytes, const char *format, ...)
{
    if (why == NULL || why_bytes == 0) return err;
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(why, why_bytes, format, arguments);
    va_end(arguments);
    return err;
}
