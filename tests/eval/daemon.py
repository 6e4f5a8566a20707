"""Starts a real mixmatchd and talks to it through mixmatchctl, as a user would.

Takes a build folder and a config; gives a context manager whose end is the daemon's end, whatever
happened in between. Standard library only. It knows no data and judges nothing.
"""
import json
import os
import signal
import subprocess
import time

START_TIMEOUT_S = 120
STOP_TIMEOUT_S = 60


class Failed(Exception):
    """A program failed; the message says which, and its last words."""


class Daemon:
    """A running daemon. Use it as a context manager."""

    def __init__(self, build_dir, work_dir, config):
        self._bin = os.path.join(build_dir, "bin")
        for program in ("mixmatchd", "mixmatchctl"):
            if not os.path.exists(os.path.join(self._bin, program)):
                raise Failed(f"no {program} in {self._bin}; build it, or name the build folder")
        self._config = os.path.join(work_dir, "mixmatchd.yaml")
        with open(self._config, "w", encoding="utf-8") as out:
            out.write(config)
        self._port_file = os.path.join(work_dir, "port")
        self._log = os.path.join(work_dir, "mixmatchd.log")
        self._process = None
        self._child = None
        self.address = ""

    def __enter__(self):
        if os.path.exists(self._port_file):
            os.remove(self._port_file)
        command = [os.path.join(self._bin, "mixmatchd"), "--config", self._config]
        with open(self._log, "ab") as log:
            self._process = subprocess.Popen(
                command + ["--port-file", self._port_file],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        try:
            self._wait_for_port()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        for process in (self._child, self._process):
            if process is None or process.poll() is not None:
                continue
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(STOP_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def _last_words(self):
        with open(self._log, encoding="utf-8", errors="replace") as log:
            return "".join(log.readlines()[-15:])

    def _wait_for_port(self):
        deadline_s = time.monotonic() + START_TIMEOUT_S
        while not os.path.exists(self._port_file):
            if self._process.poll() is not None:
                raise Failed(
                    f"mixmatchd ended with {self._process.returncode}:\n{self._last_words()}"
                )
            if time.monotonic() > deadline_s:
                raise Failed(
                    f"mixmatchd serves not after {START_TIMEOUT_S} s:\n{self._last_words()}"
                )
            time.sleep(0.05)
        with open(self._port_file, encoding="utf-8") as port:
            self.address = port.read().strip()

    def ctl(self, *arguments):
        """Runs mixmatchctl with --json and returns its standard output."""
        command = [os.path.join(self._bin, "mixmatchctl"), "--server", self.address, "--json"]
        self._child = subprocess.Popen(
            command + [str(argument) for argument in arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        output, errors = self._child.communicate()
        if self._child.returncode != 0:
            words = (
                f"mixmatchctl {arguments[0]} ended with {self._child.returncode}: {errors[-2000:]}"
            )
            if self._process.poll() is not None:
                words += (
                    f"\nmixmatchd had ended with {self._process.returncode}:\n{self._last_words()}"
                )
            raise Failed(words)
        return output

    def status(self):
        return json.loads(self.ctl("status"))

    def learning(self):
        """The learner's part of the status, its counts as ints (JSON carries uint64 as text)."""
        learning = self.status()["learning"]
        return {key: int(learning.get(key, 0)) for key in ("steps_stream", "steps_consolidation")}

    def ingest(self, manifest, max_unlearned):
        self.ctl("ingest", "--manifest", manifest, "--max-unlearned", max_unlearned)

    def wait_learned(self):
        """Waits until the learned watermark has reached everything that is stored."""
        while True:
            marks = self.status()["watermarks"]
            if int(marks.get("learned", 0)) >= int(marks.get("durable", 0)):
                return
            time.sleep(0.5)

    def publish(self):
        """Publishes what was learned. Returns the number of the generation that serves now; where
        the gate refused, that is the one that served before."""
        self.ctl("generations", "publish")
        return int(self.status()["serving"].get("number", 0))

    def consolidate(self, steps):
        if steps > 0:
            self.ctl("consolidate", "--steps", steps)

    def eval(self, queries):
        return json.loads(self.ctl("eval", "--queries", queries))

    def resident_mb(self, field="VmRSS"):
        with open(f"/proc/{self._process.pid}/status", encoding="utf-8") as status:
            for line in status:
                if line.startswith(field + ":"):
                    return round(int(line.split()[1]) / 1024)
        return 0
