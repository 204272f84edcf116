"""Writes `taxonomy/taxonomy.yaml` and `detectors/*.yaml` from a folder of vocabularies. Kept for the record.

    python docs/catalogue/import_vocabularies.py VOCABULARIES [ROOT]

VOCABULARIES holds `taxonomy.yaml` (labels), `detectors/*.json` (each vendor's strings with their meaning) and
`mappings.csv` (detector, label, canonical labels, notes). From its first run on the YAML files are the source of
truth and are edited by hand; running this again would undo such edits, `payload` blocks among them.
"""

import csv
import json
import re
import sys
from pathlib import Path

import yaml

from mapper_domain.text import normalise

TAXONOMY_VERSION = "2026.11"
MAP, SEQ = "tag:yaml.org,2002:map", "tag:yaml.org,2002:seq"
ORIGINS = {"seed": "founding", "peer": "adopted", "new": "new"}
BENIGN_RULES = [
    "An event always carries at least one label, so a negative is the label OTHER.Safe and never an empty list.",
    "OTHER.Safe stands alone; any finding at or above its threshold replaces it.",
    "It is given for an explicit negative, for severity 0, for an empty list of findings from a detector that ran, "
    "and for entity output that holds no entity.",
    "A token tag that means no entity, or a score below its threshold, is dropped and is not an event of its own.",
    "A detector that failed or was skipped gives OTHER.ModelError; a label nobody understands gives OTHER.Unknown "
    "with confidence 0.0. Neither becomes OTHER.Safe.",
    "Where a low score is the finding (groundedness, relevance, mitigation), the detector's YAML says so.",
]
OPAQUE = {
    "llama-guard-2": re.compile(r"S\d+"),
    "llama-guard-3": re.compile(r"S\d+"),
    "mlcommons-ailuminate": re.compile(r"[a-z]{3}(_[a-z]{3})?"),
    "shieldgemma": re.compile(r"Yes|No"),
    "granite-guardian": re.compile(r"Yes|No"),
}
NOTES = {
    ("openai-moderation", "harassment"): "broader than an insult: covers bullying of a target",
    ("aws-bedrock-guardrails", "CA_SOCIAL_INSURANCE_NUMBER"): "Canadian, so not a US SSN",
    ("aws-comprehend-pii", "CA_SOCIAL_INSURANCE_NUMBER"): "Canadian, so not a US SSN",
    ("presidio", "CA_SIN"): "Canadian, so not a US SSN",
    ("aws-comprehend-pii", "DATE_TIME"): "any date, not only a birth date",
    ("google-cloud-dlp", "TIME"): "any time, not only a birth date",
    ("google-cloud-dlp", "DATE"): "any date, not only a birth date",
    ("presidio", "DATE_TIME"): "any date, not only a birth date",
    ("presidio", "LOCATION"): "a place, not necessarily an address",
    ("presidio", "UK_NHS"): "a health-system number, so the kind is known",
}
SOURCES = {
    "aws-rekognition-moderation": "Amazon Rekognition developer guide, moderation.md (two-level scheme); "
    "level names as published in public code",
    "beavertails-qa-moderation": "category strings of the BeaverTails data set as listed in public loaders; "
    "pyrit 1.1.0 beaver_tails_dataset.py",
    "deberta-toxicity": "unitaryai/detoxify README.md, Toxic Comment Classification Challenge",
    "google-cloud-dlp": "cloud.google.com/sensitive-data-protection/docs/infotypes-reference; full name list as "
    "used in public code",
    "google-text-moderation": "cloud.google.com/natural-language/docs/moderating-text, safety attributes table",
    "lakera-guard": "litellm lakera_ai_v2.py and lakera_ai.py; detector_type strings as used in public code",
    "nvidia-aegis-content-safety": "pyrit 1.1.0 aegis_ai_content_safety_dataset.py (data set strings)",
    "perspective-api": "garak/detectors/perspective.py (22 attributes); experimental bridging attributes as used in "
    "public code",
}
TEXT_NOTES = {
    "deepteam": "Labels are the vulnerability's folder and its type, joined by a dot.",
    "llama-prompt-guard-1": "Class names from the model card; their upper-case spelling is not confirmed there.",
}
FOUNDING = "deberta-toxicity"


class Dumper(yaml.SafeDumper):
    """Indents lists under their key."""

    def increase_indent(self, flow: bool = False, **_: bool) -> None:
        return super().increase_indent(flow, False)


class Inline(dict):
    """A mapping written on one line."""


class InlineList(list):
    """A list written on one line."""


Dumper.add_representer(Inline, lambda dumper, value: dumper.represent_mapping(MAP, value.items(), flow_style=True))
Dumper.add_representer(InlineList, lambda dumper, value: dumper.represent_sequence(SEQ, value, flow_style=True))


def dump(document: object) -> str:
    return yaml.dump(document, Dumper=Dumper, sort_keys=False, allow_unicode=True, width=116)


def alignment(label: dict) -> Inline:
    return Inline({scheme: InlineList(ids) for scheme, ids in label["alignment"].items()})


def taxonomy_yaml(document: dict) -> str:
    labels = [
        {
            "name": label["name"],
            "description": label["description"],
            "aliases": InlineList(label["aliases"]),
            **({"alignment": alignment(label)} if label.get("alignment") else {}),
            "origin": ORIGINS[label["origin"]],
        }
        for label in document["labels"]
    ]
    head = {"version": TAXONOMY_VERSION, "namespace": document["namespace"]}
    policy = {"label": "OTHER.Safe", "rules": BENIGN_RULES}
    comment = "# Flat list of canonical labels; the first segment of a name is its category.\n"
    return comment + dump(head | {"benign_policy": policy, "labels": labels}).replace("\n  - name:", "\n\n  - name:")


def mapping(detector: str, row: dict) -> str | dict:
    tags = set(re.findall(r"\[([A-Z]+)\]", row["notes"]))
    note = NOTES.get((detector, row["label"]), re.sub(r"\[[A-Z]+\]", "", row["notes"]).strip())
    canonical = row["canonical"].split("|")
    opaque = "OPAQUE" in tags or bool((code := OPAQUE.get(detector)) and code.fullmatch(row["label"]))
    extra = {
        **({"relation": "all" if "AND" in tags else "any"} if len(canonical) > 1 else {}),
        **({"ambiguous": True} if "AMB" in tags else {}),
        **({"opaque": True} if opaque else {}),
        **({"note": note} if note else {}),
    }
    return Inline({"taxonomy": InlineList(canonical), **extra}) if extra else canonical[0]


def detector_yaml(vocabulary: dict, rows: list[dict]) -> str:
    name = vocabulary["detector"]
    maps = {row["label"]: mapping(name, row) for row in rows}
    descriptions = {
        entry["label"]: entry["description"]
        for entry in vocabulary["labels"]
        if entry["description"] and normalise(entry["description"]) != normalise(entry["label"])
    }
    head = {
        "detector": name,
        "version": vocabulary["version"],
        "vendor": vocabulary["vendor"],
        "kind": "moderation" if vocabulary["kind"] == "image" else vocabulary["kind"],
        "source": SOURCES.get(name, vocabulary["source"]),
        "output_shape": vocabulary["output_shape"],
        **({"notes": TEXT_NOTES[name]} if name in TEXT_NOTES else {}),
    }
    return (
        dump(head) + "\n" + dump({"maps": maps}) + ("\n" + dump({"descriptions": descriptions}) if descriptions else "")
    )


def founding_yaml(rows: list[dict]) -> str:
    lines = [f"  {row['label']}: {row['canonical']}" for row in rows]
    head = [f"detector: {FOUNDING}", 'version: "v1"', 'notes: "Mapping for DeBERTa/Jigsaw-style toxicity outputs."']
    return "\n".join([*head, "maps:", *lines]) + "\n"


def main(vocabularies: Path, root: Path) -> None:
    document = yaml.safe_load((vocabularies / "taxonomy.yaml").read_text())
    (root / "taxonomy" / "taxonomy.yaml").write_text(taxonomy_yaml(document))
    rows: dict[str, list[dict]] = {}
    with (vocabularies / "mappings.csv").open(newline="") as stream:
        for row in csv.DictReader(stream):
            rows.setdefault(row["detector"], []).append(row)
    for path in sorted((vocabularies / "detectors").glob("*.json")):
        vocabulary = json.loads(path.read_text())
        name = vocabulary["detector"]
        text = founding_yaml(rows[name]) if name == FOUNDING else detector_yaml(vocabulary, rows[name])
        (root / "detectors" / f"{name}.yaml").write_text(text)
    print(f"{len(document['labels'])} canonical labels, {len(rows)} detectors, {sum(map(len, rows.values()))} labels")


if __name__ == "__main__":
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    main(Path(sys.argv[1]), Path(sys.argv[2] if len(sys.argv) == 3 else "."))
