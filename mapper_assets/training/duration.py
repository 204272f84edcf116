"""How long a full retrain took, from the records beside what it made. Measures nothing itself."""

from mapper_assets.training import dataset as data
from mapper_assets.training import train_lora, train_retriever
from mapper_domain.layout import Layout


def retrain_seconds(
    layout: Layout, *, dataset: str, retriever: str, adapter: str, evaluation: float
) -> dict[str, float]:
    """Seconds by step, and their sum as `total`. Loading of libraries and weights is not in them.

    Args:
        layout: where artefacts lie.
        dataset: SHA-256 of the training file.
        retriever: SHA-256 of the retriever's weights.
        adapter: SHA-256 of the adapter's weights.
        evaluation: seconds the evaluation took.

    Raises:
        DatasetMissing, RetrieverError, TrainingError: when a record is not there.
    """
    steps = {
        "dataset": data.read_note(layout, dataset).seconds,
        "retriever": train_retriever.read_record(layout.retriever(retriever)).seconds,
        "adapter": train_lora.read_record(layout.adapter(adapter)).seconds,
        "evaluation": evaluation,
    }
    return {**steps, "total": sum(steps.values())}
