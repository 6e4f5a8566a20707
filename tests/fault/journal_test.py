"""The oracle notices what it must: events that are gone, doubled, changed, renumbered, invented."""
import sys
import types
import unittest

try:
    from journal import Journal, Reader, Verdict, text_of
except ImportError as error:
    print(f"skipped: {error}", file=sys.stderr)
    sys.exit(77)


def stored(seq, stream, number, text=None):
    percept = types.SimpleNamespace(
        text=types.SimpleNamespace(text=text_of(stream, number) if text is None else text))
    event = types.SimpleNamespace(source=stream, event_id=str(number), percepts=[percept])
    return seq, event


class Oracle(unittest.TestCase):
    def look(self, events, journal=None, after=0):
        reader = Reader.__new__(Reader)
        reader.events = lambda after: [pair for pair in events if pair[0] > after]
        verdict = Verdict()
        last = reader.check(journal or self.journal, verdict, after)
        return (verdict.lost, verdict.duplicated, verdict.wrong), last

    def setUp(self):
        self.journal = Journal(acknowledged={("a", 0): 1, ("a", 1): 2, ("b", 0): 3},
                               sent={"a": 3, "b": 1})
        self.whole = [stored(1, "a", 0), stored(2, "a", 1), stored(3, "b", 0)]

    def test_a_whole_memory_is_whole_and_more_may_be_stored_than_acknowledged(self):
        self.assertEqual(self.look(self.whole), ((0, 0, 0), 3))
        self.assertEqual(self.look(self.whole + [stored(4, "a", 2)]), ((0, 0, 0), 4))

    def test_what_is_gone_doubled_changed_renumbered_or_invented_is_noticed(self):
        self.assertEqual(self.look(self.whole[:2])[0], (1, 0, 0))
        self.assertEqual(self.look(self.whole + [stored(4, "a", 1)])[0][1], 1)
        self.assertEqual(self.look(self.whole[:2] + [stored(3, "b", 0, "else")])[0], (0, 0, 1))
        self.assertEqual(self.look(self.whole[:2] + [stored(9, "b", 0)])[0], (0, 0, 1))
        self.assertEqual(self.look(self.whole + [stored(4, "a", 3)])[0], (0, 0, 1))

    def test_behind_a_number_only_what_is_behind_it_is_looked_at(self):
        self.assertEqual(self.look(self.whole[1:], after=2)[0], (0, 0, 0))
        self.assertEqual(self.look(self.whole[1:2], after=2)[0], (1, 0, 0))

    def test_what_an_event_says_follows_from_its_name(self):
        self.assertEqual(text_of("a", 7), text_of("a", 7))
        self.assertNotEqual(text_of("a", 7), text_of("a", 8))


if __name__ == "__main__":
    unittest.main()
