// SPDX-License-Identifier: Apache-2.0
// The configuration: environment over file over default, every value checked.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#pragma GCC visibility push(hidden)

enum pf_variable {
#define PF_VARIABLE(name, ...) PF_VAR_##name,
#include "pf-env.def"
    PF_VAR_COUNT
};

enum pf_source { PF_SOURCE_DEFAULT, PF_SOURCE_FILE, PF_SOURCE_ENVIRONMENT };

struct pf_setting {
    uint64_t number; // BOOL, UINT, CHOICE (place in the list), LIST (a bit for each)
    double real;     // RATE, AMOUNT
    const char
        *text; // as it was written, "" where only the agent reads it; lives as long as the process
    enum pf_source source;
};

struct pf_config {
    struct pf_setting setting[PF_VAR_COUNT];
};

// Reads everything.  `environment` as environ; complaints about bad values, one line each, go to
// `complain` (NULL: nowhere).  Not thread-safe: the text of a configuration file is kept in one
// static buffer.
void pf_config_read(struct pf_config *config, char *const *environment,
                    void (*complain)(const char *line, size_t length));

// Parses one value; false when it is not allowed (`ret_setting` is then untouched).
bool pf_config_parse(enum pf_variable variable, const char *text, struct pf_setting *ret_setting);

// Addresses and paths for the agent, which reads them itself.  One may have a password in it, and would be
// found in a core of the target: their text is not kept.
bool pf_variable_is_for_others(enum pf_variable variable);

// As it stands in the table: the test parses each.
const char *pf_variable_default(enum pf_variable variable);
#pragma GCC visibility pop
