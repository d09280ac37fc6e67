#include "src/bucket/s3_xml.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <stdio.h>
#include <string.h>

static struct error err;
static char seen[256];

static enum status on_entry(void *context, const char *key, uint64_t size, struct error *error)
{
    (void)context;
    (void)error;
    size_t used = strlen(seen);
    (void)snprintf(seen + used, sizeof(seen) - used, "%s %llu;", key, (unsigned long long)size);
    return STATUS_OK;
}

static enum status read_page(const char *xml, struct s3_page *page)
{
    return s3_page_read(xml, strlen(xml), on_entry, NULL, page, &err);
}

#define HEAD "<?xml version=\"1.0\" encoding=\"UTF-8\"?>"

Test(s3_page_read, reads_names_sizes_and_where_it_goes_on)
{
    struct s3_page page = {0};

    enum status status =
        read_page(HEAD "<ListBucketResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">"
                       "<Name>b</Name><IsTruncated>true</IsTruncated>"
                       "<Contents><Key>a%2Fx%20y</Key><ETag>&quot;e&quot;</ETag><Size>11</Size>"
                       "<Owner><ID>1</ID></Owner></Contents>"
                       "<Contents><Size>0</Size><Key>b&amp;%zz%4</Key></Contents>"
                       "<NextContinuationToken>t/&lt;o</NextContinuationToken></ListBucketResult>",
                  &page);

    cr_assert(eq(int, (int)status, (int)STATUS_OK), "%s", err.text);
    cr_expect(eq(str, seen, "a/x y 11;b&%zz%4 0;"));
    cr_expect(page.is_truncated);
    cr_expect(eq(str, page.next_token, "t/<o"));
}

static const struct {
    const char *xml;
    const char *reason;
} refusals[] = {
    {"", "the server's XML is not well-formed: no element found in line 1"},
    {"<html><p></html>", "the server's XML is not well-formed: mismatched tag in line 1"},
    {"<html></html>", "the server's answer is no listing"},
    {"<!DOCTYPE x [<!ENTITY a \"b\">]><x>&a;</x>", "the server's XML has a document type"},
    {"<a><a><a><a><a><a><a><a><a>", "the server's XML has too many levels"},
    {"<ListBucketResult><Contents><Key>k</Key></Contents></ListBucketResult>",
     "the server listed an object without name or size"},
    {"<ListBucketResult><Contents><Key>k%00</Key><Size>1</Size></Contents></ListBucketResult>",
     "the server listed an object without name or size"},
    {"<ListBucketResult><Contents><Key>k</Key><Size>-1</Size></Contents></ListBucketResult>",
     "the server listed an object without name or size"},
    {"<ListBucketResult><IsTruncated>true</IsTruncated></ListBucketResult>",
     "the server's listing goes on, but does not say where"},
};

Test(s3_page_read, refuses_what_is_no_listing)
{
    for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
        struct s3_page page = {0};

        enum status status = read_page(refusals[i].xml, &page);

        cr_expect(eq(int, (int)status, (int)STATUS_CORRUPT));
        cr_expect(eq(str, err.text, (char *)refusals[i].reason));
    }
}

Test(s3_page_read, refuses_a_text_that_is_too_long)
{
    static char xml[S3_XML_TEXT_MAX + 64];
    struct s3_page page = {0};
    (void)snprintf(xml, sizeof(xml), "<x>%0*d</x>", S3_XML_TEXT_MAX + 1, 0);

    cr_expect(eq(int, (int)read_page(xml, &page), (int)STATUS_CORRUPT));
    cr_expect(eq(str, err.text, "the server's XML has a text that is too long"));
}

Test(s3_problem_read, says_code_and_message_in_plain_characters)
{
    static const char xml[] = HEAD "<Error><Code>SlowDown</Code><Message>Reduce\n\xc3\xa4"
                                   "</Message><RequestId>1</RequestId></Error>";
    struct s3_problem problem;

    s3_problem_read(xml, strlen(xml), &problem);

    cr_expect(eq(str, problem.code, "SlowDown"));
    cr_expect(eq(str, problem.message, "Reduce???"));
}

Test(s3_problem_read, keeps_what_came_before_the_document_was_cut)
{
    static const char xml[] = "<Error><Code>AccessDenied</Code><Message>No";
    struct s3_problem problem;

    s3_problem_read(xml, strlen(xml), &problem);

    cr_expect(eq(str, problem.code, "AccessDenied"));
    cr_expect(eq(str, problem.message, ""));
    s3_problem_read("", 0, &problem);
    cr_expect(eq(str, problem.code, ""));
}
