// SPDX-License-Identifier: Apache-2.0
// The findings of `pfprof doctor`.
#pragma once
#include "cli.h"
#include "elf-file.h"

typedef enum {
    DOCTOR_FINE,
    DOCTOR_NOTE, // something is not seen, or costs more
    DOCTOR_BAD,  // nothing can be measured
} doctor_grade;

typedef struct {
    doctor_grade grade;
    const gchar *what; // one word
    gchar *finding;
    gchar *advice; // NULL: nothing to do
} doctor_finding;

typedef struct {
    GPtrArray *findings; // doctor_finding
    gchar *library;      // NULL: not found
    elf_file *library_elf;
} doctor;

// `advice` NULL: none.  Both are taken.
void doctor_say(doctor *self, doctor_grade grade, const gchar *what, gchar *finding, gchar *advice);

void doctor_check_machine(doctor *self); // doctor-machine.c
// FALSE: there is no such command, which has been said on standard error.
gboolean doctor_check_program(doctor *self, const gchar *command); // doctor-program.c
