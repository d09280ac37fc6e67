#include "config/address.h"

#include "model/names.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#define UNIX_PREFIX "unix:"

enum { PORT_MAX = 65535, PORT_DIGITS_MAX = 5 };

bool address_is_unix(const char *address)
{
    size_t prefix_len = strlen(UNIX_PREFIX);
    if (strncmp(address, UNIX_PREFIX, prefix_len) != 0)
        return false;
    const char *path = address + prefix_len;
    return *path == '/' && strlen(path) < sizeof(((struct sockaddr_un *)NULL)->sun_path);
}

bool address_is_port(const char *text)
{
    size_t digits = strspn(text, "0123456789");
    if (digits == 0 || digits > PORT_DIGITS_MAX || text[digits] != '\0')
        return false;
    long port = strtol(text, NULL, 10);
    return port >= 1 && port <= PORT_MAX;
}

/* The part before the last ':' without brackets around it; false if there is no good port. */
static bool split(const char *address, char host[NODE_NAME_SIZE], bool *ret_bracketed)
{
    const char *colon = strrchr(address, ':');
    if (colon == NULL || !address_is_port(colon + 1))
        return false;
    const char *start = address;
    const char *end = colon;
    bool bracketed = *start == '[' && end - start >= 2 && end[-1] == ']';
    if (bracketed) {
        start++;
        end--;
    }
    size_t len = (size_t)(end - start);
    if (len == 0 || len >= NODE_NAME_SIZE)
        return false;
    memcpy(host, start, len);
    host[len] = '\0';
    *ret_bracketed = bracketed;
    return true;
}

bool address_is_numeric(const char *address)
{
    char host[NODE_NAME_SIZE];
    bool bracketed = false;
    unsigned char binary[sizeof(struct in6_addr)];
    return split(address, host, &bracketed) &&
           inet_pton(bracketed ? AF_INET6 : AF_INET, host, binary) == 1;
}

bool address_is_loopback(const char *address)
{
    char host[NODE_NAME_SIZE];
    bool bracketed = false;
    unsigned char binary[sizeof(struct in6_addr)] = {0};
    if (!split(address, host, &bracketed) ||
        inet_pton(bracketed ? AF_INET6 : AF_INET, host, binary) != 1)
        return false;
    if (bracketed)
        return memcmp(binary, &in6addr_loopback, sizeof(in6addr_loopback)) == 0;
    return binary[0] == IN_LOOPBACKNET;
}

bool address_is_host(const char *address)
{
    char host[NODE_NAME_SIZE];
    bool bracketed = false;
    if (!split(address, host, &bracketed))
        return false;
    return bracketed ? address_is_numeric(address) : name_is_host(host);
}
