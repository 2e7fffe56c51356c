"""The chart of a sensor: its series, the band between least and most, and the steps in force."""
