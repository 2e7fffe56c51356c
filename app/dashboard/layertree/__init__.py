"""The layer tree: what can be shown, in groups, each layer with legend, count, opacity and age."""
