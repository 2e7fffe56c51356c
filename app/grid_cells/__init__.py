"""Grid cells made from page, API and command line: by a process of its own (making), how far that is (work)."""
