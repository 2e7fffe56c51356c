"""The multi-dimensional look over all parts: what they offer, what is asked of it, its figures and its files."""
