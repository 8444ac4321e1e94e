"""The report of a run: one HTML page, Markdown and JSON, made of the folder of its results."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

HTML, MARKDOWN, JSON = "report.html", "report.md", "report.json"

__all__ = ["HTML", "JSON", "MARKDOWN", "write"]


def write(
    folder: str | Path,
    data: str | Path | None = None,
    *,
    examples: bool = True,
    without: Collection[str] = (),
    device: str = "auto",
) -> Path:
    """Write `report.html`, `report.md` and `report.json` into the folder of a run.

    The same results give the same bytes. A report that is there is replaced, each file in one
    step. No data and no learner is needed but for the example pictures, which are predicted anew;
    where that does not work, the page says why.

    Args:
        folder: of a run.
        data: folder of all data, for the examples; None = that of `ICL_DATA`.
        examples: whether examples are drawn.
        without: sets of which none is drawn, such as those whose terms forbid to show them.
        device: that predicts them, as in `icl_core.load`.

    Returns:
        The path of the HTML page.

    Raises:
        InputError: the folder holds no campaign, or cannot be written.
        UnknownNameError: the run has no such set.
        MissingExtraError: jinja2 or matplotlib is not installed.
    """
    from icl_bench.campaign import Campaign
    from icl_bench.report.content import gathered
    from icl_bench.report.examples import examples_of
    from icl_bench.report.page import render_page
    from icl_bench.report.plots import need_matplotlib
    from icl_bench.report.text import render_markdown
    from icl_core.results.save import atomic_path, write_json

    need_matplotlib()
    campaign = Campaign.open(folder, data)
    content = gathered(campaign)
    if examples:
        content = content.with_examples(*examples_of(campaign, device, without))
    page = render_page(content)
    place = campaign.folder
    for name, text in ((MARKDOWN, render_markdown(content)), (HTML, page)):
        with atomic_path(place / name, overwrite=True) as temporary:
            # A label may hold half of a surrogate pair, which no file can.
            temporary.write_bytes(text.encode("utf-8", "replace"))
    write_json(place / JSON, content.to_json(), overwrite=True)
    return place / HTML
