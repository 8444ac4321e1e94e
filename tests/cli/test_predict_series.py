import csv
import io
import json

import pytest

pd = pytest.importorskip("pandas")
tables = pytest.importorskip("icl_core.coerce.tables")

PLAIN = "y\n" + "\n".join(map(str, range(20))) + "\n"


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    days = pd.date_range("2024-01-01", periods=10).strftime("%Y-%m-%d")
    lines = [f"{item},{day},{n}" for item, n in (("a", 1), ("b", 2)) for day in days]
    tmp_path.joinpath("long.csv").write_text("item,day,y\n" + "\n".join(lines) + "\n")
    tmp_path.joinpath("plain.csv").write_text(PLAIN)
    return tmp_path


def rows(text):
    return list(csv.DictReader(io.StringIO(text)))


def test_a_csv_gives_a_csv_on_stdout_and_nothing_on_stderr(icl):
    result = icl("predict", "last-value", "--series", "plain.csv", "--column", "y", "--horizon", 3)
    assert result.exit_code == 0, result.stderr
    assert result.stderr == ""
    found = rows(result.stdout)
    assert [row["step"] for row in found] == ["1", "2", "3"]
    assert {row["mean"] for row in found} == {"19.0"}
    assert {"0.1", "0.5", "0.9"} <= found[0].keys()


def test_stdin_and_quantiles_exactly_as_asked(icl):
    args = ("--series", "-", "--column", "y", "--horizon", 2, "--quantiles", "0.25,0.75")
    result = icl("predict", "last-value", *args, input=PLAIN)
    assert result.exit_code == 0, result.stderr
    assert list(rows(result.stdout)[0])[-2:] == ["0.25", "0.75"]


def test_items_of_a_long_table_get_a_forecast_each_with_their_own_time(icl):
    result = icl(
        *("predict", "last-value", "--series", "long.csv", "--column", "y", "--horizon", 2),
        *("--item-column", "item", "--time-column", "day", "--batch-size", 1),
    )
    assert result.exit_code == 0, result.stderr
    found = [(row["item_id"], row["timestamp"], row["mean"]) for row in rows(result.stdout)]
    assert found == [
        ("a", "2024-01-11", "1.0"),
        ("a", "2024-01-12", "1.0"),
        ("b", "2024-01-11", "2.0"),
        ("b", "2024-01-12", "2.0"),
    ]


@pytest.mark.parametrize("suffix", ["csv", "json", "parquet"])
@pytest.mark.parametrize("items", [False, True])
def test_every_output_format_holds_the_same_numbers(icl, folder, suffix, items):
    source = "long.csv" if items else "plain.csv"
    more = ["--item-column", "item", "--time-column", "day"] if items else []
    out = folder / f"f.{suffix}"
    args = ["predict", "last-value", "--series", source, "--column", "y", "--horizon", "2"]
    result = icl(*args, *more, "--out", out)
    assert result.exit_code == 0, result.stderr
    assert result.stdout == "" and str(out) in result.stderr
    if suffix == "json":
        data = json.loads(out.read_text())
        means = [m for f in (data if items else [data]) for m in f["mean"]]
    else:
        means = list((pd.read_csv if suffix == "csv" else pd.read_parquet)(out)["mean"])
    assert means == ([1, 1, 2, 2] if items else [19, 19])
    assert [p.name for p in folder.iterdir() if p.name.startswith(".")] == []


def test_parquet_in(icl, folder):
    pd.read_csv("plain.csv").to_parquet("in.parquet")
    args = ("--series", "in.parquet", "--column", "y", "--horizon", 1)
    assert rows(icl("predict", "last-value", *args).stdout)[0]["mean"] == "19.0"


def test_json_is_strict_and_one_object_for_one_series(icl):
    args = ("--series", "plain.csv", "--column", "y", "--horizon", 1, "--json")
    said = json.loads(icl("predict", "last-value", *args).stdout)
    assert said["mean"] == [19]


def test_options_go_to_load_or_to_predict_where_they_belong(icl):
    args = ("--series", "plain.csv", "--column", "y", "--horizon", 1)
    both = ("--option", "shift=1.5", "--option", "scale=2")
    assert rows(icl("predict", "last-value", *args, *both).stdout)[0]["mean"] == "39.5"


def test_a_text_cell_that_looks_like_a_formula_is_made_harmless(icl, folder):
    lines = "\n".join(f"=cmd(),{n}" for n in range(5))
    folder.joinpath("evil.csv").write_text(f"item,y\n{lines}\n")
    args = ("--series", "evil.csv", "--column", "y", "--item-column", "item", "--horizon", 1)
    assert rows(icl("predict", "last-value", *args).stdout)[0]["item_id"] == "'=cmd()"


def test_a_plot_is_drawn_for_each_item(icl, folder):
    args = ["predict", "last-value", "--series", "long.csv", "--column", "y", "--horizon", "2"]
    more = ["--item-column", "item", "--time-column", "day", "--plot", "p.svg", "--out", "f.csv"]
    result = icl(*args, *more)
    assert result.exit_code == 0, result.stderr
    assert sorted(p.name for p in folder.glob("*.svg")) == ["p-a.svg", "p-b.svg"]


def test_an_existing_output_is_kept_unless_overwrite_is_given(icl, folder):
    out = folder / "f.csv"
    out.write_text("precious")
    args = ["predict", "last-value", "--series", "plain.csv", "--column", "y", "--horizon", "1"]
    result = icl(*args, "--out", out)
    assert result.exit_code == 2 and "--overwrite" in result.stderr
    assert out.read_text() == "precious"
    assert icl(*args, "--out", out, "--overwrite").exit_code == 0
    assert out.read_text().startswith("step" if "item_id" not in out.read_text() else "item_id")


def test_a_table_from_elsewhere_is_read_when_its_form_is_named(icl, folder):
    folder.joinpath("de.csv").write_bytes("Größe;t\n1,5;a\n2,5;b\n".encode("latin-1"))
    args = ["--series", "de.csv", "--column", "Größe", "--horizon", "1"]
    assert icl("predict", "last-value", *args).exit_code == 2
    more = ["--encoding", "latin-1", "--decimal", ","]
    result = icl("predict", "last-value", *args, *more)
    assert rows(result.stdout)[0]["mean"] == "2.5", result.stderr


@pytest.mark.parametrize(
    ("args", "sentence"),
    [
        (["--series", "no.csv", "--column", "y", "--horizon", "2"], "no.csv"),
        (["--series", "plain.csv", "--column", "z", "--horizon", "2"], "z"),
        (["--series", "plain.csv", "--column", "y", "--horizon", "0"], "at least 1"),
        (["--series", "plain.csv", "--column", "y", "--horizon", "2", "--quantiles", "a"], "'a'"),
        (["--series", "plain.csv", "--column", "y", "--horizon", "2", "--quantiles", "2"], "2"),
        (["--series", "plain.csv", "--column", "y", "--horizon", "2", "--out", "f.xls"], ".csv"),
        (["--series", "plain.csv", "--column", "y", "--horizon", "2", "--out", "x/f.csv"], "x"),
        (["--series", "plain.csv", "--column", "y", "--horizon", "2", "--plot", "p.bmp"], ".png"),
        (["--series", "plain.csv", "--column", "y", "--horizon", "2", "--option", "a"], "KEY"),
        (["--series", "plain.csv", "--column", "y", "--horizon", "2", "--option", "a=1"], "'a'"),
        (
            ["--series", "plain.csv", "--column", "y", "--horizon", "2", "--option", "device=cpu"],
            "--device",
        ),
        (["--series", "plain.csv", "--column", "y", "--horizon", "2", "--weights", "w"], "weights"),
        (["--series", "plain.csv", "--column", "y", "--horizon", "2", "--batch-size", "0"], "0"),
        (["--series", "words.csv", "--column", "y", "--horizon", "2"], "apple"),
        (["--series", "empty.csv", "--column", "y", "--horizon", "2"], "empty.csv"),
        (["--series", "latin.csv", "--column", "y", "--horizon", "2"], "latin.csv"),
        (["--series", ".", "--column", "y", "--horizon", "2"], "."),
    ],
)
def test_bad_input_is_one_sentence_exit_code_2_and_nothing_half_written(
    icl, folder, args, sentence
):
    folder.joinpath("words.csv").write_text("y\n1\napple\n3\n")
    folder.joinpath("empty.csv").write_text("")
    folder.joinpath("latin.csv").write_bytes("y\n1\nä\n".encode("latin-1"))
    before = sorted(folder.iterdir())
    result = icl("predict", "last-value", *args)
    assert result.exit_code == 2, result.stderr
    assert sentence in result.stderr
    assert "Traceback" not in result.stderr
    assert len(result.stderr.strip().splitlines()) <= 2
    assert result.stdout == ""
    assert sorted(folder.iterdir()) == before
