// SPDX-License-Identifier: Apache-2.0
// The statistical sampler on laws of latency.
#pragma once
#include <glib.h>

void print_laws(guint runs);
