"""Runs two real detectors over the sample texts and gives their native JSON answers. Needs no network.

detect-secrets reads files, so a text lies in a temporary folder while it runs. Presidio runs with its pattern
recognisers and a blank spaCy pipeline: no language model has to be downloaded.
"""

import tempfile
from functools import cache
from pathlib import Path
from typing import Any

from demo.texts import Sample

Json = dict[str, Any] | list[Any] | str


def detect_secrets(sample: Sample) -> dict[str, Any]:
    """The report of detect-secrets about one file, as `detect-secrets scan` prints it."""
    from detect_secrets.core import baseline
    from detect_secrets.core.secrets_collection import SecretsCollection
    from detect_secrets.settings import default_settings

    with tempfile.TemporaryDirectory(prefix="demo-") as folder, default_settings():
        (Path(folder) / sample.name).write_text(sample.text, encoding="utf-8")
        secrets = SecretsCollection(root=folder)
        secrets.scan_file(sample.name)
        report: dict[str, Any] = baseline.format_for_output(secrets)
    return report


def presidio(sample: Sample) -> list[dict[str, Any]]:
    """Presidio's answer about one text, as its REST service gives it."""
    results = _analyzer().analyze(text=sample.text, language="en")
    return [result.to_dict() for result in results]


@cache
def _analyzer() -> Any:
    import spacy
    import tldextract
    from presidio_analyzer import AnalyzerEngine, RecognizerRegistry
    from presidio_analyzer.nlp_engine import SpacyNlpEngine

    # The e-mail recogniser would fetch the list of public suffixes; the copy in the package does.
    tldextract.tldextract.TLD_EXTRACTOR.suffix_list_urls = ()
    engine: Any = SpacyNlpEngine()
    engine.nlp = {"en": spacy.blank("en")}
    registry = RecognizerRegistry(supported_languages=["en"])
    registry.load_predefined_recognizers(languages=["en"])
    return AnalyzerEngine(registry=registry, nlp_engine=engine, supported_languages=["en"])
