"""Tables, made of records alone: one file for each kind of row or table of the paper."""
