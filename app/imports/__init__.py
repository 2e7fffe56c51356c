"""A file that becomes a layer of the city's own: what is said of it and answered (nouns), where it lies and
how far the work on it is (files), the line to the process that does it (reading), the work (work)."""
