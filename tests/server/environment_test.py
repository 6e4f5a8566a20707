"""What libraries read of a daemon's environment: environment_test.py MIXMATCHD MIXMATCHCTL."""
import os
import pathlib
import sys
import unittest

import command_testing


for name in ("OMP_WAIT_POLICY", "ATEN_CPU_CAPABILITY"):
    os.environ.pop(name, None)  # whoever runs this may have them


def environment_of(**variables):
    """The variables of a daemon that was started with these."""
    daemon = command_testing.Daemon(*sys.argv[1:3], "", environment=variables)
    try:
        entries = pathlib.Path(f"/proc/{daemon.pid}/environ").read_text(encoding="utf-8").split("\0")
    finally:
        daemon.end()
    return dict(entry.split("=", 1) for entry in entries if entry)


class Environment(unittest.TestCase):
    def test_what_is_not_set_is_set_and_the_rest_stays(self):
        variables = environment_of(MIXMATCH_TEST="as it was")
        self.assertEqual(variables["OMP_WAIT_POLICY"], "passive")
        self.assertEqual(variables["MIXMATCH_TEST"], "as it was")
        if "avx512f" in pathlib.Path("/proc/cpuinfo").read_text(encoding="utf-8").split():
            self.assertEqual(variables["ATEN_CPU_CAPABILITY"], "avx512")

    def test_what_is_set_stays(self):
        variables = environment_of(OMP_WAIT_POLICY="active", ATEN_CPU_CAPABILITY="default")
        self.assertEqual(variables["OMP_WAIT_POLICY"], "active")
        self.assertEqual(variables["ATEN_CPU_CAPABILITY"], "default")


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=2)
