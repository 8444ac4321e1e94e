"""`icl weights`: which weights there are and where; fetch, check and convert them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from icl_cli.guard import say
from icl_cli.output import print_json, print_table, size_text

if TYPE_CHECKING:
    from icl_core.cards import LearnerCard, WeightCard

_HELP = "Weights: list, fetch, check, find and convert them."

app = typer.Typer(help=_HELP, rich_markup_mode=None)

Name = Annotated[str, typer.Argument(metavar="NAME", help="Name of a learner.")]
Which = Annotated[
    str | None,
    typer.Option("--weights", metavar="W", help="Which of its weights; see `icl weights list`."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Write JSON.")]


class _Place(NamedTuple):
    """Weights of a learner, and where they are on this machine, if they are."""

    learner: LearnerCard
    weights: WeightCard
    path: Path | None


@app.callback(invoke_without_command=True, help=_HELP)
def weights(ctx: typer.Context) -> None:
    """List the weights when no command is given."""
    if ctx.invoked_subcommand is None:
        list_weights()


@app.command("list")
def list_weights(
    name: Annotated[
        str | None, typer.Argument(metavar="[NAME]", help="Only those of this learner.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """List the weights of all learners, and which of them are here."""
    places = list(_places(name))
    if as_json:
        print_json(
            [
                {
                    "learner": place.learner.name,
                    "weights": place.weights.name,
                    "state": _state(place),
                    "path": None if place.path is None else str(place.path),
                    "size": place.weights.size,
                    "sha256": place.weights.sha256,
                    "licence": place.weights.licence,
                    "url": place.weights.url,
                }
                for place in places
            ]
        )
        return
    rows = [
        (
            place.learner.name,
            place.weights.name,
            _state(place),
            size_text(place.weights.size),
            place.weights.licence or None,
            place.path or place.weights.url,
        )
        for place in places
    ]
    print_table(("LEARNER", "WEIGHTS", "STATE", "SIZE", "LICENCE", "PLACE"), rows)


@app.command("pull")
def pull(name: Name, which: Which = None, as_json: AsJson = False) -> None:
    """Download weights of a learner: the official ones, unless --weights says others."""
    from icl_core import registry
    from icl_core.weights import resolve_weights

    card = registry.learner_card(name)
    if which is None:
        remote = [weights.name for weights in card.weights if weights.url is not None]
        which = "official" if "official" in remote else next(iter(remote), None)
        if which is None:
            say(f"Nothing to download: the weights of {name} come with it.")
    found = resolve_weights(card, which)
    if found is None:
        say(f"{name} needs no weights.")
    elif as_json:
        print_json({"weights": found.name, "path": str(found.path), "sha256": found.digest()})
    else:
        typer.echo(str(found.path))


@app.command("path")
def path(name: Name, which: Which = None) -> None:
    """Print where weights of a learner are: those it loads by default, or --weights."""
    from icl_core import registry
    from icl_core.errors import InputError, WeightsError

    card = registry.learner_card(name)
    if not card.weights:
        raise InputError(f"{name} needs no weights")
    places = [place for place in _places(name) if which in (None, place.weights.name)]
    if not places:
        known = ", ".join(weights.name for weights in card.weights)
        raise InputError(f"{name} has no weights {which!r}; it has: {known}")
    here = next((place.path for place in places if place.path is not None), None)
    if here is None:
        wanted = places[0].weights.name
        raise WeightsError(
            f"the weights {wanted!r} of {name} are not here",
            hint=f"icl weights pull {name} --weights {wanted}",
        )
    typer.echo(str(here))


@app.command("verify")
def verify(
    target: Annotated[
        str | None,
        typer.Argument(metavar="[NAME|FILE]", help="A learner or a file; all that is here."),
    ] = None,
    which: Which = None,
    as_json: AsJson = False,
) -> None:
    """Hash weights again, read them, and look for NaN and infinities.

    With one target a problem is an error (exit code 2). Without one, all weights that are here are
    checked, and the exit code is 1 if all of them failed and 3 if some did.
    """
    from icl_core.errors import IclError

    checked: list[dict[str, Any]] = []
    for owner, weights, file, expected in _targets(target, which):
        row = {"learner": owner, "weights": weights, "path": str(file)}
        try:
            checked.append(row | _check(file, expected))
        except IclError as error:
            if target is not None:
                raise
            checked.append(row | {"ok": False, "problem": error.message})
    if as_json:
        print_json(checked)
    else:
        rows = [
            (
                row["learner"],
                row["weights"],
                "ok" if row["ok"] else "FAILED",
                row.get("sha256", "")[:12] or None,
                row["path"] if row["ok"] else row["problem"],
            )
            for row in checked
        ]
        print_table(("LEARNER", "WEIGHTS", "STATE", "SHA256", "FILE"), rows)
    failed = sum(not row["ok"] for row in checked)
    if failed:
        say(f"{failed} of {len(checked)} weights files failed.")
        raise typer.Exit(1 if failed == len(checked) else 3)


@app.command("convert")
def convert(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A checkpoint.")],
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="FILE", help="The new file. [default: beside the old one]"),
    ] = None,
    trust_pickle: Annotated[
        bool,
        typer.Option(
            "--trust-pickle", help="Run the code in FILE. Only if you trust whoever wrote it."
        ),
    ] = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace a file that exists.")
    ] = False,
) -> None:
    """Write a checkpoint as safetensors, which can be read without running code."""
    from icl_core.errors import WeightsError
    from icl_core.weights import convert as convert_file

    if not file.is_file():
        raise WeightsError(f"there is no file {file}")
    typer.echo(str(convert_file(file, out, trust_pickle, overwrite=overwrite)))


def _places(name: str | None) -> Iterator[_Place]:
    from icl_core import registry

    cards = registry.learners() if name is None else [registry.learner_card(name)]
    for card in cards:
        for weights in card.weights:
            yield _Place(card, weights, _local_file(weights, card.name))


def _local_file(weights: WeightCard, learner: str) -> Path | None:
    """Where weights are, without opening a connection; None if they are not here."""
    from icl_core.weights.cache import cache_path
    from icl_core.weights.hub import PREFIX, HubAddress
    from icl_core.weights.locate import bundled_file

    if (bundled := bundled_file(weights)) is not None or weights.url is None:
        return bundled
    if not weights.url.startswith(PREFIX):
        path = cache_path(weights, learner)
        return path if path.is_file() else None
    from huggingface_hub import try_to_load_from_cache

    address = HubAddress.parse(weights.url)
    found = try_to_load_from_cache(
        address.repo, address.path or weights.file, revision=address.revision
    )
    return Path(found) if isinstance(found, str) else None


def _state(place: _Place) -> str:
    if place.path is None:
        return "missing" if place.weights.url is None else "not fetched"
    return "bundled" if place.weights.package is not None else "fetched"


def _targets(
    target: str | None, which: str | None
) -> Iterator[tuple[str | None, str | None, Path, str | None]]:
    """Learner, name of the weights, file and expected sha256 of each file to verify."""
    from icl_core import registry
    from icl_core.errors import UnknownNameError, WeightsError

    if target is not None:
        file = Path(target).expanduser()
        is_path = file.is_file() or len(file.parts) > 1 or bool(file.suffix)
        if is_path and not any(card.name == target for card in registry.learners()):
            if not file.is_file():
                raise WeightsError(f"there is no weights file {file}")
            yield None, None, file, None
            return
    places = [place for place in _places(target) if which in (None, place.weights.name)]
    if which is not None and not places:
        raise UnknownNameError(f"{target or 'no learner'} has no weights {which!r}")
    here = [place for place in places if place.path is not None]
    if target is not None and not here:
        if not places:
            raise WeightsError(f"{target} needs no weights")
        raise WeightsError(
            f"no weights of {target} are here", hint=f"icl weights pull {target} fetches them"
        )
    for place in here:
        if place.path is not None:
            yield place.learner.name, place.weights.name, place.path, place.weights.sha256


def _check(file: Path, expected: str | None) -> dict[str, Any]:
    from icl_core.weights import verify as verify_file

    found = verify_file(file, sha256=expected)
    return {
        "ok": True,
        "sha256": found.sha256,
        "expected": found.expected,
        "format": found.format,
        "tensors": found.tensors,
        "numbers": found.numbers,
    }
