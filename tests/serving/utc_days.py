"""Days a test may be about: it may run at midnight."""

from datetime import UTC, datetime, timedelta


def around_today(before: int = 1, after: int = 1) -> list[str]:
    """UTC days around today."""
    today = datetime.now(UTC)
    return [(today + timedelta(days=shift)).date().isoformat() for shift in range(-before, after + 1)]
