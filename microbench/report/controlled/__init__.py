"""Controlled experiments: two arms that differ in one switch, and whether the switch is a cause of what they show."""
