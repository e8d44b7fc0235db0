"""Figures and tables, made of records alone."""
