#include "src/repository/json_scanner.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <stdlib.h>
#include <string.h>

enum { LONGEST = 40 };

/* Scans len bytes behind a quotation mark, in memory that ends there. */
static enum status scan(const char *text, size_t len, size_t *ret_len)
{
    struct error err = {0};
    struct json_scanner scanner;
    struct json_slice slice = {.len = 0};
    char *copy = malloc(len + 1);
    copy[0] = '"';
    memcpy(copy + 1, text, len);
    json_scanner_init(&scanner, copy, len + 1);
    enum status status = json_scan_string(&scanner, &slice, &err);
    cr_expect(status != STATUS_OK || scanner.at == slice.at + slice.len + 1);
    *ret_len = slice.len;
    free(copy);
    return status;
}

Test(json_scan_string, finds_the_end_wherever_it_stands)
{
    char text[LONGEST];
    size_t found = 0;
    memset(text, 0x7f, sizeof(text));
    for (size_t i = 0; i < sizeof(text); i += 3)
        text[i] = (char)(i % 2 == 0 ? 0xff : 0x20);
    for (size_t at = 0; at < sizeof(text); at++) {
        char before = text[at];
        text[at] = '"';
        for (size_t len = at + 1; len <= sizeof(text); len++) {
            cr_assert(eq(int, (int)scan(text, len, &found), (int)STATUS_OK));
            cr_assert(eq(sz, found, at));
        }
        cr_assert(eq(int, (int)scan(text, at, &found), (int)STATUS_CORRUPT), "no end");
        text[at] = before;
    }
}

Test(json_scan_string, passes_what_is_escaped_and_no_control_character)
{
    char text[LONGEST];
    size_t found = 0;
    for (size_t at = 0; at + 2 < sizeof(text); at++) {
        memset(text, 'a', sizeof(text));
        text[sizeof(text) - 1] = '"';
        memcpy(text + at, "\\\"", 2);
        cr_assert(eq(int, (int)scan(text, sizeof(text), &found), (int)STATUS_OK));
        cr_assert(eq(sz, found, sizeof(text) - 1));
        text[at + 1] = 'a';
        text[at] = 0x1f;
        cr_assert(eq(int, (int)scan(text, sizeof(text), &found), (int)STATUS_CORRUPT));
        text[at] = '\0';
        cr_assert(eq(int, (int)scan(text, sizeof(text), &found), (int)STATUS_CORRUPT));
    }
}
