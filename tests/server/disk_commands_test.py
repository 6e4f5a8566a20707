"""Fills the disk under a real daemon: usage disk_commands_test.py MIXMATCHD MIXMATCHCTL.

Needs the right to mount a small file system in memory; without it, it is skipped (77).
"""

import json
import os
import pathlib
import random
import subprocess
import sys
import tempfile
import time
import unittest

import command_testing

DISK_BYTES = 320 << 20
CONFIG = """\
episodes: {gap: 500ms, lateness: 500ms, idle_close: 500ms}
learning: {enabled: false}
generations: {automatic: false}
"""
WAIT_SECONDS = 60
STILL_SECONDS = 4


def mount(folder):
    """Whether a small file system is mounted there now."""
    command = ["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES}", "tmpfs", folder]
    try:
        return subprocess.run(command, capture_output=True).returncode == 0
    except FileNotFoundError:
        return False


def may_mount():
    with tempfile.TemporaryDirectory(prefix="mixmatch-disk-") as folder:
        if not mount(folder):
            return False
        subprocess.run(["umount", folder], check=True)
    return True


class FullDisk(unittest.TestCase):
    def setUp(self):
        self._folder = tempfile.TemporaryDirectory(prefix="mixmatch-disk-")
        self.disk = pathlib.Path(self._folder.name)
        self.addCleanup(self._folder.cleanup)
        self.assertTrue(mount(str(self.disk)))
        self.addCleanup(subprocess.run, ["umount", str(self.disk)], check=True)
        self.sent = 0

    def start(self, limits):
        self.daemon = command_testing.Daemon(*sys.argv[1:3], CONFIG + f"limits: {{{limits}}}\n",
                                             data_dir=self.disk / "data")
        self.addCleanup(self.daemon.end)

    def begin_ingest(self, count):
        """Sends new words in the background; ends once all are stored and recallable."""
        path = self.daemon.folder / f"words-{self.sent}.jsonl"
        rng = random.Random(self.sent)
        with open(path, "w", encoding="utf-8") as out:
            for number in range(self.sent, self.sent + count):
                out.write(json.dumps({
                    "event_id": f"e{number}",
                    "time": 1_700_000_000 + 2 * number,
                    "source": "reader",
                    "percepts": [{"modality": "text",
                                  "text": f"word {number} " + rng.randbytes(20_000).hex()}],
                }) + "\n")
        self.sent += count
        return self.daemon.begin("ingest", "--manifest", str(path), "--wait", "recallable")

    def await_end(self, process):
        self.assertEqual(process.wait(timeout=WAIT_SECONDS), 0)
        self.assertEqual(self.events(), self.sent)

    def events(self):
        return int(self.daemon.answer("status")["event_count"])

    def await_standstill(self):
        """Waits until nothing is stored for some seconds."""
        for _ in range(WAIT_SECONDS):
            before = self.events()
            time.sleep(STILL_SECONDS)
            if self.events() == before:
                return before
        self.fail("the disk did not fill")

    def recall(self):
        return self.daemon.answer("recall", "--text", "word 3", "--want", "text", "-k", "3")

    def fill(self, left_bytes):
        """Ballast, until so much is left."""
        free = os.statvfs(self.disk)
        size = free.f_bavail * free.f_frsize - left_bytes
        with open(self.disk / "ballast", "wb") as ballast:
            os.posix_fallocate(ballast.fileno(), 0, size)

    def test_below_the_watermark_it_reads_and_does_not_write(self):
        self.start("disk_free_bytes: 134217728")
        self.await_end(self.begin_ingest(20))
        self.fill(64 << 20)
        for _ in range(WAIT_SECONDS * 5):
            if self.daemon.answer("status")["warnings"]:
                break
            time.sleep(0.2)
        self.assertIn("MiB are left", self.daemon.answer("status")["warnings"][0])
        waiting = self.begin_ingest(10)
        self.assertEqual(self.await_standstill(), 20)
        for command in (("skill", "create", "x"), ("snapshot", "create", "x")):
            done = self.daemon.run("--timeout", "5", *command)
            self.assertEqual(done.returncode, 1)
            self.assertIn("disk_free_bytes", done.stderr)
        self.assertEqual(len(self.recall()["experiences"]), 3)
        self.assertIsNone(waiting.poll())
        (self.disk / "ballast").unlink()
        self.await_end(waiting)  # by itself
        self.daemon.ctl("skill", "create", "x")

    def test_without_a_watermark_a_full_disk_loses_nothing(self):
        self.start("disk_free_bytes: 0")
        self.await_end(self.begin_ingest(20))
        self.fill(8 << 20)
        waiting = self.begin_ingest(2500)
        stored = self.await_standstill()
        self.assertGreater(stored, 20)
        self.assertLess(stored, self.sent)
        self.assertIsNone(waiting.poll())
        self.assertEqual(len(self.recall()["experiences"]), 3)
        (self.disk / "ballast").unlink()
        self.await_end(waiting)  # by itself
        self.daemon.kill()
        self.daemon.start()
        self.assertEqual(self.events(), self.sent)
        self.assertEqual(len(self.recall()["experiences"]), 3)


if __name__ == "__main__":
    if not may_mount():
        print("skipped: no right to mount a tmpfs", file=sys.stderr)
        sys.exit(77)
    unittest.main(argv=sys.argv[:1])
