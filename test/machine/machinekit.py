# SPDX-License-Identifier: Apache-2.0
# What time, load or luck decides: figures with their error and their bar, for scripts/check-machine.
import collections
import math
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
TEST = os.path.dirname(HERE)
sys.path[:0] = [os.path.join(TEST, folder) for folder in ("e2e", "cli", "export", "lib")]

Figure = collections.namedtuple("Figure", "what unit value low high bar at_most why")


def median_interval(values):
    """The median and an interval that holds it in 95 of 100 cases, by order statistics: no law is
    assumed.  Of fewer than six readings, the whole range."""
    ordered = sorted(values)
    n = len(ordered)
    middle = (ordered[(n - 1) // 2] + ordered[n // 2]) / 2
    below = int(n / 2 - 0.98 * math.sqrt(n))  # readings that lie outside at each end
    return middle, ordered[max(below - 1, 0)], ordered[min(n - below, n - 1)]


def share_interval(hits, n):
    """A share and its 95 % interval after Wilson, which holds for few readings and near 0 and 1 too."""
    z = 1.96
    share = hits / n
    centre = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    return share, max(centre - half, 0), min(centre + half, 1)


class Table:
    """The figures of one measure.  A figure misses its bar when its whole interval does."""

    def __init__(self, smoke=False):
        self.smoke = smoke
        self.figures = []

    def rounds(self, n, smoke=1):
        """How often to measure: n times, hardly at all where only the tool is tried."""
        return range(smoke if self.smoke else n)

    def at_most(self, what, values, bar, unit=""):
        self.add_readings(what, values, bar, unit, True)

    def at_least(self, what, values, bar, unit=""):
        self.add_readings(what, values, bar, unit, False)

    def share_at_most(self, what, hits, n, bar):
        self.add_share(what, hits, n, bar, True)

    def share_at_least(self, what, hits, n, bar):
        self.add_share(what, hits, n, bar, False)

    def skip(self, what, why):
        self.figures.append(Figure(what, "", None, None, None, None, None, " ".join(why.split())))

    def add_readings(self, what, values, bar, unit, at_most):
        if values:
            self.add(what, median_interval(values), bar, unit, at_most)
        else:
            self.skip(what, "no reading")

    def add_share(self, what, hits, n, bar, at_most):
        if n > 0:
            percent = [100 * part for part in share_interval(hits, n)]
            self.add(f"{what} ({hits} of {n})", percent, 100 * bar, "%", at_most)
        else:
            self.skip(what, "no run")

    def add(self, what, interval, bar, unit, at_most):
        self.figures.append(Figure(what, unit, *interval, bar, at_most, ""))


def verdict(figure):
    """"held", "unsure" (the bar lies within the error), "missed" or "skipped"."""
    if figure.value is None:
        return "skipped"
    if not all(map(math.isfinite, figure[2:5])):
        return "missed"  # nothing was read
    ends = (figure.high, figure.low) if figure.at_most else (-figure.low, -figure.high)
    bar = figure.bar if figure.at_most else -figure.bar
    return "held" if ends[0] <= bar else "missed" if ends[1] > bar else "unsure"
