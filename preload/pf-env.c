// SPDX-License-Identifier: Apache-2.0
// Reads PROVIDE_PROFILING_* and the configuration file.
#include "pf-env.h"
#include "pf-print.h"
#include "pf-real.h"
#include <fcntl.h>

#define PREFIX "PROVIDE_PROFILING_"

enum type { TYPE_BOOL, TYPE_AMOUNT, TYPE_UINT, TYPE_CHOICE, TYPE_LIST, TYPE_TEXT };

static const struct variable {
    const char *name;
    enum type type;
    uint64_t least;
    uint64_t most;
    const char *words;
    const char *initial;
    const char *allowed;
    const char *acts;
} variables[PF_VAR_COUNT] = {
#define BOOL TYPE_BOOL, 0, 0, NULL
#define RATE AMOUNT(1)
#define AMOUNT(most) TYPE_AMOUNT, 0, most, NULL
#define TEXT TYPE_TEXT, 0, 0, NULL
#define UINT(least, most) TYPE_UINT, least, most, NULL
#define CHOICE(words) TYPE_CHOICE, 0, 0, words
#define LIST(words) TYPE_LIST, 0, 0, words
#define PF_VARIABLE(name, type, initial, allowed, meaning, acts)                                   \
    {#name, type, initial, allowed, acts},
#include "pf-env.def"
};

const char *pf_variable_default(enum pf_variable variable) { return variables[variable].initial; }

static char lower(char c) { return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c; }

// Is `text` (of `length`, any case) the same as `word` up to a space or the end?
static bool is_word(const char *text, size_t length, const char *word) {
    size_t i = 0;
    for (; i < length && word[i] && word[i] != ' '; i++) {
        if (lower(text[i]) != lower(word[i])) {
            return false;
        }
    }
    return i == length && (word[i] == 0 || word[i] == ' ');
}

// The place of `text` among space-separated `words`, -1 when it is none of them.
static int place_of(const char *text, size_t length, const char *words) {
    int place = 0;
    while (*words) {
        if (length && is_word(text, length, words)) {
            return place;
        }
        while (*words && *words != ' ') {
            words++;
        }
        words += *words == ' ';
        place++;
    }
    return -1;
}

static bool parse_list(const char *text, const char *words, uint64_t *ret_bits) {
    uint64_t bits = 0;
    while (*text) {
        size_t length = 0;
        while (text[length] && text[length] != ',' && text[length] != ' ') {
            length++;
        }
        if (length) {
            int place = place_of(text, length, words);
            if (place < 0) {
                return false;
            }
            bits |= 1ull << place;
        }
        text += length + (text[length] != 0);
    }
    *ret_bits = bits;
    return true;
}

bool pf_config_parse(enum pf_variable variable, const char *text, struct pf_setting *ret_setting) {
    const struct variable *v = &variables[variable];
    struct pf_setting setting = {.text = text, .source = ret_setting->source};
    int place;
    switch (v->type) {
    case TYPE_BOOL:
        place = place_of(text, pf_length(text), "false true 0 1 no yes off on");
        if (place < 0) {
            return false;
        }
        setting.number = (uint64_t)place & 1;
        break;
    case TYPE_AMOUNT:
        if (!pf_parse_number(text, &setting.real) || setting.real > (double)v->most) {
            return false;
        }
        break;
    case TYPE_UINT:
        if (!pf_parse_uint(text, &setting.number) || setting.number < v->least ||
            setting.number > v->most) {
            return false;
        }
        break;
    case TYPE_CHOICE:
        place = place_of(text, pf_length(text), v->words);
        if (place < 0) {
            return false;
        }
        setting.number = (uint64_t)place;
        break;
    case TYPE_LIST:
        if (!parse_list(text, v->words, &setting.number)) {
            return false;
        }
        break;
    case TYPE_TEXT: break;
    }
    *ret_setting = setting;
    return true;
}

// The environment may be overwritten by the program (as setproctitle does), and the file may hold what is
// nobody's business here: what is kept of both is a copy.
static char kept_text[16384];
static size_t kept_used;

static const char *keep(const char *text) {
    size_t size = pf_length(text) + 1;
    if (size > sizeof kept_text - kept_used) {
        return NULL;
    }
    char *copy = kept_text + kept_used;
    for (size_t i = 0; i < size; i++) {
        copy[i] = text[i];
    }
    kept_used += size;
    return copy;
}

bool pf_variable_is_for_others(enum pf_variable variable) {
    return variables[variable].type == TYPE_TEXT && pf_same(variables[variable].acts, "agent");
}

typedef void complain_fn(const char *line, size_t length);

// A value as a person may have written it, made safe for one line of a terminal.
static void put_value(struct pf_out *out, const char *text) {
    size_t length = pf_length(text);
    pf_out_json(out, text, length < 80 ? length : 80);
}

static void take(struct pf_config *config, enum pf_variable variable, const char *text,
                 enum pf_source source, const char *where, complain_fn *complain) {
    struct pf_setting *setting = &config->setting[variable];
    struct pf_setting parsed = {.source = source};
    bool allowed = pf_config_parse(variable, text, &parsed);
    if (allowed) {
        const char *copy = pf_variable_is_for_others(variable) ? "" : keep(text);
        if (copy != NULL) {
            *setting = parsed;
            setting->text = copy;
            return;
        }
    }
    if (complain == NULL) {
        return;
    }
    char line[400];
    struct pf_out out = {.text = line, .size = sizeof line - 1};
    pf_out(&out, "pfprof: ");
    if (where != NULL) {
        pf_out(&out, where);
        pf_out(&out, ": ");
    }
    pf_out(&out, PREFIX);
    pf_out(&out, variables[variable].name);
    pf_out(&out, "=");
    put_value(&out, text);
    pf_out(&out, allowed ? " is too long, with the others" : " is not ");
    pf_out(&out, allowed ? "" : variables[variable].allowed);
    pf_out(&out, "; using ");
    put_value(&out, setting->text);
    out.size = sizeof line;
    pf_out(&out, "\n");
    complain(line, out.used);
}

static const char *find(char *const *environment, const char *name) {
    for (; environment != NULL && *environment != NULL; environment++) {
        const char *entry = *environment;
        const char *want = name;
        while (*want && *entry == *want) {
            entry++;
            want++;
        }
        if (*want == 0 && *entry == '=') {
            return entry + 1;
        }
    }
    return NULL;
}

static const char *find_variable(char *const *environment, enum pf_variable variable) {
    char name[64];
    struct pf_out out = {.text = name, .size = sizeof name - 1};
    pf_out(&out, PREFIX);
    pf_out(&out, variables[variable].name);
    name[out.used] = 0;
    return find(environment, name);
}

static char file_text[65536];

static char *skip_blank(char *at) {
    while (*at == ' ' || *at == '\t') {
        at++;
    }
    return at;
}

// `name = value` lines; # and ; begin comments, [sections] are for other readers.
static void read_line(struct pf_config *config, char *line, const char *path, complain_fn *complain,
                      bool *ret_flat) {
    char *name = skip_blank(line);
    if (*name == 0 || *name == '#' || *name == ';' || *name == '[') {
        return;
    }
    char *equals = name;
    while (*equals && *equals != '=') {
        equals++;
    }
    char *end = equals;
    while (end > name && (end[-1] == ' ' || end[-1] == '\t')) {
        end--;
    }
    char *value = *equals ? skip_blank(equals + 1) : equals;
    size_t length = pf_length(value);
    while (length &&
           (value[length - 1] == ' ' || value[length - 1] == '\t' || value[length - 1] == '\r')) {
        value[--length] = 0;
    }
    // The old flat form: profiling_enabled = true.
    static const char flat[] = "profiling_";
    bool old = end - name >= (long)sizeof flat && is_word(name, sizeof flat - 1, flat);
    char *setting = old ? name + sizeof flat - 1 : name;
    for (unsigned i = 0; i < PF_VAR_COUNT; i++) {
        if (*equals && is_word(setting, (size_t)(end - setting), variables[i].name)) {
            *ret_flat |= old;
            take(config, i, value, PF_SOURCE_FILE, path, complain);
            return;
        }
    }
    if (complain != NULL) {
        char text[300];
        struct pf_out out = {.text = text, .size = sizeof text - 1};
        *end = 0;
        pf_out(&out, "pfprof: ");
        pf_out(&out, path);
        pf_out(&out, ": ");
        put_value(&out, name);
        pf_out(&out, " is not the name of a setting; the line is left out");
        out.size = sizeof text;
        pf_out(&out, "\n");
        complain(text, out.used);
    }
}

static void say_of_file(const char *path, const char *what, complain_fn *complain) {
    if (complain == NULL) {
        return;
    }
    char text[1300];
    struct pf_out line = {.text = text, .size = sizeof text - 1};
    pf_out(&line, "pfprof: ");
    pf_out(&line, path);
    pf_out(&line, ": ");
    pf_out(&line, what);
    line.size = sizeof text;
    pf_out(&line, "\n");
    complain(text, line.used);
}

static void read_file(struct pf_config *config, char *const *environment, complain_fn *complain) {
    char path[512];
    struct pf_out out = {.text = path, .size = sizeof path - 1};
    const char *given = find_variable(environment, PF_VAR_CONFIG);
    const char *xdg = find(environment, "XDG_CONFIG_HOME");
    const char *home = find(environment, "HOME");
    if (given != NULL && *given) {
        pf_out(&out, given);
    } else if (xdg != NULL && *xdg == '/') {
        pf_out(&out, xdg);
        pf_out(&out, "/pfprof/config.ini");
    } else if (home != NULL && *home == '/') {
        pf_out(&out, home);
        pf_out(&out, "/.config/pfprof/config.ini");
    } else {
        return;
    }
    path[out.used] = 0;
    long size = pf_sys_slurp(path, file_text, sizeof file_text);
    if (size < 0) {
        if (given != NULL && *given && complain != NULL) {
            char text[700];
            struct pf_out line = {.text = text, .size = sizeof text};
            pf_out(&line, "pfprof: " PREFIX "CONFIG=");
            pf_out_json(&line, path, out.used);
            pf_out(&line, " cannot be read; it should be a file of `name = value` lines\n");
            complain(text, line.used);
        }
        return;
    }
    if (size == (long)sizeof file_text - 1) {
        say_of_file(path, "is longer than 65534 bytes; the rest is not read", complain);
    }
    bool flat = false;
    for (char *line = file_text; *line;) {
        char *end = line;
        while (*end && *end != '\n') {
            end++;
        }
        char *next = *end ? end + 1 : end;
        *end = 0;
        read_line(config, line, path, complain, &flat);
        line = next;
    }
    for (long i = 0; i < size; i++) {
        ((volatile char *)file_text)[i] = 0; // secrets of the agent's
    }
    if (flat) {
        char what[700];
        struct pf_out said = {.text = what, .size = sizeof what - 1};
        pf_out(&said, "names that begin with profiling_ are deprecated; `pfprof config migrate ");
        pf_out(&said, path);
        pf_out(&said, "` rewrites the file");
        what[said.used] = 0;
        say_of_file(path, what, complain);
    }
}

void pf_config_read(struct pf_config *config, char *const *environment, complain_fn *complain) {
    for (unsigned i = 0; i < PF_VAR_COUNT; i++) {
        config->setting[i].source = PF_SOURCE_DEFAULT;
        pf_config_parse(i, variables[i].initial, &config->setting[i]);
    }
    const char *enabled = find_variable(environment, PF_VAR_ENABLED);
    struct pf_setting asked = {0};
    if (enabled != NULL && pf_config_parse(PF_VAR_ENABLED, enabled, &asked) && !asked.number) {
        return; // off: nothing else matters, and nothing is said
    }
    // A process that was not asked to be profiled hears no complaints but about that very wish.
    read_file(config, environment, enabled != NULL ? complain : NULL);
    if (enabled != NULL) {
        take(config, PF_VAR_ENABLED, enabled, PF_SOURCE_ENVIRONMENT, NULL, complain);
    }
    if (!config->setting[PF_VAR_ENABLED].number) {
        return;
    }
    for (unsigned i = 0; i < PF_VAR_COUNT; i++) {
        const char *text = i == PF_VAR_ENABLED ? NULL : find_variable(environment, i);
        if (text != NULL) {
            take(config, i, text, PF_SOURCE_ENVIRONMENT, NULL, complain);
        }
    }
}
