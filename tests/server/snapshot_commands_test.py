"""Makes and restores snapshots and backups of a real daemon by mixmatchctl: usage
snapshot_commands_test.py MIXMATCHD MIXMATCHCTL.
"""

import json
import sys
import tempfile
import threading
import time
import unittest

import command_testing

CONFIG = """\
episodes: {gap: 500ms, lateness: 500ms, idle_close: 500ms}
generations: {automatic: false}
"""
WAIT_SECONDS = 60


def store(daemon, begin, end):
    """Stores words [begin, end), two seconds apart."""
    path = daemon.folder / f"words-{begin}.jsonl"
    with open(path, "w", encoding="utf-8") as out:
        for number in range(begin, end):
            out.write(json.dumps({
                "event_id": f"e{number}",
                "time": 1_700_000_000 + 2 * number,
                "source": "reader",
                "scene": "desk",
                "percepts": [{"modality": "text", "text": f"word {number % 7}"}],
                "metadata": {"word": str(number % 7)},
            }) + "\n")
    daemon.ctl("ingest", "--manifest", str(path), "--no-resume", "--wait", "recallable")


class SnapshotCommands(unittest.TestCase):
    def setUp(self):
        self.daemon = command_testing.Daemon(*sys.argv[1:3], CONFIG)

    def tearDown(self):
        self.daemon.end()

    def ingest(self, begin, end):
        store(self.daemon, begin, end)

    def events(self):
        return int(self.daemon.answer("status")["event_count"])

    def names(self):
        return [one["name"] for one in self.daemon.answer("snapshot", "list")["snapshots"]]

    def test_put_back_and_forth(self):
        self.ingest(0, 30)
        self.daemon.ctl("skill", "create", "word", "--modality", "text")
        self.daemon.ctl("skill", "teach", "word", "--every", "--from", "word")
        self.assertIn("30 events", self.daemon.ctl("snapshot", "create", "early"))
        address = self.daemon.address
        self.ingest(30, 50)
        self.daemon.ctl("skill", "delete", "word")
        self.assertIn("whole", self.daemon.ctl("snapshot", "verify", "early"))
        self.assertIn("early", self.daemon.ctl("snapshot", "list"))

        self.assertIn("restored", self.daemon.ctl("snapshot", "restore", "early"))
        self.assertEqual(self.daemon.address, address)
        self.assertEqual(self.events(), 30)
        shown = self.daemon.answer("skill", "show", "word")["skill"]
        self.assertEqual(int(shown["example_count"]), 30)
        found = self.daemon.answer("recall", "--text", "word 3", "--want", "text", "-k", "1")
        self.assertEqual(len(found["experiences"]), 1)
        self.ingest(100, 105)  # it goes on from there

        kept = [name for name in self.names() if name.startswith("pre-restore-")]
        self.assertEqual(len(kept), 1)
        self.daemon.ctl("snapshot", "verify", kept[0])
        self.daemon.ctl("snapshot", "restore", kept[0])
        self.assertEqual(self.events(), 50)
        self.assertEqual(self.daemon.run("skill", "show", "word").returncode, 1)
        self.daemon.kill()
        self.daemon.start()
        self.assertEqual(self.events(), 50)

    def test_made_while_events_come_in(self):
        self.ingest(0, 20)
        writer = threading.Thread(target=self.ingest, args=(20, 2020))
        writer.start()
        made = []
        while writer.is_alive() and len(made) < 5:
            made.append(self.daemon.answer("snapshot", "create", f"s{len(made)}")["snapshot"])
        writer.join()
        self.assertGreaterEqual(len(made), 1)
        for one in made:
            self.daemon.ctl("snapshot", "verify", one["name"])
        self.daemon.ctl("snapshot", "restore", made[0]["name"])
        # At least what was stored before the call, and a whole log at that.
        self.assertGreaterEqual(self.events(), int(made[0]["event_count"]))
        self.ingest(0, 2020)  # what came later is new again, the rest is known
        self.assertEqual(self.events(), 2020)

    def test_killed_while_it_restores(self):
        self.ingest(0, 30)
        self.daemon.ctl("snapshot", "create", "early")
        self.ingest(30, 50)
        restored = 0
        for delay_s in (0.02, 0.1, 0.3, 0.6, 1.0):
            asker = self.daemon.begin("snapshot", "restore", "early")
            time.sleep(delay_s)
            self.daemon.kill()
            asker.kill()
            asker.wait()
            self.daemon.start()
            self.assertIn(self.events(), (30, 50))
            restored += self.events() == 30
            # Whatever was put in its place is whole, and so is what was set aside.
            for name in self.names():
                self.daemon.ctl("snapshot", "verify", name)
            self.ingest(30, 50)
            self.assertEqual(self.events(), 50)
        self.assertGreaterEqual(restored, 1)

    def test_what_is_wrong_is_named(self):
        self.ingest(0, 5)
        for wrong, hint in (
            (("create", "a/b"), "'a/b'"),
            (("verify", "none"), "'none'"),
            (("restore", "none"), "'none'"),
            (("delete", "none"), "'none'"),
        ):
            done = self.daemon.run("snapshot", *wrong)
            self.assertEqual(done.returncode, 1, wrong)
            self.assertIn(hint, done.stderr, wrong)
        self.daemon.ctl("snapshot", "create", "one")
        self.assertEqual(self.daemon.run("snapshot", "create", "one").returncode, 1)
        log = next((self.daemon.folder / "data/snapshots/one/db").glob("*.log"))
        log.unlink()
        for command in ("verify", "restore"):
            done = self.daemon.run("snapshot", command, "one")
            self.assertEqual(done.returncode, 1)
            self.assertIn(log.name, done.stderr)
        self.daemon.ctl("snapshot", "delete", "one")
        self.assertEqual(self.names(), [])
        self.assertEqual(self.events(), 5)


class ScheduledSnapshots(unittest.TestCase):
    def test_the_clock_makes_them_and_keeps_the_newest(self):
        daemon = command_testing.Daemon(*sys.argv[1:3],
                                        CONFIG + "snapshots: {every: 1s, keep: 2}\n")
        try:
            daemon.ctl("snapshot", "create", "mine")
            seen = set()
            for _ in range(WAIT_SECONDS * 5):
                listed = daemon.answer("snapshot", "list")["snapshots"]
                names = {one["name"] for one in listed}
                self.assertLessEqual(len(names), 1 + 3)  # one is made before one goes
                seen |= names
                if len(seen) >= 1 + 4:
                    break
                time.sleep(0.2)
            self.assertGreaterEqual(len(seen), 1 + 4)
            self.assertIn("mine", names)
        finally:
            daemon.end()


class Backups(unittest.TestCase):
    def setUp(self):
        self.dir = tempfile.TemporaryDirectory(prefix="mixmatch-backups-")
        self.addCleanup(self.dir.cleanup)

    def test_made_checked_and_put_back_into_an_empty_memory(self):
        config = CONFIG + f"backups: {{dir: {self.dir.name}}}\n"
        daemon = command_testing.Daemon(*sys.argv[1:3], config)
        try:
            store(daemon, 0, 30)
            self.assertIn("30 events", daemon.ctl("backup", "create"))
            store(daemon, 30, 40)
            daemon.ctl("backup", "create")
            listed = daemon.answer("backup", "list")["backups"]
            self.assertEqual([one["backup_id"] for one in listed], [2, 1])
            self.assertIn("whole", daemon.ctl("backup", "verify", "1"))
            self.assertEqual(daemon.run("backup", "verify", "7").returncode, 1)
        finally:
            daemon.end()
        # Another daemon, whose disk was lost.
        daemon = command_testing.Daemon(*sys.argv[1:3], config)
        try:
            self.assertIn("restored", daemon.ctl("backup", "restore", "1"))
            self.assertEqual(int(daemon.answer("status")["event_count"]), 30)
            found = daemon.answer("recall", "--text", "word 3", "--want", "text", "-k", "1")
            self.assertEqual(len(found["experiences"]), 1)
            daemon.ctl("snapshot", "verify", "backup-1")
            daemon.ctl("backup", "delete", "1")
            self.assertEqual(len(daemon.answer("backup", "list")["backups"]), 1)
        finally:
            daemon.end()

    def test_the_clock_makes_them_and_keeps_the_newest(self):
        daemon = command_testing.Daemon(
            *sys.argv[1:3], CONFIG + f"backups: {{dir: {self.dir.name}, every: 1s, keep: 2}}\n")
        try:
            seen = set()
            for _ in range(WAIT_SECONDS * 5):
                listed = daemon.answer("backup", "list")["backups"]
                self.assertLessEqual(len(listed), 3)  # one is made before one goes
                seen |= {one["backup_id"] for one in listed}
                if len(seen) >= 4:
                    break
                time.sleep(0.2)
            self.assertGreaterEqual(len(seen), 4)
        finally:
            daemon.end()

    def test_without_a_directory_they_say_what_to_set(self):
        daemon = command_testing.Daemon(*sys.argv[1:3], CONFIG)
        try:
            done = daemon.run("backup", "create")
            self.assertEqual(done.returncode, 1)
            self.assertIn("backups.dir", done.stderr)
        finally:
            daemon.end()


class Download(unittest.TestCase):
    def test_a_daemon_starts_over_what_was_downloaded(self):
        daemon = command_testing.Daemon(*sys.argv[1:3], CONFIG)
        try:
            store(daemon, 0, 30)
            daemon.ctl("snapshot", "create", "early")
            copy = daemon.folder / "copy"
            self.assertIn("early", daemon.ctl("snapshot", "download", "early", "--to", str(copy)))
            again = daemon.run("snapshot", "download", "early", "--to", str(copy))
            self.assertEqual(again.returncode, 2)
            self.assertEqual(
                daemon.run("snapshot", "download", "none", "--to", str(copy) + "2").returncode, 1)
            made = daemon.folder / "data/snapshots/early"
            self.assertEqual(files_of(made), files_of(copy))
            other = command_testing.Daemon(*sys.argv[1:3], CONFIG, data_dir=copy)
            try:
                self.assertEqual(int(other.answer("status")["event_count"]), 30)
            finally:
                other.end()
        finally:
            daemon.end()


def files_of(folder):
    return {str(path.relative_to(folder)): path.read_bytes()
            for path in folder.rglob("*") if path.is_file()}


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
