#!/usr/bin/env python3
"""Checks the change eval's figures: which directions are old, and what was lost."""
import os
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import change  # noqa: E402


class ChangeTest(unittest.TestCase):
    def test_directions_of_a_modality_have_it_in_the_query_or_the_answer(self):
        pairs = [
            {"query": ["audio"], "want": "image"},
            {"query": ["audio"], "want": "text"},
            {"query": ["audio", "text"], "want": "image"},
        ]
        self.assertEqual(change.with_modality(pairs, "text"), pairs[1:])

    def test_the_largest_drop_counts_and_a_rise_is_a_negative_one(self):
        found = change.compare({"a": 0.9, "b": 0.5}, {"a": 0.95, "b": 0.48, "c": 1.0})
        self.assertAlmostEqual(found["drops"]["a"], -0.05)
        self.assertAlmostEqual(found["drop_max"], 0.02)

    def test_the_headline_has_both_halves(self):
        result = {
            "late": {"drop_max": 0.01, "new": {"audio→text P@1": 0.9}},
            "preset": {"changed_answers": 0, "published": True, "drop_max": -0.02},
        }
        found = change.headline(result)
        self.assertEqual(found["late modality: audio→text P@1"], 0.9)
        self.assertEqual(found["preset: published"], 1)


if __name__ == "__main__":
    unittest.main()
