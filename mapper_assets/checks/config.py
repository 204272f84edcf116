"""Checks of the reviewed files: each catalogue asset lists every problem in its own files, with line and remedy.

Notes are listed beside them and fail nothing.
"""

import dagster as dg

from mapper_assets.assets.config import key_of
from mapper_assets.catalogue import Group, judge
from mapper_assets.checks.results import found, or_fails
from mapper_assets.resources import Sources

MEANING = {
    Group.TAXONOMY: "Schema, versions, unique names and migrations.",
    Group.LEXICON: "Schema, and that no form contradicts another or the taxonomy; notes those that detectors overrule.",
    Group.DETECTORS: "Schema, unique labels, and that every label they map to is in the taxonomy.",
    Group.FRAMEWORKS: "Schema, and that every label and control of the mapping exists.",
}


def valid(group: Group) -> dg.AssetChecksDefinition:
    """The check that a group of files can be used."""

    @dg.asset_check(asset=key_of(group), name="valid", blocking=True, description=MEANING[group])
    @or_fails
    def check(sources: Sources) -> dg.AssetCheckResult:
        problems, notes = judge(sources.path, group)
        return found(problems, {"files": len(group.files(sources.path)), "notes": len(notes)}, notes=notes)

    return check


CHECKS = [valid(group) for group in MEANING]
