/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "detector/cutfile/cutfile.h"
#include "tests/fuzz/judged.h"
#include "tests/fuzz/targets.h"
#include <string.h>

/* Every cut has one encoding only. */
static void expect_same_bytes(const gdn_cut *cut, const uint8_t *bytes, size_t length)
{
    uint8_t *again;
    size_t length_again;
    FUZZ_MUST(gdn_cut_encode(cut, &again, &length_again) == GDN_OK);
    FUZZ_MUST(length_again == length);
    FUZZ_MUST(memcmp(again, bytes, length) == 0);
    free(again);
}

void fuzz_cut(const uint8_t *bytes, size_t length)
{
    char why[256];
    gdn_cut *cut;
    uint8_t *copy = malloc(length == 0 ? 1 : length); /* What reads beyond it is found. */
    FUZZ_MUST(copy != NULL);
    if (length > 0) memcpy(copy, bytes, length);
    fuzz_put_checksum_right(copy, length);
    enum gdn_err err = gdn_cut_decode(NULL, copy, length, &cut, why, sizeof why);
    FUZZ_MUST(err == GDN_OK || err == GDN_ERR_FORMAT || err == GDN_ERR_VERSION ||
              err == GDN_ERR_CHECKSUM);
    if (err == GDN_OK) {
        expect_same_bytes(cut, copy, length);
        fuzz_judge(cut, copy[length - 1]);
        gdn_cut_free(cut);
    }
    free(copy);
}

void fuzz_document(const uint8_t *bytes, size_t length)
{
    char why[GDN__CUTFILE_WHY_BYTES];
    gdn_cut *cut;
    if (length >= 4 && memcmp(bytes, "GDNC", 4) == 0) return; /* That is fuzz_cut()'s. */
    enum gdn_err err =
        gdn__cutfile_parse("f.json", (const char *)bytes, length, &cut, why, sizeof why);
    if (err != GDN_OK) {
        FUZZ_MUST(strchr(why, '\n') == NULL); /* One line for people. */
        return;
    }
    fuzz_judge(cut, (uint8_t)length);
    gdn_cut_free(cut);
}
