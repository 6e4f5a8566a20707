#!/usr/bin/env python3
"""Checks the figures' arithmetic: gains, merged means, summaries over a stream and over seeds."""
import os
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import figures  # noqa: E402


def pair(query, want, p_at_k, p_at_1=0.5, count=10):
    return {
        "query": query.split("+"),
        "want": want,
        "count": count,
        "p_at_1": p_at_1,
        "p_at_k": p_at_k,
        "mrr": 0.25,
        "recall_at_k": 0.125,
    }


class FiguresTest(unittest.TestCase):
    def test_a_gain_is_against_the_better_of_the_parts(self):
        pairs = [pair("audio", "text", 0.5), pair("image", "text", 0.7)]
        mixed = pair("audio+image", "text", 0.8)
        self.assertAlmostEqual(figures.gain(pairs, mixed), 0.1)
        self.assertIsNone(figures.gain(pairs[:1], mixed))

    def test_a_gain_is_against_the_parts_of_the_same_queries_where_they_were_asked(self):
        pairs = [pair("audio", "text", 0.5), pair("image", "text", 0.9)]
        asked = pairs + [pair("audio+image", "text", 0.8, p_at_1=0.9)]
        alone = [pair("audio", "text", 0.5, p_at_1=0.7), pair("image", "text", 0.6, p_at_1=0.8)]
        joined = figures.with_parts(asked, alone)
        self.assertEqual(joined[:2], pairs)
        self.assertAlmostEqual(figures.gain(joined, joined[2]), 0.2)
        found = figures.headline(joined)
        self.assertAlmostEqual(found["audio+image→text P@1 gain"], 0.1)
        self.assertAlmostEqual(found["audio+image→text P@10 gain"], 0.2)
        unasked = figures.with_parts(asked, alone[:1])
        self.assertIsNone(figures.gain(unasked, unasked[2]))

    def test_the_headline_names_what_was_asked_and_nothing_else(self):
        pairs = [pair("audio", "image", 0.9), pair("audio", "text", 0.1, p_at_1=0.8)]
        self.assertEqual(
            figures.headline(pairs), {"audio→image P@10": 0.9, "audio→text P@1": 0.8}
        )

    def test_merged_means_are_weighted_by_counts(self):
        merged = figures.merge(
            [[pair("audio", "image", 1.0, count=30)], [pair("audio", "image", 0.2, count=10)]]
        )
        self.assertEqual(len(merged), 1)
        self.assertEqual(merged[0]["count"], 40)
        self.assertAlmostEqual(merged[0]["p_at_k"], 0.8)
        self.assertAlmostEqual(merged[0]["mrr"], 0.25)

    def test_an_anytime_summary_has_mean_and_worst_per_direction(self):
        anytime = [{"pairs": [pair("audio", "image", value)]} for value in (0.2, 0.6, 0.7)]
        (line,) = figures.anytime_summary(anytime)
        self.assertEqual(line["points"], 3)
        self.assertAlmostEqual(line["p_at_k"]["mean"], 0.5)
        self.assertEqual(line["p_at_k"]["worst"], 0.2)
        self.assertEqual(figures.anytime_headline([line], "worst"), {"audio→image P@10": 0.2})

    def test_the_error_is_that_of_the_mean_and_absent_for_one_seed(self):
        entry = figures.mean_error([0.1, 0.2, 0.3])
        self.assertAlmostEqual(entry["mean"], 0.2)
        self.assertAlmostEqual(entry["error"], 0.1 / 3**0.5)
        self.assertIsNone(figures.mean_error([0.4])["error"])
        self.assertEqual(figures.with_error(figures.mean_error([0.4])), "0.400")

    def test_a_figure_that_one_seed_lacks_is_summarised_over_the_others(self):
        joined = figures.over_seeds([{"a": 1.0, "b": None}, {"a": 0.0, "b": 0.5}])
        self.assertEqual(joined["a"]["values"], [1.0, 0.0])
        self.assertEqual(joined["b"]["values"], [0.5])

    def test_tables_hold_every_figure(self):
        pairs = [pair("audio", "text", 0.5), pair("image", "text", 0.7)]
        text = figures.pairs_table(pairs + [pair("audio+image", "text", 0.8)])
        self.assertIn("audio+image → text", text)
        self.assertIn("+0.100", text)
        summary = figures.summary_table({"end": figures.over_seeds([figures.headline(pairs)])})
        self.assertIn("audio→text P@1", summary)


if __name__ == "__main__":
    unittest.main()
