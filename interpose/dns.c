/*
 * Name service: everything that may ask a server, a daemon or a large file. libc and its modules do it behind one
 * call, with buffers and state in the thread control block, which comes along: so each is a hop.
 */
#include "hop.h"

#include <aliases.h>
#include <arpa/inet.h>
#include <grp.h>
#include <gshadow.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netdb.h>
#include <netinet/ether.h>
#include <pwd.h>
#include <resolv.h>
#include <shadow.h>

/* hosts */
static size_t text_size(const char *s)
{
	return s ? strlen(s) + 1 : 0;
}

static int addrinfo_detour(struct vv__detour *d, const char *host, const char *service,
    const struct addrinfo *hints, struct addrinfo **out)
{
	struct addrinfo **found = vv__detour_room(d, sizeof *found);
	int r = (int)vv__detour_run(d, REAL(getaddrinfo), (long)vv__detour_copy(d, host, text_size(host)),
	    (long)vv__detour_copy(d, service, text_size(service)),
	    (long)vv__detour_copy(d, hints, sizeof *hints), (long)found);

	if (r == 0)
		*out = *found;
	vv__detour_end(d);
	return r;
}

/* Numbers both, or nothing: nobody is asked. */
static bool is_address(const char *host)
{
	struct in6_addr to;

	return !host || inet_pton(AF_INET, host, &to) == 1 || inet_pton(AF_INET6, host, &to) == 1;
}

static bool only_addresses(const char *host, const char *service, const struct addrinfo *hints)
{
	return (!service || service[strspn(service, "0123456789")] == 0) && is_address(host) &&
	       !(hints && hints->ai_flags & AI_CANONNAME);
}

VV_EXPORT int getaddrinfo(
    const char *host, const char *service, const struct addrinfo *hints, struct addrinfo **out)
{
	struct vv__detour *d;
	int r;

	if (vv__step_aside(vv__me(), dns) || only_addresses(host, service, hints))
		return REAL(getaddrinfo)(host, service, hints, out);
	if ((d = vv__detour(text_size(host) + text_size(service) + sizeof *hints + 64)))
		return addrinfo_detour(d, host, service, hints, out);
	vv__hop();
	r = REAL(getaddrinfo)(host, service, hints, out);
	vv__hop_back();
	return r;
}

static int nameinfo_detour(struct vv__detour *d, const struct sockaddr *addr, socklen_t len, char *host,
    socklen_t host_len, char *service, socklen_t service_len, int flags)
{
	char *h = host ? vv__detour_room(d, host_len) : NULL,
	     *s = service ? vv__detour_room(d, service_len) : NULL;
	int r = (int)vv__detour_run(d, REAL(getnameinfo), (long)vv__detour_copy(d, addr, len), len, (long)h,
	    host_len, (long)s, service_len, flags);

	if (r == 0 && h && host_len)
		strcpy(host, h);
	if (r == 0 && s && service_len)
		strcpy(service, s);
	vv__detour_end(d);
	return r;
}

static bool only_numbers(
    const char *host, socklen_t host_len, const char *service, socklen_t service_len, int flags)
{
	return (!host || !host_len || flags & NI_NUMERICHOST) &&
	       (!service || !service_len || flags & NI_NUMERICSERV);
}

VV_EXPORT int getnameinfo(const struct sockaddr *addr, socklen_t len, char *host, socklen_t host_len,
    char *service, socklen_t service_len, int flags)
{
	struct vv__detour *d;
	int r;

	if (vv__step_aside(vv__me(), dns) || only_numbers(host, host_len, service, service_len, flags))
		return REAL(getnameinfo)(addr, len, host, host_len, service, service_len, flags);
	if ((d = vv__detour((size_t)len + host_len + service_len + 64)))
		return nameinfo_detour(d, addr, len, host, host_len, service, service_len, flags);
	vv__hop();
	r = REAL(getnameinfo)(addr, len, host, host_len, service, service_len, flags);
	vv__hop_back();
	return r;
}

VV__HOP_OR_DETOUR_COPY(
    dns, struct hostent *, gethostbyname, (const char *name), (name), name, text_size(name))
VV__HOP_OR_DETOUR_COPY(dns, struct hostent *, gethostbyname2, (const char *name, int family), (name, family),
    name, text_size(name), family)
VV__HOP(dns, int, gethostbyname_r,
    (const char *name, struct hostent *ret, char *buf, size_t n, struct hostent **out, int *error),
    (name, ret, buf, n, out, error))
VV__HOP(dns, int, gethostbyname2_r,
    (const char *name, int family, struct hostent *ret, char *buf, size_t n, struct hostent **out,
	int *error),
    (name, family, ret, buf, n, out, error))
VV__HOP_OR_DETOUR_COPY(dns, struct hostent *, gethostbyaddr, (const void *addr, socklen_t len, int type),
    (addr, len, type), addr, len, len, type)
VV__HOP(dns, int, gethostbyaddr_r,
    (const void *addr, socklen_t len, int type, struct hostent *ret, char *buf, size_t n,
	struct hostent **out, int *error),
    (addr, len, type, ret, buf, n, out, error))
VV__HOP(dns, struct hostent *, gethostent, (void), ())
VV__HOP(dns, int, gethostent_r, (struct hostent * ret, char *buf, size_t n, struct hostent **out, int *error),
    (ret, buf, n, out, error))
VV__HOP_VOID(dns, sethostent, (int stay_open), (stay_open))
VV__HOP_VOID(dns, endhostent, (void), ())
VV__HOP(dns, long, gethostid, (void), ())

/* networks */
VV__HOP(dns, struct netent *, getnetbyname, (const char *name), (name))
VV__HOP(dns, int, getnetbyname_r,
    (const char *name, struct netent *ret, char *buf, size_t n, struct netent **out, int *error),
    (name, ret, buf, n, out, error))
VV__HOP(dns, struct netent *, getnetbyaddr, (uint32_t net, int type), (net, type))
VV__HOP(dns, int, getnetbyaddr_r,
    (uint32_t net, int type, struct netent *ret, char *buf, size_t n, struct netent **out, int *error),
    (net, type, ret, buf, n, out, error))
VV__HOP(dns, struct netent *, getnetent, (void), ())
VV__HOP(dns, int, getnetent_r, (struct netent * ret, char *buf, size_t n, struct netent **out, int *error),
    (ret, buf, n, out, error))
VV__HOP_VOID(dns, setnetent, (int stay_open), (stay_open))
VV__HOP_VOID(dns, endnetent, (void), ())

/* services, protocols, RPC programs */
VV__HOP(dns, struct servent *, getservbyname, (const char *name, const char *protocol), (name, protocol))
VV__HOP(dns, int, getservbyname_r,
    (const char *name, const char *protocol, struct servent *ret, char *buf, size_t n, struct servent **out),
    (name, protocol, ret, buf, n, out))
VV__HOP(dns, struct servent *, getservbyport, (int port, const char *protocol), (port, protocol))
VV__HOP(dns, int, getservbyport_r,
    (int port, const char *protocol, struct servent *ret, char *buf, size_t n, struct servent **out),
    (port, protocol, ret, buf, n, out))
VV__HOP(dns, struct servent *, getservent, (void), ())
VV__HOP(dns, int, getservent_r, (struct servent * ret, char *buf, size_t n, struct servent **out),
    (ret, buf, n, out))
VV__HOP_VOID(dns, setservent, (int stay_open), (stay_open))
VV__HOP_VOID(dns, endservent, (void), ())
VV__HOP(dns, struct protoent *, getprotobyname, (const char *name), (name))
VV__HOP(dns, int, getprotobyname_r,
    (const char *name, struct protoent *ret, char *buf, size_t n, struct protoent **out),
    (name, ret, buf, n, out))
VV__HOP(dns, struct protoent *, getprotobynumber, (int number), (number))
VV__HOP(dns, int, getprotobynumber_r,
    (int number, struct protoent *ret, char *buf, size_t n, struct protoent **out),
    (number, ret, buf, n, out))
VV__HOP(dns, struct protoent *, getprotoent, (void), ())
VV__HOP(dns, int, getprotoent_r, (struct protoent * ret, char *buf, size_t n, struct protoent **out),
    (ret, buf, n, out))
VV__HOP_VOID(dns, setprotoent, (int stay_open), (stay_open))
VV__HOP_VOID(dns, endprotoent, (void), ())
VV__HOP(dns, struct rpcent *, getrpcbyname, (const char *name), (name))
VV__HOP(dns, int, getrpcbyname_r,
    (const char *name, struct rpcent *ret, char *buf, size_t n, struct rpcent **out),
    (name, ret, buf, n, out))
VV__HOP(dns, struct rpcent *, getrpcbynumber, (int number), (number))
VV__HOP(dns, int, getrpcbynumber_r,
    (int number, struct rpcent *ret, char *buf, size_t n, struct rpcent **out), (number, ret, buf, n, out))
VV__HOP(dns, struct rpcent *, getrpcent, (void), ())
VV__HOP(dns, int, getrpcent_r, (struct rpcent * ret, char *buf, size_t n, struct rpcent **out),
    (ret, buf, n, out))
VV__HOP_VOID(dns, setrpcent, (int stay_open), (stay_open))
VV__HOP_VOID(dns, endrpcent, (void), ())

/* users and groups */
VV__HOP_OR_DETOUR_COPY(dns, struct passwd *, getpwnam, (const char *name), (name), name, text_size(name))
VV__HOP(dns, int, getpwnam_r,
    (const char *name, struct passwd *ret, char *buf, size_t n, struct passwd **out),
    (name, ret, buf, n, out))
VV__HOP_OR_DETOUR(dns, struct passwd *, getpwuid, (uid_t uid), (uid))
VV__HOP(dns, int, getpwuid_r, (uid_t uid, struct passwd *ret, char *buf, size_t n, struct passwd **out),
    (uid, ret, buf, n, out))
VV__HOP_OR_DETOUR_COPY(dns, struct group *, getgrnam, (const char *name), (name), name, text_size(name))
VV__HOP(dns, int, getgrnam_r, (const char *name, struct group *ret, char *buf, size_t n, struct group **out),
    (name, ret, buf, n, out))
VV__HOP_OR_DETOUR(dns, struct group *, getgrgid, (gid_t gid), (gid))
VV__HOP(dns, int, getgrgid_r, (gid_t gid, struct group *ret, char *buf, size_t n, struct group **out),
    (gid, ret, buf, n, out))
VV__HOP(dns, struct passwd *, getpwent, (void), ())
VV__HOP(
    dns, int, getpwent_r, (struct passwd * ret, char *buf, size_t n, struct passwd **out), (ret, buf, n, out))
VV__HOP_VOID(dns, setpwent, (void), ())
VV__HOP_VOID(dns, endpwent, (void), ())
VV__HOP(dns, struct group *, getgrent, (void), ())
VV__HOP(
    dns, int, getgrent_r, (struct group * ret, char *buf, size_t n, struct group **out), (ret, buf, n, out))
VV__HOP_VOID(dns, setgrent, (void), ())
VV__HOP_VOID(dns, endgrent, (void), ())
VV__HOP_OR_DETOUR_COPY(dns, struct spwd *, getspnam, (const char *name), (name), name, text_size(name))
VV__HOP(dns, int, getspnam_r, (const char *name, struct spwd *ret, char *buf, size_t n, struct spwd **out),
    (name, ret, buf, n, out))
VV__HOP(dns, struct spwd *, getspent, (void), ())
VV__HOP(dns, int, getspent_r, (struct spwd * ret, char *buf, size_t n, struct spwd **out), (ret, buf, n, out))
VV__HOP_VOID(dns, setspent, (void), ())
VV__HOP_VOID(dns, endspent, (void), ())
VV__HOP(dns, struct sgrp *, getsgnam, (const char *name), (name))
VV__HOP(dns, int, getsgnam_r, (const char *name, struct sgrp *ret, char *buf, size_t n, struct sgrp **out),
    (name, ret, buf, n, out))
VV__HOP(dns, struct sgrp *, getsgent, (void), ())
VV__HOP(dns, int, getsgent_r, (struct sgrp * ret, char *buf, size_t n, struct sgrp **out), (ret, buf, n, out))
VV__HOP_VOID(dns, setsgent, (void), ())
VV__HOP_VOID(dns, endsgent, (void), ())
VV__HOP(dns, int, getpw, (uid_t uid, char *buf), (uid, buf))
VV__HOP(
    dns, int, getgrouplist, (const char *user, gid_t group, gid_t *groups, int *n), (user, group, groups, n))
VV__HOP(dns, char *, getlogin, (void), ())
VV__HOP(dns, int, getlogin_r, (char *name, size_t n), (name, n))
VV__HOP(dns, int, __getlogin_r_chk, (char *name, size_t n, size_t space), (name, n, space))
VV__HOP(dns, char *, cuserid, (char *name), (name))

/* netgroups, mail aliases, ethernet addresses, remote commands */
VV__HOP(dns, int, setnetgrent, (const char *group), (group))
VV__HOP_VOID(dns, endnetgrent, (void), ())
VV__HOP(dns, int, getnetgrent, (char **host, char **user, char **domain), (host, user, domain))
VV__HOP(dns, int, getnetgrent_r, (char **host, char **user, char **domain, char *buf, size_t n),
    (host, user, domain, buf, n))
VV__HOP(dns, int, innetgr, (const char *group, const char *host, const char *user, const char *domain),
    (group, host, user, domain))
VV__HOP(dns, struct aliasent *, getaliasbyname, (const char *name), (name))
VV__HOP(dns, int, getaliasbyname_r,
    (const char *name, struct aliasent *ret, char *buf, size_t n, struct aliasent **out),
    (name, ret, buf, n, out))
VV__HOP(dns, struct aliasent *, getaliasent, (void), ())
VV__HOP(dns, int, getaliasent_r, (struct aliasent * ret, char *buf, size_t n, struct aliasent **out),
    (ret, buf, n, out))
VV__HOP_VOID(dns, setaliasent, (void), ())
VV__HOP_VOID(dns, endaliasent, (void), ())
VV__HOP(dns, int, ether_hostton, (const char *name, struct ether_addr *addr), (name, addr))
VV__HOP(dns, int, ether_ntohost, (char *name, const struct ether_addr *addr), (name, addr))
VV__HOP(dns, int, ruserok, (const char *host, int super, const char *remote, const char *local),
    (host, super, remote, local))
VV__HOP(dns, int, ruserok_af,
    (const char *host, int super, const char *remote, const char *local, sa_family_t family),
    (host, super, remote, local, family))
VV__HOP(dns, int, iruserok, (uint32_t addr, int super, const char *remote, const char *local),
    (addr, super, remote, local))
VV__HOP(dns, int, iruserok_af,
    (const void *addr, int super, const char *remote, const char *local, sa_family_t family),
    (addr, super, remote, local, family))
VV__HOP(dns, int, rcmd,
    (char **host, unsigned short port, const char *local, const char *remote, const char *cmd, int *fd2),
    (host, port, local, remote, cmd, fd2))
VV__HOP(dns, int, rcmd_af,
    (char **host, unsigned short port, const char *local, const char *remote, const char *cmd, int *fd2,
	sa_family_t family),
    (host, port, local, remote, cmd, fd2, family))
VV__HOP(dns, int, rexec,
    (char **host, int port, const char *user, const char *password, const char *cmd, int *fd2),
    (host, port, user, password, cmd, fd2))
VV__HOP(dns, int, rexec_af,
    (char **host, int port, const char *user, const char *password, const char *cmd, int *fd2,
	sa_family_t family),
    (host, port, user, password, cmd, fd2, family))

/* the resolver itself; the names with underscores are those of older binaries */
VV__HOP(dns, int, res_query, (const char *name, int class, int type, unsigned char *answer, int n),
    (name, class, type, answer, n))
VV_ALIAS(__res_query, res_query);
VV__HOP(dns, int, res_nquery,
    (res_state state, const char *name, int class, int type, unsigned char *answer, int n),
    (state, name, class, type, answer, n))
VV_ALIAS(__res_nquery, res_nquery);
VV__HOP(dns, int, res_search, (const char *name, int class, int type, unsigned char *answer, int n),
    (name, class, type, answer, n))
VV_ALIAS(__res_search, res_search);
VV__HOP(dns, int, res_nsearch,
    (res_state state, const char *name, int class, int type, unsigned char *answer, int n),
    (state, name, class, type, answer, n))
VV_ALIAS(__res_nsearch, res_nsearch);
VV__HOP(dns, int, res_querydomain,
    (const char *name, const char *domain, int class, int type, unsigned char *answer, int n),
    (name, domain, class, type, answer, n))
VV_ALIAS(__res_querydomain, res_querydomain);
VV__HOP(dns, int, res_nquerydomain,
    (res_state state, const char *name, const char *domain, int class, int type, unsigned char *answer,
	int n),
    (state, name, domain, class, type, answer, n))
VV_ALIAS(__res_nquerydomain, res_nquerydomain);
VV__HOP(dns, int, res_send, (const unsigned char *query, int query_n, unsigned char *answer, int n),
    (query, query_n, answer, n))
VV_ALIAS(__res_send, res_send);
VV__HOP(dns, int, res_nsend,
    (res_state state, const unsigned char *query, int query_n, unsigned char *answer, int n),
    (state, query, query_n, answer, n))
VV_ALIAS(__res_nsend, res_nsend);

/* interfaces */
VV__HOP(dns, int, getifaddrs, (struct ifaddrs * *out), (out))
VV__HOP(dns, struct if_nameindex *, if_nameindex, (void), ())
