"""The errors a person sees, and what each means for the exit code."""


class ToolkitError(Exception):
    """An expected failure. Its text is one line: what, where, what is allowed."""

    exit_code = 1
    """Of the command line."""

    @property
    def lines(self) -> list[str]:
        """What is shown of it, line by line: nearly always its text."""
        return [str(self)]


class UserError(ToolkitError):
    """The request cannot be carried out as asked: bad input, a bad value, no room to write."""

    exit_code = 2
    """Of the command line."""


class PluginError(ToolkitError):
    """A plugin failed. The text names plugin, hook, scale and step; the cause is chained."""
