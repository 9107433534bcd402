"""Figures: the only room that draws (matplotlib, nowhere else)."""
