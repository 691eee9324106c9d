"""A page to draw on, and the same over HTTP."""
