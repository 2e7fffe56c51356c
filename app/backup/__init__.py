"""Backup and restore: the whole of an installation in one file, and back from any state (docs/operators.md).

`database` dumps, brings back and compares; `archive` is the file, `keys` what locks it; `files` are the pictures and
what the state folder holds; `make` and `restore` put them together; `place` finds the installation; `schedule` repeats.
"""
