"""The field page: phones of units, how they are bound, what they are drawn with."""
