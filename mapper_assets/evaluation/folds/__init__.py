"""Leave-detectors-out cross-validation: every detector answered by a mapper that never saw it or its kin."""
