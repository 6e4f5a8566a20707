"""The daemon that the faults are done to: started, killed, frozen, and timed. One owner thread."""
import os
import pathlib
import signal
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "server"))
import command_testing  # noqa: E402

CONFIG = """\
episodes: {gap: 1s, lateness: 1s, idle_close: 1s}
generations: {publish_from: 64}
storage: {seal_at: 512}
"""


NOT_WHOLE = "answers are not whole yet"
STALL_S = 60  # in which what is made again comes farther, however busy the machine is


class Victim(command_testing.Daemon):
    """`restart_max_s`: the longest time from a start to its first answer."""

    restart_max_s = 0.0

    def __init__(self, build, log, config=CONFIG, daemon="mixmatchd", environment=None):
        programs = [os.path.join(build, "bin", name) for name in (daemon, "mixmatchctl")]
        super().__init__(*programs, config, log=log, environment=environment)

    def start(self):
        begun = time.monotonic()
        super().start()
        self.run("watermarks")
        self.restart_max_s = max(self.restart_max_s, time.monotonic() - begun)

    @property
    def data(self):
        return self.folder / "data"

    def stop(self):
        """Ends it well, and keeps its folder."""
        self._process.send_signal(signal.SIGTERM)
        self._process.wait(command_testing.END_SECONDS)

    def alive(self):
        return self._process.poll() is None

    def caught_up(self):
        """Waits while what is derived is made again and comes farther. What the status warns of then,
        but for the machine being slow."""
        left, since = None, time.monotonic()
        while True:
            warnings = [one for one in self.answer("status")["warnings"] if "GFLOP/s" not in one]
            now = [one for one in warnings if one.startswith(NOT_WHOLE)]
            if now != left:
                left, since = now, time.monotonic()
            if not now or time.monotonic() - since > STALL_S:
                return warnings
            time.sleep(0.1)

    def freeze(self, seconds):
        os.kill(self.pid, signal.SIGSTOP)
        time.sleep(seconds)
        os.kill(self.pid, signal.SIGCONT)

    def resident_mb(self):
        with open(f"/proc/{self.pid}/status", encoding="utf-8") as status:
            for line in status:
                if line.startswith("VmRSS:"):
                    return int(line.split()[1]) / 1024
        return 0.0


class FaultyVictim(Victim):
    """One whose files and clock fail as the folder `faults` and the plan say."""

    def __init__(self, build, log, config=CONFIG):
        # On the file system of the data: what may come back after a power cut is kept there.
        self._faults = tempfile.TemporaryDirectory(prefix="mixmatch-faults-")
        self.faults = pathlib.Path(self._faults.name)
        super().__init__(build, log, config, daemon="mixmatchd_faulty",
                         environment={"MIXMATCH_FAULTS": f"folder={self.faults}"})

    def plan(self, text):
        """What goes wrong from the next start on; "" for nothing."""
        self.environment = {"MIXMATCH_FAULTS": f"folder={self.faults};{text}"}

    def await_end(self, seconds):
        self._process.wait(seconds)

    def end(self):
        super().end()
        self._faults.cleanup()
