"""Scores the mapper, the adapter alone and three rivals on the golden set. Imports no dagster."""
