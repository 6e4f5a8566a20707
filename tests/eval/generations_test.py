#!/usr/bin/env python3
"""Checks the generations eval's figures: what finds itself, and which cells break the rule."""
import os
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import generations  # noqa: E402


def score(measure, candidate, serving=0.9, tolerance=0.01):
    return {
        "measure": measure,
        "candidate": candidate,
        "serving": serving,
        "tolerance": tolerance,
    }


class SelfRecallTest(unittest.TestCase):
    def test_identical_content_counts_as_itself_and_other_content_does_not(self):
        one, two = ("text", "one"), ("text", "two")
        image = ("image", b"1")
        found = generations.self_recall([(one, one), (two, one), (image, image), (image, None)])
        self.assertEqual((found["asked"], found["found"]), (4, 2))
        self.assertEqual(found["self_recall_at_1"], 0.5)
        self.assertEqual(found["by_modality"]["text"], {"asked": 2, "found": 1})

    def test_the_same_bytes_of_another_modality_are_other_content(self):
        found = generations.self_recall([(("left", b"1"), ("right", b"1"))])
        self.assertEqual(found["found"], 0)

    def test_nothing_asked_is_no_figure(self):
        self.assertIsNone(generations.self_recall([])["self_recall_at_1"])


class RuleTest(unittest.TestCase):
    def test_a_cell_may_be_lower_by_its_tolerance_and_not_by_more(self):
        listed = [
            {"number": 1, "state": "RETIRED", "scores": [score("mean", 0.95), score("a", 0.89)]},
            {"number": 2, "state": "SERVING", "scores": [score("a", 0.889), score("b", 0.91)]},
        ]
        self.assertEqual(generations.below_rule(listed), ([(2, "a")], 4))

    def test_refused_candidates_and_generation_0_are_not_judged(self):
        listed = [
            {"number": 0, "state": "KEPT"},
            {"number": 1, "state": "REFUSED", "scores": [score("a", 0.1)]},
        ]
        self.assertEqual(generations.below_rule(listed), ([], 0))

    def test_the_headline_has_the_worst_generation_and_the_share_refused(self):
        result = {
            "self_recall_at_1": 1.0,
            "by_publish": [{"self_recall_at_1": 0.98}, {"self_recall_at_1": 1.0}],
            "cells_below_rule": 0,
            "equal_trials": 50,
            "equal_refused": 4,
        }
        found = generations.headline(result)
        self.assertEqual(found["self-recall@1, worst generation"], 0.98)
        self.assertAlmostEqual(found["equal candidates refused"], 0.08)


if __name__ == "__main__":
    unittest.main()
