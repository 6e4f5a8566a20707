"""Flipped bits: one memory, many damaged copies of it, each asked the same questions.

An answer may be the undamaged one or an error that says DATA_LOSS. It is asked for as soon as the daemon
serves, where it may also say that it is not whole yet (`pending`), and again once what is derived is
made again. A daemon that does not start must say so in its status. Anything else is wrong. Embeddings
that are made again are those of before but for rounding, as matrix products round by how many are
made at once.
"""
import json
import shutil
import time
from typing import NamedTuple

from journal import CALL_S, Journal, Streams, Verdict, wait
from victim import NOT_WHOLE

EVENTS = 1500
QUESTIONS = 12
ROUNDING = 1e-5  # of a similarity
NEARNESS = ("similarity", "score")
CONFIG = """\
episodes: {gap: 1s, lateness: 1s, idle_close: 1s}
learning: {enabled: false}
generations: {automatic: false}
storage: {seal_at: 256}
"""


def _files(data):
    """Files that may be damaged. The lock and RocksDB's own log hold nothing."""
    return sorted(path for path in data.rglob("*")
                  if path.is_file() and path.stat().st_size > 0 and path.name != "LOCK"
                  and not path.name.startswith("LOG") and path.name != "audit.log")


class Answer(NamedTuple):
    text: str
    pending: bool  # whether it says that it is not whole yet


def _ask(context, victim, journal):
    """The answers to all questions, errors among them."""
    api = context.api
    channel, stub = api.stub(victim.address)

    def call(method, request):
        """The answer, None where there is an error; and its text."""
        try:
            answer = method(request, timeout=CALL_S)
        except api.grpc.RpcError as error:
            return None, f"{error.code().name}: {error.details()}"
        return answer, json.dumps(api.json_format.MessageToDict(answer), indent=1)

    answers = []
    with channel:
        for source, number in sorted(journal.acknowledged)[:: max(1, EVENTS // QUESTIONS)][:QUESTIONS]:
            unbound = 0
            request = api.memory.RecallRequest(modalities=["text"], k=5)
            request.query.event.source = source
            request.query.event.event_id = str(number)
            got, text = call(stub.Recall, request)
            if got is not None:
                # What it found, not how and when: lists that are made again are gone meanwhile.
                text = json.dumps(json.loads(text).get("experiences", []), indent=1)
                unbound = got.pending.unbound_event_count
                pending = got.pending.event_count + unbound + got.pending.episode_count
            answers.append(Answer(text, got is not None and pending > 0))
            request = api.memory.GetEventRequest(event=request.query.event)
            got, text = call(stub.GetEvent, request)
            answers.append(Answer(text, got is not None and unbound > 0 and not got.event.episode_id))
    return answers


def part_of(answer, whole):
    """Whether an answer that says that it is not whole can be one to the same question. It may lack
    something, and then have what is no nearer than all of the whole one; what it has in common with
    that is the same but for an episode that is not bound yet."""
    try:
        found, before = json.loads(answer), json.loads(whole)
    except ValueError:  # an error, or its text
        return False
    if isinstance(found, dict) and isinstance(before, dict):
        return _unbound(found["event"]) == _unbound(before["event"])
    if not isinstance(found, list) or not isinstance(before, list) or len(found) > len(before):
        return False
    known = {_which(one): one for one in before}
    return all(_near(a) >= _near(b) - ROUNDING for a, b in zip(found, found[1:])) and all(
        _as_found(_unbound(one), _unbound(known[_which(one)])) if _which(one) in known
        else _near(one) <= _near(before[-1]) + ROUNDING for one in found)


def _which(found):
    event = found["event"]["event"]
    return event.get("source"), event["eventId"], found.get("perceptIndex", 0)


def _unbound(one):
    """A found experience or a stored event as one that is not bound yet."""
    one = {key: value for key, value in one.items() if key not in ("episode", "episodeId")}
    if isinstance(one.get("event"), dict):
        one["event"] = _unbound(one["event"])
    return one


def same(answer, whole):
    """Whether the answers are equal, in what was found equal but for rounding: those that are as
    near as each other may change places, also with one that was not among them."""
    if answer == whole:
        return True
    try:
        found, before = json.loads(answer), json.loads(whole)
    except ValueError:  # an error, or its text
        return False
    if not isinstance(found, list) or not isinstance(before, list) or len(found) != len(before):
        return False
    if any(abs(a.get(key, 0) - b.get(key, 0)) > ROUNDING for a, b in zip(found, before)
           for key in NEARNESS):
        return False
    left = [one for one in before if not any(_as_found(one, other) for other in found)]
    return all(_near(one) <= _near(before[-1]) + ROUNDING for one in left)


def _near(found):
    return found.get("similarity", 0)


def _as_found(one, other):
    return abs(_near(one) - _near(other)) <= ROUNDING and all(
        one.get(key) == other.get(key) for key in one.keys() | other.keys() if key not in NEARNESS)


def _make(context, victim):
    """A memory of some thousand words, sealed segments among them, at rest."""
    journal = Journal()
    streams = Streams(context.api, journal, 2)
    streams.go(victim.address)
    wait(lambda: len(journal.acknowledged) > EVENTS, 120, "the memory is filled")
    streams.halt()
    victim.ctl("watermarks", "--wait", "recallable")
    time.sleep(3)  # graphs are built, episodes closed
    return journal


def run(context):
    verdict = Verdict()
    verdict.noticed = verdict.harmless = verdict.pending = verdict.stuck = 0
    victim = context.make_victim(CONFIG)
    try:
        journal = _make(context, victim)
        victim.stop()
        victim.start()
        warnings = victim.caught_up()
        whole = _ask(context, victim, journal)
        if warnings or any(answer.pending for answer in whole):
            raise RuntimeError("the undamaged memory was not at rest when it was asked")
        whole = [answer.text for answer in whole]
        victim.stop()
        pristine = victim.folder / "pristine"
        shutil.copytree(victim.data, pristine)
        for cycle in range(context.cycles):
            shutil.rmtree(victim.data)
            shutil.copytree(pristine, victim.data)
            where = _flip(context, victim.data)
            wrong = _judge(context, victim, journal, whole, where, verdict)
            if wrong:
                verdict.wrong += 1
                verdict.note(f"{where}: {wrong}")
                victim.kill()
            context.tell(cycle + 1, len(journal.acknowledged), verdict)
        verdict.note(f"{verdict.noticed} noticed, {verdict.harmless} harmless; of these "
                     f"{verdict.pending} said at first that answers are not whole, {verdict.stuck} "
                     "for as long as they were looked at, and why")
        verdict.restart_max_s = victim.restart_max_s
    finally:
        victim.kill()
    return verdict


def _flip(context, data):
    path = context.rng.choice(_files(data))
    at = context.rng.randrange(path.stat().st_size)
    with open(path, "r+b") as file:
        file.seek(at)
        byte = file.read(1)[0]
        file.seek(at)
        file.write(bytes([byte ^ (1 << context.rng.randrange(8))]))
    return f"{path.relative_to(data)} at {at}"


def _first_difference(answer, whole):
    """What the answers say from a little before where they begin to differ."""
    at = next((i for i, (a, b) in enumerate(zip(answer, whole)) if a != b),
              min(len(answer), len(whole)))
    part = slice(max(0, at - 200), at + 100)
    return f"{answer[part]} instead of {whole[part]}"


def _wrong(answers, whole):
    """Of the answers the first that is none: what it says instead; None."""
    for answer, undamaged in zip(answers, whole):
        if same(answer.text, undamaged) or "DATA_LOSS" in answer.text:
            continue
        if not answer.pending or not part_of(answer.text, undamaged):
            return _first_difference(answer.text, undamaged)
    return None


def _judge(context, victim, journal, whole, where, verdict):
    """What is wrong; None where nothing is, and then it is counted."""
    try:
        victim.start()
        at_once = _ask(context, victim, journal)
        warnings = victim.caught_up()
        answers = _ask(context, victim, journal)
    except (RuntimeError, AssertionError) as error:
        return error
    if not victim.alive():
        return "the daemon crashed"
    stuck = [one for one in warnings if one.startswith(NOT_WHOLE)]
    told = [one for one in warnings if one not in stuck and "DATA_LOSS" in one]
    if stuck and not told:
        return f"what is derived is not made again: {stuck[0]}"
    if not stuck:  # then answers are whole, or say that something is lost
        answers = [answer._replace(pending=False) for answer in answers]
    wrong = _wrong(at_once, whole) or _wrong(answers, whole)
    if wrong:
        return wrong
    verdict.pending += any(answer.pending for answer in at_once)
    verdict.stuck += bool(stuck)
    if warnings or any(not same(answer.text, undamaged)
                       for answer, undamaged in zip(answers, whole)):
        verdict.noticed += 1
    else:
        verdict.harmless += 1
    victim.stop()
    return None
