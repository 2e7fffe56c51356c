"""The keyboard help."""
