import io
import sys
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from icl_core.errors import InputError, MissingExtraError
from icl_core.runtime import Progress, batches, device, progress, resolve_device, track
from icl_core.runtime.device import resolve_dtype


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture
def torch():
    return pytest.importorskip("torch")


@pytest.fixture
def no_gpu(torch, monkeypatch):
    monkeypatch.delenv("ICL_DEVICE", raising=False)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)


@pytest.fixture
def two_gpus(torch, monkeypatch):
    monkeypatch.delenv("ICL_DEVICE", raising=False)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "current_device", lambda: 0)


@given(st.lists(st.integers()), st.integers(1, 9))
def test_batches_keep_every_item_in_order(items, size):
    cut = list(batches(items, size))
    assert [item for batch in cut for item in batch] == items
    assert all(len(batch) == size for batch in cut[:-1])
    assert all(cut)


def test_batches_are_read_one_at_a_time():
    read = []
    source = batches((read.append(n) or n for n in range(100)), 3)
    assert next(source) == [0, 1, 2]
    assert read == [0, 1, 2]


def test_a_batch_size_below_one_is_refused_at_the_call():
    with pytest.raises(InputError, match="batch size is 0"):
        batches([1], 0)


def test_auto_is_the_cpu_where_there_is_no_gpu(torch, no_gpu):
    assert resolve_device() == torch.device("cpu")


def test_auto_is_cuda_where_there_is_one(torch, two_gpus):
    assert resolve_device("auto") == torch.device("cuda", 0)
    assert resolve_device("cuda:1") == torch.device("cuda", 1)


def test_auto_is_the_gpu_of_an_apple_machine(torch, no_gpu, monkeypatch):
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    assert resolve_device("auto") == torch.device("mps")


def test_the_environment_says_what_auto_is(torch, two_gpus, monkeypatch):
    monkeypatch.setenv("ICL_DEVICE", "cpu")
    assert resolve_device("auto") == torch.device("cpu")
    assert resolve_device("cuda") == torch.device("cuda", 0)


def test_a_bad_device_in_the_environment_names_the_variable(no_gpu, monkeypatch):
    monkeypatch.setenv("ICL_DEVICE", "tpu")
    with pytest.raises(InputError, match="ICL_DEVICE is 'tpu', expected"):
        resolve_device("auto")


@pytest.mark.parametrize("name", ["gpu", "cuda:", "cuda:-1", "CPU", "", None, 0])
def test_what_is_no_device_is_refused(torch, name):
    with pytest.raises(InputError, match="expected auto, cpu"):
        resolve_device(name)


@pytest.mark.parametrize("name", ["cuda", "cuda:0", "mps"])
def test_a_device_that_is_not_here_is_refused(no_gpu, name):
    with pytest.raises(InputError, match="PyTorch finds no"):
        resolve_device(name)


def test_a_gpu_beyond_the_last_is_refused(two_gpus):
    with pytest.raises(InputError, match="the last CUDA GPU here is cuda:1"):
        resolve_device("cuda:2")


def test_there_is_one_cpu(torch):
    assert resolve_device("cpu:0") == torch.device("cpu")
    with pytest.raises(InputError, match="only one cpu"):
        resolve_device("cpu:1")


def test_without_pytorch_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setattr(device, "find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match="pip install torch"):
        resolve_device("cpu")


def test_auto_dtype_is_bfloat16_only_where_it_is_allowed_and_fast(torch, monkeypatch):
    cuda, cpu = SimpleNamespace(type="cuda"), SimpleNamespace(type="cpu")
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: True)
    assert resolve_dtype("auto", cuda, bfloat16_ok=True) is torch.bfloat16
    assert resolve_dtype("auto", cuda, bfloat16_ok=False) is torch.float32
    assert resolve_dtype("auto", cpu, bfloat16_ok=True) is torch.float32
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: False)
    assert resolve_dtype("auto", cuda, bfloat16_ok=True) is torch.float32


def test_a_named_dtype_is_taken_and_another_refused(torch):
    cpu = torch.device("cpu")
    assert resolve_dtype("float16", cpu, bfloat16_ok=False) is torch.float16
    with pytest.raises(InputError, match="dtype is 'float64', expected auto, float32"):
        resolve_dtype("float64", cpu, bfloat16_ok=False)


def test_tracking_yields_everything_and_is_silent_away_from_a_terminal(monkeypatch, capsys):
    monkeypatch.setattr(progress, "PATIENCE", 0.0)
    assert list(track(range(5), label="counting")) == list(range(5))
    assert capsys.readouterr() == ("", "")


def test_a_bar_appears_on_a_terminal_after_a_while(monkeypatch, capsys):
    monkeypatch.setattr(sys, "stderr", Terminal())
    monkeypatch.setattr(progress, "PATIENCE", 0.0)
    monkeypatch.delenv("ICL_PROGRESS", raising=False)
    with Progress("counting", total=3, unit="bytes") as bar:
        bar.advance(2)
        bar.advance()
        assert bar.done == 3
        assert bar._bar is not None
    assert bar._bar is None
    assert "counting" in sys.stderr.getvalue()
    assert capsys.readouterr().out == ""


def test_short_work_shows_no_bar(monkeypatch):
    monkeypatch.setattr(sys, "stderr", Terminal())
    assert list(track(iter("ab"), label="counting")) == ["a", "b"]
    assert sys.stderr.getvalue() == ""


@pytest.mark.parametrize("how", ["argument", "environment"])
def test_a_bar_can_be_switched_off(monkeypatch, how):
    monkeypatch.setattr(sys, "stderr", Terminal())
    monkeypatch.setattr(progress, "PATIENCE", 0.0)
    monkeypatch.setenv("ICL_PROGRESS", "0" if how == "environment" else "1")
    shown = False if how == "argument" else None
    assert list(track([1, 2], label="counting", progress=shown)) == [1, 2]
    assert sys.stderr.getvalue() == ""


def test_a_bar_goes_away_when_the_work_fails(monkeypatch):
    monkeypatch.setattr(sys, "stderr", Terminal())
    monkeypatch.setattr(progress, "PATIENCE", 0.0)
    with pytest.raises(ZeroDivisionError), Progress("dividing") as bar:
        bar.advance()
        _ = 1 / 0
    assert bar._bar is None
