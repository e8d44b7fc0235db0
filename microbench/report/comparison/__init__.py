"""Sets of records compared row by row."""
