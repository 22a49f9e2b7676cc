// SPDX-License-Identifier: Apache-2.0
// What every public header of libpf-profiling-1 needs: GLib's types and the export mark.
#pragma once
#include <glib-object.h>

// Everything else in the library is hidden (-fvisibility=hidden).
#define PF_API __attribute__((visibility("default"))) extern
