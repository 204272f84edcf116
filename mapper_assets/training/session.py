"""How a training or evaluation script gets its parameters and reports, with and without Dagster.

Under Dagster Pipes (https://docs.dagster.io/guides/build/external-pipelines) parameters come as
extras and reports go to the run; started by hand, parameters are `--name value` and reports are lines.
"""

import argparse
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Protocol, TypeVar

from dagster_pipes import PipesContext, PipesEnvVarParamsLoader, open_dagster_pipes

from mapper_domain.errors import MapperError
from mapper_domain.value import Value

Parameters = TypeVar("Parameters", bound=Value)


class Report(Protocol):
    """Where a script says how far it is."""

    def log(self, message: str) -> None:
        """One line for whoever watches."""

    def result(self, metadata: Mapping[str, object]) -> None:
        """What came out, once, at the end: JSON values by name."""


class Lines:
    """Reports as lines on standard output."""

    def log(self, message: str) -> None:
        """Write the line now, not when a buffer is full."""
        sys.stdout.write(message + "\n")
        sys.stdout.flush()

    def result(self, metadata: Mapping[str, object]) -> None:
        """One `name: value` line each."""
        for name, value in metadata.items():
            self.log(f"{name}: {value}")


class Pipes:
    """Reports to the Dagster run that started this process."""

    def __init__(self, context: PipesContext) -> None:
        self._context = context

    def log(self, message: str) -> None:
        """A line of the run's log."""
        self._context.log.info(message)

    def result(self, metadata: Mapping[str, object]) -> None:
        """The message `get_custom_messages()` returns on the other side; the asset makes metadata of it."""
        self._context.report_custom_message(dict(metadata))


@contextmanager
def session(kind: type[Parameters], argv: Sequence[str] | None = None) -> Iterator[tuple[Parameters, Report]]:
    """Parameters and report of this process.

    Errors raised on purpose end the process with status 2 and their message, without a stack trace.

    Args:
        kind: the value type of the parameters; its fields are the extras and the options.
        argv: command line without the program, for use without Dagster.
    """
    try:
        if PipesEnvVarParamsLoader().is_dagster_pipes_process():  # type: ignore[no-untyped-call]
            with open_dagster_pipes() as context:
                yield kind.model_validate(dict(context.extras)), Pipes(context)
        else:
            yield _from_command_line(kind, argv), Lines()
    except MapperError as error:
        sys.stderr.write(f"{error}\n")
        raise SystemExit(2) from None


def _from_command_line(kind: type[Parameters], argv: Sequence[str] | None) -> Parameters:
    parser = argparse.ArgumentParser(description=kind.__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, field in kind.model_fields.items():
        parser.add_argument(f"--{name.replace('_', '-')}", dest=name, required=field.is_required())
    given = vars(parser.parse_args(argv))
    return kind.model_validate({name: value for name, value in given.items() if value is not None})
