"""What a figure belongs to. Standard library only."""
import os
import subprocess

MEASURED = ("core", "storage", "server", "clients", "proto")  # folders that a figure measures


def provenance():
    """What a figure belongs to: the commit of the sources (`+` where they were changed since) and
    the machine. The commit is None outside a repository."""
    root = os.path.dirname(os.path.abspath(__file__))

    def git(*arguments):
        words = ["git", "-C", root, *arguments]
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        return done.stdout.strip() if done.returncode == 0 else None

    try:
        commit = git("rev-parse", "--short", "HEAD")
        changed = git("status", "--porcelain", "--", *(f":/{name}" for name in MEASURED))
    except OSError:
        commit = changed = None
    with open("/proc/cpuinfo", encoding="utf-8") as lines:
        models = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    machine = f"{os.cpu_count()} x {models[0] if models else 'unknown'}"
    return {"commit": commit and commit + ("+" if changed else ""), "machine": machine}
