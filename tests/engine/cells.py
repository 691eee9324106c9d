"""What trainings in these tests are asked for."""

from sinddm_toolkit.engine.phases import Cells, Need
from sinddm_toolkit.engine.schedule import Schedule


def everything(schedule: Schedule) -> Cells:
    """All that unguided sampling visits."""
    return {s: Need(start) for s, start in enumerate(schedule.starts)}
