"""The work lists: incidents, alarms, units, warnings of others; one line each, worst first, live, keyboard-driven."""
