#include "details.h"

#include "core/clock.h"
#include "report.h"
#include "text.h"

void details_print_time(const char *label, int64_t wall_ms)
{
    char when[CLOCK_TEXT_SIZE];
    char age[TEXT_SIZE];
    if (wall_ms <= 0)
        return;
    clock_format(wall_ms, when);
    clock_describe(clock_wall_ms() - wall_ms, age);
    (void)printf("%-12s%s (%s ago)\n", label, when, age);
}

void details_print(FILE *out, const char *label, const json_t *details)
{
    size_t index;
    const json_t *entry;
    json_array_foreach(details, index, entry)
    {
        (void)fprintf(out, "%-12s%s: %s\n", label, report_text(entry, "title"),
                      report_text(entry, "detail"));
    }
}

void details_print_texts(const char *label, const json_t *texts)
{
    size_t index;
    const json_t *text;
    json_array_foreach(texts, index, text)
    {
        (void)printf("%-12s%s\n", label, json_string_value(text));
    }
}
