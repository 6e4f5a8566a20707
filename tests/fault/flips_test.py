"""What counts as the same answer: rounding does, anything else does not."""
import copy
import json
import sys
import unittest

try:
    from flips import part_of, same
except ImportError as error:
    print(f"skipped: {error}", file=sys.stderr)
    sys.exit(77)


def found(*names_and_similarities):
    return [{"similarity": similarity, "score": similarity, "episode": {"episodeId": "7"},
             "event": {"event": {"eventId": name}, "episodeId": "7"}}
            for name, similarity in names_and_similarities]


class Same(unittest.TestCase):
    def setUp(self):
        self.whole = found(("a", 0.9), ("b", 0.8), ("c", 0.7))

    def same(self, answer):
        return same(json.dumps(answer), json.dumps(self.whole))

    def test_rounding_is_the_same_and_a_larger_difference_is_not(self):
        answer = copy.deepcopy(self.whole)
        answer[1]["similarity"] += 2e-7
        self.assertTrue(self.same(answer))
        answer[1]["similarity"] += 1e-4
        self.assertFalse(self.same(answer))

    def test_another_event_another_order_and_one_less_are_not_the_same(self):
        self.assertFalse(self.same(found(("a", 0.9), ("x", 0.8), ("c", 0.7))))
        self.assertFalse(self.same(found(("b", 0.9), ("a", 0.8), ("c", 0.7))))
        self.assertFalse(self.same(self.whole[:2]))
        self.assertFalse(self.same([]))

    def test_what_is_as_near_may_change_places_also_with_what_was_left_out(self):
        self.whole = found(("a", 0.9), ("b", 0.9), ("c", 0.7))
        self.assertTrue(self.same(found(("b", 0.9), ("a", 0.9), ("c", 0.7))))
        self.assertTrue(self.same(found(("a", 0.9), ("b", 0.9), ("d", 0.7))))
        self.assertFalse(self.same(found(("a", 0.9), ("d", 0.9), ("c", 0.7))))

    def test_what_is_said_of_an_event_counts(self):
        answer = copy.deepcopy(self.whole)
        answer[0]["event"]["scene"] = "elsewhere"
        self.assertFalse(self.same(answer))

    def test_what_is_not_whole_may_lack_and_not_invent(self):
        def part(answer):
            return part_of(json.dumps(answer), json.dumps(self.whole))
        self.assertTrue(part([]))
        self.assertTrue(part(found(("b", 0.8), ("x", 0.6))))
        for wrong in (found(("x", 0.95)), found(("a", 0.9), ("x", 0.85)), found(("b", 0.75)),
                      found(("c", 0.7), ("a", 0.9))):
            self.assertFalse(part(wrong), wrong)
        bound = found(("b", 0.8))
        del bound[0]["episode"], bound[0]["event"]["episodeId"]
        self.assertTrue(part(bound))
        bound[0]["event"]["event"]["scene"] = "elsewhere"
        self.assertFalse(part(bound))
        self.assertFalse(part(self.whole + found(("d", 0.1))))
        self.assertFalse(part_of("INTERNAL: a", json.dumps(self.whole)))

    def test_an_event_may_lack_its_episode_and_nothing_else(self):
        whole = {"event": {"sequence": "7", "episodeId": "3"}}
        for event, right in (({"sequence": "7", "episodeId": "0"}, True),
                             ({"sequence": "7"}, True), ({"sequence": "8"}, False)):
            self.assertEqual(part_of(json.dumps({"event": event}), json.dumps(whole)), right)

    def test_errors_are_the_same_to_the_letter(self):
        self.assertTrue(same("DATA_LOSS: a", "DATA_LOSS: a"))
        self.assertFalse(same("DATA_LOSS: a", "DATA_LOSS: b"))
        self.assertFalse(same("crashed", json.dumps(self.whole)))
        self.assertFalse(same(json.dumps({"event": 1}), json.dumps({"event": 2})))


if __name__ == "__main__":
    unittest.main()
