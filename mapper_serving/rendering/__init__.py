"""Other shapes of a canonical event, for systems that expect them. Plain functions; nothing is decided here."""
