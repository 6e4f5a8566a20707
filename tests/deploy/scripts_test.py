#!/usr/bin/env python3
"""Fails where a script of the tree would not start: syntax, strictness, and the executable bit.

Takes the source tree; gives one line per fault and exit status 1. It runs none of them.
"""
import os
import subprocess
import sys

FOLDERS = (".ci", "clients", "deploy", "tests")


def scripts(root):
    for top in FOLDERS:
        for folder, _, files in os.walk(os.path.join(root, top)):
            for name in sorted(files):
                path = os.path.join(folder, name)
                with open(path, "rb") as file:
                    first = file.readline()
                if name.endswith((".sh", ".py")) or first.startswith(b"#!"):
                    yield path, first.decode(errors="replace"), os.access(path, os.X_OK)


def faults(path, first, executable):
    if "bash" in first:
        checked = subprocess.run(["bash", "-n", path], capture_output=True, text=True, check=False)
        if checked.returncode:
            yield checked.stderr.strip()
        with open(path, encoding="utf-8") as file:
            if "set -euo pipefail" not in file.read():
                yield "lacks 'set -euo pipefail'"
        if not executable:
            yield "is not executable"
    elif path.endswith(".py"):
        with open(path, encoding="utf-8") as file:
            try:
                compile(file.read(), path, "exec")
            except SyntaxError as error:
                yield str(error)


def main():
    root = sys.argv[1]
    found, count = [], 0
    for path, first, executable in scripts(root):
        count += 1
        found += [
            f"{os.path.relpath(path, root)}: {fault}" for fault in faults(path, first, executable)
        ]
    print("\n".join(found) or f"{count} scripts are well formed")
    return 1 if found or not count else 0


if __name__ == "__main__":
    sys.exit(main())
