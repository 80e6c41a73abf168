/*
 * The table that readers from outside start from: see introspect.h.
 */
#include "introspect.h"

#define AT(field) offsetof(struct vv_greenlet, field)

__attribute__((visibility("default"), used)) const struct vv__introspection vv_introspection = {
    .magic = VV__INTROSPECTION_MAGIC,
    .size = sizeof(struct vv__introspection),
    .greenlet_size = sizeof(struct vv_greenlet),
    .hub_size = sizeof(struct vv__hub),
    .wait_size = sizeof(struct vv__wait),
    .stats_size = sizeof(struct vv__stats),
    .carrier_size = sizeof(struct vv__carrier),
    .unhooked_size = sizeof(struct vv__unhooked),
    .all = &vv__all.head,
    .hub = &vv__hub,
    .stats = &vv__stats,
    .live = &vv__live,
    .unhooked = vv__unhooked_places,
    .id = AT(id),
    .name = AT(name),
    .state = AT(state),
    .context = AT(ctx),
    .all_next = AT(all_next),
    .wait = AT(wait),
    .carrier = AT(carrier),
    .tid = AT(tid),
    .thread = AT(thread),
    .foreign = AT(foreign),
    .wait_what = offsetof(struct vv__wait, what),
    .wait_key = offsetof(struct vv__wait, key),
    .carrier_tid = offsetof(struct vv__carrier, tid),
    .hub_running = offsetof(struct vv__hub, running),
};
