// SPDX-License-Identifier: Apache-2.0
// Latencies of a law, drawn once, with the sums of any stretch of them: calls whose total is known although only those
// that are timed are looked at.  For simulations.
#pragma once
#include "pf-skip.h"
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

static uint64_t state;
static double spare;
static bool has_spare;

static void begin_chance(void) {
    state = 88172645463325252ull;
    has_spare = false;
}

static double uniform(void) { return ((double)(pf_random(&state) >> 11) + 0.5) * 0x1p-53; }

// Two at a time (Marsaglia's polar method).
static double normal(void) {
    if (has_spare) {
        has_spare = false;
        return spare;
    }
    double x, y, square;
    do {
        x = 2 * uniform() - 1;
        y = 2 * uniform() - 1;
        square = x * x + y * y;
    } while (square >= 1 || square == 0);
    double scale = sqrt(-2 * pf_ln(square) / square);
    spare = y * scale;
    has_spare = true;
    return x * scale;
}

struct law {
    const char *name;
    double (*draw)(void);
};

struct pool {
    const struct law *law;
    size_t count;
    bool always_anew; // drawn for every stretch that is asked for, as a program's calls would be
    uint64_t *ns;
    uint64_t *sum; // of those before
};

static struct pool pool_new(const struct law *law, size_t count, bool always_anew) {
    struct pool pool = {law, count, always_anew, NULL, NULL};
    pool.ns = malloc(count * sizeof *pool.ns);
    pool.sum = calloc(count + 1, sizeof *pool.sum);
    for (size_t i = 0; !always_anew && i < count; i++) {
        pool.ns[i] = (uint64_t)law->draw();
        pool.sum[i + 1] = pool.sum[i] + pool.ns[i];
    }
    return pool;
}

static void pool_free(struct pool *pool) {
    free(pool->ns);
    free(pool->sum);
}

// `n` calls, no more than the pool has: where they begin, of a random place.
static size_t pool_stretch(struct pool *pool, size_t n) {
    if (pool->always_anew) {
        for (size_t i = 0; i < n; i++) {
            pool->ns[i] = (uint64_t)pool->law->draw();
            pool->sum[i + 1] = pool->sum[i] + pool->ns[i];
        }
        return 0;
    }
    return pf_random(&state) % (pool->count - n + 1);
}
