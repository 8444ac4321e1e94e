"""What `icl demo` shows: items that plugins yield, and the one page they are written to.

The page is a single file with no remote resources and no scripts. Every string is escaped, and
pictures are embedded as data, so an SVG cannot run anything either.
"""

from __future__ import annotations

import base64
import os
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from html import escape
from pathlib import Path

from icl_core.errors import InputError

MIMES = ("image/svg+xml", "image/png")

_STYLE = """
:root{color-scheme:light dark;--ink:#1c2024;--soft:#60646c;--page:#f6f7f9;--card:#fff;
--line:#e2e5ea;--code:#f0f2f5;--accent:#2563a8}
@media (prefers-color-scheme:dark){:root{--ink:#e8eaed;--soft:#a4abb6;--page:#14171b;
--card:#1c2026;--line:#30363f;--code:#262c34;--accent:#7db4f0}}
*{box-sizing:border-box}
body{margin:0;background:var(--page);color:var(--ink);
font:16px/1.55 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif}
main{max-width:66rem;margin:0 auto;padding:2.5rem 1.25rem 4rem}
h1{font-size:1.9rem;line-height:1.2;margin:0 0 .4rem}
h2{font-size:1.2rem;line-height:1.3;margin:0}
p{margin:.5rem 0 0;white-space:pre-line;overflow-wrap:anywhere}
.soft{color:var(--soft)}
article{background:var(--card);border:1px solid var(--line);border-radius:12px;
margin-top:1.75rem;padding:1.25rem 1.25rem 1.4rem}
header{display:flex;flex-wrap:wrap;gap:.3rem .8rem;align-items:baseline}
.learner{color:var(--accent);font-size:.85rem;font-weight:600;overflow-wrap:anywhere}
.picture{background:#fff;border-radius:8px;margin:1rem 0 0;padding:.5rem;overflow-x:auto}
.picture img{display:block;width:100%;height:auto;max-width:62rem;margin:0 auto}
dl{display:grid;grid-template-columns:repeat(auto-fit,minmax(8.5rem,1fr));gap:.75rem 1rem;
margin:1rem 0 0}
dt{color:var(--soft);font-size:.8rem;overflow-wrap:anywhere}
dd{margin:0;font-size:1.1rem;font-variant-numeric:tabular-nums;overflow-wrap:anywhere}
pre{background:var(--code);border-radius:8px;margin:1rem 0 0;padding:.7rem .9rem;overflow-x:auto;
font:.85rem/1.5 ui-monospace,SFMono-Regular,Menlo,Consolas,monospace}
""".strip()

# Nothing may be fetched and nothing may run, whatever a plugin puts into its strings.
_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"


@dataclass(frozen=True)
class DemoItem:
    """One thing that a learner did, as it is shown on the demo page.

    Args:
        title: what is shown, such as the name of the series.
        text: one or two sentences: what the context is, what was asked.
        learner: name of the learner that answered.
        command: the command line that does the same.
        svg_or_png: the picture with context, query and prediction, as bytes.
        mime: "image/svg+xml" or "image/png".
        numbers: label -> number or short text, such as a score.

    Raises:
        InputError: the picture is empty or of another type.
    """

    title: str
    text: str
    learner: str
    command: str
    svg_or_png: bytes
    mime: str = "image/svg+xml"
    numbers: Mapping[str, float | str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.mime not in MIMES:
            raise InputError(
                f"demo item {self.title!r}: mime is {self.mime!r}, expected one of {MIMES}"
            )
        if not self.svg_or_png:
            raise InputError(f"demo item {self.title!r} has an empty picture")

    def summary(self) -> str:
        """One line for the terminal."""
        parts = (f"{label} {_number(value)}" for label, value in self.numbers.items())
        return f"{self.title} [{self.learner}]  {', '.join(parts)}".rstrip()


def render_page(
    items: Iterable[DemoItem], *, title: str = "icl demo", notes: Sequence[str] = ()
) -> str:
    """Return the page as one HTML document.

    Args:
        items: what to show, in order.
        title: heading of the page.
        notes: sentences below the heading, such as what could not be shown and why.
    """
    shown = list(items)
    count = f"{len(shown)} prediction{'' if len(shown) == 1 else 's'}"
    intro = f"{count}, made on this machine. The command below each picture makes it again."
    lines = [
        "<!doctype html>",
        '<html lang="en"><head><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width,initial-scale=1">',
        f'<meta http-equiv="Content-Security-Policy" content="{escape(_POLICY)}">',
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head><body><main>",
        f'<h1>{escape(title)}</h1><p class="soft">{escape(intro)}</p>',
        *(f'<p class="soft">{escape(note)}</p>' for note in notes),
        *map(_article, shown),
        "</main></body></html>",
    ]
    return "\n".join(lines) + "\n"


def write_page(
    items: Iterable[DemoItem],
    path: str | os.PathLike[str],
    *,
    title: str = "icl demo",
    notes: Sequence[str] = (),
) -> Path:
    """Write the page in one step: it is there complete, or not at all.

    Args:
        items: what to show, in order.
        path: the HTML file; its folder is made if need be.
        title: heading of the page.
        notes: sentences below the heading.

    Returns:
        The absolute path of the page.

    Raises:
        InputError: the file cannot be written there.
    """
    target = Path(path).absolute()
    page = render_page(items, title=title, notes=notes)
    temporary: str | None = None
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(
            dir=target.parent, prefix=f".{target.name}.", suffix=".tmp"
        )
        with os.fdopen(handle, "w", encoding="utf-8", errors="xmlcharrefreplace") as file:
            file.write(page)
        os.chmod(temporary, 0o644)
        os.replace(temporary, target)
    except OSError as error:
        raise InputError(f"cannot write {target}: {error.strerror or error}") from error
    finally:
        if temporary is not None:
            with suppress(FileNotFoundError):
                os.unlink(temporary)
    return target


def _article(item: DemoItem) -> str:
    data = base64.b64encode(item.svg_or_png).decode("ascii")
    numbers = "".join(
        f"<div><dt>{escape(label)}</dt><dd>{escape(_number(value))}</dd></div>"
        for label, value in item.numbers.items()
    )
    return (
        f"<article><header><h2>{escape(item.title)}</h2>"
        f'<span class="learner">{escape(item.learner)}</span></header>'
        f"<p>{escape(item.text)}</p>"
        f'<div class="picture"><img alt="{escape(item.title)}" '
        f'src="data:{item.mime};base64,{data}"></div>'
        + (f"<dl>{numbers}</dl>" if numbers else "")
        + f"<pre>{escape(item.command)}</pre></article>"
    )


def _number(value: float | str) -> str:
    if isinstance(value, bool | str):
        return str(value)
    return f"{value:,}" if isinstance(value, int) else f"{value:.4g}"
