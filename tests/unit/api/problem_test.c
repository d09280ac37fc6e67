#include "src/api/problem.h"

#include "core/cleanup.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#define CORRELATION "11111111-2222-4333-8444-555555555555"

static json_t *written(const struct problem *problem, enum http_code otherwise)
{
    CLEANUP(freep) char *text = problem_write(problem, otherwise, CORRELATION);
    cr_assert(ne(ptr, text, NULL));
    json_t *document = json_loads(text, 0, NULL);
    cr_assert(ne(ptr, document, NULL), "%s", text);
    return document;
}

static const char *text_of(const json_t *document, const char *member)
{
    const char *text = json_string_value(json_object_get(document, member));
    cr_assert(ne(ptr, (void *)(uintptr_t)text, NULL), "'%s' is a string", member);
    return text;
}

Test(problem_write, has_all_that_a_problem_needs_and_the_status_as_text)
{
    struct problem problem = {.number = PROBLEM_NAME_TAKEN};

    json_auto_t *document = written(&problem, HTTP_CODE_OK);

    cr_expect(eq(str, (char *)text_of(document, "type"), "https://astra.netapp.io/problems/143"));
    cr_expect(eq(str, (char *)text_of(document, "title"), "Backup with the same name exists"));
    cr_expect(eq(str, (char *)text_of(document, "status"), "409"));
    cr_expect(eq(str, (char *)text_of(document, "correlationID"), CORRELATION));
    cr_expect(lt(sz, 0, strlen(text_of(document, "detail"))));
    cr_expect(eq(sz, json_object_size(document), 5));
}

Test(problem_write, says_about_blank_for_what_the_catalogue_does_not_know)
{
    struct problem problem = {.number = PROBLEM_NONE};

    json_auto_t *document = written(&problem, HTTP_CODE_TIMEOUT);

    cr_expect(eq(str, (char *)text_of(document, "type"), "about:blank"));
    cr_expect(eq(str, (char *)text_of(document, "status"), "408"));
    cr_expect(ne(ptr, strstr(text_of(document, "detail"), "in time"), NULL));
}

Test(problem_write, gives_every_number_in_use_a_title_a_detail_and_its_status)
{
    static const struct {
        enum problem_number number;
        int code;
    } table[] = {
        {PROBLEM_RESOURCE_NOT_FOUND, 404},
        {PROBLEM_COLLECTION_NOT_FOUND, 404},
        {PROBLEM_TOKEN_MISSING, 401},
        {PROBLEM_TOKEN_INVALID, 401},
        {PROBLEM_QUERY_INVALID, 400},
        {PROBLEM_QUERY_UNSUPPORTED, 400},
        {PROBLEM_JSON_PAYLOAD, 400},
        {PROBLEM_JSON_SCHEMA, 400},
        {PROBLEM_KEY_REUSED, 409},
        {PROBLEM_NOT_PERMITTED, 403},
        {PROBLEM_HEADERS_INVALID, 400},
        {PROBLEM_NOT_ACCEPTABLE, 406},
        {PROBLEM_ACCOUNT_ID, 400},
        {PROBLEM_INTERNAL, 500},
        {PROBLEM_RESOURCE_ID, 400},
        {PROBLEM_NOT_READY, 503},
        {PROBLEM_SNAPSHOT_NOT_FOUND, 400},
        {PROBLEM_SNAPSHOT_FOREIGN, 403},
        {PROBLEM_METHOD, 405},
        {PROBLEM_BODY_TOO_LARGE, 413},
        {PROBLEM_BACKUP_NOT_CREATED, 500},
        {PROBLEM_BACKUP_NOT_RETRIEVED, 500},
        {PROBLEM_BACKUPS_NOT_LISTED, 500},
        {PROBLEM_BACKUP_NOT_DELETED, 500},
        {PROBLEM_RESOURCES_NOT_LISTED, 500},
        {PROBLEM_RESOURCE_NOT_RETRIEVED, 500},
        {PROBLEM_BUCKET_NOT_FOUND, 400},
        {PROBLEM_NO_BUCKET, 400},
        {PROBLEM_CANCEL_NOT_ALLOWED, 409},
        {PROBLEM_NAME_TAKEN, 409},
        {PROBLEM_ALREADY_DELETING, 409},
    };

    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        struct problem problem = {.number = table[i].number};
        json_auto_t *document = written(&problem, HTTP_CODE_OK);
        cr_expect(eq(int, atoi(text_of(document, "status")), table[i].code));
        cr_expect(eq(int, (int)problem_code(table[i].number), table[i].code));
        cr_expect(ne(str, (char *)text_of(document, "type"), "about:blank"), "number %d",
                  (int)table[i].number);
    }
}

Test(problem_add_reason, collects_reasons_in_the_member_of_the_number)
{
    CLEANUP(problem_done) struct problem problem = {.number = PROBLEM_NONE};

    problem_add_reason(&problem, PROBLEM_QUERY_INVALID, "limit", "not a number");
    problem_add_reason(&problem, PROBLEM_QUERY_INVALID, "include", "not a list");

    json_auto_t *document = written(&problem, HTTP_CODE_OK);
    const json_t *list = json_object_get(document, "invalidParams");
    cr_assert(eq(sz, json_array_size(list), 2));
    cr_expect(eq(str, (char *)text_of(json_array_get(list, 1), "name"), "include"));
    cr_expect(eq(str, (char *)text_of(json_array_get(list, 1), "reason"), "not a list"));
}

Test(problem_add_reason, survives_a_name_that_is_not_text)
{
    CLEANUP(problem_done) struct problem problem = {.number = PROBLEM_NONE};

    problem_add_reason(&problem, PROBLEM_QUERY_UNSUPPORTED, "\xff\xfe", "not taken");

    json_auto_t *document = written(&problem, HTTP_CODE_OK);
    const json_t *list = json_object_get(document, "invalidParams");
    cr_expect(eq(sz, json_array_size(list), 1));
}

Test(problem_set_schema_failure, puts_the_reason_into_its_own_member)
{
    CLEANUP(problem_done) struct problem problem = {.number = PROBLEM_NONE};

    problem_set_schema_failure(&problem, "'name' must be a string, not a number");

    json_auto_t *document = written(&problem, HTTP_CODE_OK);
    cr_expect(eq(str, (char *)text_of(document, "status"), "400"));
    cr_expect(eq(str, (char *)text_of(document, "schemaValidationFailure"),
                 "'name' must be a string, not a number"));
}

Test(problem_from_reason, knows_every_reason_of_the_store_that_a_caller_can_cause)
{
    cr_expect(eq(int, (int)problem_from_reason("unknown_app"), 2));
    cr_expect(eq(int, (int)problem_from_reason("unknown_backup"), 2));
    cr_expect(eq(int, (int)problem_from_reason("unknown_bucket"), 108));
    cr_expect(eq(int, (int)problem_from_reason("unknown_snapshot"), 46));
    cr_expect(eq(int, (int)problem_from_reason("foreign_snapshot"), 47));
    cr_expect(eq(int, (int)problem_from_reason("no_bucket"), 127));
    cr_expect(eq(int, (int)problem_from_reason("name_taken"), 143));
    cr_expect(eq(int, (int)problem_from_reason("already_deleting"), 174));
    cr_expect(eq(int, (int)problem_from_reason("illegal_transition"), 128));
    cr_expect(eq(int, (int)problem_from_reason("foreign_backup"), 76));
    cr_expect(eq(int, (int)problem_from_reason("backup_not_ready"), 152));
    cr_expect(eq(int, (int)problem_from_reason("backup_in_use"), 142));
    cr_expect(eq(int, (int)problem_from_reason("task_exists"), 112));
    cr_expect(eq(int, (int)problem_from_reason("redis_error"), 0));
}
