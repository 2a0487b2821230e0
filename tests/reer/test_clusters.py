import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reer.agreement import measure_agreement
from reer.clusters import centres_of, count_different, find_clusters, settle, silhouette
from reer.points import place_texts, text_of, unit
from tests.reer.builders import by_words, make_pair


def blobs(*sizes: int, seed: int = 0) -> np.ndarray:
    """Points around as many directions as there are sizes."""
    rng = np.random.default_rng(seed)
    middles = np.eye(len(sizes), 8)
    return unit(np.concatenate([middles[n] + rng.normal(0, 0.05, (size, 8)) for n, size in enumerate(sizes)]))


def test_groups_are_found_with_their_number_largest_first():
    labels = find_clusters(blobs(5, 9, 3), 2, 6)
    assert labels.tolist() == [1] * 5 + [0] * 9 + [2] * 3


def test_a_settled_cluster_holds_what_is_nearest_to_its_centre():
    points = blobs(6, 6, 6, 6, seed=1)
    labels = find_clusters(points, 3, 3)
    assert np.array_equal((points @ centres_of(points, labels).T).argmax(axis=1), labels)


@given(st.lists(st.tuples(*[st.integers(-3, 3)] * 3), min_size=2, max_size=25), st.integers(2, 4))
def test_each_point_has_one_cluster_without_gaps(rows, fewest):
    points = unit(np.array(rows, dtype=float))
    if count_different(points) < fewest:
        with pytest.raises(ValueError, match="make no"):
            find_clusters(points, fewest, fewest + 2)
        return
    labels = find_clusters(points, fewest, fewest + 2)
    assert labels.shape == (len(points),)
    assert set(labels.tolist()) == set(range(labels.max() + 1))
    assert (np.diff(np.bincount(labels)) <= 0).all()


def test_a_centre_that_nothing_is_near_takes_nothing():
    points = blobs(4, 4)
    labels = settle(points, np.vstack([np.eye(2, 8), -np.eye(1, 8)]))
    assert labels.tolist() == [0] * 4 + [1] * 4


def test_silhouette_is_that_of_the_definition():
    points, labels = blobs(3, 4, 1, seed=2), np.array([0] * 3 + [1] * 4 + [2])
    distances = 1 - points @ points.T
    widths = []
    for i, own in enumerate(labels):
        others = [j for j in range(len(points)) if labels[j] == own and j != i]
        if not others:
            widths.append(0.0)
            continue
        a = distances[i, others].mean()
        b = min(distances[i, labels == other].mean() for other in set(labels.tolist()) - {int(own)})
        widths.append((b - a) / max(a, b))
    assert silhouette(points, labels) == pytest.approx(np.mean(widths))


TEXTS = ["lost card", "card limit", "house loan", "loan rate fixed", "lost", "house", "a", "rate"]


@given(st.permutations(TEXTS))
def test_the_order_of_texts_moves_no_point(texts):
    expected = dict(zip(TEXTS, place_texts(TEXTS, by_words), strict=True))
    for text, point in zip(texts, place_texts(texts, by_words), strict=True):
        assert np.array_equal(point, expected[text])


def test_identical_texts_are_one_point_and_points_have_length_one():
    assert count_different(place_texts(["a b", "a b"], by_words)) == 1
    assert np.linalg.norm(place_texts(TEXTS, by_words), axis=1) == pytest.approx(1)


def test_the_text_of_a_pair_is_question_reply_and_what_was_before():
    pair = make_pair(1, "Twelve euros.")
    assert text_of(pair) == "Question 1?\nTwelve euros."


def test_agreement_is_one_for_the_same_groups_and_none_for_chance():
    truth = list("aabbcc")
    assert measure_agreement(list("xxyyzz"), truth) == pytest.approx({"purity": 1, "ari": 1, "nmi": 1})
    assert measure_agreement(["x"] * 6, truth) == pytest.approx({"purity": 1 / 3, "ari": 0, "nmi": 0})
    # Worked by hand: 2 pairs together in both, 3 in each, 15 in all.
    assert measure_agreement(list("xxyyzw"), list("aabbcc"))["ari"] == pytest.approx((2 - 0.4) / (2.5 - 0.4))
