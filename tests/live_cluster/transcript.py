"""What was run and what it said, as a page that stands by itself."""

import re
import shlex
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

_COLOUR = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
# What `ray job` has to say comes as a log line.
_SAYS = re.compile(r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d+\s+[A-Z]+ cli\.py:\d+ -- ")
# Ray's other log lines, ssh's farewells and terminals that are none.
_NOISE = re.compile(
    r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d+\s|^Shared connection|^Warning: Permanently|^ To ensure"
    r"|^bash: (no job|cannot set)|^Connection to .* closed|SIGTERM handler is not set|^\s*$"
)
KEPT_LINES = 24


@dataclass
class Said:
    """One command, its exit code and all it printed."""

    command: str
    code: int
    seconds: float
    output: str

    @property
    def shown(self) -> list[str]:
        """The end of the output, without noise."""
        lines = [_COLOUR.sub("", line).rstrip() for line in self.output.splitlines()]
        lines = [_SAYS.sub("", line) for line in lines]
        return [line for line in lines if not _NOISE.search(line)][-KEPT_LINES:]


@dataclass
class Transcript:
    """The commands of one scenario, in order."""

    title: str
    environment: Mapping[str, str]
    folder: Path
    """Where the commands run; its name and the temporary folder's stay out of the page."""
    hidden: dict[str, str] = field(default_factory=dict)
    """Text to replace, such as the path of a temporary folder."""
    said: list[Said] = field(default_factory=list)

    def run(self, *command: str, expect: int | None = 0, timeout: float = 600) -> str:
        """Run a command and return what it printed.

        Raises:
            AssertionError: it ended with another exit code than expected (None expects any).
        """
        began = time.monotonic()
        # A file, not a pipe: what a command leaves running would hold a pipe open.
        with tempfile.TemporaryFile() as output:
            done = subprocess.run(
                command, cwd=self.folder, env=dict(self.environment), timeout=timeout,
                stdout=output, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, check=False,
            )  # fmt: skip
            output.seek(0)
            printed = output.read().decode(errors="replace")
        took = time.monotonic() - began
        self.said.append(Said(shlex.join(command), done.returncode, took, printed))
        assert expect is None or done.returncode == expect, (command, printed[-4000:])
        return _COLOUR.sub("", printed)

    def page(self) -> str:
        """Every command with its exit code, its seconds and the end of its output."""
        lines = [f"## {self.title}", ""]
        for said in self.said:
            lines += ["```", f"$ {said.command}", *said.shown]
            lines += [f"# exit code {said.code}, {said.seconds:.0f} s", "```", ""]
        text = "\n".join(lines)
        for secret, name in self.hidden.items():
            text = text.replace(secret, name)
        return text


NewTranscript = Callable[..., Transcript]
