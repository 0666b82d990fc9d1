/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What libFuzzer calls: the target that FUZZ names. Built by `make fuzz` alone, for it needs clang;
 * the targets themselves are built and fed everywhere (test_fuzz.c). */
#include "tests/fuzz/targets.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    FUZZ(bytes, length);
    return 0;
}
