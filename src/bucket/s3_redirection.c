#include "s3_redirection.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

enum { COUNTRY_LEN = 2 };

/* "https://host:port" in its parts, and what follows; none of it ends with a NUL. */
struct url {
    bool is_tls;
    const char *host;
    size_t host_len; /* without the port */
    const char *port;
    size_t port_len; /* with its ':' */
    const char *rest;
};

static bool split(const char *text, struct url *url)
{
    static const char tls[] = "https://";
    static const char plain[] = "http://";
    url->is_tls = strncasecmp(text, tls, sizeof(tls) - 1) == 0;
    if (!url->is_tls && strncasecmp(text, plain, sizeof(plain) - 1) != 0)
        return false;
    url->host = text + (url->is_tls ? sizeof(tls) : sizeof(plain)) - 1;
    url->host_len = url->host[0] == '[' ? strcspn(url->host, "]") + 1
                                        : strspn(url->host, "abcdefghijklmnopqrstuvwxyz"
                                                            "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                                            "0123456789.-_");
    if (url->host_len == 0 || url->host_len > strlen(url->host))
        return false;
    url->port = url->host + url->host_len;
    url->port_len = url->port[0] == ':' ? 1 + strspn(url->port + 1, "0123456789") : 0;
    url->rest = url->port + url->port_len;
    return url->rest[0] == '\0' || url->rest[0] == '/';
}

static bool is_address(const char *host, size_t len)
{
    return host[0] == '[' || strspn(host, "0123456789.") >= len;
}

/* The part of a host's name that is its owner's; the whole of a name that is no longer. */
static const char *domain_of(const char *host, size_t len)
{
    const char *start = host + len;
    int labels = 2;
    for (int seen = 0; start > host; start--) {
        if (start[-1] != '.')
            continue;
        seen++;
        if (seen == 1 && host + len - start == COUNTRY_LEN)
            labels = 3;
        if (seen == labels)
            return start;
    }
    return host;
}

static bool is_same(const char *one, size_t one_len, const char *other, size_t other_len)
{
    return one_len == other_len && strncasecmp(one, other, one_len) == 0;
}

static bool is_own(const struct url *from, const struct url *to)
{
    if (is_same(from->host, from->host_len, to->host, to->host_len))
        return true;
    if (is_address(from->host, from->host_len) || is_address(to->host, to->host_len))
        return false;
    const char *mine = domain_of(from->host, from->host_len);
    const char *other = domain_of(to->host, to->host_len);
    size_t mine_len = (size_t)(from->host + from->host_len - mine);
    return memchr(mine, '.', mine_len) != NULL &&
           is_same(mine, mine_len, other, (size_t)(to->host + to->host_len - other));
}

static void remove_default_port(struct url *url)
{
    const char *port = url->is_tls ? ":443" : ":80";
    if (is_same(url->port, url->port_len, port, strlen(port)) || url->port_len == 1)
        url->port_len = 0;
}

/* Is what follows the host what was sent? */
static bool is_rest(const char *rest, const char *path, const char *query)
{
    size_t len = strlen(path);
    if (strncmp(rest, path, len) != 0)
        return false;
    return query[0] == '\0' ? rest[len] == '\0'
                            : rest[len] == '?' && strcmp(rest + len + 1, query) == 0;
}

bool s3_redirection_read(const char *location, const struct s3_redirection_from *sent,
                         struct s3_redirection *ret_redirection)
{
    struct url from;
    struct url to;
    if (!split(sent->origin, &from) || !split(location, &to) || (from.is_tls && !to.is_tls) ||
        !is_own(&from, &to) || !is_rest(to.rest, sent->path, sent->query))
        return false;
    remove_default_port(&to);
    int len = snprintf(ret_redirection->host, sizeof(ret_redirection->host), "%.*s%.*s",
                       (int)to.host_len, to.host, (int)to.port_len, to.port);
    if (len < 0 || (size_t)len >= sizeof(ret_redirection->host))
        return false;
    (void)snprintf(ret_redirection->origin, sizeof(ret_redirection->origin), "%s%s",
                   to.is_tls ? "https://" : "http://", ret_redirection->host);
    return true;
}
