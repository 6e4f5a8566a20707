#!/usr/bin/env python3
"""Checks the graph eval's parts without a daemon: the planted stream, and how it is judged."""
import argparse
import os
import statistics
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import graph  # noqa: E402


class StreamTest(unittest.TestCase):
    def test_things_follow_each_other_as_planted(self):
        stream = graph.happenings(800, seed=3)
        self.assertEqual(stream, sorted(stream))
        times = {}
        for seconds, thing in stream:
            times.setdefault(thing, []).append(seconds)
        for (first, second), seconds in graph.planted().items():
            follows = []
            for begin in times[first]:
                later = [t - begin for t in times[second] if t > begin]
                if later and min(later) < 2 * seconds:
                    follows.append(min(later))
            self.assertAlmostEqual(statistics.median(follows), seconds, delta=0.05 * seconds)
            self.assertGreater(len(follows) / len(times[first]), 0.9)

    def test_words_are_different(self):
        names = [graph.name_of(thing) for thing in range(18)]
        self.assertEqual(len(set(names)), 18)


class FiguresTest(unittest.TestCase):
    def setUp(self):
        self.thing_of = {100 + thing: thing for thing in range(18)}
        self.edges = graph.planted()
        self.right = [(100 + a, 100 + b) for a, b in self.edges]

    def test_all_that_was_planted_first_is_perfect(self):
        figures = graph.succession_figures(self.right, self.thing_of, self.edges)
        self.assertEqual((figures["precision"], figures["recall"]), (1, 1))
        self.assertEqual((figures["reversed"], figures["chance_pairs"]), (0, 0))

    def test_what_is_wrong_counts_by_what_it_is(self):
        found = [(112, 113), (101, 100)] + self.right
        figures = graph.succession_figures(found, self.thing_of, self.edges)
        self.assertEqual(figures["chance_pairs"], 1)
        self.assertEqual(figures["reversed"], 1)
        self.assertEqual(figures["precision"], 6 / 8)
        self.assertEqual(figures["recall"], 6 / 8)

    def test_two_concepts_of_one_thing_are_one_edge(self):
        self.thing_of[999] = 0
        figures = graph.succession_figures(
            [(999, 101)] + self.right, self.thing_of, self.edges
        )
        self.assertEqual((figures["precision"], figures["recall"]), (1, 1))

    def test_names_count_when_the_first_is_the_things_word(self):
        node = argparse.Namespace
        nodes = [
            node(concept_id=100, names=[graph.name_of(0), "other"]),
            node(concept_id=101, names=[]),
            node(concept_id=777, names=["unknown"]),
        ]
        self.assertEqual(graph.names_right(nodes, self.thing_of), 0.5)

    def test_the_commonest_value_wins(self):
        self.assertEqual(graph.majority([(1, "a"), (1, "b"), (1, "b"), (2, "c")]), {1: "b", 2: "c"})


if __name__ == "__main__":
    unittest.main()
