"""The file of the results."""

import json
import math
import sqlite3

import pytest

from icl_core.errors import InputError
from icl_core.evaluation import Row, Store
from icl_core.evaluation import store as module


@pytest.fixture
def path(tmp_path):
    return tmp_path / "deep" / "results.sqlite"


def row(number, **numbers):
    return Row(number, f"e{number}", numbers, {"id": number, "classes": [1, 2]})


def test_numbers_come_back_as_they_were(path):
    numbers = {"a": math.nan, "b": math.inf, "c": -math.inf, "d": 0.1, "e": 3, "f": [math.nan, 1.0]}
    with Store(path) as store:
        store.write("k", [row(0, **numbers)], 1.5, {"device": "cpu"})
        (found,) = store.rows("k")
        assert repr(dict(found.numbers)) == repr(numbers)
        assert found.meta == {"id": 0, "classes": [1, 2]}
        assert store.seconds("k") == (1.5, 1)
        assert store.environments() == [{"device": "cpu"}]
    # Every cell is strict JSON.
    text = sqlite3.connect(path).execute("SELECT numbers FROM results").fetchone()[0]
    json.loads(text, parse_constant=lambda name: pytest.fail(name))


def test_it_is_in_wal_mode_and_a_second_reader_sees_all(path):
    with Store(path) as first, Store(path) as second:
        first.write("k", [row(0, x=1)], 0.0, {})
        assert second.done("k") == {0}
        assert first._db.execute("PRAGMA journal_mode").fetchone()[0] == "wal"


def test_a_shard_is_written_whole_or_not_at_all(path):
    class Unwritable:
        pass

    with Store(path) as store:
        with pytest.raises(TypeError):
            store.write("k", [row(0, x=1), row(1, x=Unwritable())], 0.0, {})
        assert store.rows("k") == []


def test_failed_rows_are_told_apart(path):
    with Store(path) as store:
        store.write("k", [row(0, x=1), Row(1, "e1", {}, {}, "no luck", "trace")], 0.0, {})
        assert store.done("k") == {0, 1}
        assert store.done("k", with_failed=False) == {0}
        assert store.rows("k")[1].failed


def test_a_shard_belongs_to_one_process_that_lives(path, monkeypatch):
    with Store(path) as first, Store(path) as second:
        assert first.claim("k", 0) and first.claim("k", 0)
        assert not second.claim("k", 0)
        assert second.claim("k", 16)
        first.release()
        assert second.claim("k", 0)
        monkeypatch.setattr(module, "LEASE", -1.0)
        first.claim("k", 32)
        assert second.claim("k", 32)  # the lease is over
    with Store(path) as dead, Store(path) as heir:
        dead.owner = f"{dead.owner.rsplit(':', 2)[0]}:999999999:gone"
        monkeypatch.setattr(module, "LEASE", 300.0)
        assert dead.claim("k", 48)
        assert heir.claim("k", 48)
        dead.owner = "elsewhere:999999999:gone"
        assert dead.claim("k", 64)
        assert not heir.claim("k", 64)


def test_a_newer_store_is_refused_and_an_older_one_is_brought_forward(path):
    Store(path).close()
    database = sqlite3.connect(path)
    database.execute("UPDATE facts SET value='99' WHERE name='schema'")
    database.commit()
    with pytest.raises(InputError, match="schema version 99"):
        Store(path)
    database.execute("UPDATE facts SET value='0' WHERE name='schema'")
    database.commit()
    database.close()
    Store(path).close()
    assert path.with_suffix(".schema0.sqlite").exists()
    value = sqlite3.connect(path).execute("SELECT value FROM facts").fetchone()
    assert value == (str(module.SCHEMA),)


def test_another_file_is_refused(path, tmp_path):
    text = tmp_path / "text.sqlite"
    text.write_text("this is no database, and long enough to be looked at as one" * 20)
    with pytest.raises(InputError, match="no store of results"):
        Store(text)
    other = tmp_path / "other.sqlite"
    with sqlite3.connect(other) as database:
        database.execute("CREATE TABLE songs (name TEXT)")
    with pytest.raises(InputError, match="no store of results"):
        Store(other)


def test_the_dump_has_no_clock_and_no_order(path, tmp_path):
    with Store(path) as one, Store(tmp_path / "b.sqlite") as other:
        one.write("k", [row(0, x=1)], 1.0, {"device": "cpu"})
        one.write("k", [row(1, x=2)], 2.0, {"device": "cpu"})
        other.write("k", [row(1, x=2), row(0, x=1)], 9.0, {"device": "cuda"})
        assert one.dump() == other.dump()
