// SPDX-License-Identifier: Apache-2.0
// What a test says that calls take: the script in $PF_TEST_SCRIPT.
//
//   SCRIPT    the text itself, or @FILE that holds it: items with `;` or a new line in between
//   ITEM      FUNCTION=CALL,CALL,...  the calls of each site of FUNCTION in each thread, one after
//                                     the other, and from the first one again; `*` in place of
//                                     FUNCTION: all that are not named.  Others take no time
//             start=NS                the clock begins here (at CLOCK_MONOTONIC otherwise)
//             clock=NS                what a read of the clock is taken to cost: NS less are recorded
//                                     of each call (0 otherwise)
//             seed=N                  the random numbers of the first thread begin with N, those of
//                                     the next one with N + 1
//             rusage                  no page tells of switches, getrusage has to be asked
//   CALL      NS, what lies between the two reads of the clock, and behind it, in any order,
//             v                       the thread gave the processor up
//             i                       the processor was taken from it
//             lNS                     so much of it was spent waiting for the stream's lock
//             +NS                     so much time passes between this call and what comes next
//             *N                      N such calls
//
// A call is looked up by its number among those of its site and descriptor in its thread, timed or not:
// what a call takes does not depend on which ones are sampled, and the truth is a plain sum.
#pragma once
#include <stdbool.h>
#include <stdint.h>
#pragma GCC visibility push(hidden)

#define SCRIPT_VARIABLE "PF_TEST_SCRIPT"

struct step {
    uint64_t ns;
    uint64_t lock_ns;
    uint64_t gap_ns;
    uint32_t count;
    bool voluntary;
    bool involuntary;
    bool locked;
};

struct script {
    uint64_t start_ns;
    uint64_t clock_ns;
    uint64_t seed;
    bool has_seed;
    bool rusage;
};

// Read at the first use; a script that cannot be read ends the process with status 99.
const struct script *script(void);

// What the call with this number (from 1) takes; NULL: no time at all.
const struct step *script_step(unsigned call, uint64_t number);
#pragma GCC visibility pop
