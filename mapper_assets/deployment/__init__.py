"""Releases: assembled by content, promoted behind the gates, rolled back by promoting an older one."""
