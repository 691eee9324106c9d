"""Pictures in and out, and what is done to their pixels. Knows no torch."""
