/* SPDX-License-Identifier: MIT */
#include "tests/explore/member.h"

const struct member_kind *member_kind_of(const struct layout *layout)
{
    return layout->plan.sites ? &member_site : &member_participant;
}

void member_act(const struct member_kind *kind, struct member *member,
                const struct layout_action *action, uint32_t item)
{
    switch (action->kind) {
    case LAYOUT_SEND:
        kind->send(member, action->channel);
        break;
    case LAYOUT_ARRIVE:
        kind->arrive(member, action->channel, item);
        break;
    case LAYOUT_TAKE:
        kind->take(member);
        break;
    case LAYOUT_ORDER:
        kind->order(member, action->initiator);
        break;
    case LAYOUT_OPEN:
        kind->open(member, action->channel);
        break;
    }
    kind->settle(member);
}
