"""Load generators of others, driven from the same plan as our own; each says what of a plan it can honour."""
