/* SPDX-License-Identifier: MIT */
#include <gordian/ledger.h>

#include <string.h>

struct gdn_modes gdn_modes_default(void)
{
    return (struct gdn_modes){
        .count = 2,
        .names = {"exclusive", "shared"},
        .conflicts = {1u << GDN_MODE_EXCLUSIVE | 1u << GDN_MODE_SHARED, 1u << GDN_MODE_EXCLUSIVE},
    };
}

static bool name_is_new(const struct gdn_modes *modes, uint32_t mode)
{
    for (uint32_t m = 0; m < mode; m++) {
        if (strcmp(modes->names[m], modes->names[mode]) == 0) return false;
    }
    return true;
}

bool gdn_modes_are_valid(const struct gdn_modes *modes)
{
    if (modes == NULL || modes->count < 1 || modes->count > GDN_MODES_MAX) return false;
    for (uint32_t m = 0; m < modes->count; m++) {
        if (!gdn_name_is_valid(modes->names[m]) || !name_is_new(modes, m)) return false;
        if (modes->conflicts[m] >> modes->count != 0) return false;
    }
    return true;
}

/* Two halves, which differ only in matrices that are not symmetric: the holder had to wait for
 * everything that the request would wait for, and everybody who would wait for the request
 * already waits for the holder. */
bool gdn_modes_cover(const struct gdn_modes *modes, uint16_t held, uint8_t mode)
{
    unsigned waited_for = 0;
    for (uint32_t m = 0; m < modes->count; m++) {
        if (held >> m & 1) waited_for |= modes->conflicts[m];
        bool would_wait = (modes->conflicts[m] >> mode & 1) != 0;
        if (would_wait && (modes->conflicts[m] & held) == 0) return false;
    }
    return (modes->conflicts[mode] & ~waited_for) == 0;
}
