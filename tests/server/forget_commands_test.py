"""Forgets events of a real daemon: forget_commands_test.py MIXMATCHD MIXMATCHCTL."""

import json
import sys
import time
import unittest

import command_testing

CONFIG = """\
episodes: {gap: 500ms, lateness: 500ms, idle_close: 500ms}
generations: {automatic: false}
storage: {seal_at: 64}
snapshots: {log_bytes: 0}
"""
MARKER = "xyzzy-plugh-"  # in what is to be forgotten, and nowhere else


class Forgetting(unittest.TestCase):
    def setUp(self):
        self.daemon = command_testing.Daemon(*sys.argv[1:3], CONFIG)
        self.addCleanup(self.daemon.end)
        self.data = self.daemon.folder / "data"

    def store(self, first, count, source="reader", text="word", wait=True):
        """Events two to an episode, one of each source `source` and `source`-b, with large texts."""
        path = self.daemon.folder / f"{source}-{first}.jsonl"
        with open(path, "w", encoding="utf-8") as out:
            for number in range(first, first + count):
                for who in (source, "other"):
                    words = f"{text} {number % 7} " if who == source else f"thing {number % 5} "
                    out.write(json.dumps({
                        "event_id": f"{source}-{number}", "time": 1_700_000_000 + 5 * number,
                        "source": who, "scene": "desk",
                        "percepts": [{"modality": f"{who}.text", "text": words * 200}],
                        "metadata": {"word": str(number % 7)},
                    }) + "\n")
        self.daemon.ctl("ingest", "--manifest", str(path), "--no-resume",
                        *(("--wait", "recallable") if wait else ()))

    def holds(self, marker=MARKER):
        """Files of the data directory that hold the marker."""
        return sorted(str(path.relative_to(self.data)) for path in self.data.rglob("*")
                      if path.is_file() and marker.encode() in path.read_bytes())

    def fsck(self):
        done = self.daemon.run("fsck", "--data-dir", str(self.data))
        self.assertEqual(done.returncode, 0, done.stdout)

    def asked(self, source):
        found = self.daemon.answer("recall", "--text", f"{MARKER} 3", "--want", f"{source}.text",
                                   "-k", "50")
        return found["experiences"]

    def test_nothing_of_it_is_left_on_the_disk(self):
        self.store(0, 90)
        self.store(100, 90, source="secret", text=MARKER)
        self.daemon.ctl("skill", "create", "word", "--modality", "secret.text")
        self.daemon.ctl("skill", "teach", "word", "--every", "--source", "secret", "--from", "word")
        self.daemon.ctl("consolidate", "--steps", "3")
        self.daemon.ctl("generations", "publish")
        self.daemon.ctl("snapshot", "create", "before")
        self.assertTrue(self.holds())
        episodes = int(self.daemon.answer("status")["episode_count"])

        told = self.daemon.answer("forget", "--source", "secret", "--dry-run")
        self.assertEqual((told["event_count"], told["percept_count"], told["lesson_count"]),
                         ("90", "90", "90"))
        self.assertEqual(told["episode_count"], "90")
        self.assertEqual(told["snapshots"], ["before"])
        self.assertFalse(told["restarts"])
        self.assertEqual(int(self.daemon.answer("status")["event_count"]), 360)

        self.daemon.ctl("forget", "--source", "secret", "--purge-copies")
        self.assertEqual(self.holds(), [])
        self.assertEqual(self.daemon.answer("snapshot", "list")["snapshots"], [])
        self.assertEqual(int(self.daemon.answer("status")["event_count"]), 270)
        self.assertEqual(int(self.daemon.answer("status")["episode_count"]), episodes)
        self.daemon.wait_without_warnings()
        self.assertEqual(self.asked("secret"), [])
        self.assertEqual(len(self.asked("other")), 50)
        shown = self.daemon.answer("skill", "show", "word")["skill"]
        self.assertEqual(int(shown["example_count"]), 0)
        self.assertEqual(self.daemon.run("events", "get", "secret/secret-100").returncode, 1)
        self.fsck()

        # What was in its episodes is still found, and the other generation forgot as well.
        kept = self.daemon.answer("recall", "--text", "thing 3", "-k", "50")["experiences"]
        self.assertEqual(len(kept), 50)
        self.assertEqual(len({one["episode"]["episode_id"] for one in kept}), 50)
        self.daemon.ctl("generations", "rollback")
        self.assertEqual(self.asked("secret"), [])
        self.store(300, 10)  # it goes on
        self.daemon.ctl("consolidate", "--steps", "2")
        self.fsck()

    def test_what_was_forgotten_does_not_come_back(self):
        self.store(0, 10, source="secret", text=MARKER)
        self.assertEqual(self.daemon.run("forget").returncode, 2)
        self.assertEqual(self.daemon.run("forget", "--event", "secret/none").returncode, 1)
        self.daemon.ctl("forget", "--event", "secret/secret-3", "--event", "secret/secret-4")
        path = self.daemon.folder / "secret-0.jsonl"
        again = self.daemon.run("ingest", "--manifest", str(path), "--no-resume", "--json")
        told = json.loads(again.stdout)
        self.assertEqual((told["stored"], told["duplicate"], told["rejected"]), (0, 18, 2))
        self.assertIn("forgotten on request", told["rejects"][0]["reason"])
        self.daemon.ctl("forget", "--event", "secret/secret-5", "--allow-again")
        told = json.loads(self.daemon.run("ingest", "--manifest", str(path), "--no-resume",
                                          "--json").stdout)
        self.assertEqual((told["stored"], told["rejected"]), (1, 2))
        self.daemon.kill()
        self.daemon.start()
        told = json.loads(self.daemon.run("ingest", "--manifest", str(path), "--no-resume",
                                          "--json").stdout)
        self.assertEqual(told["rejected"], 2)
        self.fsck()

    def test_a_kill_on_the_way_is_gone_on_with(self):
        self.store(0, 60)
        self.store(100, 60, source="secret", text=MARKER + "secret")
        self.store(200, 5, source="lonely", text=MARKER + "lonely")
        went_on = 0
        for round_number in range(6):
            # Asked once, killed on the way, and never asked again: the starts that follow do it.
            source = ("secret", "lonely")[round_number % 2]
            if not self.asked(source):
                self.store(1000 * (round_number + 1), 20, source=source, text=MARKER + source)
            command = self.daemon.begin("forget", "--source", source)
            time.sleep(0.1 + 0.25 * round_number)
            self.daemon.kill()
            command.kill()
            command.wait()
            before = self.holds(MARKER + source)  # it was not done yet
            self.daemon.start()
            went_on += bool(before) and not self.asked(source)
            self.daemon.kill()
            self.daemon.start()
            self.daemon.wait_without_warnings()
            self.fsck()
        self.assertGreater(went_on, 0)
        for source in ("secret", "lonely"):
            self.daemon.run("forget", "--source", source)
            self.assertEqual(self.asked(source), [])
        self.assertEqual(self.holds(), [])
        self.fsck()
        self.assertEqual(len(self.daemon.answer("recall", "--text", "thing 3", "-k", "100")
                             ["experiences"]), 100)

    def test_where_a_copy_cannot_be_deleted_nothing_is_forgotten_until_asked_again(self):
        self.store(0, 5, source="secret", text=MARKER)
        self.daemon.ctl("snapshot", "create", "before")
        odd = self.data / "snapshots" / "not a name"
        odd.mkdir()
        ask = ("forget", "--event", "secret/secret-3", "--purge-copies")
        done = self.daemon.run(*ask)
        self.assertEqual(done.returncode, 1)
        self.assertIn("not a name", done.stderr)
        self.daemon.kill()
        self.daemon.start()
        self.assertEqual(int(self.daemon.answer("status")["event_count"]), 10)
        odd.rmdir()
        self.daemon.ctl(*ask)
        self.assertEqual(int(self.daemon.answer("status")["event_count"]), 9)
        self.assertEqual(self.daemon.answer("snapshot", "list")["snapshots"], [])

    def test_a_damaged_table_is_named_and_the_daemon_goes_on(self):
        self.store(0, 20, source="secret", text=MARKER)
        self.daemon.ctl("snapshot", "create", "flushed")  # everything is in tables
        table = next(path for path in (self.data / "db").glob("*.sst")
                     if b"nameby_scene" in path.read_bytes())  # a property says whose it is
        with open(table, "r+b") as file:
            file.seek(10)
            byte = file.read(1)[0]
            file.seek(10)
            file.write(bytes([byte ^ 1]))
        done = self.daemon.run("forget", "--event", "secret/secret-3")
        self.assertEqual(done.returncode, 1)
        self.assertIn(table.name, done.stderr)
        warnings = self.daemon.answer("status")["warnings"]
        self.assertTrue(any("not forgotten yet" in one and table.name in one for one in warnings),
                        warnings)
        self.store(100, 5)  # it takes in what comes, and finds it
        self.assertEqual(int(self.daemon.answer("status")["event_count"]), 49)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
