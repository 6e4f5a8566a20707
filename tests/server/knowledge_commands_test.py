"""Asks a real daemon by `mixmatchctl skill` and `mixmatchctl graph`: usage
knowledge_commands_test.py MIXMATCHD MIXMATCHCTL.
"""

import json
import math
import random
import sys
import time
import unittest

import command_testing

WAIT_SECONDS = 60
ROUNDS = 80
WORDS = ("apple", "river", "stone")
CONFIG = """\
episodes: {gap: 1s, lateness: 2s, idle_close: 500ms}
learning: {enabled: false}
generations: {automatic: false}
"""


def pose(thing, number):
    """A noisy point near one of three."""
    own = random.Random(thing)
    noise = random.Random(f"{thing} {number}")
    return [2 * own.random() - 1 + 0.4 * (noise.random() - 0.5) for _ in range(12)]


def text(values):
    return "pose=" + ",".join(f"{value:.6f}" for value in values)


def write_manifest(path):
    """River comes three seconds after apple, stone when it likes."""
    with open(path, "w", encoding="utf-8") as out:
        for number in range(ROUNDS):
            start = 1_700_000_000 + 60 * number
            for thing, at in ((0, start), (1, start + 3), (2, start + 20 + number * 7 % 19)):
                event = {
                    "event_id": f"{WORDS[thing]}{number}",
                    "time": at,
                    "source": "arm",
                    "scene": "table",
                    "percepts": [
                        {"modality": "pose", "vector": pose(thing, number)},
                        {"modality": "text", "text": WORDS[thing]},
                    ],
                    "metadata": {"thing": WORDS[thing], "number": str(thing * 10)},
                }
                out.write(json.dumps(event) + "\n")


class KnowledgeCommands(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.daemon = command_testing.Daemon(*sys.argv[1:3], CONFIG)
        manifest = cls.daemon.folder / "things.jsonl"
        write_manifest(manifest)
        cls.daemon.ctl("ingest", "--manifest", str(manifest), "--wait", "recallable")

    @classmethod
    def tearDownClass(cls):
        cls.daemon.end()

    def ctl(self, *arguments):
        return self.daemon.ctl(*arguments)

    def answer(self, *arguments):
        return self.daemon.answer(*arguments)

    def wait(self, ready, *arguments):
        """The answer once `ready` says so of it."""
        for _ in range(WAIT_SECONDS * 10):
            done = self.daemon.run("--json", *arguments)
            if done.returncode == 0 and ready(json.loads(done.stdout)):
                return json.loads(done.stdout)
            time.sleep(0.1)
        self.fail(f"{arguments} in {WAIT_SECONDS} s: {done.stdout} {done.stderr}")

    def settled(self, skill):
        return self.wait(lambda said: said["skill"].get("solution", {}).get("settled"),
                         "skill", "show", skill)["skill"]

    def concept_of(self, thing):
        said = self.answer("graph", "show", "--vector", text(pose(thing, 9000)))
        return int(said["node"]["concept_id"])

    def test_a_skill_from_its_making_to_its_end(self):
        self.assertIn("skill teach thing", self.ctl("skill", "create", "thing", "--modality", "pose"))
        self.assertIn("240", self.ctl("skill", "teach", "thing", "--every", "--from", "thing"))
        skill = self.settled("thing")
        self.assertEqual({label["label"]: int(label["example_count"]) for label in skill["labels"]},
                         dict.fromkeys(WORDS, ROUNDS))
        self.assertIn("thing", self.ctl("skill", "list"))
        shown = self.ctl("skill", "show", "thing")
        for word in WORDS:
            self.assertIn(word, shown)
        self.assertIn("river", self.ctl("skill", "predict", "thing", "--vector", text(pose(1, 9001))))
        said = self.answer("skill", "predict", "thing", "--event", "arm/stone7")
        self.assertEqual(said["labels"][0]["label"], "stone")
        self.assertGreater(said["labels"][0]["confidence"], 0.8)
        judged = self.answer("skill", "evaluate", "thing", "--every", "--from", "thing")
        self.assertEqual(int(judged["example_count"]), 3 * ROUNDS)
        self.assertEqual(int(judged["right_count"]), 3 * ROUNDS)
        self.assertIn("1", self.ctl("skill", "unteach", "thing", "--event", "arm/stone7"))
        self.assertEqual(int(self.settled("thing")["example_count"]), 3 * ROUNDS - 1)
        self.ctl("skill", "delete", "thing")
        gone = self.daemon.run("skill", "show", "thing")
        self.assertEqual(gone.returncode, 1)
        self.assertIn("'thing'", gone.stderr)

    def test_a_skill_of_numbers(self):
        self.ctl("skill", "create", "size", "--kind", "number", "--modality", "pose")
        self.ctl("skill", "teach", "size", "--every", "--from", "number")
        self.settled("size")
        said = self.answer("skill", "predict", "size", "--vector", text(pose(2, 9002)))
        self.assertLess(math.fabs(said["number"] - 20), 2)

    def test_wrong_usage_says_what_to_do(self):
        for wrong, hint in (
            (("skill", "teach", "thing"), "--every"),
            (("skill", "create", "Big Name"), "Big Name"),
            (("skill", "predict", "none", "--text", "x"), "'none'"),
            (("graph", "show", "--concept", "4242"), "4242"),
            (("graph", "show"), "--concept"),
        ):
            done = self.daemon.run(*wrong)
            self.assertIn(done.returncode, (1, 2), wrong)
            self.assertIn(hint, done.stderr, wrong)
            self.assertEqual(done.stdout, "", wrong)

    def test_the_graph_tells_what_follows_and_why(self):
        listed = self.wait(lambda said: int(said["episode_count"]) >= 3 * ROUNDS - 5,
                           "graph", "concepts")
        apple, river, stone = (self.concept_of(thing) for thing in range(3))
        self.assertEqual(len({apple, river, stone}), 3)
        names = {int(one["concept_id"]): one["names"][0] for one in listed["concepts"]}
        self.assertEqual([names[one] for one in (apple, river, stone)], list(WORDS))
        for word in WORDS:
            self.assertIn(word, self.ctl("graph", "concepts"))
        self.assertIn("apple", self.ctl("graph", "show", "--concept", str(apple), "--want", "pose"))

        first = self.answer("graph", "next", "--concept", str(apple))["next"][0]
        self.assertEqual(int(first["node"]["concept_id"]), river)
        self.assertAlmostEqual(float(first["delay"].rstrip("s")), 3, delta=0.6)
        self.assertIn("river", self.ctl("graph", "next", "--text", "apple"))

        kinds = self.answer("graph", "associations", "--kind", "succession")["associations"]
        self.assertEqual((int(kinds[0]["from"]), int(kinds[0]["to"])), (apple, river))
        self.assertIn("succession", self.ctl("graph", "associations"))
        way = self.answer("graph", "path", str(apple), str(river))["path"]
        self.assertEqual((int(way[0]["from"]), int(way[-1]["to"])), (apple, river))
        self.ctl("graph", "path", str(apple), str(river))

        minded = self.answer("graph", "associate", "--concept", str(apple), "--want", "pose")
        self.assertIn(river, [int(one["node"]["concept_id"]) for one in minded["activated"]])
        self.assertIn(f"from {apple}", self.ctl("graph", "associate", "--concept", str(apple)))
        parts = self.answer("graph", "timeline", "--concept", str(stone), "-k", "10")["parts"]
        self.assertEqual(len(parts), 10)
        self.assertGreaterEqual(sum(int(part["count"]) for part in parts), ROUNDS)
        self.ctl("graph", "timeline", "--concept", str(stone))


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
