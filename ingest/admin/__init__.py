"""Administration of what ingest owns: sources, devices, dead letters. Plain functions on the caller's transaction."""
