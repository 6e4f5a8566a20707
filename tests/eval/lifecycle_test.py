#!/usr/bin/env python3
"""Checks what the evals of a memory's life share: settings, stretches, drops, and comparisons."""
import argparse
import json
import os
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import lifecycle  # noqa: E402


class StretchTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.path = os.path.join(folder.name, "stretch.jsonl")

    def write(self, *arguments):
        episodes = [{"digit": i, "image": f"{i}.png", "audio": f"{i}.wav"} for i in range(10)]
        count = lifecycle.write_stretch(self.path, episodes, 4, 10, 1, *arguments)
        with open(self.path, encoding="utf-8") as lines:
            events = [json.loads(line) for line in lines]
        self.assertEqual(len(events), count)
        return events

    def test_a_stretch_is_told_from_others_by_its_metadata(self):
        events = self.write("clean")
        self.assertEqual(len(events), 12)
        self.assertEqual({event["metadata"]["stretch"] for event in events}, {"clean"})
        self.assertEqual({event["metadata"]["digit"] for event in events}, set("456789"))
        self.assertEqual({event["scene"] for event in events}, {"table"})

    def test_a_stretch_without_digits_tells_none(self):
        events = self.write("poison", "elsewhere", False)
        self.assertEqual([event["metadata"] for event in events], [{"stretch": "poison"}] * 12)
        self.assertEqual({event["scene"] for event in events}, {"elsewhere"})

    def test_fixed_questions_are_of_one_percept_and_the_same_for_a_seed(self):
        word = {"modality": "text", "text": "one"}
        with open(self.path, "w", encoding="utf-8") as out:
            for percepts in ([word], [word, word]):
                out.write(json.dumps({"percepts": percepts, "want": "image"}) + "\n")
        asked = [lifecycle.fixed_questions(self.path, seed=1) for _ in range(2)]
        self.assertEqual(asked[0], [(("text", "one"), "image")])
        self.assertEqual(asked[0], asked[1])


class ConfigurationTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.work = folder.name
        os.makedirs(os.path.join(self.work, "bin"))
        for program in ("mixmatchd", "mixmatchctl"):
            with open(os.path.join(self.work, "bin", program), "wb"):
                pass
        self.args = argparse.Namespace(seed=3, build=self.work)

    def configured(self, **settings):
        lifecycle.start(self.args, self.work, **settings)
        with open(os.path.join(self.work, "mixmatchd.yaml"), encoding="utf-8") as file:
            return file.read()

    def test_settings_replace_those_of_the_evals_and_nothing_else(self):
        text = self.configured(automatic="true", preset="small")
        self.assertIn("automatic: true", text)
        self.assertIn("{preset: small, device: auto}", text)
        plain = self.configured()
        changed = text.replace("automatic: true", "automatic: false").replace("small", "nano")
        self.assertEqual(changed, plain)

    def test_a_setting_that_does_not_exist_is_an_error(self):
        with self.assertRaises(ValueError):
            self.configured(automatics="true")


class ComparisonTest(unittest.TestCase):
    def test_drops_are_of_what_both_have_and_not_of_gains(self):
        before = {"a": 0.9, "b": 0.5, "a+b gain": 0.2}
        lost = lifecycle.drops(before, {"a": 0.8, "a+b gain": 0.0, "c": 1.0})
        self.assertEqual(list(lost), ["a"])
        self.assertAlmostEqual(lost["a"], 0.1)

    def test_an_answer_differs_by_its_items_or_by_their_similarity(self):
        before = [[(0.5, (1, 0))], [(0.4, (2, 0))], [(0.3, (3, 0))]]
        after = [[(0.5, (1, 0))], [(0.4, (9, 0))], [(0.30001, (3, 0))]]
        self.assertEqual(lifecycle.differing(before, before), 0)
        self.assertEqual(lifecycle.differing(before, after), 2)

    def test_generations_after_one_are_published_or_refused(self):
        states = ["RETIRED", "KEPT", "REFUSED", "SERVING", "EMBEDDING"]
        listed = [{"number": n, "state": state} for n, state in enumerate(states)]
        published, refused = lifecycle.split(listed, 0)
        self.assertEqual([entry["number"] for entry in published], [1, 3])
        self.assertEqual([entry["number"] for entry in refused], [2])


if __name__ == "__main__":
    unittest.main()
