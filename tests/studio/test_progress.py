"""What an edit tells of how far it is."""

from sinddm_toolkit.studio.progress import ToldEvents


def test_steps_of_the_sampler_are_told_as_such_after_work_of_a_task():
    told, now = [], [0.0]
    events = ToldEvents(clock=lambda: now[0])
    events.tell_to(told.append)
    events.sampling_begins(4)
    events.working("filling", 1, 1)
    for _ in range(4):
        now[0] += 1.0
        events.sampling("details")
    assert [(one["what"], one["done"], one["steps"]) for one in told] == [
        ("making the picture", 0, 4),
        ("filling", 0, 1),
        ("filling", 1, 1),
        *(("making the picture", done, 4) for done in (1, 2, 3, 4)),
    ]
    assert [one["left"] for one in told[-3:]] == [2.0, 1.0, 0.0]
