"""Where the data of a suite is: one folder that holds the folders of the sets."""

from __future__ import annotations

from pathlib import Path

from icl_bench.suite import SetItem
from icl_core.errors import InputError
from icl_core.settings import settings

VARIABLE = "ICL_DATA"


def data_folder(given: str | Path | None = None) -> Path | None:
    """Return the folder of all data: the given one, else that of `ICL_DATA`.

    Raises:
        InputError: it is not there.
    """
    path = settings().data if given is None else Path(given).expanduser()
    if path is None:
        return None
    if not path.is_dir():
        raise InputError(f"the data folder {path} is not there", f"see --data and {VARIABLE}")
    return path


def without_data(item: SetItem, sentence: str) -> bool:
    """Say whether a sentence is one of `place_of`: the data of a set was not there when it ran.

    Args:
        item: the set.
        sentence: why a trial could not run.
    """
    if item.folder is None or not sentence.startswith("needs "):
        return False
    here = f"needs {item.folder} in a data folder"
    return sentence.startswith(here) or sentence.endswith(f"{item.folder}, which is not there")


def place_of(item: SetItem, data: Path | None) -> tuple[Path | None, str]:
    """Say where the data of a set is.

    Args:
        item: the set.
        data: folder of all data.

    Returns:
        Its folder or file, None where it needs none; and a sentence why it has to be skipped,
        empty where it need not be.
    """
    if item.folder is None:
        return None, ""
    if data is None:
        return None, (
            f"needs {item.folder} in a data folder, and none is given: --data DIR or {VARIABLE}"
        )
    path = data / item.folder
    return (path, "") if path.exists() else (None, f"needs {path}, which is not there")
