#include "settings.h"

#include "core/secret.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

static enum status parse_port(const char *text, int *ret_port, struct error *err)
{
    char *end = NULL;
    errno = 0;
    long port = strtol(text, &end, 10);
    if (errno != 0 || end == text || *end != '\0' || port < 1 || port > 65535)
        return FAIL(err, STATUS_INVALID, "redis address: '%s' is not a port", text);
    *ret_port = (int)port;
    return STATUS_OK;
}

static enum status parse_host(struct settings *settings, const char *address, struct error *err)
{
    const char *colon = strrchr(address, ':');
    if (colon == NULL || colon == address)
        return FAIL(err, STATUS_INVALID, "redis address '%s' must be 'unix:/path' or 'host:port'",
                    address);
    size_t len = (size_t)(colon - address);
    if (address[0] == '[' && colon[-1] == ']') { /* an IPv6 address */
        address++;
        len -= 2;
    }
    settings->host = strndup(address, len);
    if (settings->host == NULL)
        return FAIL(err, STATUS_NO_MEMORY, "redis address");
    return parse_port(colon + 1, &settings->port, err);
}

static enum status parse_address(struct settings *settings, const char *address, struct error *err)
{
    if (strncmp(address, "unix:", 5) != 0)
        return parse_host(settings, address, err);
    address += 5;
    if (address[0] != '/' || strlen(address) >= sizeof(((struct sockaddr_un *)0)->sun_path))
        return FAIL(err, STATUS_INVALID, "redis address: '%s' is not the path of a socket",
                    address);
    settings->path = strdup(address);
    if (settings->path == NULL)
        return FAIL(err, STATUS_NO_MEMORY, "redis address");
    return STATUS_OK;
}

static enum status fill(struct settings *settings, const struct store_options *options,
                        struct error *err)
{
    if (options->timeout_ms < 1 || options->timeout_ms > 3600 * 1000L)
        return FAIL(err, STATUS_INVALID, "redis timeout of %lld ms",
                    (long long)options->timeout_ms);
    if (options->database < 0)
        return FAIL(err, STATUS_INVALID, "redis database %d", options->database);
    if (options->database > 0)
        (void)snprintf(settings->database, sizeof(settings->database), "%d", options->database);
    settings->timeout_ms = options->timeout_ms;
    settings->password = options->password;
    if (options->username != NULL) {
        settings->username = strdup(options->username);
        if (settings->username == NULL)
            return FAIL(err, STATUS_NO_MEMORY, "redis options");
    }
    return parse_address(settings, options->address, err);
}

enum status settings_init(struct settings *settings, const struct store_options *options,
                          struct error *err)
{
    *settings = (struct settings){0};
    if (fill(settings, options, err) != STATUS_OK) {
        settings_done(settings);
        return error_status(err);
    }
    return STATUS_OK;
}

void settings_done(struct settings *settings)
{
    free(settings->path);
    free(settings->host);
    free(settings->username);
    *settings = (struct settings){0};
}

struct timeval settings_timeout(const struct settings *settings)
{
    return (struct timeval){.tv_sec = settings->timeout_ms / 1000,
                            .tv_usec = settings->timeout_ms % 1000 * 1000L};
}

int settings_greetings(const struct settings *settings, struct greeting greetings[GREETINGS_MAX])
{
    int count = 0;
    if (settings->password != NULL) {
        struct greeting *auth = &greetings[count++];
        *auth = (struct greeting){.argv = {"AUTH"}, .argc = 1};
        if (settings->username != NULL)
            auth->argv[auth->argc++] = settings->username;
        auth->argv[auth->argc++] = secret_text(settings->password);
    }
    if (settings->database[0] != '\0')
        greetings[count++] = (struct greeting){.argv = {"SELECT", settings->database}, .argc = 2};
    return count;
}
