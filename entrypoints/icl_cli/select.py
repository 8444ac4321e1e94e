"""`icl select`: which items of a pool are worth annotating."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from icl_cli.guard import say
from icl_cli.output import print_json, print_table
from icl_core.errors import InputError, UnknownNameError

if TYPE_CHECKING:
    import numpy as np

    from icl_core.selection import Pool

SUFFIXES = (".txt", ".csv", ".json")


def select(
    method: Annotated[
        str,
        typer.Argument(
            metavar="METHOD",
            help="random, nearest, k-centre, diversity, mfl, fast-vote-k, ideal, or a plugin's.",
        ),
    ],
    pool: Annotated[
        Path,
        typer.Option(
            "--pool",
            metavar="DIR|FILE",
            help="Pictures in a folder; a table of series; .txt with a text a line; "
            ".npy with embeddings.",
        ),
    ],
    budget: Annotated[int, typer.Option("--budget", metavar="N", help="How many items to choose.")],
    learner: Annotated[
        str | None,
        typer.Option(
            "--learner",
            metavar="NAME",
            help="Learner that describes the items; else built in.",
        ),
    ] = None,
    embeddings: Annotated[
        Path | None,
        typer.Option(
            "--embeddings", metavar="X.npy", help="Embeddings of the pool, one row an item."
        ),
    ] = None,
    query: Annotated[
        list[str] | None,
        typer.Option(
            "--query", metavar="ITEM", help="For nearest: a picture, a file or a text; repeatable."
        ),
    ] = None,
    annotated: Annotated[
        Path | None,
        typer.Option(
            "--annotated", metavar="FILE", help="Items that have labels already, one a line."
        ),
    ] = None,
    column: Annotated[
        str | None, typer.Option("--column", metavar="C", help="Column with the values of series.")
    ] = None,
    item_column: Annotated[
        str | None,
        typer.Option("--item-column", metavar="I", help="Column that tells series apart."),
    ] = None,
    window: Annotated[
        int | None,
        typer.Option("--window", metavar="T", help="Cut series into windows of T steps."),
    ] = None,
    k: Annotated[
        int | None, typer.Option("-k", metavar="K", help="Neighbours of an item in the graph.")
    ] = None,
    seed: Annotated[int, typer.Option("--seed", metavar="S", help="Seed of what is random.")] = 0,
    behaviour: Annotated[
        str,
        typer.Option(
            "--behaviour", metavar="B", help="corrected, or official: the released code's."
        ),
    ] = "corrected",
    weights: Annotated[
        str | None, typer.Option("--weights", metavar="W", help="Weights of the learner.")
    ] = None,
    device: Annotated[
        str, typer.Option("--device", metavar="D", help="auto, cpu, cuda, cuda:1 or mps.")
    ] = "auto",
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="FILE", help="Write the choice: .txt, .csv or .json."),
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace a file that exists.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Write JSON.")] = False,
) -> None:
    """Choose the items of a pool that are worth annotating.

    \b
    icl select ideal --pool photos/ --budget 18
    icl select fast-vote-k --pool photos/ --budget 18 --learner encoder --out chosen.txt
    icl select k-centre --pool sales.csv --column sales --window 48 --budget 10
    icl select nearest --pool photos/ --query new.jpg --budget 4
    icl select ideal --pool photos/ --embeddings X.npy --budget 18 --json
    """
    from icl_core.results.save import check_suffix
    from icl_core.selection import read_embeddings, read_pool

    if out is not None:
        check_suffix(out, SUFFIXES)
    if learner is not None and embeddings is not None:
        raise InputError("--learner and --embeddings are both given, expected one")
    if out is not None and not overwrite and out.exists():
        raise InputError(f"{out} exists already and was left as it is", "--overwrite replaces it")
    items = read_pool(pool, column=column, item_column=item_column, window=window)
    done = None if annotated is None else _places(annotated, items)
    if (foreign := _foreign(method)) is not None:
        if learner is not None or embeddings is not None or done is not None or k is not None:
            raise InputError(
                f"{foreign} is a plugin's selector, which takes pool, query and budget alone"
            )
        found = _by_plugin(foreign, items, query, budget)
    else:
        given = None if embeddings is None else read_embeddings(embeddings)
        if given is not None and len(given) != len(items):
            raise InputError(
                f"--embeddings {embeddings} has {len(given)} rows, but the pool has "
                f"{len(items)} items"
            )
        asked = [_query(words, items, column, item_column) for words in query or ()]
        found = _choose(
            method, items, asked, budget, learner, given, weights=weights, device=device,
            k=k, seed=seed, behaviour=behaviour, annotated=done,
        )  # fmt: skip
    found = {"pool": str(pool), **found}
    if out is not None:
        _write(out, found, overwrite)
        say(f"Wrote {out}")
    if as_json:
        from icl_core.results.save import strict_json

        print_json(strict_json(found))
    elif out is None:
        rows = [(r["pick"], r["index"], _short(r["score"]), r["item"]) for r in found["items"]]
        print_table(("PICK", "INDEX", "SCORE", "ITEM"), rows)


def _choose(
    method: str,
    pool: Pool,
    queries: list[Any],
    budget: int,
    learner: str | None,
    given: np.ndarray | None,
    *,
    weights: str | None,
    device: str,
    **options: Any,
) -> dict[str, Any]:
    """Describe the items, and choose."""
    import numpy as np

    from icl_core.selection import embed, select
    from icl_core.selection.embedders import BUILT_IN, Embedder, learner_embedder

    embedder: Embedder | None = None
    if learner is not None:
        from icl_core import registry

        embedder = learner_embedder(registry.load(learner, weights=weights, device=device))
        what = learner
    elif given is not None or pool.kind == "embeddings":
        what = "given"
    else:
        what, built_in = BUILT_IN[pool.kind]
        embedder = built_in()
    if given is None:
        given = np.asarray(pool.inputs) if embedder is None else embed(embedder, pool.inputs)
    if queries:
        if embedder is None and pool.kind != "embeddings":
            raise InputError("--query needs embeddings of its own, which --embeddings has not")
        rows = np.concatenate(queries) if embedder is None else embed(embedder, queries)
        options["queries"] = rows
    chosen = select(given, budget, method, **options)
    items = [
        {"pick": pick, "index": index, "item": pool.names[index], "score": score}
        for pick, (index, score) in enumerate(
            zip(chosen.indices.tolist(), chosen.scores.tolist(), strict=True), 1
        )
    ]
    return {
        "method": chosen.method,
        "size": len(pool),
        "embeddings": what,
        "seed": options["seed"],
        "behaviour": options["behaviour"],
        "coverage": chosen.coverage,
        "items": items,
    }


def _foreign(method: str) -> str | None:
    """The name of a plugin's selector; None for a method of the core.

    Raises:
        UnknownNameError: it is neither.
    """
    from icl_core import catalogue
    from icl_core.selection.foreign import HOOK
    from icl_core.selection.methods import method_named

    try:
        method_named(method)
    except UnknownNameError:
        if not any(method in (e.name, f"{e.plugin.distribution}:{e.name}")
                   for e in catalogue.entries(HOOK)):  # fmt: skip
            raise
        return method
    return None


def _by_plugin(name: str, pool: Pool, query: list[str] | None, budget: int) -> dict[str, Any]:
    from icl_core.selection import run_selector

    if not 1 <= budget <= len(pool):
        raise InputError(f"--budget is {budget}, expected 1 to {len(pool)}, the items of the pool")
    if query is not None and len(query) > 1:
        raise InputError(f"--query is given {len(query)} times, and {name} takes one")
    chosen = run_selector(name, pool.inputs, query[0] if query else None, budget)
    items = [
        {"pick": pick, "index": index, "item": pool.names[index], "score": None}
        for pick, index in enumerate(chosen, 1)
    ]
    return {"method": name, "size": len(pool), "items": items}


def _query(words: str, pool: Pool, column: str | None, item_column: str | None) -> Any:
    """What one --query means for a pool of this kind."""
    from icl_core.selection import read_embeddings, read_pool

    if pool.kind == "texts":
        return words
    if pool.kind == "embeddings":
        return read_embeddings(words)
    found = read_pool(words, column=column, item_column=item_column, single=True)
    if found.kind != pool.kind or len(found) != 1:
        raise InputError(
            f"--query {words} holds {len(found)} {found.kind}, expected one of the pool's "
            f"{pool.kind}"
        )
    return found.inputs[0]


def _places(file: Path, pool: Pool) -> list[int]:
    """The numbers of the items that a file names, by name, by file name, or by number."""
    from icl_core.selection.pool import read_lines

    known = {str(place): place for place in range(len(pool))}
    if pool.kind == "pictures":
        known |= {Path(name).name: place for place, name in enumerate(pool.names)}
    known |= {name: place for place, name in enumerate(pool.names)}
    found = []
    for line in read_lines(file):
        if line not in known:
            raise InputError(f"--annotated {file}: {line!r} is no item of the pool")
        found.append(known[line])
    return found


def _write(path: Path, found: dict[str, Any], overwrite: bool) -> None:
    import csv

    from icl_core.results.save import atomic_path, csv_cell, write_json

    suffix = path.suffix.lower()
    if suffix == ".json":
        write_json(path, found, overwrite)
        return
    with (
        atomic_path(path, overwrite, suffixes=SUFFIXES) as temporary,
        temporary.open("w", newline="", encoding="utf-8") as file,
    ):
        if suffix == ".txt":
            file.writelines(f"{row['item']}\n" for row in found["items"])
            return
        writer = csv.writer(file)
        writer.writerow(("pick", "index", "item", "score"))
        for row in found["items"]:
            cells = (row["pick"], row["index"], row["item"], _short(row["score"], digits=17))
            writer.writerow([csv_cell(cell) for cell in cells])


def _short(score: float | None, digits: int = 4) -> str | None:
    """A score in few digits; None where there is none."""
    return None if score is None or score != score else f"{score:.{digits}g}"
