"""The broker's doors: accounts of devices, units and gateways, what each may say and hear, and the process that tells
Mosquitto."""
