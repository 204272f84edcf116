"""Proposed mappings: a release is asked about whole vocabularies, and writes detector files for review."""
