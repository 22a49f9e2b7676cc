// SPDX-License-Identifier: Apache-2.0
// Parses and matches rules.
//
//   rule      = condition* "->" rate
//   condition = name operator value
//   name      = function | level | stream | module | site | template
//   operator  = "=" | "!=" ; level also "<=" ">=" ; template also "~" "!~"
//   value     = word without blanks | "text with \" and \\"
//   rate      = number from 0 to 1 | number "%" | "1/" number | "off"
// "#" begins a comment, also behind a rule.
#include "pf-rule.h"
#include "pf-errors.h"
#include <string.h>

typedef enum { FUNCTION, LEVEL, STREAM, MODULE, SITE, TEMPLATE, SUBJECTS } subject;
static const gchar *const subjects[SUBJECTS] = {"function", "level", "stream",
                                                "module",   "site",  "template"};
static const gchar *const levels[] = {"emerg",  "alert", "crit",  "error", "warning",
                                      "notice", "info",  "debug", "none"};

typedef enum { EQUAL, LIKE, AT_LEAST, AT_MOST } relation;

typedef struct {
    subject subject;
    relation relation;
    gboolean negated;
    guint level;
    GPatternSpec *glob;
    GRegex *regex;
} condition;

typedef struct {
    const gchar *at;
    const gchar *name;
    guint line;
} scanner;

static void condition_free(condition *self) {
    g_clear_pointer(&self->glob, g_pattern_spec_free);
    g_clear_pointer(&self->regex, g_regex_unref);
    g_free(self);
}

void pf_rule_free(pf_rule *self) {
    if (self != NULL) {
        g_ptr_array_unref(self->conditions);
        g_free(self);
    }
}

G_GNUC_PRINTF(3, 4)
static gboolean complain(const scanner *self, GError **error, const gchar *format, ...) {
    va_list args;
    va_start(args, format);
    g_autofree gchar *what = g_strdup_vprintf(format, args);
    va_end(args);
    g_set_error(error, PF_SAMPLING_ERROR, PF_SAMPLING_ERROR_BAD_RULE, "%s:%u: %s", self->name,
                self->line, what);
    return FALSE;
}

static void skip_blanks(scanner *self) {
    while (*self->at == ' ' || *self->at == '\t' || *self->at == '\r') {
        self->at++;
    }
}

// --- values

static gchar *scan_quoted(scanner *self, GError **error) {
    GString *text = g_string_new(NULL);
    for (self->at++; *self->at != 0 && *self->at != '"'; self->at++) {
        if (*self->at == '\\' && (self->at[1] == '"' || self->at[1] == '\\')) {
            self->at++;
        }
        g_string_append_c(text, *self->at);
    }
    if (*self->at != '"') {
        complain(self, error, "a quoted value has no end");
        g_string_free(text, TRUE);
        return NULL;
    }
    self->at++;
    return g_string_free(text, FALSE);
}

static gchar *scan_value(scanner *self, const gchar *name, GError **error) {
    if (*self->at == '"') {
        return scan_quoted(self, error);
    }
    gsize length = strcspn(self->at, " \t\r#");
    if (length == 0) {
        complain(self, error, "\"%s\" has no value", name);
        return NULL;
    }
    gchar *value = g_strndup(self->at, length);
    self->at += length;
    return value;
}

static gboolean scan_relation(scanner *self, condition *to, GError **error) {
    static const struct {
        const gchar *text;
        relation relation;
        gboolean negated;
    } known[] = {{"!=", EQUAL, TRUE},    {"!~", LIKE, TRUE},  {">=", AT_LEAST, FALSE},
                 {"<=", AT_MOST, FALSE}, {"=", EQUAL, FALSE}, {"~", LIKE, FALSE}};
    for (guint i = 0; i < G_N_ELEMENTS(known); i++) {
        if (g_str_has_prefix(self->at, known[i].text)) {
            self->at += strlen(known[i].text);
            to->relation = known[i].relation;
            to->negated = known[i].negated;
            gboolean orders = to->relation == AT_LEAST || to->relation == AT_MOST;
            if ((orders && to->subject != LEVEL) ||
                (to->relation == LIKE && to->subject != TEMPLATE)) {
                return complain(self, error, "\"%s\" does not go with \"%s\"", known[i].text,
                                subjects[to->subject]);
            }
            return TRUE;
        }
    }
    return complain(self, error, "expected = != <= >= ~ or !~ after \"%s\"", subjects[to->subject]);
}

static gboolean take_value(scanner *self, condition *to, const gchar *value, GError **error) {
    if (to->subject == LEVEL) {
        const gchar *name =
            g_ascii_strcasecmp(value, "err") == 0 ? "error" : value; // as syslog says
        for (guint i = 0; i < G_N_ELEMENTS(levels); i++) {
            if (g_ascii_strcasecmp(levels[i], name) == 0) {
                to->level = i;
                return TRUE;
            }
        }
        return complain(self, error,
                        "\"%s\" is not a level: emerg, alert, crit, error, warning, notice, info, "
                        "debug or none",
                        value);
    }
    if (to->relation == LIKE) {
        g_autoptr(GError) local = NULL;
        to->regex = g_regex_new(value, G_REGEX_OPTIMIZE, 0, &local);
        return to->regex != NULL ? TRUE : complain(self, error, "%s", local->message);
    }
    to->glob = g_pattern_spec_new(value);
    return TRUE;
}

static condition *scan_condition(scanner *self, GError **error) {
    condition found = {0};
    gsize length = strspn(self->at, "abcdefghijklmnopqrstuvwxyz_");
    while (found.subject < SUBJECTS && (strncmp(subjects[found.subject], self->at, length) != 0 ||
                                        subjects[found.subject][length] != 0)) {
        found.subject++;
    }
    if (length == 0 || found.subject == SUBJECTS) {
        gsize shown = length != 0 ? length : strcspn(self->at, " \t\r=!<>~#");
        complain(self, error, "\"%.*s\" is none of function, level, stream, module, site, template",
                 (int)shown, self->at);
        return NULL;
    }
    self->at += length;
    if (!scan_relation(self, &found, error)) {
        return NULL;
    }
    g_autofree gchar *value = scan_value(self, subjects[found.subject], error);
    if (value == NULL || !take_value(self, &found, value, error)) {
        return NULL;
    }
    return g_memdup2(&found, sizeof found);
}

static gboolean scan_rate(scanner *self, gdouble *ret_rate, GError **error) {
    gsize length = strcspn(self->at, " \t\r#");
    g_autofree gchar *text = g_strndup(self->at, length);
    self->at += length;
    gchar *end = NULL;
    gdouble rate;
    if (strcmp(text, "off") == 0) {
        *ret_rate = 0;
        return TRUE;
    }
    if (g_str_has_prefix(text, "1/")) {
        gdouble every = g_ascii_strtod(text + 2, &end);
        rate = every >= 1 ? 1 / every : -1;
    } else {
        rate = g_ascii_strtod(text, &end);
        if (*end == '%') {
            rate /= 100;
            end++;
        }
    }
    if (end == text || *end != 0 || !(rate >= 0 && rate <= 1)) {
        return complain(self, error,
                        "\"%s\" is not a rate: a number from 0 to 1, 5%%, 1/100 or off", text);
    }
    *ret_rate = rate;
    return TRUE;
}

// --- rules

static gboolean scan_rule(scanner *self, pf_rule *rule, GError **error) {
    while (!g_str_has_prefix(self->at, "->")) {
        if (*self->at == 0 || *self->at == '#') {
            return complain(self, error, "a rule ends with \"-> RATE\"");
        }
        condition *next = scan_condition(self, error);
        if (next == NULL) {
            return FALSE;
        }
        g_ptr_array_add(rule->conditions, next);
        skip_blanks(self);
    }
    self->at += 2;
    skip_blanks(self);
    if (!scan_rate(self, &rule->rate, error)) {
        return FALSE;
    }
    skip_blanks(self);
    return *self->at == 0 || *self->at == '#'
               ? TRUE
               : complain(self, error, "\"%s\" after the rate", self->at);
}

pf_rule *pf_rule_parse(const gchar *text, const gchar *name, guint line, GError **error) {
    scanner self = {text, name, line};
    skip_blanks(&self);
    if (*self.at == 0 || *self.at == '#') {
        return NULL;
    }
    if (!g_utf8_validate(text, -1, NULL)) {
        complain(&self, error, "not UTF-8");
        return NULL;
    }
    pf_rule *rule = g_new0(pf_rule, 1);
    rule->line = line;
    rule->conditions = g_ptr_array_new_with_free_func((GDestroyNotify)condition_free);
    if (!scan_rule(&self, rule, error)) {
        pf_rule_free(rule);
        return NULL;
    }
    return rule;
}

// Names of files and programs are any bytes, and GLib's matching is for UTF-8 only: of other text it asserts
// or matches nothing.  What is none is looked at with U+FFFD in its place, as it is shown to people.
static gboolean matches_text(const condition *self, const gchar *text) {
    g_autofree gchar *valid = NULL;
    text = text != NULL ? text : "";
    if (!g_utf8_validate(text, -1, NULL)) {
        text = valid = g_utf8_make_valid(text, -1);
    }
    return self->regex != NULL ? g_regex_match(self->regex, text, 0, NULL)
                               : g_pattern_spec_match_string(self->glob, text);
}

// A module is named with its folders or without.
static gboolean matches_module(const condition *self, const gchar *path) {
    const gchar *slash = path != NULL ? strrchr(path, '/') : NULL;
    return matches_text(self, path) || (slash != NULL && matches_text(self, slash + 1));
}

static gboolean matches_site(const condition *self, const PfSamplingStratum *stratum) {
    const gchar *module = stratum->module != NULL ? stratum->module : "";
    const gchar *slash = strrchr(module, '/');
    g_autofree gchar *place = g_strdup_printf("%s+0x%" G_GINT64_MODIFIER "x",
                                              slash != NULL ? slash + 1 : module, stratum->offset);
    g_autofree gchar *address = g_strdup_printf("0x%" G_GINT64_MODIFIER "x", stratum->address);
    return matches_text(self, place) || matches_text(self, address);
}

// A level is the more severe the smaller its number.  "none" compares with itself only.
static gboolean matches_level(const condition *self, guint level) {
    switch (self->relation) {
    case AT_LEAST: return level < 8 && level <= self->level;
    case AT_MOST: return level < 8 && level >= self->level;
    default: return level == self->level;
    }
}

static gboolean meets(const condition *self, const PfSamplingStratum *stratum) {
    switch (self->subject) {
    case FUNCTION: return matches_text(self, stratum->function);
    case LEVEL: return matches_level(self, stratum->level);
    case STREAM: return matches_text(self, stratum->stream);
    case MODULE: return matches_module(self, stratum->module);
    case SITE: return matches_site(self, stratum);
    default: return matches_text(self, stratum->template_text);
    }
}

gboolean pf_rule_matches(const pf_rule *self, const PfSamplingStratum *stratum) {
    for (guint i = 0; i < self->conditions->len; i++) {
        const condition *one = g_ptr_array_index(self->conditions, i);
        if (meets(one, stratum) == one->negated) {
            return FALSE;
        }
    }
    return TRUE;
}
