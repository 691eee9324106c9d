"""What can be asked for: kinds of values, options, tasks."""
