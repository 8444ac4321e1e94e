"""`icl bench run` and `icl bench probe`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from icl_cli.guard import say

if TYPE_CHECKING:
    from icl_bench.campaign import Campaign
    from icl_core.evaluation import Outcome, RunOptions

Out = Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder of the results.")]
Data = Annotated[
    Path | None,
    typer.Option(
        "--data",
        metavar="DIR",
        help="Folder that holds the folders of the sets; default: ICL_DATA. Sets that are not "
        "there are skipped.",
    ),
]
Learners = Annotated[
    list[str] | None,
    typer.Option(
        "--learner",
        metavar="NAME",
        help="Only this learner, beside the baselines, also one that the suite does not name; may "
        "be repeated.",
    ),
]
Sets = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="NAME", help="Only this set; may be repeated."),
]
Engine = Annotated[str, typer.Option("--engine", help="local, or ray for a cluster.")]
Address = Annotated[
    str | None, typer.Option("--address", metavar="A", help="Address of the Ray cluster.")
]
BatchSize = Annotated[
    int, typer.Option("--batch-size", min=1, help="Episodes that are predicted together.")
]
Limit = Annotated[
    int | None, typer.Option("--limit", min=1, help="Only the first so many episodes of each set.")
]
Device = Annotated[str, typer.Option("--device", help="auto, cpu, cuda, cuda:1 or mps.")]
Overwrite = Annotated[
    bool, typer.Option("--overwrite", help="Throw away what is in DIR, instead of going on.")
]
FailFast = Annotated[bool, typer.Option("--fail-fast", help="Stop at the first failed episode.")]
MaxFailures = Annotated[
    float | None,
    typer.Option(
        "--max-failures",
        metavar="N",
        min=0,
        help="Stop after more failed episodes than this; below 1: than this share of a set.",
    ),
]
RetryFailed = Annotated[
    bool, typer.Option("--retry-failed", help="Run episodes that failed before once more.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Write JSON.")]


def run_suite(
    suite: Annotated[
        str, typer.Argument(metavar="SUITE", help="Name of a suite, or a YAML file of your own.")
    ],
    out: Out,
    data: Data = None,
    learner: Learners = None,
    only: Sets = None,
    engine: Engine = "local",
    address: Address = None,
    batch_size: BatchSize = 16,
    limit: Limit = None,
    device: Device = "auto",
    probes: Annotated[
        bool, typer.Option("--probes/--no-probes", help="Whether the suite's probes are asked.")
    ] = True,
    overwrite: Overwrite = False,
    fail_fast: FailFast = False,
    max_failures: MaxFailures = None,
    retry_failed: RetryFailed = False,
    as_json: AsJson = False,
) -> None:
    """Run a suite, or go on with it where it stopped.

    Each result is kept in DIR as soon as it is there: a run that was interrupted loses the episodes
    that were being predicted and no others. Exit code 3: some episodes or learners failed.
    """
    from icl_bench.campaign import Campaign
    from icl_bench.suite import read_suite

    chosen = _with_learners(read_suite(suite), learner or [])
    campaign = Campaign.create(
        chosen, out, data, learners=learner or None, sets=only or None, overwrite=overwrite
    )
    options = _options(batch_size, limit, device, 0 if fail_fast else max_failures, retry_failed)
    _run(campaign, options, engine, address, as_json, probes=probes)


def probe_learner(
    learner: Annotated[str, typer.Argument(metavar="LEARNER", help="Name of a learner.")],
    out: Out,
    suite: Annotated[
        str, typer.Option("--suite", metavar="SUITE", help="Where the sets and probes come from.")
    ] = "quick",
    data: Data = None,
    only: Sets = None,
    engine: Engine = "local",
    address: Address = None,
    batch_size: BatchSize = 16,
    limit: Limit = None,
    device: Device = "auto",
    overwrite: Overwrite = False,
    retry_failed: RetryFailed = False,
    as_json: AsJson = False,
) -> None:
    """Ask whether a learner learns from its context: one number and one curve for each probe.

    More shots, other orders, wrong contexts, label noise and distractors for learners that are
    shown examples; shorter and shuffled histories for forecasters.
    """
    from icl_bench.campaign import Campaign
    from icl_bench.planning import probe_items
    from icl_bench.suite import Suite, read_suite
    from icl_core.registry import learner_card

    base = read_suite(suite)
    names = [one.title for found in base.learners.values() for one in found]
    asked = base if learner in names else _with_learners(base, [learner])
    item = next(
        (one for found in asked.learners.values() for one in found if one.title == learner), None
    )
    task = learner_card(learner if item is None else item.name).task
    probes = probe_items(asked, task, only)
    kept = [one for one in asked.sets if one.name in {probe.set for probe in probes}]
    if not kept:
        from icl_core.errors import InputError

        raise InputError(f"the suite {suite} has no set for {task}", "see --suite")
    chosen = Suite.model_validate({**asked.model_dump(), "sets": kept, "probes": probes})
    campaign = Campaign.create(
        chosen, out, data, learners=[learner], sets=only or None, overwrite=overwrite
    )
    options = _options(batch_size, limit, device, None, retry_failed)
    _run(campaign, options, engine, address, as_json, scores=False, selections=False)


def _options(
    batch_size: int, limit: int | None, device: str, most: float | None, retry: bool
) -> RunOptions:
    from icl_core.evaluation import RunOptions

    return RunOptions(batch_size, limit, device, retry_failed=retry, max_failures=most)


def _with_learners(suite: Any, names: list[str]) -> Any:
    """Add learners that the suite does not name, each to the sets of its task."""
    from icl_bench.suite import LearnerItem
    from icl_core.registry import learner_card

    known = {one.name for item in suite.sets for one in suite.learners_of(item)}
    known |= set(suite.titles())
    added = [
        (learner_card(name).task, LearnerItem(name=name)) for name in names if name not in known
    ]
    return suite.with_learners(added)


def _run(
    campaign: Campaign,
    options: RunOptions,
    engine: str,
    address: str | None,
    as_json: bool,
    **what: bool,
) -> None:
    from icl_bench.campaign import INTERRUPTED
    from icl_cli.bench_output import print_results
    from icl_cli.bench_progress import OnStderr

    with OnStderr(campaign) as watcher:
        try:
            outcome: Outcome = campaign.run(options, engine, watcher, address=address, **what)
        except KeyboardInterrupt:
            watcher.close()
            say(f"Interrupted. What was done is in {campaign.folder}; the same command goes on.")
            raise typer.Exit(INTERRUPTED) from None
    print_results(campaign, as_json, what.get("scores", True))
    if outcome.stopped:
        say("Stopped: too many episodes failed.")
    if code := campaign.exit_code(outcome):
        raise typer.Exit(code)
