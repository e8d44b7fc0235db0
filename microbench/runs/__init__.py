"""A run: from what the user asks for to a plan, and from the plan to records. NumPy alone, like the floor below."""
