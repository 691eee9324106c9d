"""Plugins: what they may be, how they are found, called and blamed."""
