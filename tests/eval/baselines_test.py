#!/usr/bin/env python3
"""Checks the baselines' parts on data of their own making. Exits 77 without numpy."""
import os
import sys
import tempfile
import unittest
import wave

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
try:
    import numpy as np
except ImportError:
    print("skipped: no numpy for this Python; install Debian's python3-numpy")
    sys.exit(77)
import baselines  # noqa: E402
import cca  # noqa: E402
import digits_data  # noqa: E402
import features  # noqa: E402


def correlated_rows(count, seed=0):
    """Two views of three hidden causes, in noise."""
    rng = np.random.default_rng(seed)
    causes = rng.normal(size=(count, 3))
    mixing = np.random.default_rng(99)
    left = causes @ mixing.normal(size=(3, 8)) + 0.03 * rng.normal(size=(count, 8))
    right = causes @ mixing.normal(size=(3, 12)) + 0.03 * rng.normal(size=(count, 12))
    return {"image": left, "audio": right}


class CcaTest(unittest.TestCase):
    def test_the_order_and_grouping_of_episodes_do_not_matter(self):
        rows = correlated_rows(100)
        once, piecewise = (cca.Statistics({"image": 8, "audio": 12}) for _ in range(2))
        once.add(rows)
        for begin in reversed(range(0, 100, 7)):
            piecewise.add({key: value[begin : begin + 7] for key, value in rows.items()})
        for a, b in zip(once.moments(["image", "audio"]), piecewise.moments(["image", "audio"])):
            np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-12)

    def test_moments_are_those_of_the_episodes_that_have_all_modalities(self):
        rows = correlated_rows(50)
        statistics = cca.Statistics({"image": 8, "audio": 12})
        statistics.add(rows)
        statistics.add({"image": np.ones((30, 8))})
        count, mean, covariance = statistics.moments(["audio", "image"])
        joined = np.concatenate([rows["audio"], rows["image"]], 1)
        self.assertEqual(count, 50)
        np.testing.assert_allclose(mean, joined.mean(0))
        np.testing.assert_allclose(covariance, np.cov(joined.T, bias=True), atol=1e-10)
        self.assertEqual(statistics.moments(["image"])[0], 80)
        with self.assertRaisesRegex(ValueError, "0 episodes with text"):
            cca.Statistics({"text": 2}).moments(["text"])

    def test_it_finds_the_partner_of_unseen_rows(self):
        statistics = cca.Statistics({"image": 8, "audio": 12})
        statistics.add(correlated_rows(500))
        unseen = correlated_rows(40, seed=1)
        for query, want in (("image", "audio"), ("audio", "image")):
            space = cca.Space(statistics, [query], want, ridge=1e-3, rank=3, power=1)
            self.assertTrue((space.correlations > 0.9).all())
            similarity = space.query(unseen[query]) @ space.stored(unseen[want]).T
            hits = (similarity.argmax(1) == np.arange(40)).mean()
            self.assertGreater(hits, 0.9)


class FeaturesTest(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)

    def test_a_written_picture_is_read_back(self):
        path = os.path.join(self.folder.name, "a.png")
        digits_data.write_png(path, bytes(range(12)), 4, 3)
        pixels = features.read_png(path)
        np.testing.assert_array_equal(pixels * 255, np.arange(12).reshape(3, 4))

    def write_tone(self, name, hertz, seconds, level=8000):
        path = os.path.join(self.folder.name, name)
        moments = np.arange(int(8000 * seconds)) / 8000
        samples = (level * np.sin(2 * np.pi * hertz * moments)).astype("<i2")
        with wave.open(path, "wb") as out:
            out.setnchannels(1)
            out.setsampwidth(2)
            out.setframerate(8000)
            out.writeframes(samples.tobytes())
        return path

    def test_a_sound_is_known_by_its_pitch_and_not_by_its_length_or_level(self):
        low = features.pooled_log_mel(self.write_tone("low.wav", 300, 0.4))
        longer = features.pooled_log_mel(self.write_tone("longer.wav", 300, 0.9))
        quiet = features.pooled_log_mel(self.write_tone("quiet.wav", 300, 0.4, level=4000))
        high = features.pooled_log_mel(self.write_tone("high.wav", 2000, 0.4))
        self.assertGreater(low @ longer, 0.95)
        self.assertGreater(low @ quiet, 0.95)
        self.assertLess(low @ high, 0.5)

    def test_a_sound_shorter_than_a_window_has_features(self):
        row = features.pooled_log_mel(self.write_tone("short.wav", 300, 0.01))
        self.assertTrue(np.isfinite(row).all())

    def test_mel_filters_rise_and_fall_once(self):
        filters = features.mel_filters(8000, 512)
        self.assertEqual(filters.shape, (features.MEL_BANDS, 257))
        self.assertTrue((filters >= 0).all() and (filters <= 1).all())
        peaks = filters.argmax(1)
        self.assertTrue((np.diff(peaks) > 0).all())

    def test_fixed_features_are_the_same_every_time(self):
        images = np.random.default_rng(3).random((3, 28, 28))
        first = features.random_filters(images)
        self.assertEqual(first.shape, (3, features.FILTERS * 2 * features.POOLED**2))
        np.testing.assert_array_equal(first[1:], features.random_filters(images[1:]))
        np.testing.assert_allclose(np.linalg.norm(first, axis=1), 1)

    def test_words_differ(self):
        zero, one = (features.hashed_ngrams(word) for word in ("zero", "one"))
        self.assertAlmostEqual(zero @ zero, 1)
        self.assertLess(zero @ one, 0.5)


class BaselinesTest(unittest.TestCase):
    def test_scores_are_those_of_the_eval(self):
        similarity = np.array([[0.9, 0.8, 0.1, 0.0], [0.1, 0.9, 0.8, 0.7]])
        result = baselines.scores(similarity, np.array([1, 2, 1, 2]), [1, 1], k=2)
        self.assertEqual(result["p_at_1"], 0.5)
        self.assertEqual(result["p_at_k"], 0.5)
        self.assertEqual(result["mrr"], 0.75)
        self.assertEqual(result["recall_at_k"], 0.5)

    def test_equal_similarities_keep_the_order_of_time(self):
        result = baselines.scores(np.ones((1, 3)), np.array([5, 6, 6]), [5], k=1)
        self.assertEqual(result["p_at_1"], 1)

    def test_queries_are_grouped_by_what_is_asked_with_what(self):
        def query(want, **contents):
            percepts = [
                {"modality": key, ("text" if key == "text" else "file"): value}
                for key, value in contents.items()
            ]
            relevant = {"metadata": {"digit": "3"}}
            return {"percepts": percepts, "want": want, "relevant": relevant, "k": 10}

        groups = baselines.group_queries(
            [query("audio", image="a.png"), query("text", image="a.png", audio="b.wav")]
        )
        self.assertEqual(groups[("image",), "audio"], [({"image": "a.png"}, "3")])
        self.assertEqual(groups[("image",), "image"], [({"image": "a.png"}, "3")])
        self.assertIn((("audio", "image"), "text"), groups)


if __name__ == "__main__":
    unittest.main()
