/*
 * Functions that are nothing but a hop: the real call, on a spare carrier whenever another greenlet could run.
 */
#ifndef VV_HOP_H
#define VV_HOP_H

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
