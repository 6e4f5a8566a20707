"""Teaches and asks a daemon's skills over gRPC, many examples a call.

Takes the daemon's address; an example is (label, modality, path of its file) or (label, source and
id of an event). Gives plain values. It judges nothing. Needs what memory_client.py needs.
"""
import os
import tempfile
import time

import memory_client

PAGE = 2000  # events that a call of a filter looks at
CHUNK = 250  # examples of a call
SETTLE_TIMEOUT_S = 900
CALL_TIMEOUT_S = 300
LABELS = 1000


class Skills:
    """A daemon's skills. Not thread-safe: one owner thread."""

    def __init__(self, address):
        root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
        names = ("skills_pb2", "skills_pb2_grpc", "memory_pb2", "memory_pb2_grpc")
        with tempfile.TemporaryDirectory() as folder:
            made = memory_client.make_stubs(os.path.join(root, "proto"), folder, names)
        self._api, services, self._memory_api, memory = made
        import grpc  # Behind make_stubs, which says what to install where it is missing.

        channel = grpc.insecure_channel(address)
        self._stub = services.SkillsStub(channel)
        self._memory = memory.MemoryStub(channel)

    def create(self, name, modality, feature_map="FEATURE_MAP_UNSPECIFIED"):
        skill = self._api.Skill(name=name, modalities=[modality], feature_map=feature_map)
        request = self._api.CreateSkillRequest(skill=skill)
        self._stub.CreateSkill(request, timeout=CALL_TIMEOUT_S)

    def delete(self, name):
        request = self._api.DeleteSkillRequest(name=name)
        self._stub.DeleteSkill(request, timeout=CALL_TIMEOUT_S)

    @staticmethod
    def _fill(target, example):
        """Sets what an example is of; `example` without its label."""
        kind, what = example
        if kind in ("image", "audio"):
            percept = target.percepts.percepts.add(modality=kind)
            with open(what, "rb") as file:
                getattr(percept, kind).data = file.read()
        else:
            target.event.source, target.event.event_id = kind, what

    def _examples(self, request, examples):
        for label, *example in examples:
            added = request.examples.add(labels=[label])
            self._fill(added.example, example)

    def teach(self, name, examples):
        for begin in range(0, len(examples), CHUNK):
            request = self._api.TeachRequest(skill=name)
            self._examples(request, examples[begin : begin + CHUNK])
            self._stub.Teach(request, timeout=CALL_TIMEOUT_S)

    def unteach(self, name, examples):
        for begin in range(0, len(examples), CHUNK):
            request = self._api.UnteachRequest(skill=name)
            for _, *example in examples[begin : begin + CHUNK]:
                self._fill(request.examples.add(), example)
            self._stub.Unteach(request, timeout=CALL_TIMEOUT_S)

    def teach_events(self, name, metadata_key, conditions):
        """Teaches every event whose metadata has, for each key, one of its values. Returns how many
        were taught."""
        request = self._api.TeachRequest(skill=name)
        request.events.metadata_key = metadata_key
        request.events.limit = PAGE
        for key, values in conditions.items():
            request.events.filter.metadata.add(key=key, values=values)
        taught = 0
        while True:
            page = self._stub.Teach(request, timeout=CALL_TIMEOUT_S)
            taught += page.taught_count + page.retaught_count
            if not page.next_after_sequence:
                return taught
            request.events.after_sequence = page.next_after_sequence

    def get(self, name):
        request = self._api.GetSkillRequest(name=name)
        return self._stub.GetSkill(request, timeout=CALL_TIMEOUT_S).skill

    def await_count(self, name, count):
        """Waits until the skill is solved from so many examples."""
        return self._await(name, lambda skill: skill.solution.example_count == count)

    def settled(self, name):
        """The skill, once it is settled."""
        return self._await(name, lambda skill: skill.solution.settled)

    def _await(self, name, holds):
        deadline_s = time.monotonic() + SETTLE_TIMEOUT_S
        while time.monotonic() < deadline_s:
            skill = self.get(name)
            if holds(skill):
                return skill
            time.sleep(0.05)
        raise TimeoutError(f"skill {name} is not solved after {SETTLE_TIMEOUT_S} s")

    def choice(self, name):
        """How a settled skill is solved, and what was tried, as plain values."""
        solution = self.settled(name).solution
        feature_map = self._api.Skill.FeatureMap.Name
        return {
            "feature_map": feature_map(solution.feature_map),
            "dimension": solution.dimension,
            "method": solution.method,
            "ridge": solution.ridge,
            "left_out": solution.left_out,
            "tried": {feature_map(t.feature_map): round(t.left_out, 4) for t in solution.tried},
        }

    def evaluate(self, name, examples):
        """Counts over examples: how many, right, unknown."""
        total = {"count": 0, "right": 0, "unknown": 0, "confidence": 0.0}
        for begin in range(0, len(examples), CHUNK):
            request = self._api.EvaluateRequest(skill=name)
            self._examples(request, examples[begin : begin + CHUNK])
            page = self._stub.Evaluate(request, timeout=CALL_TIMEOUT_S)
            total["count"] += page.example_count
            total["right"] += page.right_count
            total["unknown"] += page.unknown_count
            total["confidence"] += page.confidence_sum
        return total

    def predict(self, name, example):
        """Confidence of every label."""
        request = self._api.PredictRequest(skill=name, labels_max=LABELS)
        self._fill(request.example, example)
        response = self._stub.Predict(request, timeout=CALL_TIMEOUT_S)
        return {label.label: label.confidence for label in response.labels}

    def seconds(self, name, example):
        """Seconds of one Predict with five labels, and of one Embed of the same percept."""
        request = self._api.PredictRequest(skill=name)
        self._fill(request.example, example)
        embed = self._memory_api.EmbedRequest(percepts=request.example.percepts)
        begin_s = time.perf_counter()
        self._stub.Predict(request, timeout=CALL_TIMEOUT_S)
        middle_s = time.perf_counter()
        self._memory.Embed(embed, timeout=CALL_TIMEOUT_S)
        return middle_s - begin_s, time.perf_counter() - middle_s
