/* The S3 driver when something is wrong: a real Ceph RGW behind a proxy that makes trouble. Each
 * fault has its reason, and what can go on goes on. */
#include "core/clock.h"
#include "s3_fixture.h"

static struct s3_fixture f;
static int64_t clock_off_ms;

int64_t __real_clock_wall_ms(void);
int64_t __wrap_clock_wall_ms(void);

int64_t __wrap_clock_wall_ms(void)
{
    return __real_clock_wall_ms() + clock_off_ms;
}

static void start(const char *prefix, const char *faults)
{
    s3_fixture_init(&f, prefix);
    s3_fixture_proxy(&f, "", faults);
    s3_fixture_open(&f);
}

static void stop(void)
{
    s3_fixture_done(&f);
}

TestSuite(object_store_s3_faults, .fini = stop);

static enum status put_text(const char *text)
{
    const struct object_part part = {text, strlen(text)};
    return object_store_put(f.store, "data/00/x", &part, 1, &f.err);
}

static enum status get_text(const char *text)
{
    struct buffer buffer;
    buffer_init(&buffer, 1024);
    enum status status = object_store_get(f.store, "data/00/x", &buffer, &f.err);
    if (status == STATUS_OK)
        cr_expect(eq(str, (char *)buffer.bytes, (char *)text));
    else
        cr_expect(zero(sz, buffer.len));
    buffer_done(&buffer);
    return status;
}

#define GET "bucket 'nightly': get 'data/00/x': "
#define PUT "bucket 'nightly': put 'data/00/x': "

static void expect_failure(enum status status, enum status expected, const char *reason,
                           const char *text)
{
    cr_expect(eq(int, (int)status, (int)expected));
    cr_expect(eq(str, f.err.reason, (char *)reason));
    cr_expect(eq(str, f.err.text, (char *)text));
}

Test(object_store_s3_faults, a_busy_server_is_asked_again)
{
    start("busy", "503:PUT:1:2 500:GET:1:3 503:DELETE:1:1");

    MUST(&f, put_text("busy"));
    MUST(&f, get_text("busy"));
    MUST(&f, object_store_delete(f.store, "data/00/x", &f.err));
}

Test(object_store_s3_faults, a_server_that_stays_busy_is_given_up)
{
    start("stays-busy", "503:PUT:1:4");

    expect_failure(put_text("x"), STATUS_UNAVAILABLE, "bucket_unreachable",
                   PUT "after 4 attempts: the server says 503 SlowDown: Please reduce your request "
                       "rate.");
    MUST(&f, put_text("later"));
    MUST(&f, get_text("later"));
}

Test(object_store_s3_faults, resets_are_survived)
{
    start("resets", "reset:PUT:1:2 late-reset:PUT:3:1 cut-reset:GET:1:2 reset:DELETE:1:1");

    MUST(&f, put_text("a text that is cut in the middle"));
    MUST(&f, get_text("a text that is cut in the middle"));
    MUST(&f, object_store_delete(f.store, "data/00/x", &f.err));
}

Test(object_store_s3_faults, what_was_put_unseen_is_known_as_ours)
{
    const struct object_part ours = {"ours", 4};
    const struct object_part other = {"other", 5};
    start("unseen", "late-reset:PUT:1:1 late-reset:PUT:3:1");

    MUST(&f, object_store_put_new(f.store, "config", &ours, 1, &f.err));
    cr_expect(eq(int, (int)object_store_put_new(f.store, "config", &other, 1, &f.err),
                 (int)STATUS_CONFLICT));
}

Test(object_store_s3_faults, without_conditions_a_name_is_looked_up_first)
{
    const struct object_part one = {"one", 3};
    start("conditions", "501:PUT:1:1 501:PUT:3:1");

    MUST(&f, object_store_put_new(f.store, "config", &one, 1, &f.err));
    cr_expect(eq(int, (int)object_store_put_new(f.store, "config", &one, 1, &f.err),
                 (int)STATUS_CONFLICT));
    cr_expect(eq(str, f.err.text, "bucket 'nightly': put 'config': it is there already"));
}

Test(object_store_s3_faults, a_truncated_answer_is_asked_for_again)
{
    char bytes[8];
    start("truncated", "truncate:GET:1:2");
    MUST(&f, put_text("a text that is cut in the middle"));

    MUST(&f, get_text("a text that is cut in the middle"));

    f.options.server = s3_environment("S3_ENDPOINT");
    s3_fixture_open(&f);
    MUST(&f, object_store_get_range(f.store, "data/00/x", 2, 4, bytes, &f.err));
    cr_expect(zero(int, memcmp(bytes, "text", 4)));
}

Test(object_store_s3_faults, an_answer_that_stays_truncated_is_no_answer)
{
    start("stays-truncated", "truncate:GET:1:0");
    MUST(&f, put_text("0123456789"));

    cr_expect(eq(int, (int)get_text(""), (int)STATUS_UNAVAILABLE));
    cr_expect(eq(str, f.err.reason, "bucket_unreachable"));
    cr_expect(ne(ptr, strstr(f.err.text, "after 4 attempts: http://127.0.0.1:"), NULL), "%s",
              f.err.text);
    cr_expect(ne(ptr, strstr(f.err.text, "5 bytes remaining to read"), NULL), "%s", f.err.text);
}

Test(object_store_s3_faults, a_damaged_upload_is_refused_and_sent_again)
{
    start("damaged", "flip-request:PUT:1:2");

    MUST(&f, put_text("must arrive as it was sent"));

    MUST(&f, get_text("must arrive as it was sent"));
}

Test(object_store_s3_faults, what_is_forbidden_is_not_asked_again)
{
    start("forbidden", "403:PUT:2:1");
    MUST(&f, put_text("first"));

    expect_failure(put_text("second"), STATUS_FORBIDDEN, "bucket_forbidden",
                   PUT "the server says 403 AccessDenied: Access Denied by a policy.");

    MUST(&f, get_text("first"));
    MUST(&f, put_text("third"));
}

Test(object_store_s3_faults, a_full_bucket_says_so)
{
    start("full", "507:PUT:1:1");

    expect_failure(put_text("x"), STATUS_NO_SPACE, "bucket_full",
                   PUT "the server says 507 InsufficientStorage: The quota of the bucket is used "
                       "up.");
    MUST(&f, put_text("x"));
}

Test(object_store_s3_faults, a_server_that_hangs_is_left)
{
    char text[200];
    s3_fixture_init(&f, "hangs");
    s3_fixture_proxy(&f, "", "hang:GET:1:2 hang:GET:4:0");
    f.options.patience.stall_ms = 100;
    f.options.patience.attempts = 3;
    s3_fixture_open(&f);
    MUST(&f, put_text("patience"));

    MUST(&f, get_text("patience"));
    (void)snprintf(text, sizeof(text), GET "after 3 attempts: %s: nothing moved for 100 ms",
                   f.proxy_url);
    expect_failure(get_text(""), STATUS_TIMEOUT, "bucket_unreachable", text);
}

Test(object_store_s3_faults, a_cancel_ends_waiting_but_not_tidying_up)
{
    struct cancel cancel;
    s3_fixture_init(&f, "canceled");
    s3_fixture_proxy(&f, "", "hang:GET:1:0");
    cr_assert(eq(int, (int)cancel_init(&cancel, &f.err), (int)STATUS_OK));
    f.options.cancel = &cancel;
    s3_fixture_open(&f);
    MUST(&f, put_text("x"));

    cancel_request(&cancel, STATUS_CANCELED);

    expect_failure(get_text(""), STATUS_CANCELED, "canceled", GET "canceled on request");
    MUST(&f, object_store_delete(f.store, "data/00/x", &f.err));
    object_store_close(f.store);
    f.store = NULL;
    cancel_done(&cancel);
}

Test(object_store_s3_faults, a_certificate_must_be_trusted)
{
    char ca_file[128];
    s3_fixture_init(&f, "certificate");
    scratch_shell(&f.scratch,
                  "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 "
                  "-keyout key.pem -out cert.pem -subj /CN=127.0.0.1 "
                  "-addext subjectAltName=IP:127.0.0.1 2>&1");
    char options[300];
    (void)snprintf(options, sizeof(options), "--tls %s", scratch_path(&f.scratch, "cert.pem"));
    (void)snprintf(options + strlen(options), sizeof(options) - strlen(options), " %s",
                   scratch_path(&f.scratch, "key.pem"));
    s3_fixture_proxy(&f, options, "");
    s3_fixture_open(&f);

    cr_expect(eq(int, (int)put_text("x"), (int)STATUS_UNAVAILABLE));
    cr_expect(eq(str, f.err.reason, "certificate_untrusted"));
    cr_expect(ne(ptr, strstr(f.err.text, "certificate"), NULL), "%s", f.err.text);

    (void)snprintf(ca_file, sizeof(ca_file), "%s", scratch_path(&f.scratch, "cert.pem"));
    f.options.ca_file = ca_file;
    s3_fixture_open(&f);
    MUST(&f, put_text("trusted"));
    MUST(&f, get_text("trusted"));

    f.options.ca_file = "/nonexistent.pem";
    s3_fixture_open(&f);
    cr_expect(eq(int, (int)put_text("x"), (int)STATUS_INVALID));
    cr_expect(eq(str, f.err.reason, "certificate_untrusted"));
}

Test(object_store_s3_faults, a_server_without_an_address_is_named)
{
    s3_fixture_init(&f, "nowhere");
    f.options.server = "http://bucket.invalid:9000";
    s3_fixture_open(&f);

    expect_failure(put_text("x"), STATUS_UNAVAILABLE, "bucket_unreachable",
                   PUT "after 4 attempts: http://bucket.invalid:9000: Could not resolve host: "
                       "bucket.invalid");
}

Test(object_store_s3_faults, a_server_that_is_down_is_named)
{
    s3_fixture_init(&f, "down");
    f.options.server = "http://127.0.0.1:1";
    s3_fixture_open(&f);

    cr_expect(eq(int, (int)put_text("x"), (int)STATUS_UNAVAILABLE));
    cr_expect(eq(str, f.err.reason, "bucket_unreachable"));
    cr_expect(ne(ptr, strstr(f.err.text, "http://127.0.0.1:1: Failed to connect"), NULL), "%s",
              f.err.text);
}

Test(object_store_s3_faults, a_wrong_clock_names_both_times)
{
    start("clock", "");
    clock_off_ms = INT64_C(-7200000);

    cr_expect(eq(int, (int)put_text("x"), (int)STATUS_UNAVAILABLE));

    cr_expect(eq(str, f.err.reason, "clock_skewed"));
    cr_expect(
        ne(ptr, strstr(f.err.text, PUT "the server says 403 RequestTimeTooSkewed; our clock says "),
           NULL),
        "%s", f.err.text);
    cr_expect(ne(ptr, strstr(f.err.text, "Z, the server's "), NULL), "%s", f.err.text);
    cr_expect(ne(ptr, strstr(f.err.text, " GMT"), NULL), "%s", f.err.text);
    clock_off_ms = 0;
    MUST(&f, put_text("on time"));
}
