"""`icl predict NAME`: show a learner a context from files, ask, and write its answer."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperCommand

from icl_cli.request import BESIDE


class PredictCommand(TyperCommand):
    """`icl predict`: `--overlay` may stand without a place."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Give an `--overlay` at the end, or before another option, its default place."""
        words: list[str] = []
        for number, word in enumerate(args):
            words.append(word)
            if word == "--overlay" and (number + 1 == len(args) or args[number + 1][:2] == "--"):
                words.append(BESIDE)
        rest: list[str] = super().parse_args(ctx, words)
        return rest


def predict(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Name of a learner.")],
    series: Annotated[
        str | None,
        typer.Option(
            "--series", metavar="FILE", help="CSV, Parquet or JSON lines with the past; - is stdin."
        ),
    ] = None,
    column: Annotated[
        list[str] | None,
        typer.Option(
            "--column",
            metavar="C",
            help="Column with the values; once for each of several. Learners of several variates "
            "forecast them together.",
        ),
    ] = None,
    time_column: Annotated[
        str | None,
        typer.Option("--time-column", metavar="T", help="Column with the time stamps."),
    ] = None,
    item_column: Annotated[
        str | None,
        typer.Option(
            "--item-column", metavar="I", help="Column that tells the series of a long table apart."
        ),
    ] = None,
    covariate: Annotated[
        list[str] | None,
        typer.Option(
            "--covariate",
            metavar="C",
            help="Column of FILE that helps: past values; give it once for each.",
        ),
    ] = None,
    future: Annotated[
        str | None,
        typer.Option(
            "--future", metavar="FILE", help="Table of the steps to come: covariates known ahead."
        ),
    ] = None,
    freq: Annotated[
        str | None,
        typer.Option("--freq", metavar="F", help="Step between time stamps: h, D, MS, ..."),
    ] = None,
    encoding: Annotated[
        str | None,
        typer.Option("--encoding", metavar="ENC", help="Encoding of FILE; UTF-8 where not given."),
    ] = None,
    decimal: Annotated[
        str | None,
        typer.Option("--decimal", metavar="MARK", help="Decimal mark of FILE: . or ,"),
    ] = None,
    horizon: Annotated[
        int | None, typer.Option("--horizon", metavar="N", help="How many steps to forecast.")
    ] = None,
    quantiles: Annotated[
        str | None,
        typer.Option("--quantiles", metavar="LEVELS", help="Quantile levels, such as 0.1,0.5,0.9."),
    ] = None,
    example: Annotated[
        list[str] | None,
        typer.Option(
            "--example", metavar="IN=OUT", help="An image and its output; give it once for each."
        ),
    ] = None,
    negative: Annotated[
        list[str] | None,
        typer.Option(
            "--negative", metavar="IN=MASK", help="An image and a mask of what is not wanted."
        ),
    ] = None,
    query: Annotated[
        list[str] | None,
        typer.Option(
            "--query", metavar="IMG", help="An image, a folder of images, or 'photos/*.jpg'."
        ),
    ] = None,
    video: Annotated[
        list[str] | None,
        typer.Option("--video", metavar="VIDEO", help="A folder of frames, or a video file."),
    ] = None,
    overlay: Annotated[
        str | None,
        typer.Option(
            "--overlay",
            metavar="[FILE]",
            help="Draw masks over the queries: a file, a folder, .mp4 for a video; "
            "without FILE beside --out.",
        ),
    ] = None,
    fps: Annotated[
        float | None,
        typer.Option("--fps", metavar="N", help="Frames a second of the drawn video."),
    ] = None,
    text: Annotated[
        str | None,
        typer.Option("--text", metavar="TEXT", help="Words that go with the context."),
    ] = None,
    explain: Annotated[
        bool,
        typer.Option("--explain", help="Say on stderr which words changed which steps, and how."),
    ] = False,
    task: Annotated[
        str | None,
        typer.Option(
            "--task", metavar="TASK", help="What to do, for learners that know several tasks."
        ),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option("--model", metavar="MODEL", help="Which model, for learners that run any."),
    ] = None,
    weights: Annotated[
        str | None,
        typer.Option(
            "--weights", metavar="W", help="bundled, official, a name, a file, or hf:owner/name."
        ),
    ] = None,
    device: Annotated[
        str, typer.Option("--device", metavar="D", help="auto, cpu, cuda, cuda:1 or mps.")
    ] = "auto",
    dtype: Annotated[
        str, typer.Option("--dtype", metavar="TYPE", help="auto, float32, bfloat16 or float16.")
    ] = "auto",
    behaviour: Annotated[
        str,
        typer.Option(
            "--behaviour", metavar="B", help="corrected, or official: the released code's."
        ),
    ] = "corrected",
    option: Annotated[
        list[str] | None,
        typer.Option(
            "--option", metavar="KEY=VALUE", help="An option of the learner; see `icl info NAME`."
        ),
    ] = None,
    batch_size: Annotated[
        int, typer.Option("--batch-size", metavar="B", help="How many to predict at once.")
    ] = 32,
    out: Annotated[
        str,
        typer.Option(
            "--out", metavar="FILE", help="Where to write: .csv, .json, .parquet, a folder, or -."
        ),
    ] = "-",
    plot: Annotated[
        Path | None, typer.Option("--plot", metavar="FILE", help="Also draw the answer: .png, .svg")
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace files that exist.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Write the result as JSON.")] = False,
    engine: Annotated[
        str, typer.Option("--engine", metavar="E", help="local, or ray for a cluster.")
    ] = "local",
    address: Annotated[
        str | None, typer.Option("--address", metavar="A", help="Address of the Ray cluster.")
    ] = None,
) -> None:
    """Show a learner a context, ask it, and write the prediction.

    \b
    Forecasting:
      icl predict tirex --series sales.csv --column sales --time-column month --horizon 12
      icl predict tirex --series long.parquet --column y --item-column id --horizon 24 --out f.csv
      icl predict tirex2 --series s.csv --column y --covariate price --future next.csv --horizon 12
    Images:
      icl predict NAME --example a.jpg=a_mask.png --query b.jpg --out b_mask.png
      icl predict NAME --example a.jpg=a_mask.png --query photos/ --out masks/ --overlay drawn/
      icl predict NAME --example a.jpg=a_mask.png --video clip.mp4 --out masks/ --overlay o.mp4
      icl predict painter --task denoise --example bad.png=good.png --query q.png --out out.png
    """
    from icl_cli.predict_examples import predict_examples
    from icl_cli.predict_series import predict_series
    from icl_cli.request import Request
    from icl_core import registry
    from icl_core.types import Task

    request = Request(
        card=registry.learner_card(name),
        series=series,
        columns=tuple(column or ()),
        time_column=time_column,
        item_column=item_column,
        covariates=tuple(covariate or ()),
        future=future,
        freq=freq,
        encoding=encoding,
        decimal=decimal,
        horizon=horizon,
        quantiles=quantiles,
        examples=tuple(example or ()),
        negatives=tuple(negative or ()),
        queries=tuple(query or ()),
        videos=tuple(video or ()),
        overlay=overlay,
        fps=fps,
        text=text,
        explain=explain,
        task=task,
        model=model,
        weights=weights,
        device=device,
        dtype=dtype,
        behaviour=behaviour,
        options=tuple(option or ()),
        batch_size=batch_size,
        out=out,
        plot=plot,
        overwrite=overwrite,
        as_json=as_json,
        engine=engine,
        address=address,
    )
    request.check()
    if request.card.task is Task.FORECASTING:
        predict_series(request)
    else:
        predict_examples(request)
