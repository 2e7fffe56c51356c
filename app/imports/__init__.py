"""A file that becomes a layer of the city's own: what is said of it and answered (nouns), how it comes over the API
(upload), the work, in a process of its own (work)."""
