"""What every task is: its options, and the picture that it learns from."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from sinddm_toolkit.errors import UserError
from sinddm_toolkit.options.schema import Options
from sinddm_toolkit.pictures.picture import Picture

if TYPE_CHECKING:
    from collections.abc import Sequence

    import torch

    from sinddm_toolkit.engine.plan import Plan


class Task(Options):
    """Something to do with a picture. Its fields made by `option` are its options, its methods
    marked by `hookimpl` its hooks.

    There is a fresh one for every edit; several passes of an edit have the same one.
    """

    name: ClassVar[str]
    """What the command line calls it."""
    summary: ClassVar[str]
    """One line for lists."""
    also_called: ClassVar[tuple[str, ...]] = ()
    """Other words that people look for it by, beside those of the summary and the options."""
    learns_from: ClassVar[str | None]
    """The option whose picture the model is trained on; None: it only joins other tasks. If the
    option is annotated `Picture | list[Picture]`, several may be learnt together."""
    named_after: ClassVar[str | None] = None
    """The option whose picture gives the output its default name; `learns_from` if None."""
    most_pixels: ClassVar[int | None] = None
    """Of the picture as the model sees it, where more would not help; `--max-pixels` overrules.
    None is the picture's own size, as far as the quality level goes."""

    def picture(self, name: str) -> Picture:
        """The picture given as option `name`; of several the first."""
        value = getattr(self, name)
        if isinstance(value, list) and value:
            value = value[0]
        if not isinstance(value, Picture):
            raise TypeError(f"option {name} of {self.name} holds no picture")
        return value

    def learnt(self) -> Picture:
        """The picture that the model is trained on; of several the first, which the result is like
        in all but what is in it. UserError if the task only joins others."""
        if self.learns_from is None:
            raise UserError(f"{self.name} only joins other tasks: run TASK … --with {self.name}")
        return self.picture(self.learns_from)

    def all_learnt(self) -> list[Picture]:
        """All pictures that the model is trained on. UserError if the task only joins others."""
        learnt = self.learnt()
        value = getattr(self, str(self.learns_from))
        return value if isinstance(value, list) else [learnt]

    def main_picture(self) -> Picture:
        """The picture that the result is named after."""
        return self.picture(self.named_after) if self.named_after else self.learnt()

    def hidden(self) -> Picture | None:
        """A picture that is white where nothing of `learns_from` is to be learnt; None: nowhere."""
        return None

    def proposed(self, name: str) -> Picture | None:
        """The mask that the task would choose for its option `name`, were that not given: white on
        what counts, of the size of the picture it is for. None: it would choose none.

        Asked before anything is planned, to show it and let it be changed.
        """
        return None

    def notices(self) -> Sequence[str]:
        """What may be otherwise than was meant, though it can be carried out: a line each.

        Told before anything is learnt, after `check`.
        """
        return ()

    def own_seconds(self, plan: Plan, device: torch.device) -> float:
        """About how long it computes for a sample, on that device, beside the network's steps.

        For the estimate that is told before long work, if it is. The `plan` is settled. What will
        be done often can be tried once; nothing that the edit does may depend on it.
        """
        return 0.0
