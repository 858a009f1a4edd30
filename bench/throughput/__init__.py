"""How fast things are: exclusive measurements, one at a time, on pinned threads."""
