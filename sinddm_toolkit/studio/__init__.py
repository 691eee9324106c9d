"""The studio: a page on one's own machine to draw, ask and choose on, and HTTP under it.

It stands on what the command line stands on, and its process never imports torch: edits are carried
out by a worker.
"""
