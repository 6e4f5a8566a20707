#!/usr/bin/env python3
"""Checks what the order test makes of its runs: forgetting and gaps."""
import os
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import order  # noqa: E402


class OrderTest(unittest.TestCase):
    def test_forgetting_is_the_best_earlier_figure_less_the_last_averaged_over_classes(self):
        moments = [{"0": {"f": 0.9}}, {"0": {"f": 0.7}, "1": {"f": 0.8}}]
        last = {"0": {"f": 0.5}, "1": {"f": 0.9}}
        self.assertAlmostEqual(order.forgetting(moments, last)["f"], (0.4 - 0.1) / 2)

    def test_a_class_that_was_never_asked_before_has_forgotten_nothing(self):
        lost = order.forgetting([{"0": {"f": 0.9}}], {"0": {"f": 0.9}, "1": {"f": 0.1}})
        self.assertAlmostEqual(lost["f"], 0.0)

    def test_the_gap_leaves_out_what_either_lacks(self):
        gap = order.gap({"a": 0.9, "b": 0.5, "c": None}, {"a": 0.7, "c": 0.1})
        self.assertEqual(list(gap), ["a"])
        self.assertAlmostEqual(gap["a"], 0.2)

    def test_a_run_has_a_column_for_every_point(self):
        pair = {"query": ["audio"], "want": "image", "count": 1}
        pair |= {"p_at_1": 1.0, "p_at_k": 0.5, "mrr": 1.0, "recall_at_k": 0.1}
        one = {"stream_end": [pair], "pairs": [pair], "forgetting": {"f": 0.1}}
        one["forgetting_stream_end"] = {"f": 0.3}
        run = {"seed": 1, "shuffled": one, "class": one, "gap": {"g": 0}, "gap_stream_end": {"g": 1}}
        columns = order.columns_of(run)
        self.assertEqual(len(columns), 8)
        self.assertEqual(columns["gap, end"], {"g": 1})
        self.assertEqual(columns["forgotten, consolidated"], {"f": 0.1})
        summary = order.summarise([run, run])
        self.assertEqual(summary["forgotten, end"]["f"]["error"], 0.0)


if __name__ == "__main__":
    unittest.main()
