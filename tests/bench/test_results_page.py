"""The page of results that `make bench` writes."""

from icl_bench.campaign import Campaign


def test_the_page_of_results_has_scores_probes_and_speed(toy_plugin, tmp_path, capsys, suite):
    from icl_bench.results_page import main

    learners = {"linking": ["toy-nearest", {"name": "toy-first", "label": "a|<b>"}]}
    probes = [{"set": "colours", "probes": ["wrong-context"]}]
    Campaign.create(suite(learners=learners, probes=probes), tmp_path / "all" / "quick").run()
    (tmp_path / "all" / "forecasting.md").write_text("# Warm calls\n\n| a | 3.1x |\n")
    (tmp_path / "all" / "linking.md").write_text("")
    out = tmp_path / "RESULTS.md"
    assert main([str(tmp_path / "all"), "--out", str(out)]) == 0
    text = out.read_text()
    assert "| colours | toy-nearest | right | 1 [1, 1] | 1 [1, 1] | 12 |" in text
    assert "not run: needs toys in a data folder" in text and "a\\|&lt;b>" in text
    assert "right: 1, wrong: 0" in text
    assert "### forecasting" in text and "### Warm calls" in text and "Failed" in text
    assert " cores, " in text and "numpy" in text
    assert main([str(tmp_path), "--out", str(out)]) == 2
    assert "holds no campaign" in capsys.readouterr().err
