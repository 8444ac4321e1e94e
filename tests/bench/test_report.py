"""The report of a run: what it says, that nothing in it can run, and that it stands alone."""

import base64
import hashlib
import json
import math
import re
import shutil
from html.parser import HTMLParser

import numpy as np
import pytest

from icl_bench.campaign import Campaign
from icl_bench.report import write
from icl_bench.report.content import gathered
from icl_bench.report.drawings import HEIGHT, draw
from icl_bench.report.examples import examples_of, extremes
from icl_bench.report.page import render_page
from icl_bench.report.text import render_markdown
from icl_core.errors import InputError, UnknownNameError
from icl_core.evaluation import Row, Store
from icl_core.results import Classification, Forecast, MultiForecast, Picture, Segmentation
from icl_core.types import Context, Episode, Example, Series, Video

HOSTILE = "</td></script><script>alert('1')</script>\"><img src=x onerror=alert(2)> {{ 7*7 }} $x_1$"
SHOTS = [{"set": "colours", "options": {"shots": 2}, "limit": 6}]


class Page(HTMLParser):
    """Tags, attributes and text of a page."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.said, self.code = [], [], False
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        self.code = tag in ("script", "style")

    def handle_endtag(self, tag):
        self.code = False

    def handle_data(self, data):
        if not self.code:
            self.said.append(data)

    @property
    def text(self):
        return " ".join(" ".join(self.said).split())


def strict(text):
    def refuse(name):
        raise AssertionError(f"{name} is no JSON")

    return json.loads(text, parse_constant=refuse)


def safe(text):
    """Check that a page stands alone and that nothing of it runs but its own script."""
    page = Page(text)
    (script,) = re.findall(r"<script>(.*?)</script>", text, flags=re.DOTALL)
    assert sum(tag == "script" for tag, _ in page.tags) == 1
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    (policy,) = [a["content"] for tag, a in page.tags if "http-equiv" in a]
    assert policy.startswith("default-src 'none';")
    assert f"script-src 'sha256-{digest}';" in policy and "script-src 'unsafe" not in policy
    tags = {tag for tag, _ in page.tags}
    assert not tags & {
        "iframe",
        "object",
        "embed",
        "link",
        "base",
        "form",
        "input",
        "foreignobject",
    }
    for tag, attributes in page.tags:
        for name, value in attributes.items():
            assert not name.startswith("on"), (tag, name)
            if name in ("src", "href", "xlink:href", "data", "action"):
                assert value.startswith(("#", "data:image/png;base64,", "data:image/jpeg;base64,"))
            assert name != "style" or "url(" not in value, value
    return page


def test_a_report_is_three_files_and_the_page_stands_alone(ran):
    campaign = ran("out", probes=SHOTS)
    page = write(campaign.folder)
    assert page == campaign.folder / "report.html"
    text = page.read_text(encoding="utf-8")
    found = safe(text)
    assert "http://" not in text and "https://" not in text
    assert str(campaign.folder) not in text and "nan" not in found.text.lower()
    for words in (
        "toys@1",
        "Leaderboard",
        "toy-nearest",
        "1 [1, 1]",
        "Do more examples help?",
        "typical",
    ):
        assert words in found.text, words
    assert text.count("<svg") == 6  # skill, and a curve for each of five probes
    assert (campaign.folder / "report.md").read_text().startswith("# toys@1\n\nToys.\n")
    value = strict((campaign.folder / "report.json").read_text())
    assert value["suite"] == "toys@1" and value["versions"]["icl-toys"] == "1"
    (first,) = value["leaderboard"]
    assert (first["rank"], first["learner"], first["skill"]["value"]) == (1, "toy-nearest", 1.0)
    nearest = next(one for one in value["standings"] if one["learner"] == "toy-nearest")
    assert nearest["numbers"]["missing"] is None and nearest["published"] is None
    assert value["environments"][0]["numpy"] == np.__version__


def test_the_same_store_gives_the_same_bytes(ran, tmp_path):
    campaign = ran("out", probes=SHOTS)
    names = ("report.html", "report.md", "report.json")
    write(campaign.folder)
    first = [(campaign.folder / name).read_bytes() for name in names]
    shutil.copytree(campaign.folder, tmp_path / "elsewhere")
    write(tmp_path / "elsewhere")
    assert [(tmp_path / "elsewhere" / name).read_bytes() for name in names] == first
    left = {path.name for path in campaign.folder.iterdir() if path.name.startswith(".")}
    assert not left


def test_hostile_words_do_nothing_wherever_they_stand(ran):
    hostile = {"name": "toy-nearest", "label": HOSTILE}
    sets = [
        {
            "name": f"set {HOSTILE}",
            "source": "toy-colours",
            "published": {"source": HOSTILE, HOSTILE: 0.5, f"them {HOSTILE}": 0.25},
        },
        {"name": f"gone {HOSTILE}", "source": "toy-folder", "folder": f"toys{HOSTILE}"},
        {"name": f"none {HOSTILE}", "source": HOSTILE},
    ]
    probes = [{"set": f"set {HOSTILE}", "options": {"shots": 2}, "limit": 4}]
    campaign = ran("out", [hostile], sets, probes, summary=HOSTILE)
    with Store(campaign.store) as store:
        key = store.named()[f"{HOSTILE} on set {HOSTILE}"].key
        rows = store.rows(key)
        bad = Row(1, HOSTILE, {}, {}, HOSTILE, f"Traceback {HOSTILE}")
        good = Row(0, rows[0].episode, {**rows[0].numbers, HOSTILE: 3.0}, rows[0].meta)
        store.write(key, [good, bad], 1.0, {HOSTILE: HOSTILE})
    text = write(campaign.folder).read_text(encoding="utf-8")
    found = safe(text)
    shown = " ".join(HOSTILE.split())
    assert found.text.count(shown) > 20
    assert "<script>alert" not in text and "<img src=x" not in text
    assert f"Traceback {shown}" in found.text and "49" not in found.text.split("Scores")[0]
    value = strict((campaign.folder / "report.json").read_text())
    assert value["failures"][0]["error"] == HOSTILE
    assert value["failures"][0]["episodes"] == [HOSTILE]
    said = (campaign.folder / "report.md").read_text()
    assert "<script" not in said and "<img" not in said
    assert all(line.startswith(("|", "#")) or "|" not in line for line in said.splitlines())


def test_failures_come_first(ran):
    learners = ["toy-weighty", {"name": "toy-nearest", "options": {"fail": 3}}]
    campaign = ran("out", learners)
    text = Page(write(campaign.folder).read_text()).text
    order = [text.index(w) for w in ("Could not run", "ValueError: a query", "mean skill")]
    assert order == sorted(order)
    assert "toy.ckpt" in text and "colour 3" in text
    value = strict((campaign.folder / "report.json").read_text())
    assert [(one["learner"], one["count"]) for one in value["failures"]] == [("toy-nearest", 1)]
    assert [one["learners"] for one in value["missing"]] == [["toy-weighty"]]


def test_sets_without_data_are_missing_with_the_reason_and_no_failure(ran):
    sets = [
        {"name": "colours", "source": "toy-colours"},
        {"name": "files", "source": "toy-folder", "folder": "toys"},
    ]
    content = gathered(ran("out", sets=sets))
    (missing,) = content.missing
    assert missing.skipped and missing.learners == () and "--data" in missing.reason
    text = Page(render_page(content)).text
    assert "No episode failed" in text
    assert text.index("Missing sets") > text.index("Scores")


def test_published_numbers_stand_beside_ours(ran):
    published = {"source": "a paper", "toy-nearest": 0.75, "theirs": 0.5}
    sets = [{"name": "colours", "source": "toy-colours", "published": published}]
    content = gathered(ran("out", sets=sets))
    ours, theirs = content.published
    assert ours.method == "toy-nearest" and ours.ours.score.value == 1.0 and ours.value == 0.75
    assert theirs.ours is None
    text = Page(render_page(content)).text
    assert "a paper" in text and "Beside published numbers" in text
    assert "| colours | theirs | right | 0.5 | – | a paper |" in render_markdown(content)


def test_a_folder_without_a_campaign_or_results(ran, tmp_path, toy_plugin):
    with pytest.raises(InputError, match="holds no campaign"):
        write(tmp_path)
    campaign = ran("out")
    for path in campaign.folder.glob("results.sqlite*"):
        path.unlink()
    text = Page(write(campaign.folder).read_text()).text
    assert "0 answers" in text and not campaign.store.exists()


# Examples.


def test_the_worst_and_the_best_episode_are_predicted_anew_and_drawn(ran):
    campaign = ran("out", [{"name": "toy-first", "label": "first"}])
    found, notes = examples_of(campaign)
    assert notes == []
    assert [(one.kind, one.score) for one in found] == [("worst", 0.0), ("best", 1.0)]
    assert "answered “dark" in found[0].drawing.text
    assert len(found[0].drawing.panels) == 3
    again, _ = examples_of(campaign)
    assert repr(again) == repr(found)
    text = write(campaign.folder).read_text()
    assert text.count("<img ") == 6 and safe(text)
    without = write(campaign.folder, examples=False).read_text()
    assert "<img " not in without


def test_of_sets_that_may_not_be_shown_nothing_is_drawn(ran):
    campaign = ran("out", [{"name": "toy-first", "label": "first"}])
    names = {one.set for one in examples_of(campaign)[0]}
    assert "<img " not in write(campaign.folder, without=names).read_text()
    with pytest.raises(UnknownNameError, match="nowhere"):
        write(campaign.folder, without=["nowhere"])


def test_episodes_without_a_score_are_no_examples(ran):
    asked = ran("out").asked[-1]
    nan = [Row(0, "a", {"right": math.nan}, {}), Row(1, "b", {}, {}, "failed")]
    assert extremes(asked, nan) == []
    (only,) = extremes(asked, [*nan, Row(2, "c", {"right": 0.5}, {})])
    assert (only.kind, only.episode) == ("typical", "c")


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"weights": "abc"}, "the weights are not what they were"),
        ({"data": "abc"}, "the data is not what it was"),
    ],
)
def test_examples_of_other_data_or_weights_are_left_out_with_a_sentence(ran, change, sentence):
    campaign = ran("out")
    with Store(campaign.store) as store:
        title = campaign.asked[-1].trial.title
        key = store.named()[title].key
        store.add_trial("other", {**store.trials()[key], **change})
        store.write("other", store.rows(key), 1.0, {})
        store.name_trial(title, "other")
    found, notes = examples_of(campaign)
    assert found == [] and len(notes) == 1 and sentence in notes[0]
    assert sentence in Page(write(campaign.folder).read_text()).text


def test_a_learner_that_is_gone_leaves_a_sentence(ran, toy_plugin):
    from icl_core import plugins

    campaign = ran("out")
    source = (toy_plugin / "icl_toys" / "__init__.py").read_text()
    entry = toy_plugin / "icl_toys-1.dist-info" / "entry_points.txt"
    entry.write_text("[icl]\ntoys = icl_other\n")
    (toy_plugin / "icl_other.py").write_text(source.replace('"toy-nearest"', '"toy-renamed"'))
    plugins.discover(refresh=True)
    found, notes = examples_of(Campaign.open(campaign.folder))
    assert found == [] and "toy-nearest" in notes[0]
    assert "No examples of toy-nearest" in Page(write(campaign.folder).read_text()).text


def picture(level=90, size=(20, 30)):
    return np.full((*size, 3), level, np.uint8)


def test_masks_pictures_videos_and_series_are_drawn():
    mask = np.zeros((20, 30), bool)
    mask[5:9, 5:20] = True
    example = Example(picture(), mask)
    logits = np.where(mask, 1, -1).astype(np.float32)
    answer = Segmentation(mask, logits, 0.5)
    drawn = draw(Episode(Context((example,)), picture(), mask), answer)
    assert [one.caption for one in drawn.panels] == ["example", "query", "truth", "answer"]
    assert drawn.size < 100_000
    film = Video([picture(n) for n in (1, 2, 3)])
    drawn = draw(Episode(Context((example,)), film, [mask] * 3), [answer] * 3)
    assert drawn.text == "frame 2 of 3" and len(drawn.panels) == 4
    painted = Picture(picture(3))
    pair = Example(picture(1), picture(2))
    drawn = draw(Episode(Context((pair,) * 6), picture(), picture()), painted)
    assert len(drawn.panels) == 2 * 4 + 3 and "2 more examples" in drawn.text
    labels = np.arange(600).reshape(20, 30)
    depth = labels / 7
    for truth in (labels, depth, None, {"odd": 1}):
        drawn = draw(Episode(Context((pair,)), picture(), truth), painted)
        assert len(drawn.panels) == (5 if isinstance(truth, np.ndarray) else 4)
    history = Series(np.arange(400.0), name=HOSTILE)
    quantiles = np.arange(12, dtype=np.float32).reshape(3, 4)
    forecast = Forecast(quantiles, (0.1, 0.5, 0.9), quantiles[1], history=history)
    for truth in (np.arange(4.0), np.arange(5.0), None):
        drawn = draw(Episode(Context(history=history, text=HOSTILE), 4, truth), forecast)
        assert drawn.panels[0].wide and drawn.text.startswith("with the text")
        fits = truth is not None and len(truth) == 4
        assert ("truth" in drawn.panels[0].caption) == fits
    several = MultiForecast((forecast,) * 4, tuple("abcd"))
    for truth in (np.zeros((4, 4)), None):
        drawn = draw(Episode(Context(history=history), 4, truth), several)
        assert ("truth" in drawn.panels[0].caption) == (truth is not None)
    odd = type("Odd", (), {"values": np.arange(4.0)})()
    assert "truth" in draw(Episode(Context(history=history), 4, odd), forecast).panels[0].caption


def test_hostile_labels_of_examples_and_answers_are_escaped(ran):
    example = Example(picture(), HOSTILE)
    answer = Classification(
        HOSTILE, (HOSTILE, "b"), np.array([0.75, 0.25], np.float32), answer=HOSTILE
    )
    drawing = draw(Episode(Context((example, example)), picture(), HOSTILE), answer)
    campaign = ran("out")
    (one, *_), _ = examples_of(campaign)
    shown = type(one)(**{**vars(one), "episode": HOSTILE, "drawing": drawing})
    text = render_page(gathered(campaign).with_examples([shown], [HOSTILE]))
    found = safe(text)
    assert found.text.count("alert('1')") >= 5 and "<script>alert" not in text


def test_pictures_are_small():
    large = np.random.default_rng(0).integers(0, 255, (900, 1600, 3), np.uint8)
    drawn = draw(Episode(Context(), large, large), Picture(large))
    assert drawn.size < 200_000
    assert HEIGHT <= 200


def test_context_selection_has_a_section_with_gains_and_a_plot(ran):
    label = HOSTILE[:60]
    selectors = ["nearest", {"name": "k-centre", "label": label}]
    colours = {"name": "colours", "source": "toy-colours", "budget": 1, "selectors": selectors,
               "pool": {"options": {"shots": 3}}}  # fmt: skip
    campaign = ran("out", sets=[colours], learners=["toy-nearest", "toy-weighty"])
    write(campaign.folder, examples=False)
    page = Page((campaign.folder / "report.html").read_text())
    assert "Context selection" in page.text and "mean gain over random" in page.text
    labels = [attrs.get("aria-label") or "" for tag, attrs in page.tags if tag == "figure"]
    assert any("Selectors on colours (shots=3)" in one for one in labels)
    assert [tag for tag, _ in page.tags].count("script") == 1
    assert "toy.ckpt" in page.text, "a learner that could not run is said"
    assert "Begun 20" in page.text
    text = (campaign.folder / "report.md").read_text()
    assert "## Context selection" in text and "| linking | nearest | 0 [0, 0] | 1 |" in text
    assert "<script" not in text
    data = strict((campaign.folder / "report.json").read_text())
    assert data["selections"][0]["gains"]["nearest"]["value"] == 0.0
    assert data["gains"][0]["task"] == "linking" and data["began"].endswith("Z")
