/*
 * What "ready" means for each kind of object that can be waited for.
 */
#include "api.h"

bool vv__event_is_set(struct vv__object *o);
bool vv__result_is_ready(struct vv__object *o);
bool vv__semaphore_is_free(struct vv__object *o);
bool vv__queue_has_some(struct vv__object *o);
bool vv__group_is_empty(struct vv__object *o);

bool vv__is_ready(struct vv__object *o)
{
	switch (o->type) {
	case VV__T_GREENLET:
		return ((struct vv__life *)o)->ready;
	case VV__T_EVENT:
		return vv__event_is_set(o);
	case VV__T_RESULT:
		return vv__result_is_ready(o);
	case VV__T_SEMAPHORE:
		return vv__semaphore_is_free(o);
	case VV__T_QUEUE:
		return vv__queue_has_some(o);
	case VV__T_GROUP:
		return vv__group_is_empty(o);
	default:
		return false;
	}
}
