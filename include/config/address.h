/* Addresses: "unix:/path", "IP:port", "[IPv6]:port", and for Redis "host:port". */
#ifndef CONFIG_ADDRESS_H
#define CONFIG_ADDRESS_H

#include <stdbool.h>

bool address_is_unix(const char *address); /* with an absolute path that fits a socket */

/* A numeric address and a port of 1-65535. */
bool address_is_numeric(const char *address);

/* A numeric address that only this host can reach; the address must be numeric. */
bool address_is_loopback(const char *address);

bool address_is_port(const char *text); /* 1 to 65535, with nothing around it */

/* A host name, or as address_is_numeric(). */
bool address_is_host(const char *address);

#endif
