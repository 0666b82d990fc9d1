/* SPDX-License-Identifier: MIT */
#include "tests/explore/member.h"

const struct member_kind *member_kind_of(const struct layout *layout)
{
    return layout->plan.sites ? &member_site : &member_participant;
}
