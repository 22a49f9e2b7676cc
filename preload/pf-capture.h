// SPDX-License-Identifier: Apache-2.0
// The registers of the running function, and the thread pointer: chooses between arch/<cpu>/
// folders.
#pragma once
#if defined(__x86_64__) && defined(__LP64__)
#include "arch/x86_64/pf-capture.h"
#elif defined(__aarch64__) && defined(__LP64__)
#include "arch/aarch64/pf-capture.h"
#elif defined(__i386__)
#include "arch/i386/pf-capture.h"
#endif
