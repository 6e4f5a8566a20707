"""A daemon with what is done to it: it ends with the check, well where nothing failed."""
import contextlib

from journal import Journal, Streams, Verdict

STREAMS = 8


@contextlib.contextmanager
def judged(victim):
    """What is found about a daemon."""
    verdict = Verdict()
    try:
        yield verdict
        verdict.restart_max_s = victim.restart_max_s
        victim.end()
    finally:
        victim.kill()


@contextlib.contextmanager
def scene(context, victim, streams=STREAMS):
    """The same with streams into it, and their journal."""
    journal = Journal()
    with judged(victim) as verdict:
        yield verdict, journal, Streams(context.api, journal, streams)
