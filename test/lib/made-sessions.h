// SPDX-License-Identifier: Apache-2.0
// Whole sessions by name, each with one habit or none: for the units, and through make-session for tests of the command.
#pragma once
#include "session-maker.h"

typedef struct {
    const char *name;
    const char *kinds; // of what is to be found in it, in its order
    made_session *(*make)(void);
} made_named;

// Ends with one without a name.
extern const made_named made_sessions[];
const made_named *made_session_named(const char *name); // NULL: none
