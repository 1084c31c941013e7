/* SPDX-License-Identifier: MIT */
/*
 * text.c - names in the texts that .larder shows: in JSON and in Prometheus' labels they can be read back, byte by byte; and
 * for a terminal nothing is left that would steer it. And what `larder top` reads of those texts, whatever they are.
 */
#include "text.h"
#include "command/sample.h"
#include "fuzz.h"

typedef void write_fn(FILE *out, const char *text);

static char *written(write_fn *write, const char *text)
{
    char *bytes;
    size_t size;
    FILE *out = open_memstream(&bytes, &size);
    require(out);
    write(out, text);
    require(fclose(out) == 0 && strlen(bytes) == size);
    return bytes;
}

/* Everything is UTF-8, and no control character is in it. */
static void check_clean(const char *text)
{
    while (*text) {
        size_t size = text_character(text, SIZE_MAX);
        const unsigned char *at = (const unsigned char *)text;
        require(size > 0 && *at >= 0x20 && *at != 0x7f);
        require(at[0] != 0xc2 || at[1] >= 0xa0); /* C1 controls: some terminals take 0x9b for ESC [ */
        text += size;
    }
}

static unsigned hex(const char *at, int digits)
{
    char text[5] = {0}, *end;
    memcpy(text, at, (size_t)digits);
    unsigned number = (unsigned)strtoul(text, &end, 16);
    require(end == text + digits);
    return number;
}

/* Takes a JSON string apart, as json.loads() and os.fsencode() would. */
static void check_json(const char *json, const char *text)
{
    const char *at = json;
    check_clean(json);
    require(*at++ == '"');
    while (*at != '"') {
        unsigned char byte = (unsigned char)*at++;
        if (byte == '\\' && *at == 'u') {
            unsigned code = hex(at + 1, 4);
            require(code < 0xa0 || (code >= 0xdc80 && code <= 0xdcff));
            if (code >= 0x80 && code < 0xa0)
                require((unsigned char)*text++ == 0xc2);
            byte = (unsigned char)code;
            at += 5;
        } else if (byte == '\\') {
            require(*at == '"' || *at == '\\');
            byte = (unsigned char)*at++;
        }
        require((unsigned char)*text++ == byte);
    }
    require(at[1] == '\0' && *text == '\0');
}

/* A label's value: what stands between its quotes has no quote and no newline of its own, and is UTF-8. */
static void check_label(const char *label)
{
    size_t size = strlen(label);
    check_clean(label);
    require(size >= 2 && label[0] == '"' && label[size - 1] == '"' && !strchr(label, '\n'));
    for (const char *at = label + 1; at < label + size - 1;) {
        size_t length = text_character(at, SIZE_MAX);
        require(length > 0 && *at != '"');
        if (*at == '\\') {
            require(at[1] == '\\' || at[1] == '"' || at[1] == 'n');
            length = 2;
        }
        at += length;
        require(at <= label + size - 1);
    }
}

static void check_sample(const char *text)
{
    struct sample sample, later;
    struct rates rates;
    char shown[32];
    sample_parse(text, &sample);
    sample_parse(text, &later);
    require(sample.hot_count <= SAMPLE_HOT);
    for (unsigned i = 0; i < sample.hot_count; i++)
        require(memchr(sample.hot[i].path, '\0', SAMPLE_NAME));
    require(memchr(sample.policy, '\0', sizeof sample.policy));
    later.at_s += 1;
    sample_rates(&sample, &later, &rates);
    sample_number(rates.gets, shown);
    sample_duration(rates.get_p99_ns, true, shown);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = fuzz_text(data, size), *json = written(text_json, text), *label = written(text_label, text),
         *plain = written(text_plain, text);
    check_json(json, text);
    check_label(label);
    check_clean(plain);
    check_sample(text);
    free(plain);
    free(label);
    free(json);
    free(text);
    return 0;
}
