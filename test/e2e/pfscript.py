# SPDX-License-Identifier: Apache-2.0
# What a scripted run must say, worked out without the library: calls, samples, quantiles, estimates.
#
# A script (test/scripted/script.h) says what each call of a real program takes.  Everything here follows
# from it and from docs/sampling.md alone.
import itertools
import math

import pfharness as pf

MULTIPLIER = 0x9E3779B97F4A7C15
MASK = 2**64 - 1
LOOKED_AT = 16  # timed calls of a site whose text is looked at; then one in 64, by chance
QUANTILES = ("p50_ns", 0.5), ("p90_ns", 0.9), ("p99_ns", 0.99), ("p99_9_ns", 0.999)


def steps(values):
    """The text of a script's calls: each value an int or a string with marks; equal ones together."""
    return ",".join(f"{value}*{len(list(same))}" for value, same in itertools.groupby(values))


def repeated(pattern, count):
    """What the first `count` calls take, of a script that begins anew at its end."""
    return list(itertools.islice(itertools.cycle(pattern), count))


# --- every call timed

class Case(pf.Case):
    def assert_row(self, row, calls):
        """`calls`: what each of the row's calls took, in ns."""
        self.assertEqual((row["message_count"], row["sampled_count"]), (len(calls), len(calls)))
        total = sum(calls)
        self.assertEqual(row["total_duration_ns"], total)
        self.assertEqual(row["estimated_total_duration_ns"], total)
        self.assertEqual(row["estimated_total_interval_ns"], [total, total])
        self.assertAlmostEqual(row["avg_latency_ms"], total / len(calls) / 1e6, delta=5e-10)
        self.assertEqual(row["max_ns"], max(calls))
        for name, share in QUANTILES:
            low, width = bucket(quantile(calls, share))
            self.assertIn(row[name], range(low, low + width), name)


# --- which calls are timed

class Sampler:
    """The draws of a script's first thread (`seed=`), with STACKS=off: geometric skips."""

    def __init__(self, seed):
        self.state = seed * MULTIPLIER & MASK | 1
        self.ahead = None  # the logarithm that is drawn ahead
        self.sites = {}

    def log_uniform(self):
        x = self.state
        x ^= x >> 12
        x ^= x << 25 & MASK
        x ^= x >> 27
        self.state = x
        x = x * 0x2545F4914F6CDD1D & MASK
        return math.log(((x >> 11) + 0.5) * 2.0**-53)

    @staticmethod
    def skip(rate, logarithm):
        return int(logarithm / math.log1p(-rate))

    def look(self, site):
        """A timed call's text may be looked at, which draws as well."""
        site["look"] -= 1
        if site["look"] < 0:
            site["look"] = (0 if site["looked"] + 1 < LOOKED_AT
                            else int(self.log_uniform() / math.log1p(-1 / 64)))
            site["looked"] += 1

    def call(self, rate, name="", looked=True):
        """"certain", "chance" or None: how the site's next call is timed.  `looked`: its text may be
        looked at; the library does not where the kernel need not have (a write to /dev/null)."""
        first = name not in self.sites
        site = self.sites.setdefault(name, {"skip": 0, "look": 0, "looked": 0})
        site["skip"] -= 1
        if site["skip"] >= 0:
            return None
        if rate < 1:
            logarithm = self.ahead if self.ahead is not None else self.log_uniform()
            self.ahead = None
            site["skip"] = self.skip(rate, logarithm)
        else:
            site["skip"] = 0
        if rate < 1:
            self.ahead = self.log_uniform()
        if looked:
            self.look(site)
        return "certain" if first and rate < 1 else "chance"

    def new_rate(self, rate, name=""):
        """An observer has changed the rate: the wait is drawn anew."""
        self.sites[name]["skip"] = self.skip(rate, self.log_uniform()) if 0 < rate < 1 else 0


# --- the histogram

def bucket(ns):
    """(lowest, width) of the histogram's bucket of a latency: 16 in each octave."""
    octave = max(ns.bit_length() - 5, 0)
    return ns >> octave << octave, 1 << octave


def middle(ns):
    low, width = bucket(ns)
    return low + (width - 1) / 2


def quantile(values, share):
    """The smallest value that so many of the calls do not exceed."""
    return sorted(values)[math.ceil(share * len(values) - 1e-9) - 1]


# --- the estimate, as docs/sampling.md has it: a stratum that stands alone

def student(degrees):
    """The 97.5 % quantile of Student's distribution, by its expansion (Abramowitz and Stegun 26.7.5)."""
    z = 1.959964
    return z + (z**3 + z) / (4 * degrees) + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * degrees**2)


def moments(values):
    mean = math.fsum(values) / len(values)
    return mean, *(math.fsum((v - mean)**k for v in values) / len(values) for k in (2, 3))


def estimate(calls, timed, certain):
    """(total, low, high): of `calls` in all, `timed` by chance and `certain` with certainty."""
    m, rest = len(timed), calls - len(certain)
    mean, second, _ = moments(timed)
    f = m / rest
    total = sum(certain) + rest * mean
    deviation = rest * math.sqrt((1 - f) * second / (m - 1))
    # The histogram's skewness, and at most what the longest call allows.
    _, spread, third = moments([middle(v) for v in timed])
    third *= (second / spread)**1.5
    third = max(min(third, (max(timed + certain) - mean) * second), 0)
    single = third / second**1.5
    scale = rest / m * math.sqrt(1 - f)
    gamma = min(scale**3 * m * third / deviation**3, 1)
    longest = (scale * (max(timed + certain) - mean))**3
    r = longest / (scale**3 * m * third)
    u = max(1 - gamma**2 / min(r, 1), 0)
    t = student(max(m - 1, 3))
    d = gamma / math.sqrt(1 - f) * ((1 - f) / 2 + (2 - f) * (t * t - 1) / 6)
    missed = 2.2 * d + 11.5 * gamma**2 + 0.31 * u**2 * math.sqrt(min(single, gamma * math.sqrt(m)))
    low = max(total - deviation * max(1.5, t - 2.5 * d), sum(certain) + sum(timed))
    return total, low, total + deviation * (t + d + math.sqrt(1 - f) * missed)


def ratio_estimate(calls, timed, certain):
    """The total after Hajek, where rates changed; `timed`: (weight, ns)."""
    weight = math.fsum(w for w, _ in timed)
    weighted = math.fsum(w * ns for w, ns in timed)
    return sum(certain) + (calls - len(certain)) * weighted / weight
