"""Write a plugin that works at once: `icl plugin new NAME`."""

from __future__ import annotations

import re
import tempfile
from importlib import metadata, resources
from importlib.util import find_spec
from pathlib import Path
from string import Template

from icl_core import registry
from icl_core.errors import InputError, UnknownNameError
from icl_core.types import Task

_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_LONGEST = 50

# Task -> what fills the templates: the card's summary and options, and a command to try.
_WORDS = {
    Task.FORECASTING: {
        "summary": "Mean and quantiles of earlier values at the same point of the season.",
        "options": '"season": "steps in one season, 24 where not given"',
        "predict": "icl predict $name --series data.csv --column value --horizon 12 --out out.csv",
    },
    Task.LINKING: {
        "summary": "The label of the examples whose colours are most like the query's.",
        "options": '"temperature": "how much a difference counts, 0.1 where not given"',
        "predict": "icl predict $name --example a.png=cat --example b.png=dog --query q.png",
    },
    Task.SEGMENTATION: {
        "summary": "Object or background by the nearer mean colour.",
        "options": '"bias": "added to each logit, 0 where not given"',
        "predict": "icl predict $name --example a.png=a_mask.png --query q.png --out out",
    },
    Task.PAINTING: {
        "summary": "The affine change of colour that fits the examples best.",
        "options": '"strength": "0 returns the query unchanged, 1 where not given"',
        "predict": "icl predict $name --example a.png=a_out.png --query q.png --out out",
    },
}


def new_plugin(name: str, folder: str | Path | None = None, task: str = "forecasting") -> Path:
    """Write a plugin with one learner, a test of its contract, and a README.

    Args:
        name: of the plugin and of its learner, lower case with dashes, such as "my-learner". The
            distribution is called `icl-my-learner`, the package `icl_my_learner`.
        folder: where to write it; `./<name>` when None. It may not exist yet.
        task: what the learner does: "forecasting", "linking", "segmentation", "painting".

    Returns:
        The folder. Either all of it is written, or nothing.

    Raises:
        InputError: the name or the task cannot be used, the name is taken, or the folder exists.
    """
    _check_name(name)
    if task not in list(Task):
        raise InputError(f"task is {task!r}, expected one of {', '.join(Task)}")
    target = Path(name if folder is None else folder)
    if target.exists() or target.is_symlink():
        raise InputError(f"{target} exists already and was left as it is", "choose another folder")
    if not target.parent.is_dir():
        raise InputError(f"the folder {target.parent} does not exist")
    files = _files(name, Task(task))
    try:
        with tempfile.TemporaryDirectory(prefix=".icl-new-", dir=target.parent) as temporary:
            draft = Path(temporary) / "plugin"
            for path, text in files.items():
                (draft / path).parent.mkdir(parents=True, exist_ok=True)
                (draft / path).write_text(text, encoding="utf-8", newline="\n")
            draft.rename(target)
    except OSError as error:
        raise InputError(f"cannot write {target}: {error.strerror}; nothing was written") from error
    return target


def _check_name(name: str) -> None:
    if not isinstance(name, str) or not _NAME.fullmatch(name) or len(name) > _LONGEST:
        raise InputError(
            f"the name is {name!r}, expected lower-case words joined by dashes, "
            f"at most {_LONGEST} characters, such as 'my-learner'"
        )
    if name == "icl" or name.startswith("icl-"):
        raise InputError(
            f"the name is {name!r}; the package gets the prefix icl by itself",
            f"call it {name.removeprefix('icl').removeprefix('-') or 'my-learner'!r}",
        )
    package = _package(name)
    if find_spec(package) is not None or _is_installed(f"icl-{name}"):
        raise InputError(f"the name {name!r} is taken: {package} is installed already")
    try:
        card = registry.learner_card(name)
    except UnknownNameError:
        return
    raise InputError(f"the name {name!r} is taken: there is a {card.task} learner called so")


def _is_installed(distribution: str) -> bool:
    try:
        metadata.distribution(distribution)
    except metadata.PackageNotFoundError:
        return False
    return True


def _package(name: str) -> str:
    return "icl_" + name.replace("-", "_")


def _class_name(name: str) -> str:
    words = "".join(word.capitalize() for word in name.split("-"))
    # The suffix keeps the class apart from what its module imports, such as `Any`.
    return words if words.endswith("Learner") else f"{words}Learner"


def _files(name: str, task: Task) -> dict[str, str]:
    package = _package(name)
    words = {"name": name, "package": package, "cls": _class_name(name), "task": task.value}
    for key, text in _WORDS[task].items():
        words[key] = Template(text).substitute(words)
    templates = {
        "pyproject.toml": "pyproject.toml.txt",
        "README.md": "README.md.txt",
        f"{package}/__init__.py": "init.py.txt",
        f"{package}/learner.py": f"learner_{task.value}.py.txt",
        "tests/test_contract.py": "test_contract.py.txt",
    }
    folder = resources.files("icl_core") / "scaffold_templates"
    written = {
        path: Template((folder / template).read_text(encoding="utf-8")).substitute(words)
        for path, template in templates.items()
    }
    return written | {f"{package}/py.typed": ""}
