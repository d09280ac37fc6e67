#include "core/error.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <stddef.h>
#include <string.h>

static struct error err;

Test(error, says_what_went_wrong_from_the_outside_in)
{
    enum status status = FAIL(&err, STATUS_NOT_FOUND, "file '%s'", "a.txt");
    cr_expect(eq(int, (int)status, STATUS_NOT_FOUND));
    cr_expect(eq(str, err.text, "file 'a.txt'"));
    cr_expect(eq(str, err.reason, "not_found"));

    status = FAIL_IN(&err, "volume %d", 3);
    cr_expect(eq(int, (int)status, STATUS_NOT_FOUND));
    cr_expect(eq(str, err.text, "volume 3: file 'a.txt'"));
    cr_expect(eq(str, err.reason, "not_found"));
}

Test(error, keeps_a_reason_of_its_own_on_the_way_up)
{
    (void)FAIL_REASON(&err, STATUS_CONFLICT, REASON_NAME_TAKEN, "name '%s'", "daily");
    (void)FAIL_IN(&err, "create");

    cr_expect(eq(int, (int)err.status, STATUS_CONFLICT));
    cr_expect(eq(str, err.reason, "name_taken"));
    cr_expect(eq(str, err.text, "create: name 'daily'"));
}

Test(error, gets_another_reason_where_it_is_known_better)
{
    (void)FAIL(&err, STATUS_INVALID, "line 3");
    enum status status = FAIL_AS(&err, REASON_CONFIGURATION_INVALID);

    cr_expect(eq(int, (int)status, STATUS_INVALID));
    cr_expect(eq(str, err.reason, "configuration_invalid"));
    cr_expect(eq(str, err.text, "line 3"));
}

Test(error, adds_the_text_of_errno)
{
    errno = EACCES;
    enum status status = FAIL_ERRNO(&err, "open '%s'", "x");

    cr_expect(eq(int, (int)status, STATUS_FORBIDDEN));
    cr_expect(eq(str, err.text, "open 'x': Permission denied"));
    cr_expect(eq(str, err.reason, "forbidden"));
}

Test(error, leaves_errno_alone)
{
    errno = EBADF;
    (void)FAIL(&err, STATUS_INVALID, "text");
    cr_expect(eq(int, errno, EBADF));
}

static char *text_of(char c, size_t len)
{
    static char text[4 * ERROR_TEXT_MAX];
    memset(text, c, len);
    text[len] = '\0';
    return text;
}

Test(error, cuts_long_texts_with_three_dots)
{
    (void)FAIL(&err, STATUS_INVALID, "%s", text_of('x', ERROR_TEXT_MAX - 1));
    cr_expect(eq(sz, strspn(err.text, "x"), ERROR_TEXT_MAX - 1), "it just fits");

    (void)FAIL(&err, STATUS_INVALID, "%s", text_of('x', ERROR_TEXT_MAX));
    cr_expect(eq(sz, strlen(err.text), ERROR_TEXT_MAX - 1));
    cr_expect(eq(str, err.text + strspn(err.text, "x"), "..."));

    errno = EIO;
    (void)FAIL_ERRNO(&err, "%s", text_of('y', ERROR_TEXT_MAX - 5));
    cr_expect(eq(sz, strlen(err.text), ERROR_TEXT_MAX - 1));
    cr_expect(eq(str, err.text + strlen(err.text) - 3, "..."));

    (void)FAIL(&err, STATUS_INVALID, "cause");
    (void)FAIL_IN(&err, "%s", text_of('z', 4 * ERROR_TEXT_MAX - 1));
    cr_expect(eq(sz, strlen(err.text), ERROR_TEXT_MAX - 1));
    cr_expect(eq(str, err.text + strspn(err.text, "z"), "..."));

    (void)FAIL(&err, STATUS_INVALID, "%s", text_of('a', ERROR_TEXT_MAX - 1));
    (void)FAIL_IN(&err, "in");
    cr_expect(eq(sz, strlen(err.text), ERROR_TEXT_MAX - 1));
    cr_expect(strstr(err.text, "in: aaa") == err.text);
    cr_expect(eq(str, err.text + strlen(err.text) - 3, "..."));
}

Test(error, never_cuts_through_a_character)
{
    static const char *const characters[] = {"\u00e9", "\u20ac", "\U0001f600"};
    for (size_t kind = 0; kind < 3; kind++) {
        for (size_t shift = 0; shift < 4; shift++) {
            char text[2 * ERROR_TEXT_MAX] = "";
            size_t len = strlen(characters[kind]);
            memset(text, 'x', shift);
            for (size_t at = shift; at + len < sizeof(text); at += len)
                memcpy(text + at, characters[kind], len + 1);

            (void)FAIL(&err, STATUS_INVALID, "%s", text);

            size_t kept = strlen(err.text) - 3;
            cr_expect(eq(str, err.text + kept, "..."));
            cr_expect(eq(sz, (kept - shift) % len, 0));
            cr_expect(ge(sz, kept, ERROR_TEXT_MAX - 8));
        }
    }
}

Test(status, has_a_name_for_each)
{
    for (int status = 0; status < STATUS_COUNT; status++) {
        const char *name = status_name((enum status)status);
        cr_expect(lt(sz, 1, strlen(name)));
        for (int other = 0; other < status; other++)
            cr_expect(ne(str, (char *)name, (char *)status_name((enum status)other)));
    }
    cr_expect(eq(str, (char *)status_name(STATUS_COUNT), "unknown"));
    cr_expect(eq(str, (char *)status_name((enum status) - 1), "unknown"));
}

Test(status, is_transient_when_waiting_may_help)
{
    static const enum status transient[] = {STATUS_UNAVAILABLE, STATUS_TIMEOUT, STATUS_LOCKED,
                                            STATUS_NO_SPACE, STATUS_NO_MEMORY};

    int count = 0;
    for (int status = 0; status < STATUS_COUNT; status++)
        count += status_is_transient((enum status)status);

    cr_expect(eq(int, count, 5));
    for (size_t i = 0; i < 5; i++)
        cr_expect(status_is_transient(transient[i]));
}

Test(status, follows_from_errno)
{
    static const struct {
        int error_number;
        enum status status;
    } rows[] = {
        {ENOENT, STATUS_NOT_FOUND},
        {EEXIST, STATUS_CONFLICT},
        {EACCES, STATUS_FORBIDDEN},
        {EROFS, STATUS_FORBIDDEN},
        {EINVAL, STATUS_INVALID},
        {ENOEXEC, STATUS_INVALID},
        {ENAMETOOLONG, STATUS_TOO_LARGE},
        {EOPNOTSUPP, STATUS_UNSUPPORTED},
        {ECANCELED, STATUS_CANCELED},
        {ECONNREFUSED, STATUS_UNAVAILABLE},
        {EIO, STATUS_UNAVAILABLE},
        {ETIMEDOUT, STATUS_TIMEOUT},
        {ENOSPC, STATUS_NO_SPACE},
        {EDQUOT, STATUS_NO_SPACE},
        {ENOMEM, STATUS_NO_MEMORY},
        {EFAULT, STATUS_INTERNAL},
        {0, STATUS_INTERNAL},
        {99999, STATUS_INTERNAL},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        cr_expect(eq(int, (int)status_from_errno(rows[i].error_number), (int)rows[i].status),
                  "errno %d", rows[i].error_number);
}

Test(error_is, goes_by_the_code)
{
    error_set_reason(&err, STATUS_NOT_FOUND, REASON_UNKNOWN_TASK, "none");
    cr_expect(error_is(&err, REASON_UNKNOWN_TASK));
    cr_expect(not(error_is(&err, REASON_UNKNOWN_BACKUP)));
}
