#!/usr/bin/env python3
"""Checks the skills eval's parts without a daemon: what is compared, who is left out, what is said."""
import argparse
import json
import os
import random
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import skills  # noqa: E402


class DifferenceTest(unittest.TestCase):
    def test_a_label_that_one_side_lacks_counts_whole(self):
        a = [{"1": 0.5, "2": 0.5}, {"1": 1.0}]
        self.assertEqual(skills.largest_difference(a, a), 0)
        b = [{"1": 0.5, "2": 0.4}, {"1": 0.7, "3": 0.3}]
        self.assertAlmostEqual(skills.largest_difference(a, b), 0.3)

    def test_lists_of_different_length_are_an_error(self):
        with self.assertRaises(ValueError):
            skills.largest_difference([{}], [{}, {}])


class RecordingsTest(unittest.TestCase):
    def test_a_speaker_left_out_is_in_one_part_alone(self):
        with tempfile.TemporaryDirectory() as data:
            folder = os.path.join(data, "fsdd", "recordings")
            os.makedirs(folder)
            for digit in range(3):
                for speaker in ("a", "b"):
                    for index in range(4):
                        open(os.path.join(folder, f"{digit}_{speaker}_{index}.wav"), "w").close()
            open(os.path.join(folder, "notes.txt"), "w").close()
            known = skills.recordings(data, lambda s, i: s != "b" and i >= 1)
            asked = skills.recordings(data, lambda s, i: s == "b" and i >= 1)
            self.assertEqual({r[1] for r in known}, {"a"})
            self.assertEqual({r[1] for r in asked}, {"b"})
            self.assertEqual(len(known), 9)
            self.assertEqual({r[0] for r in asked}, {"0", "1", "2"})


class EventsTest(unittest.TestCase):
    def test_events_are_one_percept_each_with_rising_times(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "events.jsonl")
            skills.write_events(
                path, [("a", "image", "a.png", {"digit": "1"}), ("b", "audio", "b.wav", {})]
            )
            with open(path, encoding="utf-8") as lines:
                events = [json.loads(line) for line in lines]
        self.assertEqual([event["source"] for event in events], ["camera", "microphone"])
        self.assertLess(events[0]["time"], events[1]["time"])
        self.assertEqual(events[0]["percepts"], [{"modality": "image", "file": "a.png"}])


class HeadlineTest(unittest.TestCase):
    def test_it_tells_what_was_measured_and_nothing_else(self):
        result = {
            "fsdd": {"official": 0.9, "leave_one_speaker_out": 0.8, "runs": {}},
            "few_shot": {"5": 0.93},
            "unknown": {"detected": 0.8, "false_unknown": 0.05, "runs": []},
            "teach_per_s": 5000.0,
        }
        shown = skills.headline(result)
        self.assertEqual(shown["FSDD official"], 0.9)
        self.assertEqual(shown["5 labels a class"], 0.93)
        self.assertEqual(shown["teach_per_s"], 5000.0)
        self.assertNotIn("split MNIST", shown)

    def test_memory_draws_the_same_number_of_each_label(self):
        many = [("1", "s", str(i)) for i in range(9)]
        memory = argparse.Namespace(by_label={"1": many, "2": [("2", "s", "x")]})
        drawn = skills.Unlabelled.draw(memory, 3, random.Random(1))
        self.assertEqual([example[0] for example in drawn], ["1", "1", "1", "2"])


if __name__ == "__main__":
    unittest.main()
