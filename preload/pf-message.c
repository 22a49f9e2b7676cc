// SPDX-License-Identifier: Apache-2.0
// Finds levels and templates in the text of some of the timed messages.  Text itself is stored only
// when it is a constant of the program (a format), or when CAPTURE_TEXT asks for it.
#include "pf-message.h"
#include "pf-module.h"
#include "pf-print.h"
#include "pf-process.h"

#define LOOK_SIZE 160u     // a level stands near the beginning
#define TEMPLATE_SIZE 512u // and a template ends with its line
#define EXAMPLE_SIZE 200u

static bool is_letter(char c) { return (c | 0x20) >= 'a' && (c | 0x20) <= 'z'; }
static bool is_digit(char c) { return c >= '0' && c <= '9'; }
static bool is_word(char c) { return is_letter(c) || is_digit(c) || c == '_'; }

// --- levels

uint8_t pf_level_of_glib(int level) {
    // G_LOG_LEVEL_ERROR is 1 << 2; error, critical, warning, message, info, debug follow.
    static const uint8_t levels[] = {3, 4, 4, 5, 6, 7};
    for (unsigned i = 0; level >= 0 && i < sizeof levels; i++) {
        if (level & 4 << i) {
            return levels[i];
        }
    }
    return PF_LEVEL_NONE;
}

static const struct {
    const char *word; // lower case
    uint8_t level;
} words[] = {
    {"emerg", 0},  {"emergency", 0}, {"panic", 0}, {"alert", 1},  {"crit", 2},  {"critical", 2},
    {"fatal", 2},  {"err", 3},       {"error", 3}, {"severe", 3}, {"warn", 4},  {"warning", 4},
    {"notice", 5}, {"info", 6},      {"debug", 7}, {"dbg", 7},    {"trace", 7}, {"verbose", 7},
};

static uint8_t level_of_word(const char *text, size_t size) {
    for (unsigned i = 0; i < sizeof words / sizeof *words; i++) {
        size_t length = 0;
        while (length < size && words[i].word[length] &&
               (text[length] | 0x20) == words[i].word[length]) {
            length++;
        }
        if (length == size && words[i].word[length] == 0) {
            return words[i].level;
        }
    }
    return PF_LEVEL_NONE;
}

static bool in_capitals(const char *text, size_t size) {
    for (size_t i = 0; i < size; i++) {
        if (text[i] < 'A' || text[i] > 'Z') {
            return false;
        }
    }
    return true;
}

// Is the word before position `at` "level", "lvl" or "severity", as in level=warn or "level": "warn"?
static bool is_labelled(const char *text, size_t at) {
    while (at > 0 && (text[at - 1] == '"' || text[at - 1] == ' ' || text[at - 1] == '\'')) {
        at--;
    }
    if (at == 0 || (text[at - 1] != '=' && text[at - 1] != ':')) {
        return false;
    }
    for (at--; at > 0 && (text[at - 1] == '"' || text[at - 1] == ' ' || text[at - 1] == '\'');
         at--) {
    }
    size_t end = at;
    while (at > 0 && is_letter(text[at - 1])) {
        at--;
    }
    static const char *const labels[] = {"level", "lvl", "severity", "loglevel"};
    for (unsigned i = 0; i < sizeof labels / sizeof *labels; i++) {
        size_t length = 0;
        while (at + length < end && (text[at + length] | 0x20) == labels[i][length]) {
            length++;
        }
        if (at + length == end && labels[i][length] == 0) {
            return true;
        }
    }
    return false;
}

// Loggers of JSON that give a number count in tens: 10 trace, 20 debug, 30 info ... 60 fatal.
static uint8_t level_of_number(const char *text, size_t size) {
    static const uint8_t tens[] = {7, 7, 6, 4, 3, 2};
    if (size == 2 && text[1] == '0' && text[0] >= '1' && text[0] <= '6') {
        return tens[text[0] - '1'];
    }
    return size == 1 && text[0] < '8' ? (uint8_t)(text[0] - '0') : PF_LEVEL_NONE;
}

uint8_t pf_level_of_text(const char *text, size_t size) {
    if (size >= 3 && text[0] == '<' && is_digit(text[1])) {
        unsigned number = 0;
        size_t at = 1;
        for (; at < size && at < 5 && is_digit(text[at]); at++) {
            number = number * 10 + (unsigned)(text[at] - '0');
        }
        if (at < size && text[at] == '>' && number < 192) {
            return (uint8_t)(number & 7);
        }
    }
    size = size < LOOK_SIZE ? size : LOOK_SIZE;
    for (size_t at = 0; at < size;) {
        if (!is_word(text[at])) {
            at++;
            continue;
        }
        size_t end = at;
        while (end < size && is_word(text[end])) {
            end++;
        }
        char before = at > 0 ? text[at - 1] : ' ';
        char after = end < size ? text[end] : ' ';
        bool bracketed = (before == '[' && after == ']') || (before == '<' && after == '>') ||
                         (before == '(' && after == ')');
        uint8_t level = PF_LEVEL_NONE;
        if (is_digit(text[at])) {
            level = is_labelled(text, at) ? level_of_number(text + at, end - at) : PF_LEVEL_NONE;
        } else if (end - at >= 3 && end - at <= 9 &&
                   (bracketed || in_capitals(text + at, end - at) || is_labelled(text, at))) {
            level = level_of_word(text + at, end - at);
        }
        if (level != PF_LEVEL_NONE) {
            return level;
        }
        at = end;
    }
    return PF_LEVEL_NONE;
}

// --- templates

static uint64_t mix(uint64_t hash, unsigned char c) { return (hash ^ c) * 0x100000001b3ull; }

uint64_t pf_template_hash(const char *text, size_t size) {
    uint64_t hash = 0xcbf29ce484222325ull;
    size = size < TEMPLATE_SIZE ? size : TEMPLATE_SIZE;
    for (size_t at = 0; at < size && text[at] != '\n' && text[at] != 0;) {
        if (text[at] == '"') {
            size_t end = at + 1;
            while (end < size && text[end] != '"' && text[end] != '\n') {
                end++;
            }
            // A quoted name of a JSON object is part of the template, a value is not.
            bool name = end + 1 < size && text[end] == '"' && text[end + 1] == ':';
            if (!name) {
                hash = mix(hash, '"');
                at = end + 1;
                continue;
            }
        }
        if (!is_word(text[at])) {
            hash = mix(hash, (unsigned char)text[at++]);
            continue;
        }
        size_t end = at;
        bool digits = false;
        while (end < size && is_word(text[end])) {
            digits |= is_digit(text[end++]);
        }
        for (size_t i = at; i < end && !digits; i++) {
            hash = mix(hash, (unsigned char)text[i]);
        }
        hash = digits ? mix(hash, '#') : hash;
        at = end;
    }
    return hash;
}

static uint32_t make(struct pf_slot *slot, uint64_t hash, enum pf_template_kind kind,
                     const char *text, size_t size) {
    struct pf_template *made = pf_slot_take(slot, sizeof *made + size);
    if (made == NULL) {
        return 0;
    }
    made->kind = kind;
    made->hash = hash;
    made->size = (uint32_t)size;
    for (size_t i = 0; i < size; i++) {
        made->text[i] = text[i];
    }
    return (uint32_t)pf_units(pf_process.segment, made);
}

// Counts the template in one of the site's four places; what finds none is in template_seen only.
static void count_template(struct pf_probe *probe, uint64_t hash, enum pf_template_kind kind,
                           const char *text, size_t size) {
    struct pf_detail *detail = probe->detail;
    pf_add32(&detail->template_seen, 1);
    for (unsigned i = 0; i < 4; i++) {
        uint32_t at = __atomic_load_n(&detail->template_link[i], __ATOMIC_ACQUIRE);
        if (at == 0) {
            uint32_t made = make(probe->slot, hash, kind, text, size);
            if (made == 0) {
                return;
            }
            if (__atomic_compare_exchange_n(&detail->template_link[i], &at, made, false,
                                            __ATOMIC_RELEASE, __ATOMIC_ACQUIRE)) {
                at = made;
            }
        }
        const struct pf_template *found = pf_at(pf_process.segment, at);
        if (found->hash == hash && found->kind == (uint32_t)kind) {
            pf_add32(&detail->template_count[i], 1);
            return;
        }
    }
}

static void note_level(struct pf_probe *probe, const char *text, size_t size) {
    if (probe->level != PF_LEVEL_NONE) {
        return; // the call itself has named one
    }
    pf_add32(&probe->detail->level_text, 1);
    pf_add32(&probe->detail->level[pf_level_of_text(text, size)], 1);
}

PF_COLD void pf_message_look(struct pf_probe *probe, const char *text, size_t size) {
    note_level(probe, text, size);
    bool capture = pf_process.config.setting[PF_VAR_CAPTURE_TEXT].number != 0;
    count_template(probe, pf_template_hash(text, size), PF_TEMPLATE_MASKED, text,
                   capture ? (size < EXAMPLE_SIZE ? size : EXAMPLE_SIZE) : 0);
}

PF_COLD void pf_message_look_at_format(struct pf_probe *probe, const char *format) {
    size_t size = pf_length_most(format, TEMPLATE_SIZE);
    if (!pf_is_constant(format)) {
        pf_message_look(probe, format, size); // a message of its own, not a literal
        return;
    }
    note_level(probe, format, size);
    uint64_t hash = 0xcbf29ce484222325ull;
    for (size_t i = 0; i < size; i++) {
        hash = mix(hash, (unsigned char)format[i]);
    }
    count_template(probe, hash, PF_TEMPLATE_FORMAT, format,
                   size < EXAMPLE_SIZE ? size : EXAMPLE_SIZE);
}
