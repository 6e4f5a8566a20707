#!/usr/bin/env python3
"""Checks the latency eval's figures: percentiles, ratios, and turns that stay apart."""
import os
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import latency  # noqa: E402


class PercentileTest(unittest.TestCase):
    def test_is_the_nearest_rank(self):
        values = list(range(100, 0, -1))
        self.assertEqual(latency.percentile(values, 0.99), 99)
        self.assertEqual(latency.percentile(values, 0.5), 50)
        self.assertEqual(latency.percentile([5, 1, 9], 0.99), 9)
        self.assertEqual(latency.percentile([7], 0.5), 7)

    def test_one_stall_in_a_hundred_shows_only_beyond_it(self):
        values = [1] * 198 + [500] * 2
        self.assertEqual(latency.percentile(values, 0.99), 1)
        self.assertEqual(latency.percentile(values + [500], 0.99), 500)


class TurnsTest(unittest.TestCase):
    def test_ratio_is_over_all_turns(self):
        off = [[1.0] * 100, [2.0] * 100]
        on = [[3.0] * 100, [3.0] * 98 + [10.0] * 2]
        found = latency.join_turns(off, on)
        self.assertEqual(found["off"]["p99_ms"], 2.0)
        self.assertEqual(found["on"]["p99_ms_by_turn"], [3.0, 10.0])
        self.assertEqual(found["on"]["max_ms"], 10.0)
        self.assertEqual(found["p99_ratio"], 1.5)
        self.assertEqual(found["on"]["count"], 200)


if __name__ == "__main__":
    unittest.main()
