"""The language assets and serving share: taxonomy, detectors, events, rules, prompt, release. Imports no framework."""
