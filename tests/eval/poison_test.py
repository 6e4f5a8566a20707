#!/usr/bin/env python3
"""Checks the poison eval's parts without a daemon: the poison itself, and what the gate said."""
import os
import random
import sys
import tempfile
import unittest
import wave

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import poison  # noqa: E402


class PoisonTest(unittest.TestCase):
    def test_mismatched_episodes_pair_different_digits_and_use_everything_once(self):
        episodes = [
            {"digit": i % 10, "image": f"{i}.png", "audio": f"{i % 10}_{i}.wav", "word": "w"}
            for i in range(50)
        ]
        paired = poison.mismatched(episodes, random.Random("1"))
        self.assertEqual([e["image"] for e in paired], [e["image"] for e in episodes])
        self.assertEqual({e["audio"] for e in paired}, {e["audio"] for e in episodes})
        self.assertTrue(all(e["audio"][0] != str(e["digit"]) for e in paired))
        self.assertFalse(any("word" in e for e in paired))
        self.assertEqual(paired, poison.mismatched(episodes, random.Random("1")))

    def test_noise_is_a_picture_and_a_sound_that_differ_every_time(self):
        with tempfile.TemporaryDirectory() as folder:
            episodes = poison.noise(3, folder, random.Random("1"))
            pictures = set()
            for episode in episodes:
                with open(os.path.join(folder, episode["image"]), "rb") as file:
                    pictures.add(file.read())
                with wave.open(os.path.join(folder, episode["audio"])) as sound:
                    self.assertEqual(sound.getnframes(), poison.NOISE_SAMPLES)
            self.assertEqual(len(pictures), 3)
            self.assertTrue(all(picture.startswith(b"\x89PNG") for picture in pictures))


class JudgementsTest(unittest.TestCase):
    def test_old_probes_are_the_cells_that_say_so(self):
        scores = [
            {"measure": "mean over pairs", "candidate": 0.1, "serving": 0.1},
            {"measure": "audio -> image, old", "candidate": 0.8, "serving": 0.9},
            {"measure": "image -> audio, old", "candidate": 0.6, "serving": 0.9},
            {"measure": "image -> audio, recent", "candidate": 0.5, "serving": 0.5},
        ]
        found = poison.old_mean(scores)
        self.assertAlmostEqual(found["candidate"], 0.7)
        self.assertAlmostEqual(found["serving"], 0.9)
        self.assertEqual(poison.old_mean([]), {"candidate": None, "serving": None})

    def test_clean_periods_end_within_the_clean_episodes_and_weigh_by_probes(self):
        periods = [
            {"last_ordinal": 64, "score": 0.9, "probe_count": 1},
            {"last_ordinal": 128, "score": 0.6, "probe_count": 2},
            {"last_ordinal": 192, "score": 0.1, "probe_count": 9},
        ]
        self.assertAlmostEqual(poison.clean_score(periods, 130), 0.7)
        self.assertIsNone(poison.clean_score(periods, 60))

    def test_judgements_begin_with_the_clean_generation(self):
        listed = [
            {"number": n, "state": "KEPT", "trigger": "growth", "steps": n, "reason": ""}
            for n in range(4)
        ]
        found = poison.judgements(listed, 2, 100)
        self.assertEqual([entry["number"] for entry in found], [2, 3])
        self.assertIsNone(found[0]["clean_periods"])


if __name__ == "__main__":
    unittest.main()
