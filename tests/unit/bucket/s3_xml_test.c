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
    {"<ListBucketResult><Contents><Size>1</Size></Contents></ListBucketResult>",
     "the server listed an object without a name"},
    {"<ListBucketResult><Contents><Key>k%00</Key><Size>1</Size></Contents></ListBucketResult>",
     "the server listed an object without a name"},
    {"<ListBucketResult></ListBucketResult>",
     "the server's listing does not say whether it goes on"},
    {"<ListBucketResult><IsTruncated>maybe</IsTruncated></ListBucketResult>",
     "the server's listing does not say whether it goes on"},
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

static const struct {
    const char *words;
    bool goes_on;
} spellings[] = {
    {"<IsTruncated>True</IsTruncated><NextContinuationToken>t</NextContinuationToken>", true},
    {"<IsTruncated> 1\n</IsTruncated><NextContinuationToken>t</NextContinuationToken>", true},
    {"<NextContinuationToken>t</NextContinuationToken>", true},
    {"<IsTruncated>yes</IsTruncated><NextContinuationToken>t</NextContinuationToken>", true},
    {"<IsTruncated>False</IsTruncated>", false},
    {"<IsTruncated>0</IsTruncated><NextContinuationToken/>", false},
    {"<IsTruncated>false</IsTruncated><NextContinuationToken>t</NextContinuationToken>", false},
};

Test(s3_page_read, knows_whether_it_goes_on_however_that_is_spelt)
{
    for (size_t i = 0; i < sizeof(spellings) / sizeof(spellings[0]); i++) {
        char xml[256];
        struct s3_page page = {0};
        (void)snprintf(xml, sizeof(xml), "<ListBucketResult>%s</ListBucketResult>",
                       spellings[i].words);

        enum status status = read_page(xml, &page);

        cr_expect(eq(int, (int)status, (int)STATUS_OK), "%s: %s", xml, err.text);
        cr_expect(eq(int, page.is_truncated, spellings[i].goes_on), "%s", xml);
    }
}

Test(s3_page_read, minds_no_prefixes_of_elements)
{
    struct s3_page page = {0};

    enum status status =
        read_page("<s3:ListBucketResult xmlns:s3=\"http://s3.amazonaws.com/doc/2006-03-01/\">"
                  "<s3:Prefix>a%2F</s3:Prefix><s3:IsTruncated>false</s3:IsTruncated>"
                  "<s3:Contents><s3:Key>a/x</s3:Key><s3:Size>5</s3:Size></s3:Contents>"
                  "</s3:ListBucketResult>",
                  &page);

    cr_assert(eq(int, (int)status, (int)STATUS_OK), "%s", err.text);
    cr_expect(eq(str, seen, "a/x 5;"));
    cr_expect(eq(str, page.prefix, "a/"));
    cr_expect(eq(sz, page.count, 1));
}

Test(s3_page_read, takes_no_size_for_zero)
{
    struct s3_page page = {0};
    char expected[64];
    (void)snprintf(expected, sizeof(expected), "a %llu;b %llu;",
                   (unsigned long long)OBJECT_SIZE_UNKNOWN,
                   (unsigned long long)OBJECT_SIZE_UNKNOWN);

    enum status status = read_page("<ListBucketResult><IsTruncated>false</IsTruncated>"
                                   "<Contents><Key>a</Key></Contents>"
                                   "<Contents><Key>b</Key><Size>-1</Size></Contents>"
                                   "</ListBucketResult>",
                                   &page);

    cr_assert(eq(int, (int)status, (int)STATUS_OK), "%s", err.text);
    cr_expect(eq(str, seen, (char *)expected));
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
