#include "s3_xml.h"

#include <expat.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { PATH_SIZE = 256 };

/* Called at the end of each element: "/ListBucketResult/Contents/Key" and its own text. */
typedef enum status element_fn(void *context, const char *path, char *text, struct error *err);

struct reading {
    XML_Parser parser;
    element_fn *element;
    void *context;
    struct error *err;
    bool failed;
    int depth;
    char root[S3_ROOT_SIZE];
    char path[PATH_SIZE];
    size_t path_len;
    char text[S3_XML_TEXT_MAX + 1];
    size_t text_len;
};

/* err has been set. */
static void stop(struct reading *reading)
{
    reading->failed = true;
    (void)XML_StopParser(reading->parser, XML_FALSE);
}

static void refuse(struct reading *reading, const char *what)
{
    if (!reading->failed)
        error_set(reading->err, STATUS_CORRUPT, "the server's XML has %s", what);
    stop(reading);
}

/* "s3:Key" is a Key to those who answer so. */
static const char *local_name(const XML_Char *name)
{
    const char *colon = strrchr(name, ':');
    return colon == NULL ? name : colon + 1;
}

static void XMLCALL on_start(void *context, const XML_Char *name, const XML_Char **attributes)
{
    (void)attributes;
    struct reading *reading = context;
    name = local_name(name);
    size_t name_len = strlen(name);
    if (reading->failed)
        return;
    if (reading->depth == 0)
        (void)snprintf(reading->root, sizeof(reading->root), "%.*s", S3_ROOT_SIZE - 1, name);
    if (reading->depth == S3_XML_DEPTH_MAX || reading->path_len + name_len + 2 > PATH_SIZE) {
        refuse(reading, "too many levels");
        return;
    }
    reading->depth++;
    reading->path[reading->path_len++] = '/';
    memcpy(reading->path + reading->path_len, name, name_len + 1);
    reading->path_len += name_len;
    reading->text_len = 0;
}

static void XMLCALL on_end(void *context, const XML_Char *name)
{
    struct reading *reading = context;
    if (reading->failed)
        return;
    reading->text[reading->text_len] = '\0';
    if (reading->element(reading->context, reading->path, reading->text, reading->err) !=
        STATUS_OK) {
        stop(reading);
        return;
    }
    reading->depth--;
    reading->path_len -= strlen(local_name(name)) + 1;
    reading->path[reading->path_len] = '\0';
    reading->text_len = 0;
}

static void XMLCALL on_text(void *context, const XML_Char *text, int len)
{
    struct reading *reading = context;
    if (reading->failed)
        return;
    if ((size_t)len > S3_XML_TEXT_MAX - reading->text_len) {
        refuse(reading, "a text that is too long");
        return;
    }
    memcpy(reading->text + reading->text_len, text, (size_t)len);
    reading->text_len += (size_t)len;
}

static void XMLCALL on_document_type(void *context, const XML_Char *name, const XML_Char *system_id,
                                     const XML_Char *public_id, int has_internal_subset)
{
    (void)name;
    (void)system_id;
    (void)public_id;
    (void)has_internal_subset;
    refuse(context, "a document type");
}

static enum status fail_malformed(XML_Parser parser, struct error *err)
{
    return FAIL(err, STATUS_CORRUPT, "the server's XML is not well-formed: %s in line %lu",
                XML_ErrorString(XML_GetErrorCode(parser)),
                (unsigned long)XML_GetCurrentLineNumber(parser));
}

/* root, of S3_ROOT_SIZE, may be NULL. */
static enum status read_xml(const char *bytes, size_t len, element_fn *element, void *context,
                            char *root, struct error *err)
{
    struct reading reading = {.element = element, .context = context, .err = err};
    if (len > INT32_MAX)
        return FAIL(err, STATUS_TOO_LARGE, "the server's XML is too long");
    reading.parser = XML_ParserCreate(NULL);
    if (reading.parser == NULL)
        return FAIL(err, STATUS_NO_MEMORY, "XML parser");
    XML_SetUserData(reading.parser, &reading);
    XML_SetElementHandler(reading.parser, on_start, on_end);
    XML_SetCharacterDataHandler(reading.parser, on_text);
    XML_SetStartDoctypeDeclHandler(reading.parser, on_document_type);
    enum status status = STATUS_OK;
    if (XML_Parse(reading.parser, bytes, (int)len, XML_TRUE) != XML_STATUS_OK)
        status = reading.failed ? error_status(err) : fail_malformed(reading.parser, err);
    XML_ParserFree(reading.parser);
    if (root != NULL)
        memcpy(root, reading.root, sizeof(reading.root));
    return status;
}

enum truth { UNTOLD, NO, YES, UNREADABLE };

struct page_reading {
    s3_entry_fn *entry;
    void *context;
    struct s3_page page;
    bool is_listing;
    enum truth is_truncated;
    char key[S3_XML_TEXT_MAX + 1];
    uint64_t size;
    bool has_key, has_size;
};

static int digit_of(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* A service that does not know encoding-type leaves names as they are: those of ours have no '%'.
 */
static bool decode(char *text)
{
    char *to = text;
    for (const char *from = text; *from != '\0'; from++) {
        int high = *from == '%' ? digit_of(from[1]) : -1;
        int low = high >= 0 ? digit_of(from[2]) : -1;
        if (low >= 0) {
            *to = (char)(high * 16 + low);
            from += 2;
        } else {
            *to = *from;
        }
        if (*to++ == '\0')
            return false;
    }
    *to = '\0';
    return true;
}

static bool read_size(const char *text, uint64_t *ret_size)
{
    size_t digits = strspn(text, "0123456789");
    if (digits == 0 || digits > 18 || text[digits] != '\0')
        return false;
    *ret_size = strtoull(text, NULL, 10);
    return true;
}

/* xsd:boolean, in any case and with any space around it. */
static enum truth read_truth(const char *text)
{
    static const struct {
        const char *word;
        enum truth truth;
    } words[] = {{"true", YES}, {"1", YES}, {"false", NO}, {"0", NO}};

    static const char blanks[] = " \t\r\n";
    text += strspn(text, blanks);
    size_t len = strcspn(text, blanks);
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        if (len == strlen(words[i].word) && strncasecmp(text, words[i].word, len) == 0)
            return words[i].truth;
    return UNREADABLE;
}

static enum status end_entry(struct page_reading *reading, struct error *err)
{
    if (!reading->has_key)
        return FAIL(err, STATUS_CORRUPT, "the server listed an object without a name");
    uint64_t size = reading->has_size ? reading->size : OBJECT_SIZE_UNKNOWN;
    reading->has_key = false;
    reading->has_size = false;
    reading->page.count++;
    return reading->entry(reading->context, reading->key, size, err);
}

static enum status read_token(struct s3_page *page, const char *text, struct error *err)
{
    if (strlen(text) >= S3_TOKEN_SIZE)
        return FAIL(err, STATUS_CORRUPT, "the server's continuation token is too long");
    memcpy(page->next_token, text, strlen(text) + 1);
    return STATUS_OK;
}

static enum status on_page_element(void *context, const char *path, char *text, struct error *err)
{
    static const char root[] = "/ListBucketResult";
    struct page_reading *reading = context;
    if (strncmp(path, root, strlen(root)) != 0)
        return STATUS_OK;
    const char *below = path + strlen(root);
    if (*below == '\0') {
        reading->is_listing = true;
    } else if (strcmp(below, "/Contents/Key") == 0) {
        reading->has_key = decode(text);
        memcpy(reading->key, text, strlen(text) + 1);
    } else if (strcmp(below, "/Contents/Size") == 0) {
        reading->has_size = read_size(text, &reading->size);
    } else if (strcmp(below, "/Contents") == 0) {
        return end_entry(reading, err);
    } else if (strcmp(below, "/Prefix") == 0 && decode(text)) {
        memcpy(reading->page.prefix, text, strlen(text) + 1);
    } else if (strcmp(below, "/IsTruncated") == 0) {
        reading->is_truncated = read_truth(text);
    } else if (strcmp(below, "/NextContinuationToken") == 0) {
        return read_token(&reading->page, text, err);
    }
    return STATUS_OK;
}

enum status s3_page_read(const char *bytes, size_t len, s3_entry_fn *entry, void *context,
                         struct s3_page *ret_page, struct error *err)
{
    struct page_reading reading = {.entry = entry, .context = context};
    if (read_xml(bytes, len, on_page_element, &reading, NULL, err) != STATUS_OK)
        return error_status(err);
    bool has_token = reading.page.next_token[0] != '\0';
    if (!reading.is_listing)
        return FAIL(err, STATUS_CORRUPT, "the server's answer is no listing");
    if (reading.is_truncated == YES && !has_token)
        return FAIL(err, STATUS_CORRUPT, "the server's listing goes on, but does not say where");
    if ((reading.is_truncated == UNTOLD || reading.is_truncated == UNREADABLE) && !has_token)
        return FAIL(err, STATUS_CORRUPT, "the server's listing does not say whether it goes on");
    reading.page.is_truncated = has_token && reading.is_truncated != NO;
    *ret_page = reading.page;
    return STATUS_OK;
}

static void clean(const char *text, char *cleaned, size_t size)
{
    size_t used = 0;
    for (; *text != '\0' && used + 1 < size; text++)
        cleaned[used++] = (char)(*text >= ' ' && *text <= '~' ? *text : '?');
    cleaned[used] = '\0';
}

static enum status on_problem_element(void *context, const char *path, char *text,
                                      struct error *err)
{
    (void)err;
    struct s3_problem *problem = context;
    if (strcmp(path, "/Error/Code") == 0)
        clean(text, problem->code, sizeof(problem->code));
    else if (strcmp(path, "/Error/Message") == 0)
        clean(text, problem->message, sizeof(problem->message));
    return STATUS_OK;
}

void s3_problem_read(const char *bytes, size_t len, struct s3_problem *ret_problem)
{
    struct error ignored = {0};
    struct s3_problem problem = {.code = ""};
    /* Cut off, or HTML from a proxy: what came before counts, and the status says the rest. */
    problem.is_document = len > 0 && read_xml(bytes, len, on_problem_element, &problem,
                                              problem.root, &ignored) == STATUS_OK;
    *ret_problem = problem;
}
