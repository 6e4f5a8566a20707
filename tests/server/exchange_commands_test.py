"""A memory leaves as files and comes back, and old payloads go by rule:
exchange_commands_test.py MIXMATCHD MIXMATCHCTL.
"""

import filecmp
import json
import pathlib
import subprocess
import sys
import time
import unittest

import command_testing

CONFIG = """\
episodes: {gap: 500ms, lateness: 500ms, idle_close: 500ms}
learning: {enabled: false}
generations: {automatic: false}
"""
RETENTION = 'retention: {payloads: "text@old=1s", every: 200ms}\n'
EVENTS = 30
WAIT_SECONDS = 60


class Exchange(unittest.TestCase):
    def start(self, config, data_dir=None):
        daemon = command_testing.Daemon(*sys.argv[1:3], config, data_dir=data_dir)
        self.addCleanup(daemon.end)
        return daemon

    def ingest(self, daemon, source="reader"):
        path = daemon.folder / f"words-{source}.jsonl"
        with open(path, "w", encoding="utf-8") as out:
            for number in range(EVENTS):
                out.write(json.dumps({
                    "event_id": f"e{number}",
                    "time": 1_700_000_000 + 2 * number,
                    "source": source,
                    "scene": f"room {number % 3}",
                    "percepts": [{"modality": "text", "text": f"{source}-word-{number}"},
                                 {"modality": "pose", "vector": [number / 7, 1, -number / 3]}],
                }) + "\n")
        daemon.ctl("ingest", "--manifest", str(path), "--wait", "recallable")

    def nearest(self, daemon, text):
        found = daemon.answer("recall", "--text", text, "--want", "text", "-k", "5", "--full")
        return [(one["event"]["event"]["event_id"], round(one["similarity"], 4))
                for one in found["experiences"]]

    def data_dir_command(self, *arguments):
        return subprocess.run([sys.argv[2], *map(str, arguments)], capture_output=True, text=True,
                              timeout=120)

    def files(self, folder):
        return {path.relative_to(folder) for path in pathlib.Path(folder).rglob("*")
                if path.is_file()}

    def test_out_and_in_and_out_again(self):
        daemon = self.start(CONFIG)
        self.ingest(daemon)
        daemon.ctl("skill", "create", "rooms", "--kind", "labels")
        daemon.ctl("skill", "teach", "rooms", "--event", "reader/e3", "--label", "kitchen")
        answers = [self.nearest(daemon, f"reader-word-{n}") for n in (3, 17)]
        out, again = daemon.folder / "out", daemon.folder / "again"
        # Beside the daemon that runs.
        done = self.data_dir_command("export", "--data-dir", daemon.folder / "data", "--to", out)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn(f"{EVENTS} events, 1 lessons", done.stdout)
        taken = self.data_dir_command("export", "--data-dir", daemon.folder / "data", "--to", out)
        self.assertEqual(taken.returncode, 2)
        self.assertIn("is not empty", taken.stderr)

        new = daemon.folder / "new"
        done = self.data_dir_command("import", "--data-dir", new, "--from", out)
        self.assertEqual(done.returncode, 0, done.stderr)
        done = self.data_dir_command("export", "--data-dir", new, "--to", again)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(self.files(out), self.files(again))
        for name in self.files(out):
            self.assertTrue(filecmp.cmp(out / name, again / name, shallow=False), name)

        other = self.start(CONFIG, data_dir=new)
        other.ctl("watermarks", "--wait", "recallable")
        self.assertEqual(int(other.answer("status")["event_count"]), EVENTS)
        self.assertEqual([self.nearest(other, f"reader-word-{n}") for n in (3, 17)], answers)
        self.assertIn("kitchen", other.ctl("skill", "show", "rooms", "--json"))
        # Any memory takes the events in as a manifest.
        third = self.start(CONFIG)
        third.ctl("ingest", "--manifest", str(out / "events.jsonl"), "--no-resume", "--wait",
                  "recallable")
        self.assertEqual(int(third.answer("status")["event_count"]), EVENTS)

    def test_old_payloads_go_and_answers_stay(self):
        daemon = self.start(CONFIG + RETENTION)
        self.ingest(daemon, "old")
        before = self.nearest(daemon, "old-word-7")
        self.ingest(daemon, "new")  # the last entry stays for the mark: one of these
        for _ in range(WAIT_SECONDS * 5):
            event = daemon.answer("events", "get", "old/e7", "--full")["event"]
            if event.get("dropped_percepts"):
                break
            time.sleep(0.2)
        self.assertEqual(event["dropped_percepts"], [0])
        self.assertNotIn("old-word-7", json.dumps(event))
        self.assertEqual(len(event["event"]["percepts"][1]["vector"]["values"]), 3)
        kept = daemon.answer("events", "get", "new/e7", "--full")["event"]
        self.assertEqual(kept["event"]["percepts"][0]["text"]["text"], "new-word-7")
        found = daemon.answer("recall", "--text", "old-word-7", "--want", "text", "--source", "old",
                              "-k", "5")
        self.assertEqual([(one["event"]["event"]["event_id"], round(one["similarity"], 4))
                          for one in found["experiences"]], before)
        # Sent again, they are known by their hashes.
        self.ingest(daemon, "old")
        self.assertEqual(int(daemon.answer("status")["event_count"]), 2 * EVENTS)
        log = [json.loads(line) for line in
               (daemon.folder / "data" / "audit.log").read_text().splitlines()]
        dropped = sum(line["percepts"] for line in log if line.get("action") == "retention")
        self.assertEqual(dropped, EVENTS)
        done = self.data_dir_command("fsck", "--data-dir", daemon.folder / "data")
        self.assertEqual(done.returncode, 0, done.stdout)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
