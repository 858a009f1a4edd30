"""Figures from rows: each is a function ``Setting -> Plot`` (or ``Absent``, with the reason)."""
