"""Tokens from the command line to the daemon: access_commands_test.py MIXMATCHD MIXMATCHCTL."""

import json
import pathlib
import subprocess
import sys
import tempfile
import time
import unittest

import command_testing

WAIT_SECONDS = 20


class Access(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="mixmatch-access-")
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.clients = self.folder / "clients.yaml"
        self.tokens = {}

    def token(self, *arguments):
        return subprocess.run([sys.argv[2], "token", *arguments, "--file", str(self.clients)],
                              capture_output=True, text=True, timeout=WAIT_SECONDS)

    def create(self, name, *roles):
        """Makes a client; its token lies in a file of its name."""
        flags = [word for role in roles for word in ("--role", role)]
        done = self.token("create", name, *flags)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.tokens[name] = done.stdout.strip()
        (self.folder / name).write_text(done.stdout)

    def start(self):
        self.log = self.folder / "log"
        self.daemon = command_testing.Daemon(
            *sys.argv[1:3], f"log_level: debug\naccess: {{clients_file: {self.clients}}}\n",
            log=self.log)
        self.addCleanup(self.daemon.end)

    def run_as(self, name, *arguments):
        return self.daemon.run("--token-file", str(self.folder / name), *arguments)

    def test_clients_are_made_listed_and_revoked(self):
        self.create("robot", "ingest", "recall")
        self.create("boss", "admin")
        self.assertNotEqual(self.tokens["robot"], self.tokens["boss"])
        self.assertEqual(self.token("create", "robot", "--role", "admin").returncode, 2)
        self.assertEqual(self.token("create", "x", "--role", "king").returncode, 2)
        self.assertEqual(self.token("create", "x").returncode, 2)
        self.assertEqual(
            self.token("create", "x", "--role", "admin", "--lifetime", "long").returncode, 2)
        done = self.token("create", "lab", "--role", "teach", "--certificate", "lab.example",
                          "--lifetime", "24h")
        self.assertEqual((done.returncode, done.stdout), (0, ""))
        listed = json.loads(self.token("list", "--json").stdout)
        self.assertEqual([(one["name"], one["roles"], one["known_by"]) for one in listed],
                         [("robot", "ingest,recall", "token"), ("boss", "admin", "token"),
                          ("lab", "teach", "certificate")])
        self.assertEqual(self.clients.stat().st_mode & 0o077, 0o040)
        for token in self.tokens.values():
            self.assertNotIn(token, self.clients.read_text())
        self.assertEqual(self.token("revoke", "nobody").returncode, 2)
        self.assertEqual(self.token("revoke", "robot").returncode, 0)
        listed = json.loads(self.token("list", "--json").stdout)
        self.assertEqual([one["name"] for one in listed], ["boss", "lab"])

    def test_roles_hold_until_they_are_revoked_and_no_token_is_told(self):
        self.create("robot", "ingest", "recall")
        self.create("boss", "admin")
        self.start()
        manifest = self.folder / "words.jsonl"
        manifest.write_text('{"event_id": "1", "time": 1700000000, '
                            '"percepts": [{"modality": "text", "text": "bell"}]}\n')
        ingest = ("ingest", "--manifest", str(manifest), "--wait", "recallable")
        self.assertEqual(self.run_as("robot", *ingest).returncode, 0)
        recall = ("--json", "recall", "--text", "bell", "--want", "text")
        found = json.loads(self.run_as("robot", *recall).stdout)
        self.assertEqual(len(found["experiences"]), 1)
        for name, command in (("robot", ("status",)), ("robot", ("skill", "create", "x"))):
            done = self.run_as(name, *command)
            self.assertEqual(done.returncode, 1)
            self.assertIn("PERMISSION_DENIED", done.stderr)
        refused = self.daemon.run("status")
        self.assertEqual(refused.returncode, 1)
        self.assertIn("UNAUTHENTICATED", refused.stderr)
        self.assertEqual(self.daemon.run("--token-file", "/nowhere", "status").returncode, 2)
        health = self.daemon.run("health")  # for everyone
        self.assertEqual((health.returncode, health.stdout), (0, "SERVING\n"))
        status = self.run_as("boss", "--json", "status")
        self.assertEqual(status.returncode, 0, status.stderr)
        self.assertEqual(self.run_as("boss", "skill", "create", "x").returncode, 0)

        self.assertEqual(self.token("revoke", "robot").returncode, 0)
        for _ in range(WAIT_SECONDS * 5):
            if self.run_as("robot", *recall).returncode == 1:
                break
            time.sleep(0.2)
        else:
            self.fail("a revoked token still works")
        told = self.log.read_text() + status.stdout + self.run_as("boss", "--json", "status").stdout
        for path in (self.daemon.folder / "data").rglob("*"):
            if path.is_file():
                told += path.read_bytes().decode("latin-1")
        self.assertIn("UNAUTHENTICATED", told)
        for token in self.tokens.values():
            self.assertNotIn(token, told)

    def test_it_does_not_listen_elsewhere_unless_told_so(self):
        command = [sys.argv[1], "--data-dir", str(self.folder / "data"), "--listen", "0.0.0.0:0"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, 1)
        self.assertIn("access.insecure", done.stderr)

    def test_a_token_does_not_cross_a_network_readable(self):
        self.create("robot", "recall")
        done = subprocess.run([sys.argv[2], "--server", "192.0.2.1:7077", "--token-file",
                               str(self.folder / "robot"), "recall", "--text", "x"],
                              capture_output=True, text=True, timeout=WAIT_SECONDS)
        self.assertEqual(done.returncode, 2)
        self.assertIn("readable", done.stderr)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
