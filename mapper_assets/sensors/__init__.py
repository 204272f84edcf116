"""Sensors: each compares what is on disk with what was last materialised, and keeps no memory of its own."""
