"""The FastAPI shell: answers /map from the newest release, falls back to rules, never loses an acknowledged event."""
