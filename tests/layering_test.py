#!/usr/bin/env python3
"""Fails on an include that the architecture forbids, and on a source that breaks the house's shape.

Takes the source tree; gives one line per violation and exit status 1. The order of the folders is
the order in which data flows: a folder may use only what stands before it. `--self-test` plants one
violation of each rule in a small tree of its own and checks that it is found.
"""
import os
import re
import sys
import tempfile

# What stands later may use what stands before.
CORE = (
    "base",
    "senses",
    "media",
    "episodes",
    "encoder",
    "learning",
    "generations",
    "skills",
    "graph",
)
LAYERS = [f"core/{name}" for name in CORE] + ["storage", "server"]
SCANNED = ("core", "storage", "server", "clients", "tests")
LINES_MAX = 400
COLUMNS_MAX = 100

INCLUDE = re.compile(r'^\s*#\s*include\s*(["<])([^">]+)[">]')
# Third-party libraries by what their headers begin with.
LIBRARIES = {
    "torch": ("torch/", "ATen/", "c10/"),
    "faiss": ("faiss/",),
    "rocksdb": ("rocksdb/",),
    "grpc": ("grpc/", "grpcpp/"),
    "protobuf": ("google/protobuf/", "google/rpc/", "mixmatch/v1/"),
    "libav": ("libavcodec/", "libavformat/", "libavutil/", "libswscale/", "libswresample/"),
}
# Where each may be used at all. Tests may use what the code under test may.
ALLOWED = {
    "torch": ("core/encoder", "core/learning"),
    "faiss": ("storage",),
    "rocksdb": ("storage",),
    "grpc": ("server", "clients"),
    "protobuf": ("server", "clients", "storage"),
    "libav": ("core/media",),
}
# Never behind a header that a folder includes which may not use them itself: not even by way of
# other headers of ours. They leak compile time, and the choice of library.
HIDDEN = ("torch", "faiss", "rocksdb", "grpc")


def library_of(path):
    for library, prefixes in LIBRARIES.items():
        if (
            path.startswith(prefixes)
            or path.endswith((".pb.h", ".grpc.pb.h"))
            and library == "protobuf"
        ):
            return library
    return None


def room_of(name):
    """The layer a file belongs to: core/<folder>, storage, server, clients or tests."""
    parts = name.split("/")
    return "/".join(parts[:2]) if parts[0] == "core" and len(parts) > 2 else parts[0]


def folder_of(name):
    return os.path.dirname(name)


class Tree:
    """The sources under a root, with their includes."""

    def __init__(self, root):
        self.texts = {}
        for top in SCANNED:
            for folder, folders, files in os.walk(os.path.join(root, top)):
                folders.sort()
                for file in sorted(files):
                    if file.endswith((".h", ".cc")):
                        path = os.path.join(folder, file)
                        with open(path, encoding="utf-8") as source:
                            self.texts[os.path.relpath(path, root)] = source.read()
        self.includes = {name: self._includes(text) for name, text in self.texts.items()}

    @staticmethod
    def _includes(text):
        return [
            (number, match.group(2))
            for number, line in enumerate(text.splitlines(), 1)
            if (match := INCLUDE.match(line))
        ]

    def bearers(self, library):
        """Headers of ours that include the library, directly or by way of other headers."""
        found = set()
        grown = True
        while grown:
            grown = False
            for name, includes in self.includes.items():
                if name.endswith(".h") and name not in found:
                    if any(library_of(path) == library or path in found for _, path in includes):
                        found.add(name)
                        grown = True
        return found


def edge_violation(name, path):
    """What is wrong with one of our own files including another, or None."""
    source, target = room_of(name), room_of(path)
    if source == "tests" or source == target:
        return None
    if target == "tests":
        return "only tests include tests"
    if source == "clients":
        return "clients know only proto"
    if target == "clients":
        return "nothing may use clients"
    if target not in LAYERS:
        return f"'{target}' is no known folder"
    if source not in LAYERS:
        return f"'{source}' is no known folder; add it to LAYERS in its place"
    if LAYERS.index(target) > LAYERS.index(source):
        return f"{source} stands before {target} and may not use it"
    return None


def check_includes(tree):
    for name, found in tree.includes.items():
        room = room_of(name)
        for number, path in found:
            where = f"{name}:{number}: includes {path}: "
            library = library_of(path)
            if library is None:
                if path.split("/")[0] in SCANNED and "/" in path:
                    problem = edge_violation(name, path)
                    if problem:
                        yield where + problem
                continue
            if room != "tests" and room not in ALLOWED[library]:
                yield where + f"{library} belongs to {', '.join(ALLOWED[library])}"


def check_leaks(tree):
    for library in HIDDEN:
        bearers = tree.bearers(library)
        for name, found in tree.includes.items():
            if room_of(name) in ("tests", *ALLOWED[library]):
                continue
            for number, path in found:
                if path in bearers:
                    yield f"{name}:{number}: includes {path}: which brings {library} with it"


def check_shape(tree):
    for name, text in tree.texts.items():
        lines = text.splitlines()
        if len(lines) > LINES_MAX:
            yield f"{name}: {len(lines)} lines, at most {LINES_MAX}; split it by idea"
        for number, line in enumerate(lines, 1):
            if len(line) > COLUMNS_MAX:
                yield f"{name}:{number}: {len(line)} columns, at most {COLUMNS_MAX}"
        if not lines or not lines[0].startswith(("//", "/*")):
            yield f"{name}:1: no banner comment; say what this file is"
        if name.endswith(".h") and "#pragma once" not in text and "#ifndef MIXMATCH_" not in text:
            yield f"{name}: no include guard"


def violations(root):
    tree = Tree(root)
    return sorted([*check_includes(tree), *check_leaks(tree), *check_shape(tree)]), len(tree.texts)


# One planted violation per rule: path, text, and what the complaint must say.
GUARD = "// What this is.\n#pragma once\n"
PLANTED = [
    ("core/base/up.h", GUARD + '#include "core/encoder/x.h"\n', "stands before core/encoder"),
    ("core/graph/db.cc", '// x\n#include "storage/event_log.h"\n', "stands before storage"),
    ("storage/s.cc", '// x\n#include "server/daemon.h"\n', "storage stands before server"),
    ("clients/cpp/c.cc", '// x\n#include "core/base/event.h"\n', "clients know only proto"),
    ("server/uses.cc", '// x\n#include "clients/cpp/client.h"\n', "nothing may use clients"),
    ("server/oddity.cc", '// x\n#include "tests/core/fake.h"\n', "only tests include tests"),
    ("core/base/rpc.cc", "// x\n#include <grpcpp/grpcpp.h>\n", "grpc belongs to"),
    ("core/learning/db.cc", "// x\n#include <rocksdb/db.h>\n", "rocksdb belongs to"),
    ("core/generations/near.cc", "// x\n#include <faiss/IndexFlat.h>\n", "faiss belongs to"),
    ("core/senses/wire.cc", '// x\n#include "mixmatch/v1/event.pb.h"\n', "protobuf belongs to"),
    ("core/senses/av.cc", "// x\n#include <libavformat/avformat.h>\n", "libav belongs to"),
    ("core/graph/t.cc", "// x\n#include <torch/torch.h>\n", "torch belongs to"),
    ("storage/t.cc", "// x\n#include <ATen/ATen.h>\n", "torch belongs to"),
    ("server/s.cc", '// x\n#include "core/encoder/open.h"\n', "which brings torch"),
    ("core/graph/g.cc", '// x\n#include "core/learning/by_way.h"\n', "which brings torch"),
    ("server/d.cc", '// x\n#include "storage/index/open.h"\n', "which brings faiss"),
    ("core/base/long.cc", "// x\n" * (LINES_MAX + 1), f"{LINES_MAX + 1} lines"),
    ("core/base/wide.cc", "// " + "x" * COLUMNS_MAX + "\n", "columns"),
    ("core/base/bare.h", "#pragma once\n", "no banner comment"),
    ("core/base/twice.h", "// What this is.\n", "no include guard"),
    ("core/novel/n.cc", '// x\n#include "core/base/event.h"\n', "'core/novel' is no known folder"),
]
INNOCENT = [
    ("core/encoder/open.h", GUARD + "#include <torch/torch.h>\n"),
    ("core/encoder/encoder.cc", '// x\n#include "core/encoder/open.h"\n'),
    ("core/learning/by_way.h", GUARD + '#include "core/encoder/open.h"\n'),
    ("core/learning/trainer.cc", '// x\n#include "core/learning/by_way.h"\n'),
    ("storage/index/open.h", GUARD + "#include <faiss/Index.h>\n"),
    ("storage/near.cc", '// x\n#include "storage/index/open.h"\n'),
    ("server/daemon.cc", '// x\n#include <grpcpp/grpcpp.h>\n#include "storage/event_log.h"\n'),
    ("tests/core/encoder/t.cc", '// x\n#include "core/encoder/open.h"\n'),
]


def self_test():
    failures = []
    with tempfile.TemporaryDirectory() as root:
        for name, text in [*((name, text) for name, text, _ in PLANTED), *INNOCENT]:
            os.makedirs(os.path.join(root, folder_of(name)), exist_ok=True)
            with open(os.path.join(root, name), "w", encoding="utf-8") as out:
                out.write(text)
        found, _ = violations(root)
    for name, _, words in PLANTED:
        if not any(line.startswith(name) and words in line for line in found):
            failures.append(f"not found: {name}: {words}")
    planted = tuple(name for name, _, _ in PLANTED)
    failures += [f"false alarm: {line}" for line in found if not line.startswith(planted)]
    print("\n".join(failures) or f"{len(PLANTED)} planted violations found, no false alarm")
    return 1 if failures else 0


def main():
    if sys.argv[1:] == ["--self-test"]:
        return self_test()
    root = (
        sys.argv[1]
        if len(sys.argv) > 1
        else os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    )
    found, count = violations(root)
    print("\n".join(found) or f"{count} files keep to the layers")
    return 1 if found or not count else 0


if __name__ == "__main__":
    sys.exit(main())
