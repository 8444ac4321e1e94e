"""Results on disk: one SQLite file in WAL mode, that many processes may use at once.

A shard is a run of episodes that are predicted together. Its rows are written in one transaction,
so that a kill loses at most the running shard, and shards are cut at fixed places, so that a run
that goes on meets the same batches. What differs from run to run (clock, host) lies in tables of
its own: `results` has the same rows however often a run was interrupted.
"""

from __future__ import annotations

import json
import math
import os
import shutil
import socket
import sqlite3
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from icl_core.errors import InputError

SCHEMA = 1
LEASE = 300.0
"""Seconds after which a shard of a process that died may be taken over."""

_TABLES = """
CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS trials (trial TEXT PRIMARY KEY, facts TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS names (
    title TEXT PRIMARY KEY, trial TEXT NOT NULL, episodes INTEGER NOT NULL, missing TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS results (
    trial TEXT NOT NULL, number INTEGER NOT NULL, episode TEXT NOT NULL, status TEXT NOT NULL,
    numbers TEXT NOT NULL, meta TEXT NOT NULL, error TEXT NOT NULL, trace TEXT NOT NULL,
    PRIMARY KEY (trial, number));
CREATE TABLE IF NOT EXISTS clocks (
    trial TEXT NOT NULL, first INTEGER NOT NULL, episodes INTEGER NOT NULL, seconds REAL NOT NULL,
    at TEXT NOT NULL, environment TEXT NOT NULL, PRIMARY KEY (trial, first));
CREATE TABLE IF NOT EXISTS claims (
    trial TEXT NOT NULL, first INTEGER NOT NULL, owner TEXT NOT NULL, until REAL NOT NULL,
    PRIMARY KEY (trial, first));
"""


@dataclass(frozen=True)
class Row:
    """The result of one episode.

    Args:
        number: its place in the source.
        episode: its name.
        numbers: of the metric; empty where it failed. NaN and infinities are kept.
        meta: what the metric's aggregate needs of the episode's meta.
        error: one sentence, where it failed.
        trace: of the failure.
    """

    number: int
    episode: str
    numbers: Mapping[str, Any]
    meta: Mapping[str, Any]
    error: str = ""
    trace: str = ""

    @property
    def failed(self) -> bool:
        """Whether there is no answer."""
        return bool(self.error)


@dataclass(frozen=True)
class Named:
    """What is known of a trial under its title.

    Args:
        key: of its results; empty where it could not run.
        episodes: how many it has, done or not.
        missing: sentence why it could not run.
    """

    key: str = ""
    episodes: int = 0
    missing: str = ""


class Store:
    """Results of evaluations in one file.

    Args:
        path: the file; it is made where it is missing.

    Raises:
        InputError: the file is no store, or of a newer version.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.owner = f"{socket.gethostname()}:{os.getpid()}:{uuid.uuid4().hex[:8]}"
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._db = sqlite3.connect(self.path, timeout=60.0, isolation_level=None)
        try:
            self._db.execute("PRAGMA journal_mode=WAL")
            self._db.execute("PRAGMA synchronous=NORMAL")
            self._open()
        except sqlite3.DatabaseError as error:
            self._db.close()
            raise InputError(f"{self.path} is no store of results: {error}") from error

    def _open(self) -> None:
        with self._writing():
            tables = {row[0] for row in self._db.execute("SELECT name FROM sqlite_master")}
            if tables and "facts" not in tables:
                raise InputError(f"{self.path} is a database, but no store of results")
            for statement in _TABLES.split(";"):
                self._db.execute(statement)
            self._db.execute("INSERT OR IGNORE INTO facts VALUES ('schema', ?)", (str(SCHEMA),))
        found = int(self._db.execute("SELECT value FROM facts WHERE name='schema'").fetchone()[0])
        if found > SCHEMA:
            raise InputError(
                f"{self.path} has schema version {found}, and this version of icl reads {SCHEMA}",
                "upgrade icl, or choose another folder",
            )
        if found < SCHEMA:
            self._migrate(found)

    def _migrate(self, found: int) -> None:
        """Bring an older store to the present schema; the old file is kept beside it."""
        shutil.copyfile(self.path, self.path.with_suffix(f".schema{found}.sqlite"))
        with self._writing():
            self._db.execute("UPDATE facts SET value=? WHERE name='schema'", (str(SCHEMA),))

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """One transaction that takes the write lock at once, so that two writers queue up."""
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def add_trial(self, key: str, facts: Mapping[str, Any]) -> None:
        """Note what a key stands for."""
        text = json.dumps(facts, sort_keys=True)
        with self._writing():
            self._db.execute("INSERT OR IGNORE INTO trials VALUES (?, ?)", (key, text))

    def trials(self) -> dict[str, dict[str, Any]]:
        """Return key -> facts of all trials, in the order of their keys."""
        rows = self._db.execute("SELECT trial, facts FROM trials ORDER BY trial")
        return {key: json.loads(facts) for key, facts in rows}

    def name_trial(self, title: str, key: str = "", episodes: int = 0, missing: str = "") -> None:
        """Note under which key a trial runs now, or why it cannot run.

        What is missing takes no earlier results away: they keep their key.

        Args:
            title: of the trial.
            key: of its results.
            episodes: how many it has.
            missing: sentence why it cannot run.
        """
        with self._writing():
            self._db.execute(
                "INSERT INTO names VALUES (?, ?, ?, ?) ON CONFLICT (title) DO UPDATE SET "
                "trial=CASE excluded.trial WHEN '' THEN trial ELSE excluded.trial END, "
                "episodes=MAX(episodes, excluded.episodes), missing=excluded.missing",
                (title, key, episodes, missing),
            )

    def named(self) -> dict[str, Named]:
        """Return title -> what is known of the trial."""
        rows = self._db.execute("SELECT title, trial, episodes, missing FROM names ORDER BY title")
        return {title: Named(key, episodes, missing) for title, key, episodes, missing in rows}

    def claim(self, key: str, first: int) -> bool:
        """Take a shard, so that no other process runs it meanwhile.

        Args:
            key: of the trial.
            first: number of the shard's first episode.

        Returns:
            False where another process that lives has it.
        """
        now = time.time()
        with self._writing():
            taken = self._db.execute(
                "SELECT owner, until FROM claims WHERE trial=? AND first=?", (key, first)
            ).fetchone()
            if taken and taken[0] != self.owner and taken[1] >= now and not _ended(taken[0]):
                return False
            self._db.execute(
                "INSERT OR REPLACE INTO claims VALUES (?, ?, ?, ?)",
                (key, first, self.owner, now + LEASE),
            )
        return True

    def release(self) -> None:
        """Give back all shards of this process."""
        with self._writing():
            self._db.execute("DELETE FROM claims WHERE owner=?", (self.owner,))

    def write(
        self, key: str, rows: Sequence[Row], seconds: float, environment: Mapping[str, Any]
    ) -> None:
        """Write the rows of one shard, all or none. Rows that are there are replaced."""
        first = rows[0].number
        stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        with self._writing():
            self._db.executemany(
                "INSERT OR REPLACE INTO results VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                [_packed(key, row) for row in rows],
            )
            self._db.execute(
                "INSERT OR REPLACE INTO clocks VALUES (?, ?, ?, ?, ?, ?)",
                (key, first, len(rows), seconds, stamp, json.dumps(environment, sort_keys=True)),
            )
            self._db.execute("DELETE FROM claims WHERE trial=? AND first=?", (key, first))

    def done(self, key: str, *, with_failed: bool = True) -> set[int]:
        """Return the numbers of the episodes that have a row.

        Args:
            key: of the trial.
            with_failed: whether failed ones count as done.
        """
        wanted = "" if with_failed else " AND status='ok'"
        found = self._db.execute(f"SELECT number FROM results WHERE trial=?{wanted}", (key,))
        return {row[0] for row in found}

    def rows(self, key: str) -> list[Row]:
        """Return the rows of a trial in order."""
        found = self._db.execute(
            "SELECT number, episode, numbers, meta, error, trace FROM results "
            "WHERE trial=? ORDER BY number",
            (key,),
        )
        return [
            Row(number, episode, _numbers(numbers), json.loads(meta), error, trace)
            for number, episode, numbers, meta, error, trace in found
        ]

    def seconds(self, key: str) -> tuple[float, int]:
        """Return the seconds that a trial took, and the number of its episodes."""
        total, count = self._db.execute(
            "SELECT COALESCE(SUM(seconds), 0), COALESCE(SUM(episodes), 0) FROM clocks "
            "WHERE trial=?",
            (key,),
        ).fetchone()
        return float(total), int(count)

    def environments(self) -> list[dict[str, Any]]:
        """Return the environments that results were made in."""
        found = self._db.execute("SELECT DISTINCT environment FROM clocks ORDER BY environment")
        return [json.loads(row[0]) for row in found]

    def dump(self) -> str:
        """Return all results as text, the same for the same results: for tests and comparisons."""
        found = self._db.execute("SELECT * FROM results ORDER BY trial, number")
        return "\n".join(json.dumps(row) for row in found)


def _ended(owner: str) -> bool:
    """Whether the process of an owner is known to be gone: it ran here, and has no number now."""
    host, number, _ = owner.rsplit(":", 2)
    if host != socket.gethostname():
        return False
    try:
        os.kill(int(number), 0)
    except ProcessLookupError:
        return True
    except OSError:  # it lives, and belongs to somebody else
        return False
    return False


def _packed(key: str, row: Row) -> tuple[Any, ...]:
    status = "failed" if row.failed else "ok"
    numbers = json.dumps(_spelt(row.numbers), sort_keys=True)
    meta = json.dumps(row.meta, sort_keys=True)
    return key, row.number, row.episode, status, numbers, meta, row.error, row.trace


def _spelt(value: Any) -> Any:
    """Spell non-finite numbers as text: JSON has none, and a null would come back as nothing."""
    if isinstance(value, Mapping):
        return {str(key): _spelt(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_spelt(one) for one in value]
    if isinstance(value, float) and not math.isfinite(value):
        return {"number": str(value)}
    if hasattr(value, "item"):
        return _spelt(value.item())
    return value


def _numbers(text: str) -> Any:
    def unspelt(found: dict[str, Any]) -> Any:
        if set(found) == {"number"} and isinstance(found["number"], str):
            return float(found["number"])
        return found

    return json.loads(text, object_hook=unspelt)
