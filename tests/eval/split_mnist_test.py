#!/usr/bin/env python3
"""Checks Split MNIST's parts without a daemon: the stream's order, the vote, and the figures."""
import argparse
import gzip
import json
import os
import struct
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import digits_data  # noqa: E402
import split_mnist  # noqa: E402


class OrderTest(unittest.TestCase):
    def test_pairs_come_one_after_the_other_and_every_image_once(self):
        labels = [i % 10 for i in range(1000)]
        order = split_mnist.stream_order(labels, 1000, seed=1)
        self.assertEqual([len(indexes) for indexes in order], [200] * 5)
        self.assertEqual(len({i for indexes in order for i in indexes}), 1000)
        for pair, indexes in zip(split_mnist.PAIRS, order):
            self.assertEqual({labels[i] for i in indexes}, set(pair))
            self.assertNotEqual(indexes, sorted(indexes))

    def test_a_shorter_stream_takes_from_every_pair_its_share(self):
        labels = [0] * 600 + [9] * 400 + [2] * 1000
        order = split_mnist.stream_order(labels, 200, seed=1)
        self.assertEqual([len(indexes) for indexes in order], [60, 100, 0, 0, 40])

    def test_the_seed_decides(self):
        labels = [i % 10 for i in range(1000)]
        orders = [split_mnist.stream_order(labels, 1000, seed) for seed in (1, 1, 2)]
        self.assertEqual(orders[0], orders[1])
        self.assertNotEqual(orders[0], orders[2])


class FiguresTest(unittest.TestCase):
    def test_the_majority_wins_and_a_tie_goes_to_the_nearer(self):
        self.assertEqual(split_mnist.vote([(0.9, "a"), (0.5, "b"), (0.5, "b")]), "b")
        self.assertEqual(
            split_mnist.vote([(0.9, "a"), (0.8, "b"), (0.8, "b"), (0.6, "a"), (0.1, "c")]), "b"
        )
        self.assertIsNone(split_mnist.vote([]))

    def test_accuracies_are_over_all_and_by_pair(self):
        found = split_mnist.accuracies([0, 1, 1, 2], ["zero", "one", "two", "two"])
        self.assertEqual(found["accuracy"], 0.75)
        self.assertAlmostEqual(found["by_pair"][0], 2 / 3)
        self.assertEqual(found["by_pair"][1:], [1.0, None, None, None])
        self.assertEqual(found["by_class"], {"0": 1.0, "1": 0.5, "2": 1.0})

    def test_forgetting_is_against_the_best_earlier_moment(self):
        matrix = [[0.9], [0.95, 0.8], [0.7, 0.9, 1.0]]
        self.assertAlmostEqual(split_mnist.forgetting(matrix), (0.25 - 0.1) / 2)


class StreamTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.data, self.work = os.path.join(folder.name, "data"), os.path.join(folder.name, "work")
        os.makedirs(os.path.join(self.data, "mnist"))
        for part, count in (("train", 5300), ("t10k", 10000)):
            labels = bytes(i % 10 for i in range(count))
            self.write(part, "labels-idx1", struct.pack(">II", 0x801, count) + labels)
            self.write(
                part, "images-idx3", struct.pack(">IIII", 0x803, count, 1, 1) + bytes(count)
            )

    def write(self, part, kind, content):
        with gzip.open(os.path.join(self.data, "mnist", f"{part}-{kind}-ubyte.gz"), "wb") as out:
            out.write(content)

    def make(self, part):
        args = argparse.Namespace(data=self.data, part=part, episodes=60000, queries=50, seed=1)
        return split_mnist.SplitMnist(args, self.work)

    def test_validation_holds_out_the_last_images_and_test_streams_all(self):
        data = self.make("validation")
        self.assertEqual(len(data.episodes), 300)
        self.assertTrue(all(int(path[-9:-4]) >= 300 for path in data.paths))
        truth, paths = data.queries(2)
        self.assertTrue(set(truth) <= {0, 1, 2, 3} and len(truth) == len(paths) > 0)
        self.assertEqual(len(self.make("test").episodes), 5300)

    def test_an_episode_is_an_image_and_its_word(self):
        data = self.make("validation")
        with open(data.manifests[1], encoding="utf-8") as file:
            events = [json.loads(line) for line in file]
        self.assertEqual(len(events), 120)
        by_episode = {}
        for event in events:
            by_episode.setdefault(event["event_id"], []).append(event)
        self.assertEqual(len(by_episode), 60)
        for events in by_episode.values():
            words = [p["text"] for e in events for p in e["percepts"] if "text" in p]
            self.assertEqual(words, [digits_data.WORDS[int(events[0]["metadata"]["digit"])]])
            self.assertLess(abs(events[0]["time"] - events[1]["time"]), digits_data.JITTER_S)


if __name__ == "__main__":
    unittest.main()
