"""Make a pasted object belong to its background (paper §4, "Harmonization")."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

import sinddm_toolkit.api as st
from sinddm_toolkit.api import OutputFile, Picture, Point, Task, UserError, hookimpl, option

from . import grain
from .colours import freedom, share_of_change, with_own_colours
from .fringe import defringed
from .object_mask import BoolArray, FloatArray, certain, difference, flattened, shares_at
from .placing import placed
from .shadow import shadowed
from .tone import WAYS, toned
from .trust import trust

if TYPE_CHECKING:
    from sinddm_toolkit.api import Plan, Pyramid, Result, Run, Schedule, Step

WHOLE_PIXELS = 250_000
"""Up to this the picture is worked on as a whole; `--start-step`, `--spread` and `--feather` are
in pixels of that size. Larger ones only carry on there what it has made."""

ASPECT_TOLERANCE = 0.02
"""Sizes whose aspects differ by less are the same framing at another resolution."""

RIM = 1.0
"""σ in pixels of the softness of a mask's border, for what is not redrawn but changed in tone."""

HARDLY_MORE = 0.5
"""Share of a picture that an object covers: a mask that is white on more may be white around it."""

MIDDLE = Point.parse("50%,50%")

Size = tuple[int, int]


@dataclass(frozen=True, eq=False)
class Scene:
    """What is harmonized, before it is."""

    composite: Picture
    """The picture with the object in it."""
    background: Picture
    """The picture without it, in the same colour profile."""
    cover: FloatArray | None = None
    """(h, w) in [0, 1]: how much of each pixel the object is, where that is known."""


MOST_NOISE = 2.0
"""How many times its usual noise an object gets at a strength of 1: of more it becomes a ghost."""

TONES = {"range": (0.5, 0.8), "spread": (0.25, 0.6)}
"""By --tone-by: at half the strength, and at all of it."""


class Harmonize(Task):
    """The composite, noised a little at one scale, is denoised by a model of the background."""

    name = "harmonize"
    summary = "give a pasted object the texture and tone of its background"
    also_called = (
        "put into",
        "put in",
        "insert",
        "add an object",
        "place",
        "blend",
        "composite",
        "collage",
        "cut-out",
    )
    learns_from = "bg"
    named_after = "composite"

    strength: float = option(
        "how far the object becomes part of the background: 0 hardly changed, 1 redrawn in its "
        "strokes and toned as what is around",
        default=0.5,
        minimum=0,
        maximum=1,
    )
    bg: Picture = option("the background without the object: what the model learns")
    composite: Picture | None = option(
        "the background with the object pasted in; or give --object", unless="object"
    )
    object: Picture | None = option(
        "a cut-out with transparency, to be pasted into the background here", default=None
    )
    at: Point | None = option(
        "where the middle of the --object goes: X,Y in pixels or percent of the background; its "
        "middle if not given",
        default=None,
    )
    scale: float | None = option(
        "how many times larger the --object gets; 1 if not given",
        default=None,
        minimum=0.01,
        maximum=100,
    )
    rotate: float | None = option(
        "degrees by which the --object is turned clockwise",
        default=None,
        minimum=-360,
        maximum=360,
    )
    mask: Picture | None = option(
        "white where the object is; else found from the composite's transparency, or from where "
        "it differs from the background",
        default=None,
    )
    start_scale: int | None = option(
        "lower: coarser structures of the object are redrawn too; 0 is the coarsest, -1 the "
        "finest, -2 the next; the finest of at most 250 000 pixels if not given",
        default=None,
        rarely=True,
    )
    start_step: int | None = option(
        "higher: more of the background's texture, less of the object's detail; as --strength says "
        "if not given, at 0.5 from 5 to 22, the more the background is painted",
        default=None,
        minimum=1,
        maximum=100,
        rarely=True,
    )
    tone: float | None = option(
        "how far the object's brightness, contrast and colours come towards their surroundings': "
        "0 not at all, 1 fully; as --strength says if not given, 0.5 at 0.5",
        default=None,
        minimum=0,
        maximum=1,
    )
    tone_by: str = option(
        "range: what is lighter or darker than anything there comes nearer, and all takes the "
        "colour of the light; spread: brightness and contrast become those of what is around",
        default="range",
        choices=tuple(WAYS),
        formerly="spread",
        rarely=True,
    )
    shadow: float = option(
        "how dark a soft shadow the object casts where it stands: 0 none, 1 deep",
        default=0.0,
        minimum=0,
        maximum=1,
    )
    shadow_size: float = option(
        "how far that shadow reaches: 1 close to where the object stands, 2 twice as far",
        default=1.5,
        minimum=0.1,
        maximum=10,
        formerly=1.0,
        rarely=True,
    )
    restraint: float = option(
        "how far the object of a photograph is left alone where it is smooth, and where the "
        "background has no such edges and colours, which could only become combs and flecks: 0 "
        "redraws it everywhere",
        default=1.0,
        minimum=0,
        maximum=1,
        formerly=0.0,
        rarely=True,
    )
    defringe: bool = option(
        "give the translucent rim of a cut-out the object's own colours, without those of its old "
        "background",
        default=True,
        formerly=False,
        rarely=True,
    )
    spread: float = option(
        "pixels around the object that may change too",
        default=3.0,
        minimum=0,
        maximum=200,
        rarely=True,
    )
    feather: float = option(
        "softness of the border of the change, in pixels",
        default=3.0,
        minimum=0,
        maximum=100,
        rarely=True,
    )
    fit: bool = option(
        "accept a composite or mask of another resolution than the background",
        default=False,
        rarely=True,
    )
    flatten: bool = option(
        "paste a composite with transparency onto the background, giving an opaque picture",
        default=False,
        rarely=True,
    )
    save_mask: OutputFile | None = option(
        "write the mask that was used there", default=None, rarely=True
    )

    def main_picture(self) -> Picture:
        return self.composite or self.bg

    def check(self) -> None:
        if self.object is None:
            for name in ("at", "scale", "rotate"):
                if getattr(self, name) is not None:
                    raise UserError(f"--{name} goes with --object only")
        picture = self.main_picture()
        self._check_size(picture, self.bg)
        if self.mask is not None:
            self._check_size(self.mask, picture)
        if self.shadow > 0 and picture.is_transparent and not self.flatten:
            raise UserError(
                f"--shadow falls onto the background, and {picture.name} is transparent there: "
                "give --flatten"
            )

    def notices(self) -> list[str]:
        if self.mask is None:
            return []
        share = float((self.mask.rgb().mean(axis=2) > 0).mean())
        if share <= HARDLY_MORE:
            return []
        return [
            f"the mask {self.mask.name} is white on {int(100 * share)}% of the picture, and the "
            "object is where it is white: if that is what was to stay, swap black and white in it"
        ]

    def _check_size(self, picture: Picture, reference: Picture) -> None:
        (h, w), (height, width) = picture.size, reference.size
        if picture.size == reference.size:
            return
        sizes = f"{picture.name} is {w}×{h} and {reference.name} {width}×{height} pixels"
        if abs(math.log((h / w) / (height / width))) > ASPECT_TOLERANCE:
            raise UserError(f"{sizes}: they differ in shape, crop one to the other's framing")
        if not self.fit:
            raise UserError(f"{sizes}: give --fit if they show the same framing")

    def proposed(self, name: str) -> Picture | None:
        """Where the object is found if nobody says it, looked for at no more than usual pixels."""
        if name != "mask":
            return None
        scene = self._scene()
        h, w = size = scene.composite.size
        by = min(1.0, math.sqrt(WHOLE_PIXELS / (h * w)))
        found, _ = self._found_in(scene, (max(1, round(h * by)), max(1, round(w * by))))
        if not found.any():
            return None
        return Picture.from_mask(Picture.from_mask(found, size).pixels[..., 0] > 127)

    @hookimpl
    def plan_edit(self, plan: Plan, pyramid: Pyramid) -> None:
        """The composite is injected; what it becomes counts where the object is, softly."""
        if self.start_step is None:
            usual = grain.start_step(self.bg)
            self.start_step = redrawn_from(self.strength, usual, plan.schedule)  # for the record
        scene = self._scene()
        first = None
        if self.start_scale is not None:
            first = plan.stage(self.start_scale, option="--start-scale")
        at = plan.whole_stage(WHOLE_PIXELS, first)
        self._found = self._mask(at.size, scene)
        self._size = scene.composite.size
        is_coarse = first is not None and first.s < at.s
        self._share = 1.0 if is_coarse else share_of_change(self.start_step)
        free = 1.0 if is_coarse else freedom(self.start_step)
        weight = st.softened(self._found, self.spread, self.feather)
        opaque, onto = self._adapted(scene, weight)
        if self.restraint > 0 and free < 1:
            seen = trust(opaque.resized(at.size).rgb(), scene.background.resized(at.size).rgb())
            weight = weight * (1 - np.float32(self.restraint * (1 - free)) * (1 - seen))
        plan.repaint(
            opaque,
            onto=onto,
            weight=weight,
            at=at,
            first=first,
            start=self.start_step,
            crop=True,
            option="--start-step",
        )

    def _scene(self) -> Scene:
        if self.object is not None:
            turn, scale = self.rotate or 0.0, self.scale or 1.0
            cut = defringed(self.object) if self.defringe else self.object
            pasted, cover = placed(cut, self.bg, self.at or MIDDLE, scale, turn)
            return Scene(pasted, self.bg, cover)
        assert self.composite is not None  # or it would not be complete
        background = st.in_profile_of(self.bg, self.composite)
        composite = defringed(self.composite) if self.defringe else self.composite
        return Scene(composite, background, composite.alpha())

    def _mask(self, size: Size, scene: Scene) -> BoolArray:
        """(h, w), true on the object. UserError if it is nowhere."""
        if self.mask is None:
            found, empty = self._found_in(scene, size)
        else:
            found = self.mask.resized(size).rgb().mean(axis=2) > 0
            empty = f"the mask {self.mask.name} is all black"
        if not found.any():
            raise UserError(f"{empty}: nothing to harmonize (--mask says where the object is)")
        return found

    def _found_in(self, scene: Scene, size: Size) -> tuple[BoolArray, str]:
        """(h, w), true on the object as found without a mask; what to say if it is nowhere."""
        if self.object is not None and scene.cover is not None:
            cover = shares_at(scene.cover, size)
            found = cover > min(0.5, 0.9 * float(cover.max()))
            return found, f"{self.object.name} is too small to be seen"
        layer = scene.composite.resized(size)
        if (alpha := layer.alpha()) is not None:
            return alpha > 0.5, f"{scene.composite.name} is transparent everywhere"
        found = difference(layer.rgb(), scene.background.resized(size).rgb())
        return found, f"{scene.composite.name} nowhere differs from {self.bg.name}"

    def _adapted(self, scene: Scene, weight: FloatArray) -> tuple[Picture, Picture]:
        """The composite in its new tone and with its shadow: opaque, and as the result will be."""
        composite, size = scene.composite, scene.composite.size
        background = scene.background.resized(size)
        inside = hides = scene.cover
        if inside is None or hides is None or self.mask is not None:
            inside = np.minimum(st.softened(self._found, 0, RIM), weight)
            hides = st.softened(certain(self._found), 0, RIM)
        tone = self.tone
        if tone is None:
            tone = st.at_strength(self.strength, *TONES[self.tone_by])
        if tone > 0:
            composite = toned(composite, background, inside, tone, WAYS[self.tone_by])
        opaque = flattened(composite, background)
        if self.shadow > 0:
            size = (self._found.shape[0], self._found.shape[1])
            opaque = shadowed(
                opaque, self._found, shares_at(hides, size), self.shadow, self.shadow_size
            )
        return opaque, opaque if self.flatten or composite.alpha() is None else composite

    @hookimpl(tryfirst=True)
    def modify_x0(self, run: Run, step: Step) -> None:
        """Before other tasks: what they do to colours is meant."""
        begun = step.scale.input
        if self._share < 1 and begun is not None:
            step.x0 = with_own_colours(step.x0, begun, self._share)

    @hookimpl
    def compose_output(self, run: Run, result: Result) -> None:
        if self.save_mask is not None:
            result.extras[self.save_mask] = Picture.from_mask(self._found, self._size)


def redrawn_from(strength: float, usual: int, schedule: Schedule) -> int:
    """The start step at a `strength`; at half of it the `usual` one."""
    noise = schedule.start_sigma(usual)
    return schedule.start_above(st.at_strength(strength, noise, MOST_NOISE * noise))
