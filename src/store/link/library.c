/*
 * The library's version is a hash of its text, put into the text where it says @VERSION@. So a
 * changed function always comes with a changed version, and nobody has to remember to raise it.
 */
#include "library.h"

#include "store/library.h"

#include <assert.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

extern const char store_functions_lua[];
extern const size_t store_functions_lua_len;

#define PLACEHOLDER "@VERSION@"

enum {
    VERSION_DIGITS = sizeof(PLACEHOLDER) - 1, /* so that the length of the text stays */
    LIBRARY_TEXT_MAX = 256 * 1024
};

static char version[VERSION_DIGITS + 1];
static char text[LIBRARY_TEXT_MAX];
static pthread_once_t once = PTHREAD_ONCE_INIT;

const char *const library_version_command[LIBRARY_VERSION_ARGC] = {"FCALL_RO", "appbackup_version",
                                                                   "0"};

/* FNV-1a, 64 bit: tells versions apart, guards nothing. */
static uint64_t hash(const char *bytes, size_t len)
{
    uint64_t value = 0xcbf29ce484222325U;
    for (size_t i = 0; i < len; i++)
        value = (value ^ (unsigned char)bytes[i]) * 0x100000001b3U;
    return value;
}

static void prepare(void)
{
    assert(store_functions_lua_len < sizeof(text));
    char digits[17];
    (void)snprintf(digits, sizeof(digits), "%016" PRIx64,
                   hash(store_functions_lua, store_functions_lua_len));
    memcpy(version, digits, VERSION_DIGITS);
    memcpy(text, store_functions_lua, store_functions_lua_len);
    char *place = memmem(text, store_functions_lua_len, PLACEHOLDER, VERSION_DIGITS);
    assert(place != NULL);
    memcpy(place, version, VERSION_DIGITS);
}

const char *store_library_version(void)
{
    (void)pthread_once(&once, prepare);
    return version;
}

const char *store_library_text(size_t *ret_len)
{
    (void)pthread_once(&once, prepare);
    *ret_len = store_functions_lua_len;
    return text;
}

bool library_is_missing(const redisReply *reply)
{
    static const char beginning[] = "ERR Function not found";
    return reply->type == REDIS_REPLY_ERROR &&
           strncmp(reply->str, beginning, sizeof(beginning) - 1) == 0;
}

bool library_is_current(const redisReply *reply)
{
    return reply->type == REDIS_REPLY_STRING && strcmp(reply->str, store_library_version()) == 0;
}

void library_load_command(const char *argv[LIBRARY_LOAD_ARGC], size_t lengths[LIBRARY_LOAD_ARGC])
{
    size_t len = 0;
    argv[0] = "FUNCTION";
    argv[1] = "LOAD";
    argv[2] = "REPLACE";
    argv[3] = store_library_text(&len);
    for (int i = 0; i < LIBRARY_LOAD_ARGC - 1; i++)
        lengths[i] = strlen(argv[i]);
    lengths[LIBRARY_LOAD_ARGC - 1] = len;
}
