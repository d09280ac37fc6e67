#include "core/secret.h"

#include "core/file.h"

#include <ctype.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

struct secret {
    size_t size;
    char text[];
};

enum status secret_new(const char *text, struct secret **ret_secret, struct error *err)
{
    size_t size = strlen(text) + 1;
    struct secret *secret = malloc(sizeof(*secret) + size);
    if (secret == NULL)
        return FAIL(err, STATUS_NO_MEMORY, "secret");
    secret->size = size;
    memcpy(secret->text, text, size);
    *ret_secret = secret;
    return STATUS_OK;
}

/* Returns the start of the text without the white space around it. */
static char *trim(char *text)
{
    while (isspace((unsigned char)*text))
        text++;
    size_t len = strlen(text);
    while (len > 0 && isspace((unsigned char)text[len - 1]))
        text[--len] = '\0';
    return text;
}

static enum status check_mode(int fd, struct error *err)
{
    struct stat info;
    if (fstat(fd, &info) != 0)
        return FAIL_ERRNO(err, "fstat");
    if (!S_ISREG(info.st_mode))
        return FAIL(err, STATUS_INVALID, "not a regular file");
    if ((info.st_mode & 0007) != 0)
        return FAIL(err, STATUS_FORBIDDEN, "others may use it (mode %04o): chmod o= it",
                    (unsigned)(info.st_mode & 07777));
    return STATUS_OK;
}

/* There is room for a NUL behind the bytes. */
static enum status secret_from_bytes(char *bytes, size_t len, struct secret **ret_secret,
                                     struct error *err)
{
    bytes[len] = '\0';
    if (strlen(bytes) != len)
        return FAIL(err, STATUS_INVALID, "a NUL byte: text is expected");
    const char *text = trim(bytes);
    if (*text == '\0') /* never meant: a key that everybody knows */
        return FAIL(err, STATUS_INVALID, "it is empty");
    return secret_new(text, ret_secret, err);
}

enum status secret_read(const char *path, struct secret **ret_secret, struct error *err)
{
    CLEANUP(fd_closep) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0)
        return FAIL_ERRNO(err, "secret '%s'", path);
    if (check_mode(fd, err) != STATUS_OK)
        return FAIL_IN(err, "secret '%s'", path);

    char text[SECRET_MAX + 1];
    size_t len = 0;
    enum status status = file_read_all(fd, text, SECRET_MAX, &len, err);
    if (status == STATUS_OK)
        status = secret_from_bytes(text, len, ret_secret, err);
    explicit_bzero(text, sizeof(text));
    return status == STATUS_OK ? STATUS_OK : FAIL_IN(err, "secret '%s'", path);
}

const char *secret_text(const struct secret *secret)
{
    return secret == NULL ? NULL : secret->text;
}

void secret_free(struct secret *secret)
{
    if (secret == NULL)
        return;
    explicit_bzero(secret->text, secret->size);
    free(secret);
}
