"""The documentation says what is there, and what it shows works."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import icl_core
from icl_core import errors, plugins
from icl_core.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
DATA = "plugins/forecasting/icl_forecasting/data"
PAGES = sorted(
    path
    for path in (*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("plugins/**/*.md"))
    if not any(part.startswith(".") for part in path.relative_to(ROOT).parts)
)
TEXT = "\n".join(
    path.read_text(encoding="utf-8") for path in (ROOT / "README.md", *DOCS.glob("*.md"))
)
_BLOCK = re.compile(r"^```(\w*) ?([^\n]*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_LINK = re.compile(r"(!?)\[[^\]]*\]\(([^)\s]+)\)")


@dataclass(frozen=True)
class Block:
    """A fenced block: its language, the words after it, its text, and its line on the page."""

    language: str
    words: tuple[str, ...]
    text: str
    line: int


def blocks(page: Path) -> list[Block]:
    text = page.read_text(encoding="utf-8")
    return [
        Block(m[1], tuple(m[2].split()), m[3], text.count("\n", 0, m.start()) + 2)
        for m in _BLOCK.finditer(text)
    ]


def shown(page: Path) -> str:
    return str(page.relative_to(ROOT))


def run(page: Path, leave_out: tuple[str, ...] = ()) -> dict[str, Any]:
    """Run the blocks of a page that are marked `run`, in order, and return their names."""
    names: dict[str, Any] = {"__name__": "snippet"}
    for block in blocks(page):
        if "run" in block.words and not set(leave_out) & set(block.words):
            # Line numbers in a traceback are those of the page.
            code = "\n" * (block.line - 1) + block.text
            exec(compile(code, shown(page), "exec"), names)
    return names


RUNNABLE = [page for page in PAGES if any("run" in block.words for block in blocks(page))]


def test_there_are_pages_with_snippets() -> None:
    assert {
        "README.md",
        "docs/quickstart.md",
        "docs/forecasting.md",
        "docs/linking.md",
        "docs/segmentation.md",
        "docs/plugins.md",
    } <= {shown(page) for page in RUNNABLE}


@pytest.mark.parametrize("page", RUNNABLE, ids=shown)
def test_snippets_run(page: Path, workplace: Path, bundled: Path) -> None:
    words = {word for block in blocks(page) for word in block.words}
    if "bundled" in words:
        pytest.importorskip("torch")
    left_out = ()
    if "gluonts" in words:
        try:
            import gluonts  # noqa: F401
        except ImportError:
            left_out = ("gluonts",)
    run(page, left_out)


def test_the_hooks_of_the_plugin_page_are_all_hooks_and_point_to_its_snippets(
    workplace: Path,
) -> None:
    names = run(DOCS / "plugins.md")
    module = ModuleType("icl_my_learner")
    hooks = {hook: names[hook] for hook in plugins.hook_names()}
    vars(module).update(hooks)

    report = plugins.examine(module, "my-learner")

    assert report.error is None
    assert report.hooks == tuple(sorted(plugins.hook_names()))
    targets = [card.cls for card in hooks["icl_learners"]()]
    for hook in set(hooks) - {"icl_learners"}:
        targets += hooks[hook]().values()
    for target in targets:
        assert target.partition(":")[2] in names, target


def test_what_the_plugin_page_points_to_does_what_the_hooks_promise(workplace: Path) -> None:
    from icl_core.demo import DemoItem

    names = run(DOCS / "plugins.md")
    (card,) = names["icl_learners"]()
    learner = names["LastValue"](card, icl_core.LoadOptions())

    episodes = list(names["lines"](seed=1, count=3))
    answers = list(learner.predict_episodes(episodes, shift=1.0))

    for episode, answer in zip(episodes, answers, strict=True):
        assert answer.mean[0] == pytest.approx(episode.context.history.values[-1] + 1.0)
        assert set(names["mae"](answer, episode.target, episode.meta)) == {"mae"}
    assert all(isinstance(item, DemoItem) for item in names["items"]())
    assert names["first"]([1, 2, 3], query=None, budget=2) == [1, 2]


def test_generated_pages_and_tables_are_up_to_date(generator: ModuleType) -> None:
    for path, text in generator.pages().items():
        old = path.read_text(encoding="utf-8")
        assert generator.up_to_date(old, text), f"{shown(path)}: run python docs/generate.py"


@pytest.mark.parametrize("name", sorted(icl_core.__all__))
def test_every_public_name_is_in_the_docs(name: str) -> None:
    assert re.search(rf"\b{re.escape(name)}\b", TEXT)


@pytest.mark.parametrize("hook", plugins.hook_names())
def test_every_hook_has_a_section_with_an_example(hook: str) -> None:
    text = (DOCS / "plugins.md").read_text(encoding="utf-8")
    assert f"### `{hook}`\n" in text
    assert f"def {hook}(" in text


@pytest.mark.parametrize("variable", [f.metadata["variable"] for f in fields(Settings)])
def test_every_environment_variable_is_in_the_docs(variable: str) -> None:
    assert f"`{variable}`" in (DOCS / "settings.md").read_text(encoding="utf-8")


def test_every_command_is_in_the_docs(generator: ModuleType) -> None:
    text = (DOCS / "cli.md").read_text(encoding="utf-8")
    for path, _ in generator.command_help():
        assert f" `{path}`\n" in text


def test_every_error_class_is_in_the_docs() -> None:
    text = (DOCS / "errors.md").read_text(encoding="utf-8")
    for name, kind in vars(errors).items():
        if isinstance(kind, type) and issubclass(kind, errors.IclError):
            assert f"`{name}`" in text or f"icl_core.{name}" in text


@pytest.mark.parametrize("topic", ["forecasting", "linking", "painting", "segmentation"])
def test_every_option_of_a_shipped_learner_is_on_a_page_of_its_plugin(topic: str) -> None:
    if topic != "forecasting":
        pytest.importorskip("torch")
    from icl_core.registry import learner_class, learners

    pages = {"forecasting": ("forecasting", "tirex2", "text")}.get(topic, (topic,))
    text = "".join((DOCS / f"{page}.md").read_text(encoding="utf-8") for page in pages)
    cards = [card for card in learners() if card.cls.startswith(f"icl_{topic}.")]
    assert cards
    for card in cards:
        for option in {*card.options, *learner_class(card).predict_options}:
            assert f"`{option}`" in text, f"{card.name}: {option}"


PASSENGERS = ("--series", f"{DATA}/air_passengers.csv", "--column", "value", "--horizon", "3")


@pytest.mark.parametrize(
    "arguments",
    [
        ("seasonal-naive", "--series", f"{DATA}/air_passengers.csv", "--column", "passenger",
         "--horizon", "3"),
        ("seasonal-naive", *PASSENGERS, "--quantiles", "0.9,0.1"),
        ("seasonal-naive", *PASSENGERS, "--option", "foo=1"),
        ("tirex", *PASSENGERS, "--quantiles", "0.01,0.5"),
        ("tirex", *PASSENGERS, "--weights", "NX-AI/TiRex"),
    ],
    ids=lambda arguments: arguments[-1],
)  # fmt: skip
def test_the_typical_sentences_are_those_that_are_said(
    arguments: tuple[str, ...], workplace: Path, bundled: Path
) -> None:
    from typer.testing import CliRunner

    from icl_cli.app import app

    done = CliRunner().invoke(app, ["predict", *arguments])

    assert done.exit_code == 2
    sentence = done.output.splitlines()[0].removeprefix("Error: ")
    assert f"| {sentence} |" in (DOCS / "errors.md").read_text(encoding="utf-8")


def commands_shown() -> Iterator[tuple[str, str]]:
    for page in PAGES:
        for block in blocks(page):
            if block.language == "sh":
                for line in block.text.splitlines():
                    for part in line.partition("#")[0].split("|"):
                        if part.strip().startswith("icl "):
                            yield shown(page), part.strip()


@pytest.mark.parametrize(("page", "line"), sorted(set(commands_shown())))
def test_commands_on_the_pages_exist_and_know_their_options(page: str, line: str) -> None:
    import typer

    from icl_cli.app import app

    command: Any = typer.main.get_command(app)
    words = shlex.split(line)[1:]
    while words and words[0] in getattr(command, "commands", {}):
        command = command.commands[words.pop(0)]
    assert not getattr(command, "commands", {}) or not words, f"{line}: no such command"
    known = {option for parameter in command.params for option in parameter.opts}
    for word in words:
        assert not word.startswith("--") or word in known, f"{line}: no option {word}"


@pytest.mark.parametrize("page", PAGES, ids=shown)
def test_links_lead_somewhere(page: Path) -> None:
    text = _BLOCK.sub("", page.read_text(encoding="utf-8"))
    for _, link in _LINK.findall(text):
        if "://" in link:
            continue
        place, _, anchor = link.partition("#")
        target = (page.parent / place).resolve() if place else page
        assert target.exists(), f"{shown(page)}: {link}"
        if anchor:
            assert anchor in anchors(target), f"{shown(page)}: {link}"


def anchors(page: Path) -> set[str]:
    """Anchors of the headings of a page, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    plain = [re.sub(r"[^\w\- ]", "", heading.lower()) for heading in headings]
    return {heading.strip().replace(" ", "-") for heading in plain}


def test_the_picture_of_the_readme_is_an_svg_that_loads_nothing() -> None:
    picture = (DOCS / "images" / "forecast.svg").read_text(encoding="utf-8")
    assert "<svg" in picture
    assert "<script" not in picture and "<image" not in picture
