#include "resolve.h"

#include <event2/dns.h>
#include <event2/util.h>

#include <arpa/inet.h>
#include <stdlib.h>

struct resolver {
    struct event_base *base;
    struct evdns_base *dns; /* made by the first question */
    resolved_fn *callback;
    void *context;
    struct question *question; /* under way */
};

/* libevent answers each question once, also after it was given up: so it has a life of its own. */
struct question {
    struct resolver *resolver; /* NULL: nobody waits for it any more */
    unsigned attempt;
};

struct resolver *resolver_new(struct event_base *base, resolved_fn *callback, void *context)
{
    struct resolver *resolver = calloc(1, sizeof(*resolver));
    if (resolver == NULL)
        return NULL;
    resolver->base = base;
    resolver->callback = callback;
    resolver->context = context;
    return resolver;
}

void resolver_cancel(struct resolver *resolver)
{
    if (resolver->question != NULL)
        resolver->question->resolver = NULL;
    resolver->question = NULL;
}

void resolver_free(struct resolver *resolver)
{
    if (resolver == NULL)
        return;
    resolver_cancel(resolver);
    if (resolver->dns != NULL)
        evdns_base_free(resolver->dns, 1);
    free(resolver);
}

static const struct evutil_addrinfo *choose(const struct evutil_addrinfo *list, unsigned attempt)
{
    unsigned count = 0;
    for (const struct evutil_addrinfo *a = list; a != NULL; a = a->ai_next)
        count++;
    for (unsigned i = count > 0 ? attempt % count : 0; i > 0; i--)
        list = list->ai_next;
    return list;
}

static const char *numeric(const struct evutil_addrinfo *address, char *text, socklen_t size)
{
    if (address->ai_family == AF_INET6) {
        const struct sockaddr_in6 *in6 = (const void *)address->ai_addr;
        return inet_ntop(AF_INET6, &in6->sin6_addr, text, size);
    }
    const struct sockaddr_in *in4 = (const void *)address->ai_addr;
    return inet_ntop(AF_INET, &in4->sin_addr, text, size);
}

static void tell(const struct question *question, int result, const struct evutil_addrinfo *list)
{
    struct resolver *resolver = question->resolver;
    resolver->question = NULL;
    if (result != 0 || list == NULL) {
        resolver->callback(resolver->context, NULL, evutil_gai_strerror(result));
        return;
    }
    char text[INET6_ADDRSTRLEN];
    const char *address = numeric(choose(list, question->attempt), text, sizeof(text));
    resolver->callback(resolver->context, address, "not an internet address");
}

static void on_answer(int result, struct evutil_addrinfo *list, void *context)
{
    struct question *question = context;
    if (question->resolver != NULL)
        tell(question, result, list);
    if (list != NULL)
        evutil_freeaddrinfo(list);
    free(question);
}

/* Without a usable /etc/resolv.conf there is still /etc/hosts. */
static struct evdns_base *new_dns(struct event_base *base)
{
    struct evdns_base *dns =
        evdns_base_new(base, EVDNS_BASE_INITIALIZE_NAMESERVERS | EVDNS_BASE_DISABLE_WHEN_INACTIVE);
    if (dns == NULL) {
        dns = evdns_base_new(base, EVDNS_BASE_DISABLE_WHEN_INACTIVE);
        if (dns != NULL)
            (void)evdns_base_load_hosts(dns, "/etc/hosts");
    }
    return dns;
}

void resolver_start(struct resolver *resolver, const char *host, unsigned attempt)
{
    resolver_cancel(resolver);
    if (resolver->dns == NULL)
        resolver->dns = new_dns(resolver->base);
    struct question *question = calloc(1, sizeof(*question));
    if (resolver->dns == NULL || question == NULL) {
        free(question);
        resolver->callback(resolver->context, NULL, "out of memory");
        return;
    }
    *question = (struct question){.resolver = resolver, .attempt = attempt};
    resolver->question = question;
    const struct evutil_addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    (void)evdns_getaddrinfo(resolver->dns, host, NULL, &hints, on_answer, question);
}
