"""Films of the diffusion, and of a walk from seed to seed."""

import math
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageSequence
from sinddm_toolkit.plugins.animate.walk import mix_at

from sinddm_toolkit.api import Task, UserError, hookimpl

STEPS = (8 * 6, 6)
"""Steps of `FEW` at the two scales of the picture: the coarsest's are random."""

FEW = {"layouts": 0, "likeness": 0, "sampling_steps": 6}
LAID = {"layouts": 3, "likeness": 0, "sampling_steps": 2}


def few(sinddm_run, tmp_path, **also):
    """A sample with the animation `also` asks for → the files."""
    line = {**FEW, "oracle": True, "out": tmp_path / "o.png", "also": {"animate": also}}
    return sinddm_run("sample", **line).outputs


def frames(path):
    return [np.asarray(f.convert("RGB")).astype(int) for f in ImageSequence.Iterator(opened(path))]


def opened(path):
    return Image.open(path)


def films(path):
    """Frames of an MP4, each as often as it is shown."""
    import av

    with av.open(str(path)) as container:
        return [f.to_ndarray(format="rgb24").astype(int) for f in container.decode(video=0)]


class Breaks(Task):
    """Fails when all steps are done."""

    name = "breaks"
    summary = "fail"
    learns_from = None

    @hookimpl
    def compose_output(self, run, result):
        raise RuntimeError("as asked")


@pytest.mark.parametrize(("suffix", "format"), [("gif", "GIF"), ("png", "PNG"), ("webp", "WEBP")])
def test_every_so_many_steps_is_a_frame_and_the_last_is_held(suffix, format, sinddm_run, tmp_path):
    film = tmp_path / f"film.{suffix}"
    asked = {"to": film, "show": "noisy", "fps": 10, "hold": 2}
    assert few(sinddm_run, tmp_path, every=5, **asked) == [tmp_path / "o.png", film]
    # Every fifth step, the last one of each scale, which is the picture itself, and the result.
    joined = 1  # frames that are alike become one in all three formats
    expected = sum(len({*range(0, n, 5), n - 1}) for n in STEPS) + 1 - joined
    assert opened(film).format == format and opened(film).size == (80, 60)
    assert len(frames(film)) == expected
    image = opened(film)
    durations = []
    for k in range(image.n_frames):
        image.seek(k)
        image.load()
        durations.append(image.info["duration"])
    assert set(durations[:-1]) == {100} and durations[-1] == 2100 + 100 * joined


def test_the_film_lies_beside_the_result_and_ends_with_it(sinddm_run, tmp_path):
    out, film = few(sinddm_run, tmp_path, show="noisy")
    assert film == tmp_path / "o-steps.gif"
    away = [np.abs(frame - np.asarray(opened(out))).mean() for frame in frames(film)]
    assert away[-1] < 6, "256 colours"
    assert away[0] > 2 * away[-1]


@pytest.mark.skipif(find_spec("av") is None, reason="PyAV is not installed")
def test_an_mp4_shows_what_an_apng_shows(sinddm_run, tmp_path):
    asked = {"every": 16, "fps": 4, "hold": 1.5, "size": "81x61", "show": "noisy"}
    _, still = few(sinddm_run, tmp_path, to=tmp_path / "a.png", **asked)
    (tmp_path / "o.png").unlink()
    _, film = few(sinddm_run, tmp_path, to=tmp_path / "a.mp4", **asked)
    shown = films(film)
    assert shown[0].shape == (62, 82, 3), "even, as the format wants it"
    last = np.asarray(Image.fromarray(frames(still)[-1].astype(np.uint8)).resize((82, 62)))
    held = 1 + round(1.5 * 4)
    assert all(np.abs(frame - last).mean() < 6 for frame in shown[-held:])
    assert np.abs(shown[0] - last).mean() > 20
    out = (tmp_path / "o.png").read_bytes()
    film.unlink(), (tmp_path / "o.png").unlink()
    _, again = few(sinddm_run, tmp_path, to=film, **asked)
    assert (tmp_path / "o.png").read_bytes() == out
    # The encoder's bytes, other than its frames, have been seen to differ on a busy machine.
    for one, other in zip(films(again), shown, strict=True):
        assert np.abs(one - other).mean() < 1


def test_a_film_that_nothing_here_writes_is_refused_at_once(command, pasted, monkeypatch):
    monkeypatch.setitem(sys.modules, "av", None)
    monkeypatch.setattr("sinddm_toolkit.plugins.animate.film.find_spec", lambda name: None)
    line = ("run", "sample", "--image", "bg.png", "+", "animate", "--to", "a.mp4")
    code, _, err = command(*line)
    assert code == 2 and err.strip() == (
        "sinddm-tk: --to of animate: a.mp4 needs PyAV, which is not installed: `pip install av`, "
        "or name a .gif, .png or .webp"
    )
    code, _, err = command(*line[:-1], "a.avi")
    assert code == 2 and "--to: a.avi is not allowed, give the name of a file" in err


def test_too_many_frames_are_refused_before_anything_is_trained(command, pasted):
    line = ("run", "sample", "--image", "bg.png", "+", "animate", "--size", "9000x9000")
    code, _, err = command(*line, "--every", "1")
    assert code == 2 and len(err.strip().splitlines()) == 1
    assert "frames of 9000x9000 pixels are too many to be kept in memory: give a --size" in err
    assert not list(Path().glob("bg-*"))


def test_of_several_attempts_the_one_that_goes_on_is_shown(sinddm_run, tmp_path):
    """Each attempt alone makes a picture and a film; one of them is what the choice makes."""

    def film(name, **options):
        also = {"animate": {"to": tmp_path / f"{name}.png", "every": 1}}
        out = tmp_path / f"o-{name}.png"
        result = sinddm_run("sample", **{**LAID, **options}, seed=4, out=out, also=also)
        return result.picture.pixels, frames(tmp_path / f"{name}.png")

    best, shown = film("best")
    alone = [film(f"pick{k}", pick=k) for k in (1, 2, 3)]
    (chosen,) = [k for k, (pixels, _) in enumerate(alone) if np.array_equal(pixels, best)]
    assert all(np.array_equal(a, b) for a, b in zip(shown, alone[chosen][1], strict=True))
    assert chosen > 0, "the first is not what the test is about"
    other = alone[(chosen + 1) % 3][1]
    assert len(shown) == len(other) and np.abs(shown[2] - other[2]).mean() > 1


def test_where_only_a_part_is_redrawn_the_rest_is_the_picture(sinddm_run, sinddm_picture, tmp_path):
    pasted = sinddm_picture.pixels.copy()
    pasted[20:30, 30:42] = (250, 10, 10)
    film = tmp_path / "film.png"
    options = {"bg": sinddm_picture, "composite": pasted, "start_step": 5, "tone": 0.0}
    sinddm_run("harmonize", **options, out=tmp_path / "o.png", also={"animate": {"to": film}})
    kept = np.s_[:, 70:]
    for frame in frames(film)[1:]:
        assert np.abs(frame[kept] - sinddm_picture.pixels[kept]).max() <= 60
    *_, last = frames(film)
    assert np.array_equal(last[kept], sinddm_picture.pixels[kept])


def test_no_pixel_of_the_result_changes_and_a_failure_leaves_no_film(
    sinddm_run, sinddm_picture, tmp_path
):
    edit = {"painting": sinddm_picture, "start_step": 20}
    alone = sinddm_run("paint", **edit)
    watched = sinddm_run("paint", **edit, also={"animate": {"every": 3}}, out=tmp_path / "o.png")
    assert np.array_equal(alone.picture.pixels, watched.picture.pixels)
    with pytest.raises(Exception, match="plugin breaks failed in compose_output"):
        also = {"animate": {}, Breaks: {}}
        sinddm_run("paint", **edit, out=tmp_path / "p.png", also=also)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["o-steps.gif", "o.png"]


# A walk


def test_a_walk_begins_and_ends_at_its_stops():
    steps = 7
    assert mix_at(0, steps, [3, 9]) == [(3, 1.0), (9, 0.0)]
    (_, nothing), (_, everything) = mix_at(steps - 1, steps, [3, 9])
    assert everything == 1.0 and abs(nothing) < 1e-15
    for place in range(steps):
        assert math.isclose(sum(w**2 for _, w in mix_at(place, steps, [3, 9])), 1)
    by_way_of = [dict(mix_at(place, steps, [3, 9, 4, 3])) for place in range(steps)]
    assert [max(one, key=one.get) for one in by_way_of[::2]] == [3, 9, 4, 3]
    assert all(list(one) == [3, 9, 4] for one in by_way_of)


def test_the_first_stop_is_that_sample_bit_for_bit(sinddm_run):
    walked = {"walk": {"stop": [5, 6], "steps": 10}}
    options = {"layouts": 1, "sampling_steps": 2}
    alone = sinddm_run("sample", seed=5, **options)
    there = sinddm_run("sample", seed=20, **options, also=walked)  # 20 is place 0 of 10
    assert np.array_equal(alone.picture.pixels, there.picture.pixels)
    assert there.records[0]["metadata"]["walk"] == {"place": 0}
    last = sinddm_run("sample", seed=29, **{**options, "likeness": 0}, also=walked)
    other = sinddm_run("sample", seed=6, **{**options, "likeness": 0})
    assert np.array_equal(last.picture.pixels, other.picture.pixels)


def test_neighbours_on_a_walk_are_nearer_than_its_ends(sinddm_run):
    walked = {"walk": {"stop": [1, 2], "steps": 40}}
    options = {"layouts": 1, "sampling_steps": 2}
    made = [
        sinddm_run("sample", seed=place, **options, also=walked).picture.pixels.astype(float)
        for place in (0, 1, 20, 21, 39)
    ]
    ends = np.abs(made[0] - made[-1]).mean()
    steps = [np.abs(made[k] - made[k + 1]).mean() for k in (0, 2)]
    assert 0 < max(steps) < 0.4 * ends, (steps, ends)


def test_a_film_goes_there_and_back_or_round(sinddm_run, tmp_path):
    options = {**FEW, "sampling_steps": 1, "samples": 4, "seed": 2}
    there = {"walk": {"stop": [1, 2], "steps": 4, "to": tmp_path / "a.png"}}
    result = sinddm_run("sample", **options, also=there, out=tmp_path / "o.png")
    made = [np.asarray(opened(path)) for path in result.outputs[:4]]
    by_place = {(2 + k) % 4: pixels for k, pixels in enumerate(made)}  # as the seeds say
    shown = frames(tmp_path / "a.png")
    assert len(shown) == 6
    for frame, place in zip(shown, (0, 1, 2, 3, 2, 1), strict=True):
        assert np.array_equal(frame, by_place[place])
    around = {"walk": {"stop": [1, 2, 3, 1], "steps": 4, "to": tmp_path / "b.png"}}
    sinddm_run("sample", **options, also=around)
    assert len(frames(tmp_path / "b.png")) == 3


def test_a_place_is_replayed_bit_for_bit(command, pasted, tiny):
    line = ("run", "sample", "--image", "bg.png", "--samples", 3, "--seed", 3, "--out", "o.png")
    line += ("--sampling-steps", 1)
    walk = ("+", "walk", "--stop", 1, "--stop", 2, "--steps", 3, "--to", "w.gif")
    code, _, err = command(*line, *walk)
    assert code == 0, err
    code, _, err = command("replay", "o-2.png", "--out", "again.png")
    assert code == 0, err
    assert Path("again.png").read_bytes() == Path("o-2.png").read_bytes()


def test_what_makes_no_walk_is_refused(command, pasted):
    line = ("run", "sample", "--image", "bg.png", "+", "walk", "--stop", "1")
    code, _, err = command(*line)
    assert code == 2 and "walk needs two seeds to walk between: --stop 3 --stop 7" in err
    code, _, err = command(*line, "--stop", "2", "--to", "w.gif")
    assert code == 2 and "a film of 24 --steps takes as many --samples, not 1" in err
    with pytest.raises(UserError, match="unknown option"):
        from sinddm_toolkit import run

        run("sample", image="bg.png", stop=[1, 2])


def test_the_layout_is_not_chosen_anew_at_each_place(sinddm_run):
    """With a choice, neighbours could come from attempts that have nothing in common."""
    walked = {"walk": {"stop": [1, 2], "steps": 3}}
    chosen, first, third = (
        sinddm_run("sample", samples=3, **{**LAID, **more}, also=walked).pictures
        for more in ({}, {"pick": 1}, {"pick": 3})
    )
    assert all(np.array_equal(a.pixels, b.pixels) for a, b in zip(chosen, first, strict=True))
    assert not np.array_equal(first[0].pixels, third[0].pixels)
