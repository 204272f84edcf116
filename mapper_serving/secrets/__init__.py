"""Secrets by reference: where each lies, and how its value stays fresh. No secret is ever logged or stored here."""
