"""Documentation cannot lie: every setting, metric, route, path and command it should name, it names, and they exist."""

import re
import subprocess
from pathlib import Path

import pytest

import mapper_assets.settings
import mapper_serving.settings
from mapper_serving.app import create_app
from mapper_serving.problems import KINDS
from mapper_serving.telemetry import METRICS

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
REFERENCE = (ROOT / "docs" / "reference.md").read_text()


def settings() -> set[str]:
    fields = {
        *mapper_assets.settings.Settings.model_fields,
        *mapper_serving.settings.Settings.model_fields,
    }
    return {f"MAPPER_{name.upper()}" for name in fields}


def routes() -> set[str]:
    paths = create_app(mapper_serving.settings.Settings()).openapi()["paths"]
    return {f"{method.upper()} {path}" for path, operations in paths.items() for method in operations}


def documented(pattern: str) -> set[str]:
    return set(re.findall(rf"^\| `({pattern})`", REFERENCE, re.MULTILINE))


def test_the_reference_names_every_setting_and_no_other() -> None:
    assert documented(r"MAPPER_[A-Z_]+") == settings()


def test_the_reference_names_every_metric_and_no_other() -> None:
    assert documented(r"mapper_[a-z_]+") == set(METRICS)


def test_the_reference_names_every_route_and_no_other() -> None:
    assert documented(r"(?:GET|POST|PUT|DELETE) /[^`]*") == routes()


def test_the_reference_has_every_problem_code_with_its_status_and_no_other() -> None:
    rows = re.findall(r"^\| `([a-z0-9-]+)` \| (\d{3}) \| (yes|no) \| (.+?) \|$", REFERENCE, re.MULTILINE)
    kinds = {(code, str(kind.status), "yes" if kind.retryable else "no", kind.title) for code, kind in KINDS.items()}
    assert set(rows) == kinds


def tree() -> dict[str, str]:
    block = re.search(r"```text\n(.*?)```", README, re.DOTALL)
    assert block is not None
    lines = [line.split(None, 1) for line in block[1].splitlines() if line.strip()]
    return dict(lines)


@pytest.mark.parametrize("path", sorted(tree()))
def test_every_path_of_the_readme_tree_exists(path: str) -> None:
    assert (ROOT / path).exists()


def test_the_readme_tree_names_every_top_level_entry() -> None:
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    top = {name.split("/")[0] for name in tracked} - {".gitignore"}
    assert {path.split("/")[0] for path in tree()} >= top


@pytest.mark.parametrize("target", sorted(set(re.findall(r"`?make ([a-z]+)", README))))
def test_every_make_target_of_the_readme_is_in_the_makefile(target: str) -> None:
    assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text(), re.MULTILINE)


@pytest.mark.parametrize("page", sorted(ROOT.glob("docs/adr/*.md")), ids=lambda page: page.stem)
def test_a_decision_record_is_at_most_forty_lines(page: Path) -> None:
    assert len(page.read_text().splitlines()) <= 40


@pytest.mark.parametrize("page", [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")], ids=lambda page: page.name)
def test_every_relative_link_leads_somewhere(page: Path) -> None:
    targets = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text())
    assert [target for target in targets if not (page.parent / target).exists()] == []
