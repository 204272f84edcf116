"""Measures ratios against plain peers on the same machine, in one run: `python -m bench`."""
