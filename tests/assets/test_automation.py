"""What runs by itself after which change: the real graph and conditions, with bodies a test controls."""

import hashlib
from collections.abc import Iterable, Sequence
from pathlib import Path

import dagster as dg
import pytest

from mapper_assets.build import build_defs
from mapper_assets.settings import Settings

REPOSITORY = Path(__file__).parents[2]
CHAIN = {
    "dataset": "training/dataset",
    "base": "training/base_model",
    "adapter": "training/lora_adapter",
    "retriever": "training/retriever",
    "evaluation": "evaluation/golden_set_evaluation",
    "release": "deployment/deployed_model_version",
}
NAMES = {key: name for name, key in CHAIN.items()}
GATE = "gate"
FROM_LESSONS = ["dataset", "retriever", "adapter", "evaluation", "release"]
CONFIG = ("config/taxonomy", "config/detectors", "config/lexicon", "config/frameworks", "config/golden_set")
ORDER = (*CONFIG, *CHAIN.values())


class Installation:
    """The unpartitioned assets with their real dependencies and conditions on an ephemeral instance.

    An asset's data version is the hash of the versions it reads, as with the real artefacts; a test sets what
    the config assets say, what an asset reads, which blocking checks fail and which bodies raise.
    """

    def __init__(self, specs: Iterable[dg.AssetSpec]) -> None:
        self.says = dict.fromkeys(CONFIG, "A")
        self.reads: dict[str, tuple[str, ...]] = {}
        self.blocked: set[str] = set()
        self.broken: set[str] = set()
        self.mended: set[str] = set()
        self.asked_meanwhile: list[str] = []
        self.versions: dict[str, str] = {}
        self.parents: dict[str, tuple[str, ...]] = {}
        self.instance = dg.DagsterInstance.ephemeral()
        self.cursor = None
        wanted = {*CONFIG, *CHAIN.values()}
        self.assets = [self._asset(spec) for spec in specs if spec.key.to_user_string() in wanted]
        self.defs = dg.Definitions(assets=self.assets, executor=dg.in_process_executor)

    def _asset(self, spec: dg.AssetSpec) -> dg.AssetsDefinition:
        name = spec.key.to_user_string()
        self.parents[name] = tuple(sorted(dep.asset_key.to_user_string() for dep in spec.deps))

        @dg.multi_asset(
            name=spec.key.to_python_identifier(),
            specs=[spec],
            check_specs=[dg.AssetCheckSpec(GATE, asset=spec.key, blocking=True)],
        )
        def body():
            self.asked_meanwhile += self.tick()
            if name in self.broken:
                raise dg.Failure(f"{name} is broken", allow_retries=False)
            yield dg.MaterializeResult(
                asset_key=spec.key,
                data_version=dg.DataVersion(self.versions[name]),
                check_results=[dg.AssetCheckResult(check_name=GATE, passed=name not in self.blocked)],
            )

        return body

    def materialise(self, *names: str) -> None:
        """Record what a run of these assets records, in order.

        Only an asset that is or was broken is really run; while it runs, the automation sensor looks once.
        """
        for name in sorted(names, key=ORDER.index):
            key = dg.AssetKey(name.split("/"))
            if name not in self.broken:
                self.versions[name] = hashlib.sha256(repr((name, self._read(name))).encode()).hexdigest()
            if name in self.broken | self.mended:
                selection = dg.AssetSelection.assets(key)
                dg.materialize(self.assets, selection=selection, instance=self.instance, raise_on_error=False)
                continue
            tags = {"dagster/data_version": self.versions[name]}
            self.instance.report_runless_asset_event(dg.AssetMaterialization(key, tags=tags))
            gate = dg.AssetCheckEvaluation(
                asset_key=key, check_name=GATE, passed=name not in self.blocked, metadata={}, blocking=True
            )
            self.instance.report_runless_asset_event(gate)

    def mend(self) -> None:
        """What was broken works again."""
        self.mended |= self.broken
        self.broken.clear()

    def _read(self, name: str) -> list[str]:
        if name in CONFIG:
            return [self.says[name]]
        return [self.versions[parent] for parent in self.reads.get(name, self.parents[name])]

    def edit(self, name: str, text: str) -> None:
        """Change what a config asset says, and materialise it."""
        self.says[name] = text
        self.materialise(name)

    def tick(self) -> list[str]:
        """What the automation sensor asks for now; not run yet."""
        result = dg.evaluate_automation_conditions(self.defs, self.instance, cursor=self.cursor)
        self.cursor = result.cursor
        return sorted(name for name, key in CHAIN.items() if result.get_num_requested(dg.AssetKey(key.split("/"))))

    def settle(self) -> list[str]:
        """What runs, in order, until two ticks in a row ask for nothing."""
        ran: list[str] = []
        quiet = 0
        while quiet < 2:
            asked = self.tick()
            quiet = 0 if asked else quiet + 1
            ran += asked
            self.materialise(*(CHAIN[name] for name in asked))
            assert len(ran) < 20, "automation does not come to rest"
        return ran


@pytest.fixture(scope="module")
def specs() -> Sequence[dg.AssetSpec]:
    return build_defs(Settings(root=REPOSITORY)).resolve_all_asset_specs()


@pytest.fixture
def fresh(specs) -> Installation:
    return Installation(specs)


@pytest.fixture
def released(fresh) -> Installation:
    """An installation that has released once and come to rest."""
    fresh.settle()
    fresh.materialise(*CONFIG)
    fresh.settle()
    return fresh


def test_a_fresh_installation_runs_the_chain_once_in_order(fresh):
    assert fresh.settle() == ["base"]
    fresh.materialise(*CONFIG)
    assert fresh.settle() == FROM_LESSONS


def test_switching_automation_on_over_a_finished_installation_runs_nothing(fresh):
    fresh.materialise(*CONFIG, *CHAIN.values())
    assert fresh.settle() == []


@pytest.mark.parametrize("name", CONFIG)
def test_reading_the_same_content_again_runs_nothing(released, name):
    released.materialise(name)
    assert released.settle() == []


def test_a_new_mapping_leads_to_a_new_dataset_adapter_evaluation_and_release(released):
    released.edit("config/detectors", "B")
    assert released.settle() == FROM_LESSONS


def test_going_back_to_an_earlier_catalogue_retrains_too(released):
    before = dict(released.versions)
    released.edit("config/detectors", "B")
    released.settle()
    released.edit("config/detectors", "A")
    assert released.settle() == FROM_LESSONS
    assert released.versions == before


def test_an_edit_that_changes_no_training_row_is_evaluated_and_released_without_training(released):
    released.reads["training/dataset"] = ()
    released.materialise("training/dataset")
    released.settle()
    released.edit("config/detectors", "B")
    assert released.settle() == ["dataset", "retriever", "evaluation", "release"]


def test_a_new_lexicon_leads_to_a_new_retriever_evaluation_and_release(released):
    released.edit("config/lexicon", "B")
    assert released.settle() == FROM_LESSONS


def test_another_retriever_is_released_only_with_the_evaluation_that_follows_it(released):
    released.reads["training/dataset"] = ()
    released.materialise("training/dataset")
    released.settle()
    released.edit("config/lexicon", "B")
    assert released.settle() == ["dataset", "retriever", "evaluation", "release"]


def test_a_framework_edit_reaches_the_release_without_training(released):
    released.edit("config/frameworks", "B")
    assert released.settle() == ["evaluation", "release"]


def test_an_evaluation_that_comes_out_the_same_promotes_nothing(released):
    released.reads["evaluation/golden_set_evaluation"] = ("training/lora_adapter",)
    released.materialise("evaluation/golden_set_evaluation")
    released.settle()
    released.edit("config/frameworks", "B")
    assert released.settle() == ["evaluation"]


@pytest.mark.parametrize(
    ("blocked", "ran"),
    [
        ("config/detectors", []),
        ("training/dataset", ["dataset", "retriever"]),
        ("training/lora_adapter", ["dataset", "retriever", "adapter"]),
        ("training/retriever", ["dataset", "retriever", "adapter"]),
        ("evaluation/golden_set_evaluation", ["dataset", "retriever", "adapter", "evaluation"]),
    ],
)
def test_a_failed_blocking_check_stops_everything_after_it(released, blocked, ran):
    released.blocked.add(blocked)
    released.edit("config/detectors", "B")
    assert released.settle() == ran


def test_once_the_check_passes_the_change_that_waited_goes_through(released):
    released.blocked.add("config/detectors")
    released.edit("config/detectors", "B")
    released.settle()
    released.blocked.clear()
    released.materialise("config/detectors")
    assert released.settle() == FROM_LESSONS


def test_a_failed_training_is_tried_once_more_and_nothing_after_it_runs(released):
    released.broken.add("training/lora_adapter")
    released.edit("config/detectors", "B")
    assert released.settle() == ["dataset", "retriever", "adapter", "adapter"]
    assert released.asked_meanwhile == []


def test_a_refused_promotion_is_not_tried_again(released):
    released.broken.add("deployment/deployed_model_version")
    released.edit("config/detectors", "B")
    assert released.settle() == FROM_LESSONS


def test_after_a_failed_training_the_next_edit_starts_afresh(released):
    released.broken.add("training/lora_adapter")
    released.edit("config/detectors", "B")
    released.settle()
    released.mend()
    released.edit("config/detectors", "C")
    assert released.settle() == FROM_LESSONS


def test_an_edit_that_arrives_while_its_predecessor_is_under_way_is_not_lost(released):
    released.edit("config/detectors", "B")
    assert released.tick() == ["dataset", "retriever"]
    released.edit("config/detectors", "C")
    released.materialise("training/dataset", "training/retriever")
    assert released.settle()[-3:] == ["adapter", "evaluation", "release"]
    expected = dict(released.versions)
    released.materialise(*CONFIG, *CHAIN.values())
    assert released.versions == expected
