"""The presets that come with the toolkit: data, no code."""
