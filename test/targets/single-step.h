// SPDX-License-Identifier: Apache-2.0
// STEP_ON and STEP_OFF: in between, a SIGTRAP comes after every instruction.  x86 alone has them.
#pragma once

#if defined(__i386__)
#define STEP_ON() __asm__ volatile("pushfl; orl $0x100, (%%esp); popfl" ::: "memory", "cc")
#define STEP_OFF() __asm__ volatile("pushfl; andl $~0x100, (%%esp); popfl" ::: "memory", "cc")
#elif defined(__x86_64__)
// The trap flag, set and cleared below the red zone.
#define STEP_ON()                                                                                  \
    __asm__ volatile("lea -128(%%rsp), %%rsp; pushfq; orq $0x100, (%%rsp); popfq;"                 \
                     "lea 128(%%rsp), %%rsp" ::                                                    \
                         : "memory", "cc")
#define STEP_OFF()                                                                                 \
    __asm__ volatile("lea -128(%%rsp), %%rsp; pushfq; andq $~0x100, (%%rsp); popfq;"               \
                     "lea 128(%%rsp), %%rsp" ::                                                    \
                         : "memory", "cc")
#endif
