// SPDX-License-Identifier: Apache-2.0
// libFuzzer: any environment and any configuration file.  Whatever they say, each setting holds a value
// that is allowed, and each complaint is one line.
// with: preload/pf-env.c preload/pf-print.c preload/pf-real.c preload/pf-image.c preload/pf-table.c
#include "pf-env.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void complain(const char *line, size_t length) {
    if (length < 2 || line[length - 1] != '\n' || memchr(line, '\n', length - 1) != NULL ||
        memchr(line, 0, length) != NULL) {
        abort();
    }
}

// Up to the first 0x01 it is the file, after that the environment, its entries parted by NUL.
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static char path[64], variable[100], home[100];
    if (path[0] == 0) {
        snprintf(path, sizeof path, "/tmp/fuzz-env-%d", (int)getpid());
        snprintf(variable, sizeof variable, "PROVIDE_PROFILING_CONFIG=%s", path);
        snprintf(home, sizeof home, "XDG_CONFIG_HOME=/nowhere");
    }
    const uint8_t *end = memchr(data, 1, size);
    size_t head = end != NULL ? (size_t)(end - data) : size;
    FILE *file = fopen(path, "w");
    fwrite(data, 1, head, file);
    fclose(file);
    size_t left = end != NULL ? size - head - 1 : 0;
    char *text = malloc(left + 1);
    memcpy(text, data + size - left, left);
    text[left] = 0;
    char *environment[68] = {home, head ? variable : home};
    unsigned count = 2;
    for (size_t at = 0; at < left && count < 67; at += strlen(text + at) + 1) {
        environment[count++] = text + at;
    }
    struct pf_config config;
    pf_config_read(&config, environment, complain);
    for (int i = 0; i < PF_VAR_COUNT; i++) {
        struct pf_setting again = {.source = PF_SOURCE_DEFAULT};
        if (config.setting[i].text == NULL ||
            !pf_config_parse((enum pf_variable)i, config.setting[i].text, &again) ||
            again.number != config.setting[i].number || again.real != config.setting[i].real) {
            abort();
        }
    }
    free(text);
    unlink(path);
    return 0;
}
