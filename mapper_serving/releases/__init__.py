"""Releases in service: where they come from, how one is loaded and swapped in, who tries the next one."""
