/* The figures are those of the examples in Amazon's S3 API Reference, "Authenticating Requests". */
#include "src/bucket/s3_sign.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <stdio.h>
#include <string.h>

#define EMPTY "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define DATE  "20130524T000000Z"

static struct error err;

static void check(const struct s3_signed *what, const char *names, const char *signature)
{
    struct s3_credentials credentials = {.access_key = "AKIAIOSFODNN7EXAMPLE"};
    char authorization[S3_AUTHORIZATION_SIZE];
    char expected[S3_AUTHORIZATION_SIZE];
    cr_assert(eq(
        int,
        (int)secret_new("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", &credentials.secret_key, &err),
        (int)STATUS_OK));
    (void)snprintf(expected, sizeof(expected),
                   "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/"
                   "aws4_request, SignedHeaders=%s, Signature=%s",
                   names, signature);

    enum status status = s3_sign(what, &credentials, authorization, &err);

    cr_assert(eq(int, (int)status, (int)STATUS_OK), "%s", err.text);
    cr_expect(eq(str, authorization, expected));
    s3_credentials_done(&credentials);
}

Test(s3_sign, signs_the_reading_of_a_range)
{
    const struct s3_signed_header headers[] = {
        {"host", "examplebucket.s3.amazonaws.com"},
        {"range", "bytes=0-9"},
        {"x-amz-content-sha256", EMPTY},
        {"x-amz-date", DATE},
    };
    const struct s3_signed what = {.method = "GET",
                                   .path = "/test.txt",
                                   .query = "",
                                   .headers = headers,
                                   .header_count = 4,
                                   .payload_sha256 = EMPTY,
                                   .date = DATE,
                                   .region = "us-east-1"};

    check(&what, "host;range;x-amz-content-sha256;x-amz-date",
          "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41");
}

Test(s3_sign, signs_an_upload)
{
    static const char sha256[] = "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072";
    const struct s3_signed_header headers[] = {
        {"date", "Fri, 24 May 2013 00:00:00 GMT"},
        {"host", "examplebucket.s3.amazonaws.com"},
        {"x-amz-content-sha256", sha256},
        {"x-amz-date", DATE},
        {"x-amz-storage-class", "REDUCED_REDUNDANCY"},
    };
    const struct s3_signed what = {.method = "PUT",
                                   .path = "/test%24file.text",
                                   .query = "",
                                   .headers = headers,
                                   .header_count = 5,
                                   .payload_sha256 = sha256,
                                   .date = DATE,
                                   .region = "us-east-1"};

    check(&what, "date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class",
          "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd");
}

static const struct s3_signed_header plain_headers[] = {
    {"host", "examplebucket.s3.amazonaws.com"},
    {"x-amz-content-sha256", EMPTY},
    {"x-amz-date", DATE},
};

Test(s3_sign, signs_a_query_without_values)
{
    const struct s3_signed what = {.method = "GET",
                                   .path = "/",
                                   .query = "lifecycle=",
                                   .headers = plain_headers,
                                   .header_count = 3,
                                   .payload_sha256 = EMPTY,
                                   .date = DATE,
                                   .region = "us-east-1"};

    check(&what, "host;x-amz-content-sha256;x-amz-date",
          "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543");
}

Test(s3_sign, signs_a_listing)
{
    const struct s3_signed what = {.method = "GET",
                                   .path = "/",
                                   .query = "max-keys=2&prefix=J",
                                   .headers = plain_headers,
                                   .header_count = 3,
                                   .payload_sha256 = EMPTY,
                                   .date = DATE,
                                   .region = "us-east-1"};

    check(&what, "host;x-amz-content-sha256;x-amz-date",
          "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7");
}

Test(s3_date, is_the_basic_form_of_iso_8601)
{
    char date[S3_DATE_SIZE];

    s3_date(1369353600000, date);

    cr_expect(eq(str, date, DATE));
}

Test(s3_credentials_parse, reads_the_file_of_other_tools)
{
    struct s3_credentials credentials = {.secret_key = NULL};

    enum status status = s3_credentials_parse("# made by hand\n[default]\n"
                                              "aws_access_key_id = AK\r\n"
                                              "  aws_secret_access_key=a/b+c= \n"
                                              "session_token =\ttok\n",
                                              &credentials, &err);

    cr_assert(eq(int, (int)status, (int)STATUS_OK), "%s", err.text);
    cr_expect(eq(str, credentials.access_key, "AK"));
    cr_expect(eq(str, (char *)secret_text(credentials.secret_key), "a/b+c="));
    cr_expect(eq(str, (char *)secret_text(credentials.session_token), "tok"));
    s3_credentials_done(&credentials);
}

static const struct {
    const char *text;
    const char *reason;
} refusals[] = {
    {"", "access_key_id is missing"},
    {"access_key_id = hidden\n", "secret_access_key is missing"},
    {"access_key_id hidden", "line 1: 'key = value' is expected"},
    {"access_key_id=", "line 1: a value of printable characters is expected"},
    {"access_key_id=hid den", "line 1: a value of printable characters is expected"},
    {"\nsecret=hidden", "line 2: access_key_id, secret_access_key or session_token is expected"},
    {"access_key_id=a\naccess_key_id=b", "line 2: access_key_id given twice"},
    {"secret_access_key=hidden\nsecret_access_key=hidden", "line 2: secret_access_key given twice"},
    {"[a]\n[b]", "line 2: a second section: one set of keys is expected"},
};

Test(s3_credentials_parse, refuses_by_line_and_names_no_value)
{
    for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
        struct s3_credentials credentials = {.secret_key = NULL};

        enum status status = s3_credentials_parse(refusals[i].text, &credentials, &err);

        cr_expect(eq(int, (int)status, (int)STATUS_INVALID));
        cr_expect(eq(str, err.text, (char *)refusals[i].reason));
        cr_expect(eq(ptr, credentials.secret_key, NULL));
    }
}
