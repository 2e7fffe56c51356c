"""The card of the selected thing: what, how bad and why, where, since when, who is on it, what next, what is around."""
