/* What an S3 service answers: a page of a listing, or an error. */
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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct error err = {0};
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
