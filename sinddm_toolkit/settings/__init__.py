"""Where values come from: lines, files, presets, in layers."""
