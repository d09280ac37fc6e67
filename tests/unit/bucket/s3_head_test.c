#include "src/bucket/s3_head.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <string.h>

static struct s3_head head;

static void read_lines(const char *const *lines)
{
    s3_head_line(&head, "HTTP/1.1 200 OK\r\n", 17);
    for (; *lines != NULL; lines++)
        s3_head_line(&head, *lines, strlen(*lines));
}

Test(s3_head, knows_lengths_and_ranges)
{
    read_lines((const char *const[]){"content-length:  17 \r\n",
                                     "Content-Range: bytes 5-21/100\r\n", "DATE: today\r\n",
                                     "Location: https://h/p\r\n", "\r\n", NULL});

    cr_expect(head.has_length);
    cr_expect(head.has_range);
    cr_expect(head.has_total);
    cr_expect(not(head.is_contradictory));
    cr_expect(not(head.is_encoded));
    cr_expect(not(head.is_chunked));
    cr_expect(eq(u64, head.length, 17));
    cr_expect(eq(u64, head.first, 5));
    cr_expect(eq(u64, head.last, 21));
    cr_expect(eq(u64, head.total, 100));
    cr_expect(eq(str, head.date, "today"));
    cr_expect(eq(str, head.location, "https://h/p"));
}

Test(s3_head, takes_what_is_not_told_for_unknown)
{
    read_lines((const char *const[]){"Content-Range: bytes 5-21/*\r\n", NULL});
    cr_expect(head.has_range);
    cr_expect(not(head.has_total));
    cr_expect(not(head.has_length));

    read_lines((const char *const[]){"Content-Range: bytes */9\r\n", NULL});
    cr_expect(not(head.has_range));
    cr_expect(head.has_total);
    cr_expect(eq(u64, head.total, 9));
    cr_expect(not(head.is_contradictory));
}

Test(s3_head, begins_anew_with_each_answer)
{
    read_lines((const char *const[]){"Content-Length: 1\r\n", "Content-Encoding: gzip\r\n", NULL});
    cr_expect(head.has_length);
    cr_expect(head.is_encoded);

    read_lines((const char *const[]){"Transfer-Encoding: chunked\r\n", NULL});

    cr_expect(not(head.has_length));
    cr_expect(not(head.is_encoded));
    cr_expect(head.is_chunked);
}

Test(s3_head, sees_what_cannot_be)
{
    static const char *const lines[] = {
        "Content-Length: 18446744073709551616\r\n",
        "Content-Length: -1\r\n",
        "Content-Length: 5 bytes\r\n",
        "Content-Range: bytes 9-5/100\r\n",
        "Content-Range: bytes 5-100/100\r\n",
        "Content-Range: items 5-9/100\r\n",
        "Content-Range: bytes 5/100\r\n",
        "Content-Range: bytes\r\n",
    };
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        read_lines((const char *const[]){lines[i], NULL});
        cr_expect(head.is_contradictory, "%s", lines[i]);
    }
    read_lines((const char *const[]){"Content-Length: 5\r\n", "Content-Length: 5\r\n", NULL});
    cr_expect(not(head.is_contradictory));
    read_lines((const char *const[]){"Content-Length: 5\r\n", "Content-Length: 6\r\n", NULL});
    cr_expect(head.is_contradictory);
}

Test(s3_head, minds_only_encodings_that_change_the_bytes)
{
    static const struct {
        const char *line;
        bool is_encoded;
    } encodings[] = {
        {"Content-Encoding: aws-chunked\r\n", false},
        {"Content-Encoding: identity\r\n", false},
        {"Content-Encoding:\r\n", false},
        {"Content-Encoding: br\r\n", true},
        {"Content-Encoding: aws-chunked,gzip\r\n", true},
    };

    for (size_t i = 0; i < sizeof(encodings) / sizeof(encodings[0]); i++) {
        read_lines((const char *const[]){encodings[i].line, NULL});
        cr_expect(eq(int, head.is_encoded, encodings[i].is_encoded), "%s", encodings[i].line);
    }
}
