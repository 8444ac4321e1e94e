"""`icl predict` with covariates and with several columns."""

import csv
import io

import pytest

pd = pytest.importorskip("pandas")


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ICL_LOAD_PLUGINS", "icl-fake,icl-forecasting")
    past = pd.DataFrame(
        {
            "day": pd.date_range("2024-01-01", periods=40, freq="D"),
            "y": [10 + 3 * (n % 5) + n % 3 for n in range(40)],
            "z": [float(n) for n in range(40)],
            "p": [n % 5 for n in range(40)],
            "sky": ["wet" if n % 2 else "dry" for n in range(40)],
        }
    )
    past.to_csv("past.csv", index=False)
    ahead = pd.DataFrame(
        {"day": pd.date_range("2024-02-10", periods=4, freq="D"), "p": [0, 1, 2, 3]}
    )
    ahead.to_csv("ahead.csv", index=False)
    return tmp_path


def rows(text):
    return list(csv.DictReader(io.StringIO(text)))


PAST = ("--series", "past.csv", "--time-column", "day", "--horizon", 3)


def test_several_columns_are_forecast_each(icl):
    result = icl("predict", "last-value", *PAST, "--column", "y", "--column", "z")
    assert result.exit_code == 0, result.stderr
    assert [row["item_id"] for row in rows(result.stdout)] == ["y"] * 3 + ["z"] * 3


def test_a_learner_that_reads_none_says_so(icl):
    result = icl("predict", "last-value", *PAST, "--column", "y", "--covariate", "p")
    assert result.exit_code == 2
    assert "last-value reads no covariates" in result.stderr


def test_known_covariates_reach_the_learner(icl):
    pytest.importorskip("icl_forecasting")
    pytest.importorskip("statsforecast")
    known = ("--column", "y", "--covariate", "p", "--future", "ahead.csv")
    result = icl("predict", "auto-arima", *PAST, *known)
    assert result.exit_code == 0, result.stderr
    means = [float(row["mean"]) for row in rows(result.stdout)]
    assert means == pytest.approx([11, 14, 17], abs=1.5)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--covariate", "p"), "needs the future of the covariate 'p'"),
        (("--future", "ahead.csv"), "--future is given without --covariate"),
        (("--covariate", "prize"), "no covariate column 'prize'"),
        (("--covariate", "sky", "--future", "ahead.csv"), "none of the covariates ('sky')"),
        (("--covariate", "p", "--future", "past.csv"), "no row for 2024-02-10, step 1 of 3"),
    ],
)
def test_what_is_missing_is_named(icl, options, words):
    pytest.importorskip("icl_forecasting")
    pytest.importorskip("statsforecast")
    result = icl("predict", "auto-arima", *PAST, "--column", "y", *options)
    assert result.exit_code == 2
    assert words in " ".join(result.stderr.split())
