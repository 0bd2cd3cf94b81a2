"""The phone's shell: command lines as adb's clients write them, and a few small programs.

No shell runs: a line is taken apart here (words, quotes, ``;  &&  ||  |  >``), and only the
commands that this phone knows exist.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from agentenv.phone.adb_server import Result
from agentenv.phone.adb_sync import real_path

MAX_LINE = 64 * 1024
NOT_FOUND = 127
_TOKEN = re.compile(
    r"""[ \t\r]*(?:(?P<operator>&&|\|\||\d?>&\d|\d?>>?|<|[;&|\n])"""
    r"""|(?P<word>(?:[^\s;&|<>'"\\]|\\.|'[^']*'|"(?:[^"\\]|\\.)*")+))""",
    re.DOTALL,
)
_PIECE = re.compile(r"""'([^']*)'|"((?:[^"\\]|\\.)*)"|\\(.)|([^'"\\]+)""", re.DOTALL)
_ESCAPED = re.compile(r'\\(["\\$`])')

Program = Callable[[Sequence[str], bytes], Result]
"""Takes its arguments and its input."""


class UsageError(Exception):
    """A command was called wrongly; its text is printed."""


@dataclass
class _Command:
    words: list[str] = field(default_factory=list)
    targets: dict[str, str] = field(default_factory=dict)
    """Where "1" (output) and "2" (errors) go."""


def run_line(line: str, programs: Mapping[str, Program], files: dict[str, bytes]) -> Result:
    """Run a command line.

    Args:
        line: as it came from the client.
        programs: what there is, by name.
        files: content by absolute path; what is redirected goes there.
    """
    out, err, status = b"", b"", 0
    try:
        steps = list(_steps(line))
    except UsageError as error:
        return Result(err=f"/system/bin/sh: {error}\n".encode(), status=1)
    for connector, pipeline in steps:
        if (connector == "&&" and status) or (connector == "||" and not status):
            continue
        result = Result()
        for command in pipeline:
            result = _run_command(command, result.out, programs, files)
            err += result.err
        out, status = out + result.out, result.status
    return Result(out, err, status)


def small_programs(files: dict[str, bytes]) -> dict[str, Program]:
    """Programs that need nothing but the files."""
    return {
        "cat": lambda words, given: _cat(words, given, files),
        "ls": lambda words, given: _ls(words, files),
        "rm": lambda words, given: _rm(words, files),
        "mkdir": lambda words, given: Result(),
        "echo": lambda words, given: Result((" ".join(words) + "\n").encode()),
        "true": lambda words, given: Result(),
        "false": lambda words, given: Result(status=1),
        "whoami": lambda words, given: Result(b"shell\n"),
        "id": lambda words, given: Result(b"uid=2000(shell) gid=2000(shell)\n"),
        "grep": _grep,
    }


def _run_command(
    command: _Command, given: bytes, programs: Mapping[str, Program], files: dict[str, bytes]
) -> Result:
    name, *words = command.words
    program = programs.get(name.rpartition("/")[2])
    if program is None:
        text = f"/system/bin/sh: {name[:80]}: inaccessible or not found\n"
        result = Result(err=text.encode(), status=NOT_FOUND)
    else:
        try:
            result = program(words, given)
        except UsageError as error:
            result = Result(err=f"{error}\n".encode(), status=1)
    for number, path in command.targets.items():
        content = result.out if number == "1" else result.err
        if path.startswith("/") and path != "/dev/null":
            files[real_path(path)] = content
        result = replace(result, out=b"") if number == "1" else replace(result, err=b"")
    return result


def _steps(line: str) -> Iterator[tuple[str, list[_Command]]]:
    """The pipelines of a line, each after what connects it with the one before.

    Raises:
        UsageError: it cannot be understood.
    """
    connector, pipeline = ";", [_Command()]
    target = ""
    for operator, word in _tokens(line):
        if target:
            if operator:
                raise UsageError(f"syntax error: {operator!r} unexpected")
            pipeline[-1].targets[target], target = word, ""
        elif not operator:
            pipeline[-1].words.append(word)
        elif ">" in operator:
            target = "" if "&" in operator else (operator[0] if operator[0].isdigit() else "1")
        elif operator == "|":
            pipeline.append(_Command())
        elif operator == "<":
            raise UsageError("syntax error: this shell reads no files with <")
        else:
            if any(command.words for command in pipeline):
                yield connector, _checked(pipeline)
            connector, pipeline = operator, [_Command()]
    if any(command.words or command.targets for command in pipeline):
        yield connector, _checked(pipeline)


def _checked(pipeline: list[_Command]) -> list[_Command]:
    if not all(command.words for command in pipeline):
        raise UsageError("syntax error: a command is missing")
    return pipeline


def _tokens(line: str) -> Iterator[tuple[str, str]]:
    """Operators and words, one of both empty."""
    if len(line) > MAX_LINE:
        raise UsageError("the line is too long")
    position, line = 0, line.strip()
    while position < len(line):
        found = _TOKEN.match(line, position)
        if found is None:
            raise UsageError("syntax error: no closing quote")
        position = found.end()
        yield found["operator"] or "", _unquoted(found["word"] or "")


def _unquoted(word: str) -> str:
    def content(piece: re.Match[str]) -> str:
        single, double, escaped, plain = piece.groups()
        if double is not None:
            return _ESCAPED.sub(r"\1", double)
        return next(text for text in (single, escaped, plain) if text is not None)

    return _PIECE.sub(content, word)


def _cat(words: Sequence[str], given: bytes, files: Mapping[str, bytes]) -> Result:
    out, err = b"" if words else given, b""
    for path in words:
        if real_path(path) in files:
            out += files[real_path(path)]
        else:
            err += f"cat: {path}: No such file or directory\n".encode()
    return Result(out, err, int(bool(err)))


def _ls(words: Sequence[str], files: Mapping[str, bytes]) -> Result:
    folder = next((real_path(word) for word in words if not word.startswith("-")), "/")
    if folder in files:
        return Result(f"{folder}\n".encode())
    prefix = folder.rstrip("/") + "/"
    names = {
        path.removeprefix(prefix).partition("/")[0] for path in files if path.startswith(prefix)
    }
    return Result("".join(f"{name}\n" for name in sorted(names)).encode())


def _rm(words: Sequence[str], files: dict[str, bytes]) -> Result:
    err = ""
    for path in words:
        if path.startswith("-"):
            continue
        if files.pop(real_path(path), None) is None and "-f" not in words:
            err += f"rm: {path}: No such file or directory\n"
    return Result(err=err.encode(), status=int(bool(err)))


def _grep(words: Sequence[str], given: bytes) -> Result:
    """Lines that hold one of the texts between "|"; no other pattern is understood, since a
    client's own could run for ever."""
    flags = "".join(word[1:] for word in words if word.startswith("-"))
    wanted = next((word for word in words if not word.startswith("-")), "")
    texts = [text.encode() for text in wanted.replace("\\|", "|").split("|")]
    if "i" in flags:
        texts = [text.lower() for text in texts]

    def is_hit(line: bytes) -> bool:
        line = line.lower() if "i" in flags else line
        return any(text in line for text in texts) != ("v" in flags)

    kept = [line for line in given.splitlines(keepends=True) if is_hit(line)]
    return Result(b"".join(kept), status=int(not kept))
