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
BLOCK_EPISODES = 8  # new episodes that the learner takes at once, unless told otherwise
SKIPPED = 77  # exit status of a program whose data is absent

# Events come up to three seconds out of order (event time), so lateness is well above that. Growth
# publishing is off: an eval publishes by command, so that its figures belong to known moments.
CONFIG = """\
data_dir: {data_dir}
listen: "127.0.0.1:0"
seed: {seed}
episodes: {{gap: 1s, max_length: 30s, lateness: 6s, idle_close: {idle_close}}}
model: {{preset: nano, device: auto}}
learning: {{{learning}}}
generations: {{probe_share: 0.05, automatic: false}}
"""


def config(memory_dir, seed, replay=True, deterministic=False, **learning):
    """The daemon's configuration for an eval. `learning`: keys of that section, over the defaults.
    Where it is to be deterministic, nothing closes or is taken by the clock."""
    never = "24h"
    keys = {
        "enabled": "true",
        "block_episodes": BLOCK_EPISODES,
        "steps_per_block": 1,
        "batch_episodes": 64,
        "threads": 2,
        "flush_after": never if deterministic else "2s",
        "consolidate_when_idle": "false",
    }
    keys.update(learning)
    if not replay:
        keys["replay"] = "false"
    if deterministic:
        keys["deterministic"] = "true"
    return CONFIG.format(
        data_dir=json.dumps(memory_dir),
        seed=seed,
        idle_close=never if deterministic else "10s",
        learning=", ".join(f"{key}: {value}" for key, value in keys.items()),
    )


def build_dir(given):
    """The build folder: the one given, or build/release of this tree."""
    root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    return given or os.path.join(root, "build", "release")


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

    def kill(self):
        """As if the power failed: SIGKILL. Start it again with `with`'s beginning, `__enter__`."""
        self._process.kill()
        self._process.wait()

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

    def command(self, *arguments):
        """The words of a call of mixmatchctl with --json."""
        command = [os.path.join(self._bin, "mixmatchctl"), "--server", self.address, "--json"]
        return command + [str(argument) for argument in arguments]

    def ctl(self, *arguments):
        """Runs mixmatchctl with --json and returns its standard output."""
        self._child = subprocess.Popen(
            self.command(*arguments),
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
        keys = ("steps_stream", "steps_consolidation", "episodes_waiting", "episodes_trainable")
        counts = {key: int(learning.get(key, 0)) for key in keys}
        return counts | {"state": learning.get("state", "")}

    def weights_hash(self):
        """64-bit hash of the published weights, where the daemon tells it; else None."""
        return self.status()["serving"].get("weights_hash") or None

    def ingest(self, manifest, max_unlearned):
        self.ctl("ingest", "--manifest", manifest, "--max-unlearned", max_unlearned)

    def wait_learned(self):
        """Waits until the learned watermark has reached everything that is stored."""
        while True:
            marks = self.status()["watermarks"]
            if int(marks.get("learned", 0)) >= int(marks.get("durable", 0)):
                return
            time.sleep(0.5)

    def wait_settled(self, block_episodes):
        """Waits until no full block waits and no step is being made. What is too little for a
        block, or still open, stays unlearned: for runs in which nothing is taken by the clock."""
        settled = 0
        while settled < 2:  # the state is told after a step, so it is asked twice
            learning = self.learning()
            busy = learning["state"] != "IDLE" or learning["episodes_waiting"] >= block_episodes
            settled = 0 if busy else settled + 1
            time.sleep(0.5)

    def publish(self):
        """Publishes what was learned. Returns the number of the generation that serves now; where
        the gate refused, that is the one that served before."""
        self.ctl("generations", "publish")
        return int(self.status()["serving"].get("number", 0))

    def refusals(self):
        """Number and reason of each candidate that the gate refused."""
        listed = json.loads(self.ctl("generations")).get("generations", [])
        return [
            {"generation": int(one["number"]), "reason": one["reason"]}
            for one in listed
            if one["state"] == "REFUSED"
        ]

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
