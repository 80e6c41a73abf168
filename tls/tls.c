/*
 * OpenSSL over a descriptor's ordinary blocking calls, which park the greenlet. The connection's bytes go through a BIO of
 * our own: OpenSSL's would raise SIGPIPE when the peer is gone.
 */
#include "vervet-tls.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <sys/socket.h>

#define API __attribute__((visibility("default")))

struct vv_tls_config {
	SSL_CTX *ctx;
};

struct vv_tls {
	SSL *ssl;
	int fd;
	int error; /* of the last system call */
};

/* ---- bytes ---- */

static int bio_write(BIO *b, const char *from, int n)
{
	struct vv_tls *t = BIO_get_data(b);
	ssize_t r;

	do
		r = send(t->fd, from, n, MSG_NOSIGNAL);
	while (r < 0 && errno == EINTR);
	t->error = r < 0 ? errno : 0;
	return (int)r;
}

static int bio_read(BIO *b, char *to, int n)
{
	struct vv_tls *t = BIO_get_data(b);
	ssize_t r;

	do
		r = recv(t->fd, to, n, 0);
	while (r < 0 && errno == EINTR);
	t->error = r < 0 ? errno : 0;
	return (int)r;
}

static long bio_control(BIO *b, int command, long number, void *pointer)
{
	return command == BIO_CTRL_FLUSH;
}

static BIO *make_bio(struct vv_tls *t)
{
	static BIO_METHOD *method;
	BIO *b;

	if (!method) {
		method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "greenlet");
		if (!method)
			return NULL;
		BIO_meth_set_write(method, bio_write);
		BIO_meth_set_read(method, bio_read);
		BIO_meth_set_ctrl(method, bio_control);
	}
	b = BIO_new(method);
	if (b) {
		BIO_set_data(b, t);
		BIO_set_init(b, 1);
	}
	return b;
}

/* ---- configurations ---- */

static struct vv_tls_config *make_config(const SSL_METHOD *method)
{
	struct vv_tls_config *c = malloc(sizeof *c);

	if (c && !(c->ctx = SSL_CTX_new(method))) {
		free(c);
		c = NULL;
	}
	if (c) {
		SSL_CTX_set_mode(c->ctx, SSL_MODE_AUTO_RETRY | SSL_MODE_RELEASE_BUFFERS);
		SSL_CTX_set_min_proto_version(c->ctx, TLS1_2_VERSION);
	} else {
		errno = ENOMEM;
	}
	return c;
}

static struct vv_tls_config *checked(struct vv_tls_config *c, int good)
{
	if (good)
		return c;
	ERR_clear_error();
	vv_tls_config_free(c);
	errno = EINVAL;
	return NULL;
}

API struct vv_tls_config *vv_tls_server(const char *chain_file, const char *key_file)
{
	struct vv_tls_config *c = make_config(TLS_server_method());

	if (!c)
		return NULL;
	return checked(c, SSL_CTX_use_certificate_chain_file(c->ctx, chain_file) == 1 &&
			      SSL_CTX_use_PrivateKey_file(c->ctx, key_file, SSL_FILETYPE_PEM) == 1 &&
			      SSL_CTX_check_private_key(c->ctx) == 1);
}

API struct vv_tls_config *vv_tls_client(const char *trusted_file)
{
	struct vv_tls_config *c = make_config(TLS_client_method());

	if (!c)
		return NULL;
	SSL_CTX_set_verify(c->ctx, SSL_VERIFY_PEER, NULL);
	return checked(c, trusted_file ? SSL_CTX_load_verify_locations(c->ctx, trusted_file, NULL) == 1
				       : SSL_CTX_set_default_verify_paths(c->ctx) == 1);
}

API void vv_tls_config_free(struct vv_tls_config *c)
{
	if (c)
		SSL_CTX_free(c->ctx);
	free(c);
}

/* ---- connections ---- */

/* OpenSSL's verdict on a call that returned r, as a negative errno; 0 at a goodbye. */
static int verdict(struct vv_tls *t, int r)
{
	int why = SSL_get_error(t->ssl, r);

	ERR_clear_error();
	if (why == SSL_ERROR_ZERO_RETURN)
		return 0;
	if (t->error)
		return -t->error;
	return why == SSL_ERROR_SYSCALL ? -EPIPE : -EPROTO;
}

static struct vv_tls *make(struct vv_tls_config *c, int fd)
{
	struct vv_tls *t = calloc(1, sizeof *t);
	BIO *b;

	if (!t)
		return NULL;
	t->fd = fd;
	t->ssl = SSL_new(c->ctx);
	b = t->ssl ? make_bio(t) : NULL;
	if (b) {
		SSL_set_bio(t->ssl, b, b);
		return t;
	}
	SSL_free(t->ssl);
	free(t);
	errno = ENOMEM;
	return NULL;
}

static void discard(struct vv_tls *t)
{
	SSL_free(t->ssl);
	free(t);
}

/* The time-out ends the call that the handshake blocks in. */
static struct vv_tls *shake_hands(struct vv_tls *t, int (*step)(SSL *), int64_t timeout_ns)
{
	struct vv_timeout *limit = vv_timeout_start(timeout_ns, 0);
	int r = step(t->ssl), error = r == 1 ? 0 : -verdict(t, r);

	vv_timeout_free(limit);
	if (r == 1)
		return t;
	discard(t);
	errno = error == ETIME ? ETIMEDOUT : error ? error : EPIPE;
	return NULL;
}

API struct vv_tls *vv_tls_accept(struct vv_tls_config *c, int fd, int64_t timeout_ns)
{
	struct vv_tls *t = make(c, fd);

	return t ? shake_hands(t, SSL_accept, timeout_ns) : NULL;
}

API struct vv_tls *vv_tls_connect(struct vv_tls_config *c, int fd, const char *host, int64_t timeout_ns)
{
	struct vv_tls *t = make(c, fd);

	if (!t)
		return NULL;
	SSL_set_tlsext_host_name(t->ssl, host);
	if (SSL_set1_host(t->ssl, host) == 1)
		return shake_hands(t, SSL_connect, timeout_ns);
	discard(t);
	errno = EINVAL;
	return NULL;
}

API long vv_tls_read(struct vv_tls *t, void *to, size_t n)
{
	int r;

	t->error = 0;
	r = SSL_read(t->ssl, to, n > INT32_MAX ? INT32_MAX : (int)n);
	return r > 0 ? r : verdict(t, r);
}

API int vv_tls_write(struct vv_tls *t, const void *from, size_t n)
{
	size_t done;
	int r = 1;

	t->error = 0;
	if (n)
		r = SSL_write_ex(t->ssl, from, n, &done);
	if (r == 1)
		return 0;
	r = verdict(t, r);
	return r ? r : -EPIPE;
}

API void vv_tls_free(struct vv_tls *t)
{
	if (!t)
		return;
	if (!t->error && SSL_is_init_finished(t->ssl))
		SSL_shutdown(t->ssl);
	ERR_clear_error();
	discard(t);
}
