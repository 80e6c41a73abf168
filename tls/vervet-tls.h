/*
 * TLS on stream connections, by OpenSSL, for servers of vv_server_new and for clients. Link with -lvervet-tls -lvervet.
 *
 *	static void handle(int fd, void *config)
 *	{
 *		struct vv_tls *t = vv_tls_accept(config, fd, VV_S(10));
 *
 *		if (t)
 *			vv_tls_write(t, "hello\n", 6);
 *		vv_tls_free(t);
 *	}
 *
 * Conventions are vervet.h's. -EPROTO: OpenSSL refuses what the peer sends, or its certificate.
 */
#ifndef VERVET_TLS_H
#define VERVET_TLS_H

#include "vervet.h"

#ifdef __cplusplus
extern "C" {
#endif

struct vv_tls_config;
struct vv_tls;

/* A server's certificate chain and key, PEM files. Errors: EINVAL they cannot be read, or do not belong together. */
struct vv_tls_config *vv_tls_server(const char *chain_file, const char *key_file);
/* A client that trusts the certificates in this PEM file; null: the system's. Errors: EINVAL it cannot be read. */
struct vv_tls_config *vv_tls_client(const char *trusted_file);
/* Connections that use it keep it alive. Null is allowed. */
void vv_tls_config_free(struct vv_tls_config *c);

/* Shake hands on a connected socket, which stays the caller's. Blocks: this greenlet. host: the name that the server's
 * certificate must have. Errors: EPROTO, EPIPE, ETIMEDOUT. */
struct vv_tls *vv_tls_accept(struct vv_tls_config *c, int fd, int64_t timeout_ns);
struct vv_tls *vv_tls_connect(struct vv_tls_config *c, int fd, const char *host, int64_t timeout_ns);
/* Read up to n bytes. Blocks: this greenlet. Returns: how many, 0 when the peer has said goodbye. */
long vv_tls_read(struct vv_tls *t, void *to, size_t n);
/* Write all n bytes. Blocks: this greenlet. Returns 0. */
int vv_tls_write(struct vv_tls *t, const void *from, size_t n);
/* Say goodbye, and free. Null is allowed. Blocks: this greenlet. */
void vv_tls_free(struct vv_tls *t);

#ifdef __cplusplus
}
#endif

#endif
