"""`icl info NAME`: everything that a learner's card says."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from icl_cli.output import one_line, print_json, size_text

if TYPE_CHECKING:
    from icl_core.cards import LearnerCard


def show_info(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Name of a learner.")],
    as_json: Annotated[bool, typer.Option("--json", help="Write JSON.")] = False,
) -> None:
    """Show what a learner is, its weights, options and scores."""
    from icl_core import registry

    card = registry.learner_card(name)
    if as_json:
        print_json(card_dict(card))
        return
    _section(
        {
            card.name: card.summary,
            "task": card.task,
            "paper": card.paper or "-",
            "licence": card.licence or "-",
            "reads text": "yes" if card.takes_text else "no",
            "reads covariates": "yes" if card.takes_covariates else "no",
            "forecasts variates together": "yes" if card.takes_variates else "no",
            **({"needs the extra": card.extra} if card.extra else {}),
        }
    )
    for weights in card.weights:
        typer.echo(f"\nweights {weights.name!r}")
        _section(
            {
                "file": weights.file,
                "size": size_text(weights.size) or "not stated",
                "sha256": weights.sha256 or "not stated",
                "from": weights.url or f"bundled with {weights.package}",
                "licence": weights.licence or "-",
                "source": weights.source or "-",
                **{f"option {key}": value for key, value in weights.options.items()},
                **dict(_flat(weights.scores)),
            },
            indent="  ",
        )
    for title, values in (("options", card.options), ("preprocessing", card.preprocessing)):
        if values:
            typer.echo(f"\n{title}")
            _section(values, indent="  ")


def card_dict(card: LearnerCard) -> dict[str, Any]:
    """A card as plain data for JSON."""
    from dataclasses import asdict

    return asdict(card) | {"task": str(card.task)}


def _section(values: Any, indent: str = "") -> None:
    width = max(map(len, values))
    for key, value in values.items():
        typer.echo(f"{indent}{key.ljust(width)}  {one_line(str(value))}")


def _flat(values: Any, prefix: str = "") -> list[tuple[str, Any]]:
    pairs: list[tuple[str, Any]] = []
    for key, value in values.items():
        inner = (
            _flat(value, f"{prefix}{key}.")
            if hasattr(value, "items")
            else [(prefix + str(key), value)]
        )
        pairs += inner
    return pairs
