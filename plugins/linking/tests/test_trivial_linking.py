"""The baseline `prior-label` and the source `drawn-glyphs`."""

import numpy as np
import pytest

import icl_core as icl
from icl_core.testing import check_plugin
from icl_linking.metrics import link_accuracy
from icl_linking.trivial.drawn import drawn_glyphs


@pytest.fixture(scope="module")
def learner():
    return icl.load("prior-label")


def shown(*labels):
    return [(np.full((4, 4, 3), n, np.uint8), label) for n, label in enumerate(labels)]


def test_it_keeps_the_whole_contract():
    found = check_plugin("prior-label")
    assert set(found.values()) == {"PASSED"}, found


def test_the_most_frequent_label_is_the_answer_and_the_first_of_equals(learner):
    query = np.zeros((4, 4, 3), np.uint8)
    answer = icl.predict(learner, shown("wug", "dax", "dax"), query)
    assert answer.label == "dax" and answer.labels == ("wug", "dax")
    assert answer.probabilities.tolist() == pytest.approx([1 / 3, 2 / 3])
    assert icl.predict(learner, shown("wug", "dax"), query).label == "wug"
    with pytest.raises(icl.InputError, match="no example"):
        icl.predict(learner, [], query)
    video = icl.Video([query, query])
    frames = list(learner.prepare(shown("wug", "dax")).follow(video))
    assert [frame.label for frame in frames] == ["wug", "wug"]


def test_the_drawn_glyphs_are_the_same_for_a_seed_and_at_chance_for_the_baseline(learner):
    episodes = drawn_glyphs(ways=4, shots=2, episodes=20)
    again = drawn_glyphs(ways=4, shots=2, episodes=20)
    assert episodes.digest() == again.digest() != drawn_glyphs(seed=8).digest()
    for one, other in zip(episodes, again, strict=True):
        assert np.array_equal(one.query, other.query) and one.target == other.target
        assert len(one.context.examples) == 8 and len(one.meta["labels"]) == 4
    # The first episodes do not depend on how many there are.
    assert np.array_equal(drawn_glyphs(ways=4, shots=2, episodes=3)[2].query, episodes[2].query)
    answers = learner.predict_episodes(episodes)
    rows = [
        (link_accuracy(answer, episode.target, episode.meta), episode.meta)
        for answer, episode in zip(answers, episodes, strict=True)
    ]
    assert link_accuracy.aggregate(rows)["accuracy"] == 25.0


@pytest.mark.parametrize("options", [{"ways": 1}, {"ways": True}, {"shots": 0}, {"episodes": 0}])
def test_numbers_that_make_no_sense_are_refused(options):
    with pytest.raises(icl.InputError, match=next(iter(options))):
        drawn_glyphs(**options)
