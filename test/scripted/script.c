// SPDX-License-Identifier: Apache-2.0
// Reads a script.  Without malloc and stdio, as everything in the target's process.
#include "script.h"
#include "pf-real.h"
#include "pf-segment.h"
#include "pf-table.h"
#include <stddef.h>
#include <sys/syscall.h>

#define MOST_STEPS 8192u
#define MOST_TEXT (256u << 10)

struct rule {
    uint32_t first; // of `steps`
    uint32_t steps;
    uint64_t calls; // that all of its steps stand for
};

static struct step steps[MOST_STEPS];
static uint32_t step_count;
static struct rule rules[PF_CALL_COUNT];
static struct rule otherwise;
static struct script the_script;
static char file_text[MOST_TEXT];

extern char **environ;

static void say(const char *text) {
    size_t length = 0;
    while (text[length] != 0 && text[length] != '\n') {
        length++;
    }
    pf_sys_write(2, text, length);
}

static _Noreturn void refuse(const char *at, const char *why) {
    say(SCRIPT_VARIABLE ": ");
    say(why);
    say(" at \"");
    say(at);
    say("\"");
    pf_sys_write(2, "\n", 1);
    pf_sys(SYS_exit_group, 99, 0, 0, 0, 0, 0);
    __builtin_trap();
}

static bool takes(const char **at, const char *word) {
    const char *here = *at;
    while (*word != 0) {
        if (*here++ != *word++) {
            return false;
        }
    }
    *at = here;
    return true;
}

static uint64_t number(const char **at) {
    if (**at < '0' || **at > '9') {
        refuse(*at, "a number is missing");
    }
    uint64_t value = 0;
    for (; **at >= '0' && **at <= '9'; (*at)++) {
        value = value * 10 + (uint64_t)(**at - '0');
    }
    return value;
}

static bool is_end(char c) { return c == 0 || c == ';' || c == '\n'; }

static struct step read_step(const char **at) {
    struct step step = {.ns = number(at), .count = 1};
    while (!is_end(**at) && **at != ',') {
        char mark = *(*at)++;
        switch (mark) {
        case 'v': step.voluntary = true; break;
        case 'i': step.involuntary = true; break;
        case 'l':
            step.locked = true;
            step.lock_ns = number(at);
            break;
        case '+': step.gap_ns = number(at); break;
        case '*': step.count = (uint32_t)number(at); break;
        default: refuse(*at - 1, "no such mark");
        }
    }
    if (step.count == 0) {
        refuse(*at, "no call");
    }
    return step;
}

static struct rule read_rule(const char **at) {
    struct rule rule = {.first = step_count};
    do {
        if (step_count == MOST_STEPS) {
            refuse(*at, "too many steps");
        }
        steps[step_count] = read_step(at);
        rule.calls += steps[step_count++].count;
        rule.steps++;
    } while (takes(at, ","));
    return rule;
}

static struct rule *rule_named(const char **at) {
    if (takes(at, "*=")) {
        return &otherwise;
    }
    for (unsigned call = 0; call < PF_CALL_COUNT; call++) {
        const char *after = *at;
        if (takes(&after, pf_calls[call].name) && takes(&after, "=")) {
            *at = after;
            return &rules[call];
        }
    }
    refuse(*at, "no such function");
}

static void read_item(const char **at) {
    struct script *into = &the_script;
    if (takes(at, "start=")) {
        into->start_ns = number(at);
    } else if (takes(at, "clock=")) {
        into->clock_ns = number(at);
    } else if (takes(at, "seed=")) {
        into->seed = number(at);
        into->has_seed = true;
    } else if (takes(at, "rusage")) {
        into->rusage = true;
    } else {
        *rule_named(at) = read_rule(at);
    }
    if (!is_end(**at)) {
        refuse(*at, "neither the end nor `;`");
    }
}

static const char *find_text(void) {
    for (char **variable = environ; variable != NULL && *variable != NULL; variable++) {
        const char *at = *variable;
        if (!takes(&at, SCRIPT_VARIABLE "=")) {
            continue;
        }
        if (*at != '@') {
            return at;
        }
        long size = pf_sys_slurp(at + 1, file_text, sizeof file_text);
        if (size < 0 || size == sizeof file_text - 1) {
            refuse(at, "no such file, or too large");
        }
        return file_text;
    }
    refuse("", "not in the environment");
}

const struct script *script(void) {
    static bool is_read;
    if (!is_read) {
        struct pf_time now;
        pf_sys_clock_gettime(CLOCK_MONOTONIC, &now);
        the_script.start_ns = (uint64_t)now.seconds * 1000000000u + (uint64_t)now.nanoseconds;
        const char *at = find_text();
        while (*at != 0) {
            if (is_end(*at) || *at == ' ') {
                at++;
            } else {
                read_item(&at);
            }
        }
        is_read = true;
    }
    return &the_script;
}

const struct step *script_step(unsigned call, uint64_t number) {
    const struct rule *rule = rules[call].calls != 0 ? &rules[call] : &otherwise;
    if (rule->calls == 0 || number == 0) {
        return NULL;
    }
    uint64_t left = (number - 1) % rule->calls;
    const struct step *step = &steps[rule->first];
    while (left >= step->count) {
        left -= step++->count;
    }
    return step;
}
