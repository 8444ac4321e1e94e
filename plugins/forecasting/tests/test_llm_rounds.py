"""The request loop, against the sequences of the released code."""

import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from icl_forecasting.llm.parsing import Parsed
from icl_forecasting.llm.rounds import Plan, Run, collect
from icl_forecasting.llm.writers.writer import Text, Usage, Written

sys.path.append(str(Path(__file__).parent))

from llm_cases import golden


class Scripted:
    """Writes so many invalid texts in each call; 100 tokens in a call, 10 a text."""

    name, back_end, log = "scripted", "endpoint", None

    def __init__(self, invalid):
        self.invalid = list(invalid)
        self.jobs = []

    def write(self, jobs):
        return [self._one(job) for job in jobs]

    def _one(self, job):
        self.jobs.append(job)
        bad = min(self.invalid.pop(0), job.n)
        texts = [Text("bad")] * bad + [Text("1.5")] * (job.n - bad)
        return Written(tuple(texts), Usage(1, 0, 100, 10 * job.n), (str(len(self.jobs)),))

    def error(self, who):
        return None


def parse(text):
    return Parsed(None, "bad") if text.words == "bad" else Parsed(np.array([float(text.words)]))


def run_of(writer, wanted, plan):
    message = {"role": "user", "content": "a"}
    return Run(writer, (message,), wanted, plan, parse, 10, repeats=Counter())


def plan_of(case):
    model = case.get("model", "")
    most = 50 if model.startswith("openrouter") else 10 if "405b" in model else 3
    later = case.get("batch_size_on_retry", 5)
    return Plan(case.get("batch_size"), later, most, case.get("maxb"))


def test_the_sequences_are_the_released_ones():
    for case in golden()["request_loop"]:
        writer = Scripted(case["invalid_per_call"] + [0] * 10)
        run = run_of(writer, case.get("n_samples", 25), plan_of(case))
        assert collect([run], "direct-prompt") is None
        assert [job.n for job in writer.jobs] == case["requested_batches"], case["case"]
        got = len(run.values)
        if isinstance(case["result"], int):
            assert min(got, run.wanted) == case["result"], case["case"]
            assert run.usage.prompt_tokens == case["total_input_tokens"]
            assert run.usage.completion_tokens == case["total_output_tokens"]
        else:
            assert f"Got {got} instead" in case["result"]


def test_the_same_request_is_told_apart():
    writer = Scripted([25, 5, 5, 5])
    collect([run_of(writer, 25, Plan(most=4))], "direct-prompt")
    assert [(job.n, job.repeat) for job in writer.jobs] == [(25, 0), (5, 0), (5, 1), (5, 2)]


def test_runs_go_on_side_by_side():
    writer = Scripted([5, 0, 0, 0])
    runs = [run_of(writer, 5, Plan()), run_of(writer, 5, Plan())]
    collect(runs, "direct-prompt")
    assert len(writer.jobs) == 3 and [len(run.values) for run in runs] == [5, 5]


@pytest.mark.parametrize("largest", [None, 10])
def test_requests_are_bounded(largest):
    writer = Scripted([99] * 50)
    run = run_of(writer, 25, Plan(largest=largest))
    collect([run], "direct-prompt")
    assert len(writer.jobs) == (3 if largest is None else 5) and not run.values
    assert run.rejected["bad"] == sum(run.batches)
