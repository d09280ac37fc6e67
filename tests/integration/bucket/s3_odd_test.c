/* The S3 driver and answers that no service should give, as proxies and some services do
 * (tests/support/s3_odd.py): what is complete counts, what is not says nothing. */
#include "s3_fixture.h"

static struct s3_fixture f;

static void start(const char *page, const char *faults)
{
    s3_fixture_init_memory(&f, page, faults);
    s3_fixture_open(&f);
}

static void stop(void)
{
    s3_fixture_done(&f);
}

TestSuite(object_store_s3_odd, .fini = stop, .timeout = 60);

#define TEXT "0123456789abcdefghijklmnopqrstuvwxyz"

static enum status put_text(const char *name)
{
    const struct object_part part = {TEXT, sizeof(TEXT) - 1};
    return object_store_put(f.store, name, &part, 1, &f.err);
}

/* "" for what did not come. */
static enum status get_text(char text[64])
{
    struct buffer buffer;
    buffer_init(&buffer, 63);
    enum status status = object_store_get(f.store, "data/00/x", &buffer, &f.err);
    (void)snprintf(text, 64, "%.*s", (int)buffer.len, (const char *)buffer.bytes);
    buffer_done(&buffer);
    return status;
}

static enum status get_part(char text[64], uint64_t offset, size_t len)
{
    memset(text, 0, 64);
    return object_store_get_range(f.store, "data/00/x", offset, len, text, &f.err);
}

static void expect_unreachable(enum status status, const char *text)
{
    cr_expect(eq(int, (int)status, (int)STATUS_UNAVAILABLE), "%s", f.err.text);
    cr_expect(eq(str, f.err.reason, "bucket_unreachable"));
    cr_expect(ne(ptr, strstr(f.err.text, text), NULL), "%s", f.err.text);
}

/* Starts anew with one kind of answer to all requests with this method but the first put. */
static void start_with(const char *kind, const char *method)
{
    char fault[80];
    (void)snprintf(fault, sizeof(fault), "%s:%s:%d:0", kind, method,
                   strcmp(method, "PUT") == 0 ? 2 : 1);
    start("1000", fault);
    MUST(&f, put_text("data/00/x"));
}

/* --- a part of an object --- */

static const struct {
    const char *kind;
    const char *text; /* NULL: as good as any */
} parts[] = {
    {"whole", NULL},
    {"chunked", NULL},
    {"part-as-whole", "a part of the object and calls it the whole"},
    {"unnamed-part", "sends a part and does not say which"},
    {"other-part", "sends bytes 11-15, not the 5 at 10"},
    {"short", "sends "},
    {"cut", "remaining to read"},
    {"long", "more than the 5 bytes asked for"},
    {"without-end", "does not say where its answer ends"},
    {"compressed", "another encoding"},
    {"two-lengths", "contradict each other"},
    {"error-in-200", "says 200 InternalError"},
    {"page-200", "page"},
    {"page-404", "says 404"},
    {"no-content", "answers 204"},
    {"redirected", "302"},
};

Test(object_store_s3_odd, of_a_part_an_answer_is_the_part_or_none)
{
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        char text[64];
        start_with(parts[i].kind, "GET");

        enum status status = get_part(text, 10, 5);

        if (parts[i].text == NULL)
            cr_expect(eq(int, (int)status, (int)STATUS_OK), "%s: %s", parts[i].kind, f.err.text);
        else
            cr_expect(eq(int, (int)status, (int)STATUS_UNAVAILABLE), "%s: %s", parts[i].kind,
                      f.err.text);
        if (parts[i].text == NULL)
            cr_expect(eq(str, text, "abcde"));
        else
            cr_expect(eq(str, f.err.reason, "bucket_unreachable"));
        stop();
    }
    start("1000", "");
}

Test(object_store_s3_odd, of_a_part_an_odd_answer_is_asked_for_again)
{
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        char fault[80];
        char text[64];
        if (strcmp(parts[i].kind, "redirected") == 0)
            continue; /* whoever sends us away knows why */
        (void)snprintf(fault, sizeof(fault), "%s:GET:1:2", parts[i].kind);
        start("1000", fault);
        MUST(&f, put_text("data/00/x"));

        MUST(&f, get_part(text, 10, 5));

        cr_expect(eq(str, text, "abcde"), "%s", parts[i].kind);
        stop();
    }
    start("1000", "");
}

Test(object_store_s3_odd, an_object_that_is_too_short_is_that_of_whatever_server)
{
    static const char *const kinds[] = {"whole", "chunked", "no-length"};
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        char text[64];
        start_with(kinds[i], strcmp(kinds[i], "no-length") == 0 ? "HEAD" : "GET");

        cr_expect(eq(int, (int)get_part(text, 30, 20), (int)STATUS_CORRUPT), "%s", kinds[i]);
        cr_expect(eq(str, f.err.text,
                     "bucket 'nightly': get 'data/00/x': 36 bytes long, but 20 bytes at 30 are "
                     "expected"));
        cr_expect(eq(int, (int)get_part(text, 40, 20), (int)STATUS_CORRUPT), "%s", kinds[i]);
        stop();
    }
    start("1000", "");
}

/* --- a whole object --- */

static const struct {
    const char *kind;
    const char *text;
} wholes[] = {
    {"chunked", NULL},
    {"cut", "remaining to read"},
    {"without-end", "does not say where its answer ends"},
    {"compressed", "another encoding"},
    {"error-in-200", "says 200 InternalError"},
    {"page-200", "a page that is not S3's"},
    {"page-404", "says 404"},
    {"no-content", "answers 204"},
    {"redirected", "it sends us to 'https://login.example.net/'"},
};

Test(object_store_s3_odd, an_answer_is_the_object_or_none)
{
    for (size_t i = 0; i < sizeof(wholes) / sizeof(wholes[0]); i++) {
        char text[64];
        start_with(wholes[i].kind, "GET");

        enum status status = get_text(text);

        if (wholes[i].text != NULL)
            expect_unreachable(status, wholes[i].text);
        else
            cr_expect(eq(str, text, TEXT), "%s: %s", wholes[i].kind, f.err.text);
        stop();
    }
    start("1000", "");
}

Test(object_store_s3_odd, nothing_is_gone_because_a_proxy_says_so)
{
    char text[64];
    uint64_t size = 0;
    bool gone = true;
    start("1000", "page-404:GET:1:4 page-404:HEAD:1:2 page-404:DELETE:1:4");
    MUST(&f, put_text("data/00/x"));

    expect_unreachable(get_text(text), "says 404");
    MUST(&f, object_store_size(f.store, "data/00/x", &size, &f.err));
    cr_expect(eq(u64, size, sizeof(TEXT) - 1));
    MUST(&f, object_store_is_gone(f.store, "data/00/x", &gone, &f.err));
    cr_expect(not(gone));
    expect_unreachable(object_store_delete(f.store, "data/00/x", &f.err), "says 404");
    MUST(&f, object_store_delete(f.store, "data/00/x", &f.err));
    MUST(&f, object_store_is_gone(f.store, "data/00/x", &gone, &f.err));
    cr_expect(gone);
}

Test(object_store_s3_odd, a_size_that_is_not_told_is_not_zero)
{
    static const char *const kinds[] = {"no-length", "zero-length"};
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        const struct object_part nothing = {NULL, 0};
        uint64_t size = 0;
        start_with(kinds[i], "HEAD");

        MUST(&f, object_store_size(f.store, "data/00/x", &size, &f.err));
        cr_expect(eq(u64, size, sizeof(TEXT) - 1), "%s", kinds[i]);
        MUST(&f, object_store_put(f.store, "data/00/x", &nothing, 1, &f.err));
        MUST(&f, object_store_size(f.store, "data/00/x", &size, &f.err));
        cr_expect(eq(u64, size, 0), "%s", kinds[i]);
        stop();
    }
    start("1000", "");
}

/* --- a put --- */

Test(object_store_s3_odd, an_error_under_a_good_status_is_a_failure)
{
    static const char *const kinds[] = {"error-in-200", "page-200", "accepted"};
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        char faults[80];
        (void)snprintf(faults, sizeof(faults), "%s:PUT:1:2 %s:PUT:4:0", kinds[i], kinds[i]);
        start("1000", faults);
        char text[64];

        MUST(&f, put_text("data/00/x"));
        MUST(&f, get_text(text));

        cr_expect(eq(str, text, TEXT), "%s", kinds[i]);
        expect_unreachable(put_text("data/00/y"), "after 4 attempts: the server ");
        stop();
    }
    start("1000", "");
}

/* --- a listing --- */

enum { LISTED = 10 };

struct seen {
    size_t count, sized;
};

static enum status on_seen(void *context, UNUSED const char *name, uint64_t size,
                           UNUSED struct error *err)
{
    struct seen *seen = context;
    seen->count++;
    seen->sized += size == sizeof(TEXT) - 1;
    return STATUS_OK;
}

static enum status list(struct seen *seen)
{
    *seen = (struct seen){0};
    return object_store_list(f.store, "data/", on_seen, seen, &f.err);
}

static void start_listing(const char *page, const char *faults)
{
    start(page, faults);
    for (int i = 0; i < LISTED; i++) {
        char name[32];
        (void)snprintf(name, sizeof(name), "data/00/%d", i);
        MUST(&f, put_text(name));
    }
}

Test(object_store_s3_odd, a_listing_is_read_however_it_is_spelt)
{
    static const char *const kinds[] = {"capital-truth", "token-alone", "spaced", "chunked"};
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        char fault[80];
        struct seen seen;
        (void)snprintf(fault, sizeof(fault), "%s:GET:1:0", kinds[i]);
        start_listing("3", fault);

        MUST(&f, list(&seen));

        cr_expect(eq(sz, seen.count, LISTED), "%s", kinds[i]);
        cr_expect(eq(sz, seen.sized, LISTED), "%s", kinds[i]);
        stop();
    }
    start("1000", "");
}

static enum status on_unknown(UNUSED void *context, UNUSED const char *name, uint64_t size,
                              UNUSED struct error *err)
{
    cr_expect(eq(u64, size, OBJECT_SIZE_UNKNOWN));
    return STATUS_OK;
}

Test(object_store_s3_odd, a_listing_without_sizes_says_so)
{
    start_listing("3", "sizeless:GET:1:0");

    MUST(&f, object_store_list(f.store, "data/", on_unknown, NULL, &f.err));
}

static const struct {
    const char *kind;
    const char *text;
} listings[] = {
    {"empty-200", "not well-formed"},
    {"cut-list", "not well-formed"},
    {"page-200", "document type"},
    {"error-in-200", "says 200 InternalError"},
    {"other-list", "something else than was asked for"},
    {"untold-end", "does not say whether it goes on"},
};

Test(object_store_s3_odd, what_is_no_listing_lists_nothing)
{
    for (size_t i = 0; i < sizeof(listings) / sizeof(listings[0]); i++) {
        char faults[80];
        struct seen seen;
        (void)snprintf(faults, sizeof(faults), "%s:GET:1:4 %s:GET:6:2", listings[i].kind,
                       listings[i].kind);
        start_listing("3", faults);

        expect_unreachable(list(&seen), listings[i].text);
        cr_expect(zero(sz, seen.count), "%s", listings[i].kind);
        MUST(&f, list(&seen)); /* the second page needs three attempts */
        cr_expect(eq(sz, seen.count, LISTED), "%s", listings[i].kind);
        stop();
    }
    start("1000", "");
}

Test(object_store_s3_odd, a_listing_that_does_not_end_is_refused)
{
    struct seen seen;
    start_listing("3", "for-ever:GET:1:0");

    expect_unreachable(list(&seen), "goes round in circles");
}

/* --- elsewhere --- */

Test(object_store_s3_odd, a_redirection_is_followed_once)
{
    char text[64];
    start("1000", "here:PUT:1:1 here:GET:1:1 here:GET:3:2");

    MUST(&f, put_text("data/00/x"));
    MUST(&f, get_text(text));
    cr_expect(eq(str, text, TEXT));
    expect_unreachable(get_text(text), "says 307; it sends us to 'http://127.0.0.1:");
    MUST(&f, get_text(text));
}

Test(object_store_s3_odd, a_redirection_to_somebody_else_is_named)
{
    start("1000", "there:PUT:1:1");

    expect_unreachable(put_text("data/00/x"), "says 307; it sends us to "
                                              "'http://elsewhere.example.net/bucket/some/where/"
                                              "data/00/x'");
    MUST(&f, put_text("data/00/x"));
}

/* --- no room --- */

Test(object_store_s3_odd, a_full_bucket_is_full_by_whatever_name)
{
    static const char *const kinds[] = {"full-garage", "full-b2", "full-minio", "full-swift",
                                        "full-507"};
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        char fault[80];
        (void)snprintf(fault, sizeof(fault), "%s:PUT:1:1", kinds[i]);
        start("1000", fault);

        cr_expect(eq(int, (int)put_text("data/00/x"), (int)STATUS_NO_SPACE), "%s: %s", kinds[i],
                  f.err.text);
        cr_expect(eq(str, f.err.reason, "bucket_full"));
        MUST(&f, put_text("data/00/x"));
        stop();
    }
    start("1000", "");
}
