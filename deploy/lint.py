#!/usr/bin/env python3
"""Runs clang-format and clang-tidy over the project's own C++ sources; any finding fails.

Takes a configured build folder's compile_commands.json; gives findings and exit status 1, or one
line of summary. Meant to be run by the CMake target `lint`. It never changes a file.
"""
import argparse
import concurrent.futures
import json
import os
import re
import subprocess
import sys

FOLDERS = ("core", "storage", "server", "clients", "tests")
INCLUDE = re.compile(r'^\s*#\s*include\s*["<]([^">]+)[">]', re.MULTILINE)
# Clang 14 cannot parse LibTorch's headers as C++20; from this release on it can.
TORCH_AS_CXX20_SINCE = 16


def parse_args():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--source", required=True)
    parser.add_argument("--build", required=True)
    parser.add_argument("--clang-format", default="clang-format")
    parser.add_argument("--clang-tidy", default="clang-tidy")
    parser.add_argument("--only", default="", help="a regular expression on paths")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    return parser.parse_args()


def sources(root):
    """Every .h and .cc file that git tracks or would track, else what lies in our folders."""
    command = ["git", "-C", root, "ls-files", "-co", "--exclude-standard", "--", *FOLDERS]
    listed = subprocess.run(command, capture_output=True, text=True, check=False)
    if listed.returncode == 0:
        names = listed.stdout.splitlines()
    else:
        names = [
            os.path.relpath(os.path.join(folder, name), root)
            for top in FOLDERS
            for folder, _, files in os.walk(os.path.join(root, top))
            for name in files
        ]
    return sorted(
        name
        for name in names
        if name.endswith((".h", ".cc")) and os.path.exists(os.path.join(root, name))
    )


def includes_torch(root, name, seen):
    """Whether the file, or a header of ours below it, includes LibTorch."""
    if name in seen or not os.path.exists(os.path.join(root, name)):
        return False
    seen.add(name)
    with open(os.path.join(root, name), encoding="utf-8") as file:
        found = INCLUDE.findall(file.read())
    if any(path.startswith(("torch/", "ATen/", "c10/")) for path in found):
        return True
    return any(includes_torch(root, path, seen) for path in found)


def tidy(args, root, name):
    command = [
        args.clang_tidy,
        "-p",
        args.build,
        "--quiet",
        "--extra-arg=-Wno-unknown-warning-option",
    ]
    command.append(f"--header-filter=^{re.escape(root)}/({'|'.join(FOLDERS)})/")
    done = subprocess.run(
        command + [os.path.join(root, name)], capture_output=True, text=True, cwd=root, check=False
    )
    noise = re.compile(r"^\d+ warnings? (generated|treated)|^Suppressed|^Use -header-filter")
    errors = "\n".join(line for line in done.stderr.splitlines() if not noise.match(line))
    return name, done.returncode, done.stdout + errors


def main():
    args = parse_args()
    root = os.path.realpath(args.source)
    files = [name for name in sources(root) if re.search(args.only, name)]
    if not files:
        print("lint: no sources found", file=sys.stderr)
        return 1
    format_command = [args.clang_format, "--dry-run", "-Werror", *files]
    failed = subprocess.run(format_command, cwd=root, check=False).returncode != 0
    print(
        f"lint: clang-format: {len(files)} files, {'findings above' if failed else 'clean'}",
        flush=True,
    )

    with open(os.path.join(args.build, "compile_commands.json"), encoding="utf-8") as file:
        compiled = {
            os.path.realpath(os.path.join(entry["directory"], entry["file"]))
            for entry in json.load(file)
        }
    units = [name for name in files if os.path.join(root, name) in compiled]
    answer = subprocess.run(
        [args.clang_tidy, "--version"], capture_output=True, text=True, check=True
    )
    version = int(re.search(r"version (\d+)", answer.stdout).group(1))
    if version < TORCH_AS_CXX20_SINCE:
        # It parses LibTorch's headers as C++17 alone, and ours as C++20 alone.
        unread = [name for name in units if includes_torch(root, name, set())]
        units = [name for name in units if name not in unread]
        print(
            f"lint: clang-tidy {version} cannot read LibTorch with C++20; left to version "
            f"{TORCH_AS_CXX20_SINCE} and later: {', '.join(unread) or 'none'}",
            flush=True,
        )
    findings = 0
    with concurrent.futures.ThreadPoolExecutor(args.jobs) as pool:
        jobs = [pool.submit(tidy, args, root, name) for name in units]
        for number, job in enumerate(concurrent.futures.as_completed(jobs), 1):
            name, code, output = job.result()
            findings += code != 0
            print(f"lint: clang-tidy [{number}/{len(units)}] {name}{': findings' if code else ''}")
            if code:
                print(output)
            sys.stdout.flush()
    print(f"lint: clang-tidy {version}: {len(units)} files, {findings} with findings")
    return 1 if failed or findings else 0


if __name__ == "__main__":
    sys.exit(main())
