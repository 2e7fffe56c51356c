"""Simulated devices of the demo city: they read its package and speak MQTT, and know nothing of who listens."""
