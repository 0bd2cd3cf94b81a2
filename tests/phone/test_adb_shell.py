"""Command lines as adb's clients write them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentenv.phone.adb_server import Result
from agentenv.phone.adb_shell import run_line, small_programs


def run(line: str, files: dict[str, bytes] | None = None) -> Result:
    files = {} if files is None else files
    return run_line(line, small_programs(files), files)


@pytest.mark.parametrize(
    ("line", "out"),
    [
        ("echo a  b", "a b\n"),
        ("echo 'a  b' \"c d\" e\\ f", "a  b c d e f\n"),
        ("echo ';' \"|\" '&&' \\>", "; | && >\n"),
        ('echo \'a"b\' "a\'b" "x\\"y"', 'a"b a\'b x"y\n'),
        ("echo pre'mid'post", "premidpost\n"),
        ("echo ''", "\n"),
        ("echo a; echo b", "a\nb\n"),
        ("echo a\necho b", "a\nb\n"),
        ("true && echo yes || echo no", "yes\n"),
        ("false && echo yes || echo no", "no\n"),
        ("echo one; echo two | grep two", "one\ntwo\n"),
        ("echo 'FOO bar' | grep -iE 'nothing|foo'", "FOO bar\n"),
        ("echo a | grep -v a", ""),
        ("nothing 2>/dev/null; echo on", "on\n"),
        ("nothing > /dev/null 2>&1 || echo failed", "failed\n"),
        ("echo hidden >/dev/null", ""),
        ("/system/bin/echo whole", "whole\n"),
        ("  ; ;  ", ""),
    ],
)
def test_a_line_is_read_as_a_shell_reads_it(line: str, out: str) -> None:
    assert run(line).out.decode() == out


def test_output_goes_to_files_and_back() -> None:
    files: dict[str, bytes] = {}
    result = run("echo 'a b' > /storage/emulated/0/x && cat /sdcard/x; ls /sdcard", files)
    assert result.out == b"a b\nx\n"
    assert files == {"/sdcard/x": b"a b\n"}
    assert run("rm /sdcard/x && ls /sdcard", files).out == b""


@pytest.mark.parametrize("line", ["echo 'open", "| ls", "ls |", "ls > |", "cat < /x"])
def test_what_is_no_line_is_an_error(line: str) -> None:
    result = run(line)
    assert result.status == 1
    assert b"syntax error" in result.err


def test_nothing_outside_the_phone_can_be_reached() -> None:
    for line in ("cat /etc/passwd", "ls /etc", "echo $(id)", "echo `id`", "sh -c id", "python3"):
        result = run(line)
        assert b"root" not in result.out
    assert run("echo $(id)").out == b"$(id)\n"


@given(st.text())
def test_no_line_raises(line: str) -> None:
    assert isinstance(run(line), Result)
