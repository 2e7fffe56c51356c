"""The HTTP API under /api: thin adapters that parse, call one plain function and answer."""
