"""Runs the Python example against a real daemon: usage python_example_test.py MIXMATCHD EXAMPLE PROTOS."""

import pathlib
import signal
import subprocess
import sys
import tempfile
import time

START_SECONDS = 60
EXAMPLE_SECONDS = 90


def await_address(daemon, port_file):
    """Returns the address that the daemon wrote, or ends the test."""
    for _ in range(START_SECONDS * 20):
        if daemon.poll() is not None:
            sys.exit(f"the daemon ended before it served, status {daemon.returncode}")
        if port_file.exists():
            return port_file.read_text().strip()
        time.sleep(0.05)
    sys.exit(f"the daemon did not serve within {START_SECONDS} s")


def main():
    mixmatchd, example, protos = sys.argv[1:4]
    with tempfile.TemporaryDirectory(prefix="mixmatch-python-") as folder:
        port_file = pathlib.Path(folder) / "port"
        daemon = subprocess.Popen(
            [mixmatchd, "--data-dir", folder + "/data", "--listen", "127.0.0.1:0",
             "--port-file", str(port_file)])
        try:
            address = await_address(daemon, port_file)
            subprocess.run(
                [sys.executable, example, "--server", address, "--protos", protos],
                check=True, timeout=EXAMPLE_SECONDS)
        finally:
            daemon.send_signal(signal.SIGTERM)
            status = daemon.wait(timeout=30)
    sys.exit(status)


if __name__ == "__main__":
    main()
