import os
import signal
import subprocess
import sys

import pytest

SERIES = "y\n" + "\n".join(map(str, range(20))) + "\n"


def test_wrong_usage_is_exit_code_2(icl):
    result = icl("lst")
    assert result.exit_code == 2
    assert "list" in result.stderr
    assert icl("list", "--nonsense").exit_code == 2


def test_an_error_is_one_or_two_lines_without_traceback(icl):
    result = icl("predict", "nobody", "--series", "x.csv", "--horizon", 3)
    assert result.exit_code == 2
    assert 1 <= len(result.stderr.strip().splitlines()) <= 2
    assert result.stderr.startswith("Error: ")


def test_debug_shows_the_traceback_wherever_it_stands(icl):
    for args in (["--debug", "info", "nobody"], ["info", "nobody", "--debug"]):
        result = icl(*args)
        assert result.exit_code == 2
        assert "Traceback" in result.stderr and "Error: " in result.stderr


def test_a_learner_that_crashes_is_named(icl):
    result = icl("predict", "crash", "--series", "-", "--column", "y", "--horizon", 2, input=SERIES)
    assert result.exit_code == 2
    assert "crash" in result.stderr and "ZeroDivisionError: by design" in result.stderr
    assert "Traceback" not in result.stderr
    assert result.stdout == ""


def test_an_unforeseen_error_is_exit_code_1_and_points_to_debug(icl, monkeypatch):
    from icl_core import registry

    def explode():
        raise LookupError("boom")

    monkeypatch.setattr(registry, "learners", explode)
    result = icl("list")
    assert result.exit_code == 1
    assert "LookupError: boom" in result.stderr and "--debug" in result.stderr
    assert "Traceback" not in result.stderr


def test_an_interrupt_is_one_word_and_exit_code_130(icl):
    result = icl(
        "predict", "interrupt", "--series", "-", "--column", "y", "--horizon", 2, input=SERIES
    )
    assert result.exit_code == 130
    assert result.stderr == "Interrupted.\n"


@pytest.mark.skipif(os.name == "nt", reason="signals are sent differently on Windows")
def test_ctrl_c_in_a_real_process_is_exit_code_130():
    code = (
        "import sys, time; from icl_cli import main; from icl_core import registry\n"
        "def slow(): print('ready', flush=True); time.sleep(60)\n"
        "registry.learners = slow; sys.argv = ['icl', 'list']; main()"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "ready\n"
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out, err) == (130, "", "Interrupted.\n")


@pytest.mark.skipif(os.name == "nt", reason="signals are sent differently on Windows")
def test_a_second_ctrl_c_ends_a_slow_clean_up_at_once():
    code = (
        "import sys, time; from icl_cli import main; from icl_core import registry\n"
        "def slow():\n"
        "    try: print('ready', flush=True); time.sleep(60)\n"
        "    finally: print('cleaning', flush=True); time.sleep(60)\n"
        "registry.learners = slow; sys.argv = ['icl', 'list']; main()"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    for line in ("ready\n", "cleaning\n"):
        assert process.stdout.readline() == line
        process.send_signal(signal.SIGINT)
    process.communicate(timeout=30)
    assert process.returncode == -signal.SIGINT


def test_a_closed_pipe_is_silent(site):
    code = (
        "import sys; from icl_cli import main; from icl_core import registry\n"
        "cards = registry.learners() * 5000\n"
        "registry.learners = lambda: cards\n"
        "sys.argv = ['icl', 'list']; main()"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(site)},
    )
    assert process.stdout.readline().startswith(b"NAME")
    process.stdout.close()
    with process.stderr as stderr:
        assert stderr.read() == b""
    assert process.wait(timeout=60) == 0
