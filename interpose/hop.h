/*
 * Functions that are nothing but a hop: the real call, on a spare carrier whenever another greenlet could run.
 */
#ifndef VV_HOP_H
#define VV_HOP_H

#include "detour.h"
#include "interpose.h"

#define VV__HOP(family, type, name, params, args)                                                            \
	VV_EXPORT type name params                                                                           \
	{                                                                                                    \
		type result_;                                                                                \
                                                                                                             \
		if (vv__step_aside(vv__me(), family))                                                        \
			return REAL(name) args;                                                              \
		vv__hop();                                                                                   \
		result_ = REAL(name) args;                                                                   \
		vv__hop_back();                                                                              \
		return result_;                                                                              \
	}

/* The same for arguments that are numbers, or pointers to what is not on the stack. */
#define VV__HOP_OR_DETOUR(family, type, name, params, args)                                                  \
	VV_EXPORT type name params                                                                           \
	{                                                                                                    \
		type result_;                                                                                \
                                                                                                             \
		if (vv__step_aside(vv__me(), family))                                                        \
			return REAL(name) args;                                                              \
		if (vv__me()->slice && vv__detoured(&result_, REAL(name), VV__ARGUMENTS args))               \
			return result_;                                                                      \
		vv__hop();                                                                                   \
		result_ = REAL(name) args;                                                                   \
		vv__hop_back();                                                                              \
		return result_;                                                                              \
	}
#define VV__ARGUMENTS(...) __VA_ARGS__

/* The same for arguments of which the first is a string or null (size: its bytes), the rest are numbers. */
#define VV__HOP_OR_DETOUR_COPY(family, type, name, params, args, first, size, ...)                           \
	VV_EXPORT type name params                                                                           \
	{                                                                                                    \
		struct vv__detour *d_;                                                                       \
		type result_;                                                                                \
                                                                                                             \
		if (vv__step_aside(vv__me(), family))                                                        \
			return REAL(name) args;                                                              \
		if ((d_ = vv__detour(size))) {                                                               \
			result_ = (type)vv__detour_run(                                                      \
			    d_, REAL(name), (long)vv__detour_copy(d_, first, size), ##__VA_ARGS__);          \
			vv__detour_end(d_);                                                                  \
			return result_;                                                                      \
		}                                                                                            \
		vv__hop();                                                                                   \
		result_ = REAL(name) args;                                                                   \
		vv__hop_back();                                                                              \
		return result_;                                                                              \
	}

#define VV__HOP_VOID(family, name, params, args)                                                             \
	VV_EXPORT void name params                                                                           \
	{                                                                                                    \
		if (vv__step_aside(vv__me(), family)) {                                                      \
			REAL(name) args;                                                                     \
			return;                                                                              \
		}                                                                                            \
		vv__hop();                                                                                   \
		REAL(name) args;                                                                             \
		vv__hop_back();                                                                              \
	}

#endif
