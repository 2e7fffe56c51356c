"""The work lists: incidents, alarms, units; one line each, worst first, live, keyboard-driven."""
