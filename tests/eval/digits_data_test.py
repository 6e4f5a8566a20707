#!/usr/bin/env python3
"""Checks the digits stream on small data of its own making: splits, order, shares, disorder."""
import gzip
import json
import os
import struct
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import digits_data  # noqa: E402

TRAIN, TEST = 5400, 3100  # of these, the last 5,000 training images are for validation


def write_idx(folder, part, count):
    with gzip.open(os.path.join(folder, f"{part}-labels-idx1-ubyte.gz"), "wb", 1) as out:
        out.write(struct.pack(">II", 0x801, count) + bytes(i % 10 for i in range(count)))
    with gzip.open(os.path.join(folder, f"{part}-images-idx3-ubyte.gz"), "wb", 1) as out:
        out.write(struct.pack(">IIII", 0x803, count, 2, 3) + bytes(6 * count))


class DigitsDataTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.root = tempfile.TemporaryDirectory()
        cls.data = os.path.join(cls.root.name, "data")
        os.makedirs(os.path.join(cls.data, "mnist"))
        os.makedirs(os.path.join(cls.data, "fsdd", "recordings"))
        write_idx(os.path.join(cls.data, "mnist"), "train", TRAIN)
        write_idx(os.path.join(cls.data, "mnist"), "t10k", TEST)
        for digit in range(10):
            for index in range(50):
                name = f"{digit}_someone_{index}.wav"
                with open(os.path.join(cls.data, "fsdd", "recordings", name), "wb"):
                    pass

    @classmethod
    def tearDownClass(cls):
        cls.root.cleanup()

    def make(self, name, seed=1, part="validation"):
        return digits_data.Digits(self.data, os.path.join(self.root.name, name), seed, part)

    @staticmethod
    def read(path):
        with open(path, encoding="utf-8") as file:
            return [json.loads(line) for line in file]

    def test_same_seed_gives_the_same_stream_and_another_seed_another(self):
        texts = []
        for name, seed in (("a", 1), ("b", 1), ("c", 2)):
            data = self.make(name, seed)
            parts = data.write_stream(data.episodes(60, "shuffled", 0.5), 2)
            texts.append([self.read(part["path"]) for part in parts])
        self.assertEqual(texts[0], texts[1])
        self.assertNotEqual(texts[0], texts[2])

    def test_stream_and_queries_share_no_item(self):
        for part, indexes in (("validation", range(5, 10)), ("test", range(0, 5))):
            data = self.make("split-" + part, part=part)
            episodes = data.episodes(600, "shuffled", 1.0)
            streamed_images = {int(e["image"][-9:-4]) for e in episodes}
            streamed_audio = {int(e["audio"].split("_")[2][:-4]) for e in episodes}
            self.assertLess(max(streamed_images), TRAIN - digits_data.VALIDATION_IMAGES)
            self.assertGreaterEqual(min(streamed_audio), 10)
            for query in self.read(data.write_queries("q.jsonl", True)):
                for percept in query["percepts"]:
                    if percept["modality"] == "audio":
                        self.assertIn(int(percept["file"].split("_")[2][:-4]), indexes)

    def test_every_direction_is_asked_and_the_words_only_where_some_are_named(self):
        data = self.make("directions")
        asked = {}
        for query in self.read(data.write_queries("q.jsonl", True)):
            key = ("+".join(p["modality"] for p in query["percepts"]), query["want"])
            asked[key] = asked.get(key, 0) + 1
        self.assertEqual(
            asked,
            {
                ("image", "audio"): 3000,
                ("image", "text"): 3000,
                ("audio", "image"): 50,
                ("audio", "text"): 50,
                ("text", "image"): 10,
                ("text", "audio"): 10,
                ("audio+image", "text"): 500,
                ("audio+text", "image"): 50,
                ("image+text", "audio"): 50,
            },
        )
        wordless = self.read(data.write_queries("w.jsonl", False))
        self.assertFalse([q for q in wordless if "text" in json.dumps(q)])

    def test_images_in_queries_with_others_are_not_asked_alone(self):
        for part in ("validation", "test"):
            data = self.make("partners-" + part, part=part)
            images = {True: set(), False: set()}
            for query in self.read(data.write_queries("q.jsonl", True)):
                for percept in query["percepts"]:
                    if percept["modality"] == "image":
                        images[len(query["percepts"]) > 1].add(percept["file"])
            self.assertGreater(len(images[True]), 90)
            self.assertFalse(images[True] & images[False])

    def test_the_parts_of_queries_of_several_modalities_are_asked_alone(self):
        data = self.make("parts")
        queries = data.write_queries("q.jsonl", True)
        parts = self.read(digits_data.write_parts(queries))
        mixed = [q for q in self.read(queries) if len(q["percepts"]) == 2]
        self.assertEqual(len(parts), 2 * len(mixed))
        for query, first, second in zip(mixed, parts[::2], parts[1::2]):
            self.assertEqual(first["percepts"] + second["percepts"], query["percepts"])
            for part in (first, second):
                self.assertEqual(part["want"], query["want"])
                self.assertEqual(part["relevant"], query["relevant"])
        self.assertIsNone(digits_data.write_parts(data.write_queries("w.jsonl", False)))

    def test_events_come_out_of_order_but_within_the_bound(self):
        data = self.make("disorder")
        (part,) = data.write_stream(data.episodes(300, "shuffled", 1.0), 1)
        times = [event["time"] for event in self.read(part["path"])]
        lags = [max(times[: i + 1]) - time for i, time in enumerate(times)]
        self.assertGreater(max(lags), digits_data.EPISODE_SPACING_S)
        self.assertLessEqual(max(lags), digits_data.SHUFFLE_S)

    def test_an_episodes_percepts_are_separate_events_of_its_time_and_digit(self):
        data = self.make("events")
        episodes = data.episodes(50, "shuffled", 1.0)
        (part,) = data.write_stream(episodes, 1)
        for event in self.read(part["path"]):
            number = int(event["event_id"])
            start = digits_data.START_TIME_S + number * digits_data.EPISODE_SPACING_S
            self.assertEqual(len(event["percepts"]), 1)
            self.assertEqual(event["metadata"], {"digit": str(episodes[number]["digit"])})
            self.assertTrue(0 <= event["time"] - start <= digits_data.JITTER_S)

    def test_class_order_shows_one_class_a_tenth_and_the_named_share_holds(self):
        data = self.make("class")
        episodes = data.episodes(1000, "class", 0.1)
        tenths = data.write_stream(episodes, 10)
        self.assertEqual(
            [tenth["seen"] for tenth in tenths], [list(range(i + 1)) for i in range(10)]
        )
        named = sum("word" in episode for episode in episodes)
        self.assertTrue(60 <= named <= 140, named)
        subset = self.read(data.write_queries("q3.jsonl", True, tenths[2]["seen"]))
        self.assertEqual({q["relevant"]["metadata"]["digit"] for q in subset}, {"0", "1", "2"})


if __name__ == "__main__":
    unittest.main()
