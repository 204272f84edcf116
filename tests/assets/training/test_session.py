"""Scripts take parameters and report, by hand and under Dagster Pipes."""

import json
import sys
from pathlib import Path

import dagster as dg
import pytest

from mapper_assets.training.session import session
from mapper_domain.errors import MapperError
from mapper_domain.value import Value

SCRIPT = """
from mapper_assets.training.session import session
from mapper_domain.value import Value

class Order(Value):
    pages: int
    colour: str = "black"

with session(Order, []) as (order, report):
    report.log(f"{order.pages} pages in {order.colour}")
    report.result({"pages": order.pages})
"""


class Order(Value):
    """Print something."""

    pages: int
    colour: str = "black"
    long_name: Path = Path("x")


def test_by_hand_parameters_are_options_and_reports_are_lines(capsys: pytest.CaptureFixture[str]) -> None:
    with session(Order, ["--pages", "3", "--long-name", "y"]) as (order, report):
        report.log("working")
        report.result({"pages": order.pages})
    assert order == Order(pages=3, long_name=Path("y"))
    assert capsys.readouterr().out == "working\npages: 3\n"


def test_a_missing_parameter_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit), session(Order, []):
        pass
    assert "--pages" in capsys.readouterr().err


def test_an_error_raised_on_purpose_is_shown_without_a_stack_trace(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended, session(Order, ["--pages", "3"]):
        raise MapperError("No paper. Add some.")
    assert ended.value.code == 2
    assert capsys.readouterr().err == "No paper. Add some.\n"


def test_under_pipes_parameters_are_extras_and_the_result_is_a_message(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    messages: list[object] = []

    @dg.asset
    def printed(
        context: dg.AssetExecutionContext, client: dg.ResourceParam[dg.PipesSubprocessClient]
    ) -> dg.MaterializeResult[None]:
        run = client.run(command=[sys.executable, str(script)], context=context, extras={"pages": 2, "colour": "red"})
        messages.extend(run.get_custom_messages())
        return dg.MaterializeResult()

    with dg.instance_for_test() as instance:
        result = dg.materialize([printed], resources={"client": dg.PipesSubprocessClient()}, instance=instance)
        logged = [record.user_message for record in instance.all_logs(result.run_id)]
    assert json.loads(json.dumps(messages)) == [{"pages": 2}]
    assert "2 pages in red" in logged
