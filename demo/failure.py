"""How a stage of the demo says that it failed."""


class DemoFailed(Exception):
    """A stage failed; the message says which and what to look at."""
