"""What the tests of commands share: a real daemon in a folder of its own, and mixmatchctl."""

import json
import os
import pathlib
import signal
import subprocess
import tempfile
import time

START_SECONDS = 60
COMMAND_SECONDS = 60
END_SECONDS = 30


class Daemon:
    """A daemon over a folder that goes away with it. Not thread-safe: one owner thread."""

    def __init__(self, mixmatchd, mixmatchctl, config, data_dir=None, log=None, environment=None):
        """`log`: a file for what the daemon says; else it says it here. `environment`: variables of
        the daemon, beside this process's."""
        self._mixmatchd, self._mixmatchctl = mixmatchd, mixmatchctl
        self._folder = tempfile.TemporaryDirectory(prefix="mixmatch-commands-")
        self.folder = pathlib.Path(self._folder.name)
        self._data_dir = data_dir or self.folder / "data"
        self._log = log
        self.environment = environment or {}
        (self.folder / "config.yaml").write_text(config)
        self.start()

    def start(self):
        port_file = self.folder / "port"
        port_file.unlink(missing_ok=True)
        command = [self._mixmatchd, "--config", str(self.folder / "config.yaml"),
                   "--data-dir", str(self._data_dir), "--listen", "127.0.0.1:0",
                   "--port-file", str(port_file)]
        with open(self._log or os.devnull, "ab") as log:
            said = {"stdout": log, "stderr": log} if self._log else {}
            self._process = subprocess.Popen(command, env=os.environ | self.environment, **said)
        for _ in range(START_SECONDS * 20):
            if port_file.exists():
                self.address = port_file.read_text().strip()
                return
            if self._process.poll() is not None:
                raise RuntimeError(f"the daemon ended with status {self._process.returncode}")
            time.sleep(0.05)
        raise RuntimeError(f"the daemon did not serve within {START_SECONDS} s")

    @property
    def pid(self):
        return self._process.pid

    def kill(self):
        self._process.kill()
        self._process.wait(timeout=END_SECONDS)

    def end(self):
        """Ends it and removes the folder; it must end well."""
        self._process.send_signal(signal.SIGTERM)
        status = self._process.wait(timeout=END_SECONDS)
        self._folder.cleanup()
        if status != 0:
            raise RuntimeError(f"the daemon ended with status {status}")

    def run(self, *arguments, timeout=COMMAND_SECONDS):
        return subprocess.run(self.command(*arguments), capture_output=True, text=True,
                              timeout=timeout)

    def begin(self, *arguments):
        """A command that is not waited for; whoever began it ends it."""
        return subprocess.Popen(self.command(*arguments), stdout=subprocess.DEVNULL,
                                stderr=subprocess.DEVNULL)

    def command(self, *arguments):
        return [self._mixmatchctl, "--server", self.address, *arguments]

    def ctl(self, *arguments):
        """What a command prints; its exit status is 0. With --timeout it has so long."""
        longer = float(arguments[1]) if arguments[0] == "--timeout" else COMMAND_SECONDS
        done = self.run(*arguments, timeout=max(longer, COMMAND_SECONDS))
        if done.returncode != 0:
            raise AssertionError(f"{arguments}: {done.returncode}: {done.stderr}")
        return done.stdout

    def answer(self, *arguments):
        """The same as JSON."""
        return json.loads(self.ctl(*arguments, "--json"))

    def wait_without_warnings(self):
        """Until the status warns of nothing; after a start it may, until all is made again. That the
        machine is slow is nothing that passes."""
        for _ in range(COMMAND_SECONDS * 10):
            warnings = [one for one in self.answer("status")["warnings"] if "GFLOP/s" not in one]
            if not warnings:
                return
            time.sleep(0.1)
        raise AssertionError(f"after {COMMAND_SECONDS} s the status still warns of {warnings}")
