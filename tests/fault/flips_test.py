"""What counts as the same answer: rounding does, anything else does not."""
import copy
import json
import sys
import unittest

try:
    from flips import same
except ImportError as error:
    print(f"skipped: {error}", file=sys.stderr)
    sys.exit(77)


def found(*names_and_similarities):
    return [{"similarity": similarity, "score": similarity, "event": {"event_id": name}}
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

    def test_errors_are_the_same_to_the_letter(self):
        self.assertTrue(same("DATA_LOSS: a", "DATA_LOSS: a"))
        self.assertFalse(same("DATA_LOSS: a", "DATA_LOSS: b"))
        self.assertFalse(same("crashed", json.dumps(self.whole)))
        self.assertFalse(same(json.dumps({"event": 1}), json.dumps({"event": 2})))


if __name__ == "__main__":
    unittest.main()
