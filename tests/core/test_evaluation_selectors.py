"""Selectors inside evaluations: what the pool of an episode is, and what is chosen from it."""

import numpy as np
import pytest

import icl_core
from icl_core import plugins
from icl_core.errors import InputError, UnknownNameError
from icl_core.evaluation import (
    LearnerChoice,
    RunOptions,
    Score,
    Selector,
    SourceChoice,
    Store,
    Trial,
    run,
)
from icl_core.evaluation.confidence import sureness
from icl_core.evaluation.example_pool import ExamplePool, digest_of
from icl_core.evaluation.runner import Sources
from icl_core.evaluation.selectors import selector_named
from icl_core.results import Classification, Segmentation
from icl_core.selection import select
from icl_core.sources.episodes import EpisodeList
from icl_core.types import Context, Episode, Example, Video

RNG = np.random.default_rng(0)
PICTURES = RNG.integers(0, 256, (40, 12, 12, 3), dtype=np.uint8)
MASKS = RNG.random((40, 12, 12)) > 0.5
ALL = ("random", "nearest", "k-centre", "diversity", "mfl", "fast-vote-k", "ideal")


def masks(kinds="aabb", shots=3, broken=()):
    """Episodes of masks: number n is of class kinds[n] and shows its own pictures."""

    def make(number):
        if number in broken:
            raise InputError("damaged")
        places = range(number * shots, (number + 1) * shots)
        examples = tuple(Example(PICTURES[n], MASKS[n]) for n in places)
        meta = {"id": str(number), "class_name": kinds[number]}
        return Episode(Context(examples), PICTURES[-1 - number], MASKS[-1 - number], meta)

    return EpisodeList("masks", len(kinds), make, lambda: ["masks"])


def labels(shots=4, count=3):
    """Episodes with labels of their own: a picture is near those of its label."""

    def make(number):
        noise = np.random.default_rng(number).integers(0, 20, (2 * shots + 1, 12, 12, 3))
        base = np.zeros((2, 12, 12, 3), int)
        base[0, :6], base[1, :, :6] = 200, 200
        examples = tuple(
            Example((base[n % 2] + noise[n]).astype(np.uint8), f"{'ab'[n % 2]}{number}")
            for n in range(2 * shots)
        )
        query = (base[number % 2] + noise[-1]).astype(np.uint8)
        return Episode(Context(examples), query, f"{'ab'[number % 2]}{number}", {"id": number})

    return EpisodeList("labels", count, make, lambda: ["labels"])


def inputs(episode):
    return [digest_of(example.input) for example in episode.context.examples]


def chosen(name, episodes, budget=1, **options):
    return Selector(name, budget, options).applied(episodes, ExamplePool(episodes))


# The pool.


def test_the_pool_of_an_episode_is_what_all_episodes_of_its_kind_show():
    episodes = masks("aabb")
    pool = ExamplePool(episodes)
    shared = pool.of(0, episodes[0])
    assert pool.of(1, episodes[1]) is shared and len(shared) == 6
    found = {digest_of(shared.example(n).input) for n in range(6)}
    assert found == {*inputs(episodes[0]), *inputs(episodes[1])}
    assert len(pool.of(2, episodes[2])) == 6 and pool.of(2, episodes[2]) is not shared


def test_an_episode_of_its_own_kind_has_its_context_and_a_repeated_example_counts_once():
    episodes = labels()
    assert len(ExamplePool(episodes).of(1, episodes[1])) == 8
    twice = [Episode(Context((Example(PICTURES[0], MASKS[0]),) * 3), PICTURES[1], MASKS[1])]
    assert len(ExamplePool(twice).of(0, twice[0])) == 1


def test_a_source_may_say_what_its_pool_is():
    class Own(EpisodeList):
        def candidates(self, number):
            return [Example(PICTURES[n], MASKS[n]) for n in range(30)]

    plain = masks("ab")
    own = Own("own", 2, plain._make, lambda: [])
    assert len(ExamplePool(own).of(0, own[0])) == 30
    assert len(chosen("k-centre", own, 20)[1].context.examples) == 20


def test_neither_the_query_nor_its_answer_is_shown():
    def make(number):
        # Picture 0 is the query, example 1 has its answer, as a denoised copy would.
        examples = [Example(PICTURES[n], MASKS[max(n - 1, 0)]) for n in range(4)]
        return Episode(Context(tuple(examples)), PICTURES[0], MASKS[0], {"id": str(number)})

    episodes = EpisodeList("leaky", 1, make, lambda: [])
    for name in ALL:
        assert sorted(inputs(chosen(name, episodes, 2)[0])) == sorted(
            digest_of(PICTURES[n]) for n in (2, 3)
        )
    with pytest.raises(InputError, match="2 examples beside the query, and the budget is 3"):
        chosen("random", episodes, 3)[0]


def test_episodes_that_cannot_be_made_stay_failures_and_the_others_choose():
    found = chosen("nearest", masks("aabb", broken=(0, 3)))
    assert len(found[1].context.examples) == 1
    with pytest.raises(InputError, match="damaged"):
        found[0]


# The choice.


@pytest.mark.parametrize("name", ALL)
def test_queries_and_truths_stay_and_the_choice_is_the_same_each_time(name):
    episodes = masks("aaabbb")
    first, again = chosen(name, episodes, 2), chosen(name, masks("aaabbb"), 2)
    for number in (5, 0, 1, 2, 3, 4):  # in any order
        one = first[number]
        assert np.array_equal(one.query, episodes[number].query)
        assert np.array_equal(one.target, episodes[number].target)
        assert len(one.context.examples) == 2
    assert [inputs(one) for one in first] == [inputs(one) for one in again]


def test_what_is_chosen_for_a_pool_is_the_same_for_all_its_queries():
    found = [inputs(one) for one in chosen("k-centre", masks("aaabbb"), 2)]
    assert found[0] == found[1] == found[2] != found[3] == found[4] == found[5]
    drawn = [inputs(one) for one in chosen("random", masks("aaaaaa"), 2)]
    assert len({tuple(one) for one in drawn}) > 1, "random draws anew for each query"


@pytest.mark.parametrize("name", ALL[2:])
def test_more_picks_come_behind_the_same_ones(name):
    # What a query cannot be shown is replaced by the next pick, whatever other queries need.
    points = RNG.normal(size=(30, 8))
    whole = select(points, 12, name).indices.tolist()
    for count in (1, 2, 5, 11):
        assert select(points, count, name).indices.tolist() == whole[:count]


def test_each_label_gets_its_share_of_the_episodes_own_labels():
    for name in ALL:
        for number, one in enumerate(chosen(name, labels(), 2)):
            names = sorted(example.output for example in one.context.examples)
            assert names == [f"a{number}"] * 2 + [f"b{number}"] * 2


def test_the_most_similar_is_shown_last():
    for number, one in enumerate(chosen("nearest", labels(), 2)):
        assert one.context.examples[-1].output == f"{'ab'[number % 2]}{number}"


def test_a_video_is_compared_by_its_first_frame():
    def make(number):
        examples = tuple(Example(PICTURES[n], MASKS[n]) for n in range(4))
        frames = PICTURES[[2, 9]] if number else []
        return Episode(Context(examples), Video(frames), None, {"id": str(number)})

    found = chosen("nearest", EpisodeList("videos", 2, make, lambda: []))
    assert inputs(found[1]) == [digest_of(PICTURES[2])]
    with pytest.raises(InputError, match="without frames"):
        found[0]


def test_vote_k_asks_the_learner_how_sure_it_is():
    asked = []

    def sure(shown, inputs):
        asked.append(({example.output for example in shown}, len(inputs)))
        return [float(one.mean()) for one in inputs]

    episodes = labels(shots=6, count=2)
    found = Selector("vote-k", 2).applied(episodes, ExamplePool(episodes), sure)
    for number in (0, 1, 0):
        names = [example.output for example in found[number].context.examples]
        assert sorted(names) == [f"a{number}"] * 2 + [f"b{number}"] * 2
    # Once for each label of each pool, with a first pick of every label shown.
    assert asked == [({f"a{n}", f"b{n}"}, 5) for n in (0, 0, 1, 1)]
    with pytest.raises(InputError, match="there is no learner"):
        Selector("vote-k", 2).applied(episodes, ExamplePool(episodes))[0]


def test_confidence_is_read_from_the_answers():
    class Said:
        card = icl_core.LearnerCard("said", "linking", "Says.", "no:No")

        def predict_episodes(self, episodes, batch_size, **options):
            assert options == {"loud": True}
            return (episode.query for episode in episodes)

    ask = sureness(Said(), {"loud": True})
    even = np.zeros((2, 2), np.float32)
    answers = [
        Classification("b", ("a", "b"), np.array([0.25, 0.75], np.float32)),
        Segmentation(even > 0, even, score=0.5),
        Segmentation(even > 0, even),
        Segmentation(even < 1, even + 50),
    ]
    assert ask([], answers) == [0.75, 0.5, 0.0, 1.0]
    with pytest.raises(InputError, match="said does not say"):
        ask([], [Classification("b")])


def test_an_embedder_that_gives_no_embeddings_is_refused():
    with pytest.raises(UnknownNameError, match="no learner"):
        selector = Selector("nearest", 1, embedder="nobody")
        selector.applied(masks(), ExamplePool(masks()))[0]


@pytest.mark.parametrize(
    ("episodes", "budget", "sentence"),
    [
        (masks("ab", shots=1), 1, "the pool has 1 example and the budget is 1"),
        (masks("ab", shots=3), 4, "the pool has 3 examples and the budget is 4"),
        (labels(shots=2), 2, "the pool has 2 examples of a label and the budget is 2"),
        ([Episode(Context(), 1)], 1, "no examples to select from"),
    ],
)
def test_a_pool_with_nothing_to_choose_is_refused_with_a_sentence(episodes, budget, sentence):
    with pytest.raises(InputError, match=sentence):
        chosen("random", episodes, budget)


# Names.


def test_names_are_those_of_methods_and_of_plugins(site):
    site.install("icl_toys", "icl-toys")
    plugins.discover(refresh=True)
    assert selector_named("K_Centre") == "k-centre" == selector_named("kcenter")
    assert selector_named("toy-brightest") == "toy-brightest"
    with pytest.raises(UnknownNameError, match="no selector 'neerest'"):
        selector_named("neerest")


def test_the_key_knows_the_selector_and_its_options():
    assert Selector("random", 2).change() == {"selector": "random", "budget": 2}
    more = Selector("ideal", 2, {"k": 5}, "nobody", 1).change()
    assert more == {"selector": "ideal", "budget": 2, "k": 5, "embedder": "nobody", "seed": 1}


def test_the_key_knows_the_weights_of_an_embedder(monkeypatch):
    from icl_core import registry

    def card(name, sums=("ab",)):
        files = tuple(icl_core.WeightCard(f"w{n}", "w.pt", sha256=s) for n, s in enumerate(sums))
        return icl_core.LearnerCard(name, "linking", "Embeds.", "no:No", weights=files)

    def marked(*sums):
        monkeypatch.setattr(registry, "learner_card", lambda name: card(name, sums))
        return Selector("nearest", 1, embedder="eye").change()["embedder"]

    assert marked() == "eye" and marked("a" * 64).startswith("eye@")
    assert marked("a" * 64) != marked("b" * 64)


# The engine.


def test_a_plugins_selector_and_a_limit_in_the_engine(site, tmp_path):
    site.install("icl_toys", "icl-toys")
    plugins.discover(refresh=True)
    source = {"count": 6, "shots": 3}
    selector = Selector("toy-brightest", 2)
    change = selector.change()
    trial = Trial(
        "toys@1",
        LearnerChoice("toy-nearest"),
        SourceChoice("toy-colours", None, source),
        Score("toy-right", "right", 1.0),
        change,
    )
    small = Trial(
        "toys@1",
        LearnerChoice("toy-nearest"),
        SourceChoice("toy-colours", None, {"count": 6}),
        Score("toy-right", "right", 1.0),
        change,
    )
    changes = {str(change): selector}
    dumps = []
    for limit in (2, None):
        with Store(tmp_path / "results.sqlite") as store:
            outcome = run([trial, small], store, RunOptions(limit=limit), changes=changes)
            dumps.append(store.dump().splitlines())
    assert "nothing to select" in outcome.missing[small.title] and outcome.failures == 0
    assert dumps[1][:2] == dumps[0] and len(dumps[1]) == 6, "a limit changes no choice"
    shown = Sources().changed(trial, selector, icl_core.load("toy-nearest"))[0].context.examples
    dark = [e for e in Sources().get(trial.source)[0][0].context.examples if "dark" in e.output]
    best = sorted(int(e.input.sum()) for e in dark)[-2:]
    assert sorted(int(e.input.sum()) for e in shown if "dark" in e.output) == best
