"""A damaged memory is told, and put back: damage_commands_test.py MIXMATCHD MIXMATCHCTL."""

import json
import subprocess
import sys
import time
import unittest

import command_testing

CONFIG = """\
episodes: {gap: 500ms, lateness: 500ms, idle_close: 500ms}
learning: {enabled: false}
generations: {automatic: false}
snapshots: {log_bytes: 0}
"""
LEARNS = CONFIG.replace("enabled: false", "flush_after: 100ms, consolidate_when_idle: false")
WAIT_SECONDS = 60


class Damage(unittest.TestCase):
    def setUp(self):
        self.daemon = command_testing.Daemon(*sys.argv[1:3], CONFIG)
        self.addCleanup(self.daemon.end)
        self.data = self.daemon.folder / "data"
        self.sent = 0

    def ingest(self, count, source=None, posed=False):
        path = self.daemon.folder / f"words-{self.sent}.jsonl"
        with open(path, "w", encoding="utf-8") as out:
            for number in range(self.sent, self.sent + count):
                pose = {"modality": "pose", "vector": [number % 7, 1, number % 5]}
                out.write(json.dumps({
                    "event_id": f"e{number}",
                    "time": 1_700_000_000 + 2 * number,
                    "percepts": [{"modality": "text", "text": f"word {number}"}] + [pose] * posed,
                } | ({"source": source} if source else {})) + "\n")
        self.sent += count
        self.daemon.ctl("ingest", "--manifest", str(path), "--wait", "recallable")

    def wait(self, condition):
        """The status for which it holds."""
        for _ in range(10 * WAIT_SECONDS):
            status = self.daemon.answer("status")
            if condition(status):
                return status
            time.sleep(0.1)
        raise AssertionError(f"the status is still {status}")

    def kill_after_the_mark(self):
        """The mark is written once a second."""
        time.sleep(2.5)
        self.daemon.kill()

    def fsck(self):
        done = subprocess.run(
            [sys.argv[2], "--json", "fsck", "--data-dir", str(self.data)],
            capture_output=True, text=True, timeout=60)
        return done.returncode, json.loads(done.stdout)

    def check_it_only_tells(self, *words):
        """What a daemon does whose memory did not open."""
        status = self.daemon.answer("status")
        self.assertEqual(len(status["warnings"]), 1)
        for word in words:
            self.assertIn(word, status["warnings"][0])
        for command in (("recall", "--text", "word 3"), ("events", "list"), ("skill", "list"),
                        ("learning", "pause"), ("snapshot", "create", "x")):
            done = self.daemon.run(*command)
            self.assertEqual(done.returncode, 1, command)
            self.assertIn("DATA_LOSS", done.stderr)
            self.assertIn(words[0], done.stderr)
        health = self.daemon.run("health")
        self.assertEqual((health.returncode, health.stdout), (1, "NOT_SERVING\n"))
        self.daemon.ctl("snapshot", "verify", "good")

    def check_it_is_put_back(self):
        self.daemon.ctl("snapshot", "restore", "good")
        self.assertEqual(int(self.daemon.answer("status")["event_count"]), 10)
        self.daemon.wait_without_warnings()
        found = self.daemon.answer("recall", "--text", "word 3", "--want", "text", "-k", "1")
        self.assertEqual(found["experiences"][0]["event"]["event"]["event_id"], "e3")
        self.ingest(5)
        self.assertEqual(self.fsck()[0], 0)

    def test_log_files_that_are_gone(self):
        self.ingest(10)
        self.daemon.ctl("snapshot", "create", "good")
        self.ingest(10)
        self.kill_after_the_mark()
        self.assertEqual(self.fsck()[0], 0)
        for path in (self.data / "db").glob("*.log"):
            path.unlink()
        code, found = self.fsck()
        self.assertEqual((code, found["findings"][-1]["family"]), (3, "mark"))
        self.daemon.start()
        self.check_it_only_tells("sequences", "were stored and are gone")
        self.check_it_is_put_back()

    def test_a_log_file_with_a_flipped_byte(self):
        self.ingest(10)
        self.daemon.ctl("snapshot", "create", "good")
        self.ingest(200)
        self.kill_after_the_mark()
        largest = max((self.data / "db").glob("*.log"), key=lambda path: path.stat().st_size)
        content = bytearray(largest.read_bytes())
        content[len(content) // 2] ^= 1
        largest.write_bytes(content)
        code, found = self.fsck()
        self.assertEqual(code, 3)
        families = [finding["family"] for finding in found["findings"]]
        self.assertIn("database", families)
        self.assertIn("mark", families)
        self.assertGreater(found["events"], 10)  # what is before the damage
        self.daemon.start()
        self.check_it_only_tells("database not opened", largest.name, "to 21", "restore")
        self.check_it_is_put_back()

    def salvage(self, to):
        done = subprocess.run(
            [sys.argv[2], "--json", "fsck", "--data-dir", str(self.data), "--salvage", str(to)],
            capture_output=True, text=True, timeout=120)
        self.assertIn(done.returncode, (0, 3), done.stderr)
        return done.returncode, json.loads(done.stdout)

    def test_what_verifies_is_brought_over_and_what_is_lost_is_told(self):
        for _ in range(10):
            self.ingest(20)
        self.kill_after_the_mark()
        whole = self.daemon.folder / "whole"
        self.assertEqual(self.salvage(whole)[0], 0)
        largest = max((self.data / "db").glob("*.log"), key=lambda path: path.stat().st_size)
        content = bytearray(largest.read_bytes())
        for back in range(2_000, len(content) // 20, 2_000):  # in the last writes
            content[-back] ^= 1
        largest.write_bytes(content)
        part = self.daemon.folder / "part"
        code, told = self.salvage(part)
        self.assertEqual(code, 3)
        lost = [one for one in told["findings"] if one["family"] == "log"]
        gone = sum(one["last_sequence"] - one["first_sequence"] + 1 for one in lost)
        self.assertGreater(gone, 0)
        self.assertLess(gone, 200)
        self.assertLessEqual(200 - gone, told["events"])
        (self.daemon.folder / "current").write_bytes((self.data / "db/CURRENT").read_bytes())
        (self.data / "db/CURRENT").unlink()  # and this one too: it is made anew
        self.assertEqual(self.salvage(self.daemon.folder / "again")[1]["events"], told["events"])
        (self.data / "db/CURRENT").write_bytes((self.daemon.folder / "current").read_bytes())
        self.assertEqual(self.daemon.folder.joinpath("part.copy").exists(), False)
        for folder, count in ((whole, 200), (part, told["events"])):
            other = command_testing.Daemon(*sys.argv[1:3], CONFIG, data_dir=folder)
            try:
                self.assertEqual(int(other.answer("status")["event_count"]), count)
                other.wait_without_warnings()
                found = other.answer("recall", "--text", "word 3", "--want", "text", "-k", "1")
                self.assertEqual(len(found["experiences"]), 1)
                checked = other.run("fsck", "--data-dir", str(folder))
                self.assertEqual(checked.returncode, 0, checked.stdout)
            finally:
                other.end()
        self.daemon.start()

    def whole_answer(self, *ask):
        """The first answer that says that it is whole."""
        for _ in range(10 * WAIT_SECONDS):
            answer = self.daemon.answer(*ask)
            if not any(int(count) for count in answer["pending"].values()):
                return answer["experiences"]
            time.sleep(0.1)
        raise AssertionError(f"still {answer['pending']}")

    def test_what_is_derived_is_made_anew_from_the_events(self):
        self.ingest(40)
        self.daemon.ctl("snapshot", "create", "good")
        ask = ("recall", "--text", "word 7", "--want", "text", "-k", "5")
        before = self.daemon.answer(*ask)["experiences"]
        listed = self.daemon.answer("events", "list", "--scene", "")["events"]
        for what in ("keys", "episodes", "embeddings", "index"):
            rebuild = [sys.argv[2], "rebuild", "--data-dir", str(self.data), "--what", what]
            done = subprocess.run(rebuild, capture_output=True, text=True, timeout=60)
            self.assertEqual(done.returncode, 2, what)  # a daemon holds it
            self.daemon.kill()
            done = subprocess.run(rebuild, capture_output=True, text=True, timeout=60)
            self.assertEqual(done.returncode, 0, done.stderr)
            self.daemon.start()
            after = self.whole_answer(*ask)
            for one, other in zip(after, before, strict=True):
                # What is embedded beside others is rounded as they are.
                self.assertAlmostEqual(one.pop("similarity"), other["similarity"], 5, what)
                self.assertEqual(one, {key: other[key] for key in one}, what)
            self.assertEqual(self.daemon.answer("events", "list", "--scene", "")["events"], listed)
            self.daemon.wait_without_warnings()
            self.assertEqual(self.fsck()[0], 0, what)

    def test_learning_goes_on_where_fewer_episodes_are_bound_anew(self):
        (self.daemon.folder / "config.yaml").write_text(LEARNS)
        self.daemon.kill()
        self.daemon.start()
        self.ingest(30, posed=True)
        self.ingest(10, source="gone", posed=True)
        self.daemon.ctl("watermarks", "--wait", "learned")
        steps = int(self.daemon.answer("status")["learning"]["steps_total"])
        self.assertGreater(steps, 0)
        self.daemon.ctl("forget", "--source", "gone")
        self.daemon.kill()
        rebuild = [sys.argv[2], "rebuild", "--data-dir", str(self.data), "--what", "episodes"]
        done = subprocess.run(rebuild, capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.daemon.start()
        self.daemon.wait_without_warnings()
        self.wait(lambda status: int(status["learning"]["steps_total"]) >= steps)
        self.ingest(5, posed=True)
        self.daemon.ctl("watermarks", "--wait", "learned")
        # Two percepts and an episode for each event, and no episode of what was forgotten.
        status = self.wait(lambda status: int(status["serving"]["embedding_count"]) >= 3 * 35)
        self.assertEqual(int(status["serving"]["embedding_count"]), 3 * 35)
        self.assertEqual(int(status["episode_count"]), 35)
        self.assertGreater(int(status["learning"]["steps_total"]), steps)
        self.assertEqual(status["warnings"], [])
        found = self.daemon.answer("recall", "--text", "word 3", "-k", "50")["experiences"]
        self.assertEqual(len(found), 35)
        self.assertEqual(self.fsck()[0], 0)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
