"""The command line. Exit codes: 0 done, 1 a trial or a check failed, 2 wrong input."""

import os
import sys

import typer

from model.errors import InputError
from orchestrator.cli import data, store
from orchestrator.cli.doctor import doctor
from orchestrator.cli.environment import prepare_process
from orchestrator.cli.explain import explain
from orchestrator.cli.export import export
from orchestrator.cli.plan import plan
from orchestrator.cli.report import report
from orchestrator.cli.run import run
from orchestrator.cli.watch import watch
from orchestrator.store.store import StoreError
from orchestrator.study.spec import StudyError

app = typer.Typer(
    no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help=__doc__
)
for command in (plan, run, watch, report, explain, export, doctor):
    app.command()(command)
app.add_typer(data.app, name="data")
app.add_typer(store.app, name="store")


def main() -> None:
    """Run the command line; wrong input and failures become one line, never a traceback."""
    if os.environ.get("MASKGRID_TRACEBACK"):
        _run()
    try:
        _run()
    except StudyError as error:
        _fail(str(error), 2)
    except InputError as error:
        _fail(f"error: {error}", 2)
    except StoreError as error:
        _fail(f"error: {error}; fix that, and the same command goes on", 1)
    except Exception as error:
        what = " ".join(f"{type(error).__name__}: {error}".split())
        _fail(f"failed: {what} (MASKGRID_TRACEBACK=1 shows where)", 1)


def _run() -> None:
    prepare_process()
    app()


def _fail(message: str, code: int) -> None:
    print(message, file=sys.stderr)
    sys.exit(code)
