/*
 * The library's own part of shim/: start (lib.c), configuration (libconfig.c), summary (libstats.c).
 */
#ifndef VV_LIB_H
#define VV_LIB_H

/* Start the library: real functions, configuration, core. Called by vv__adopt on the first call of anybody, which may
 * be before any constructor and from inside malloc; allocates nothing. */
void vv__shim_start(void);

/* Read VERVET_* into vv__config, vv__families, vv__follow. */
void vv__config_read(void);

#endif
