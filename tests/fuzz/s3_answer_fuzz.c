/* What an S3 service answers: a page of a listing, or an error; its headers, and where it sends us. */
#include "src/bucket/s3_head.h"
#include "src/bucket/s3_redirection.h"
#include "src/bucket/s3_xml.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static enum status on_entry(void *context, const char *key, uint64_t size, struct error *err)
{
    (void)context;
    (void)size;
    if (strlen(key) > S3_XML_TEXT_MAX)
        abort();
    return strcmp(key, "stop") == 0 ? FAIL(err, STATUS_CANCELED, "stop") : STATUS_OK;
}

static void read_headers(const char *text, size_t size)
{
    struct s3_head head = {.date = ""};
    struct s3_redirection to;
    const struct s3_redirection_from sent = {"https://b.s3.example.com", "/k", ""};
    char *location = strndup(text, size);
    if (location == NULL)
        return;
    s3_head_line(&head, text, size);
    if (head.has_range && head.last < head.first && !head.is_contradictory)
        abort();
    if (s3_redirection_read(location, &sent, &to) && strcasestr(to.host, "example.com") == NULL)
        abort();
    free(location);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct error err = {0};
    read_headers((const char *)data, size);
    struct s3_page page = {.is_truncated = false};
    struct s3_problem problem;
    if (s3_page_read((const char *)data, size, on_entry, NULL, &page, &err) == STATUS_OK &&
        page.is_truncated && page.next_token[0] == '\0')
        abort();
    s3_problem_read((const char *)data, size, &problem);
    for (const char *c = problem.message; *c != '\0'; c++)
        if (*c < ' ' || *c > '~')
            abort();
    return 0;
}
