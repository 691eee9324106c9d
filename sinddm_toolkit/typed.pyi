"""The options of the bundled tasks, for type checkers.

Written by docs/reference/generate.py: change the tasks, or settings/stub.py, not this. There
is no such module when a program runs: import from it under `if TYPE_CHECKING:` alone.
"""

import os
from collections.abc import Coroutine, Sequence
from typing import Any, Literal, Protocol, TypedDict, TypeVar, Unpack, overload

import numpy.typing as npt
from PIL import Image
from typing_extensions import deprecated

from sinddm_toolkit.edits import session
from sinddm_toolkit.edits.edit import EditResult
from sinddm_toolkit.edits.progress import ProgressLike
from sinddm_toolkit.edits.session import Also
from sinddm_toolkit.options.task import Task
from sinddm_toolkit.pictures.picture import Picture
from sinddm_toolkit.pictures.regions import Region
from sinddm_toolkit.pictures.sizes import CanvasSize, Length, Point

# mypy: disable-error-code="overload-overlap, override"

PathLike = str | os.PathLike[str]
PictureLike = PathLike | Image.Image | npt.NDArray[Any] | Picture
LengthLike = float | str | Length
PointLike = str | tuple[LengthLike, LengthLike] | Point
CanvasSizeLike = str | tuple[float | str, float | str] | CanvasSize
RegionLike = PictureLike | tuple[LengthLike, LengthLike, LengthLike, LengthLike] | Region

class HasKey(Protocol):
    """A model."""

    @property
    def key(self) -> str: ...

class WrongOptionOrValue:
    """What a checker calls a run that has an option which the task has not, or a value of another
    type. Nothing is ever given that is one."""

_T = TypeVar("_T")

class RunOptions(TypedDict, total=False):
    """Options of every run."""

    out: PathLike | None
    """where the picture goes: .png, .jpg, .webp or .tiff, or a folder; several samples get numbers; a name that is free if not given"""
    seed: int | None
    """same seed, same picture; drawn and reported if not given"""
    samples: int | None
    """how many variants; their seeds count up from the first's"""
    sheet: bool | None
    """with several samples, also write a sheet that shows them all, small and numbered"""
    quality: Literal['draft', 'standard', 'paper'] | None
    """how long the picture is studied: draft, seconds to a minute on two CPU cores; standard, one to ten minutes on two CPU cores; paper, network and training as published: hours on a GPU"""
    max_pixels: int | None
    """the size the model works at; larger: finer grain, smaller structures"""
    train_time: float | str | None
    """at most this long for training in this run; 0 uses what is known"""
    train_seed: int | None
    """another number trains another model of the same picture"""
    init: Literal['prior', 'random'] | None
    """what a training starts from: `prior`, what all pictures have in common, learnt from photographs beforehand, or `random`, nothing; prior if not given, where there is one"""
    sampling_steps: int | None
    """timesteps visited of each scale at most, eight times as many where steps are random (the layout, and what is fitted to parts held fast); fewer: faster, rougher"""
    denoiser: str | None
    """what a plugin offers in place of a trained network, such as the preview that needs no training; nothing is learnt"""
    retrain: bool | None
    """forget the stored model and train anew"""
    model: str | HasKey | None
    """use this stored model, as `models list` names it (the beginning suffices); it decides the quality, the size it works at and the train seed, and an imported one is never trained"""
    device: Literal['auto', 'cpu', 'cuda', 'mps'] | None
    """what computes"""
    overwrite: bool | None
    """replace files that exist"""

class AnalogyOptions(RunOptions, total=False):
    """Options of analogy: your picture's pieces in the layout of another, or of a map."""

    style: PictureLike | None
    """the picture whose pieces are used: what is learnt"""
    content: PictureLike | None
    """the picture whose layout is wanted; the result has its shape and the style's pixels"""
    labels: PictureLike | None
    """instead of --content: a map of the style, of its size, painted in a few flat colours"""
    to: PictureLike | None
    """with --labels: the map of what is wanted, in the same colours and of any size; the result has its size"""
    follow: float | None
    """how firmly the content or the map is followed: lower leaves pieces larger and whole"""
    layouts: int | None
    """so many layouts are tried for each result, and the best goes on"""
    start_step: int | None
    """higher: the pieces are redrawn more freely; 0: they stay as they are, and nothing is learnt; by the size of the result if not given"""

class AnimateOptions(RunOptions, total=False):
    """Options of animate: watch a picture come into being: GIF, APNG, WebP or MP4."""

    to: PathLike | None
    """where the animation goes; {out} is the name of the result without its extension"""
    every: int | None
    """steps from one frame to the next; so that there are at most 120 if not given"""
    show: Literal['clean', 'noisy'] | None
    """the noisy picture, or the clean one that it is taken for"""
    fps: float | None
    """frames a second"""
    hold: float | None
    """seconds for which the picture is shown that a movement ends with"""
    size: CanvasSizeLike | None
    """size of the frames: pixels, or times the result's as in 50%x50%; the result's if not given, up to 800 pixels a side"""

class HarmonizeOptions(RunOptions, total=False):
    """Options of harmonize: give a pasted object the texture and tone of its background."""

    bg: PictureLike | None
    """the background without the object: what the model learns"""
    composite: PictureLike | None
    """the background with the object pasted in; or give --object"""
    strength: float | None
    """how far the object becomes part of the background: 0 hardly changed, 1 redrawn in its strokes and toned as what is around"""
    object: PictureLike | None
    """a cut-out with transparency, to be pasted into the background here"""
    at: PointLike | None
    """where the middle of the --object goes: X,Y in pixels or percent of the background; its middle if not given"""
    scale: float | None
    """how many times larger the --object gets; 1 if not given"""
    rotate: float | None
    """degrees by which the --object is turned clockwise"""
    mask: PictureLike | None
    """white where the object is; else found from the composite's transparency, or from where it differs from the background"""
    start_scale: int | None
    """lower: coarser structures of the object are redrawn too; 0 is the coarsest, -1 the finest, -2 the next; the finest of at most 250 000 pixels if not given"""
    start_step: int | None
    """higher: more of the background's texture, less of the object's detail; as --strength says if not given, at 0.5 from 5 to 22, the more the background is painted"""
    tone: float | None
    """how far the object's brightness, contrast and colours come towards their surroundings': 0 not at all, 1 fully; as --strength says if not given, 0.5 at 0.5"""
    tone_by: Literal['range', 'spread'] | None
    """range: what is lighter or darker than anything there comes nearer, and all takes the colour of the light; spread: brightness and contrast become those of what is around"""
    shadow: float | None
    """how dark a soft shadow the object casts where it stands: 0 none, 1 deep"""
    shadow_size: float | None
    """how far that shadow reaches: 1 close to where the object stands, 2 twice as far"""
    restraint: float | None
    """how far the object of a photograph is left alone where it is smooth, and where the background has no such edges and colours, which could only become combs and flecks: 0 redraws it everywhere"""
    defringe: bool | None
    """give the translucent rim of a cut-out the object's own colours, without those of its old background"""
    spread: float | None
    """pixels around the object that may change too"""
    feather: float | None
    """softness of the border of the change, in pixels"""
    fit: bool | None
    """accept a composite or mask of another resolution than the background"""
    flatten: bool | None
    """paste a composite with transparency onto the background, giving an opaque picture"""
    save_mask: PathLike | None
    """write the mask that was used there"""

class InpaintOptions(RunOptions, total=False):
    """Options of inpaint: remove what a mask covers, or fill a hole."""

    image: PictureLike | None
    """the picture"""
    mask: RegionLike | None
    """white on what goes, or a box X,Y,W,H in pixels or percent; what is transparent in the picture if not given"""
    grow: float | None
    """pixels around the mask that go too: an object's rim"""
    feather: float | None
    """pixels around the hole over which the picture passes into the new part"""
    strength: float | None
    """with --structure continue, how freely what is put together is redrawn: 0 not at all, nothing is learnt then; 0.5 as suits the picture's size; 1 in new strokes"""
    structure: Literal['continue', 'free'] | None
    """continue: hills, roofs or waves go on in the new part, which is put together from pieces of the picture; free: all in it is made up, and the best of several layouts goes on"""
    start_step: int | None
    """with --structure continue: higher: the pieces are redrawn more freely; 0: they stay as they are, and nothing is learnt; as --strength says if not given"""
    layout: float | None
    """how bold layouts are: 0 keeps things where the picture has them, 1 puts them anywhere"""
    layouts: int | None
    """so many layouts are tried for each result, and the best goes on; 0 leaves the layout to the network, as the paper does"""
    layout_sheet: PathLike | None
    """write a sheet with the layouts of the first result there, numbered, to --pick from"""
    pick: int | None
    """go on with the layout of that number, in place of the best"""
    likeness: float | None
    """how much of the picture's own proportions and detail is asked for: 1 as much of each thing as the picture has, 0 what the network makes"""

class OutpaintOptions(RunOptions, total=False):
    """Options of outpaint: extend the picture beyond its borders."""

    image: PictureLike | None
    """the picture to extend"""
    left: LengthLike | None
    """how much to add: pixels, or percent of the width"""
    right: LengthLike | None
    """how much to add: pixels, or percent of the width"""
    top: LengthLike | None
    """how much to add: pixels, or percent of the height"""
    bottom: LengthLike | None
    """how much to add: pixels, or percent of the height"""
    size: CanvasSizeLike | None
    """size of the result: pixels, or factors as in 2x1; see --anchor"""
    aspect: str | None
    """shape of the result, such as 16:9: what is missing is added, where --anchor says"""
    anchor: Literal['top-left', 'top', 'top-right', 'left', 'centre', 'right', 'bottom-left', 'bottom', 'bottom-right'] | None
    """where the picture is in a result of that --size or --aspect; in the centre if not given"""
    feather: float | None
    """pixels inside the old border over which the picture passes into the new part"""
    strength: float | None
    """with --structure continue, how freely what is put together is redrawn: 0 not at all, nothing is learnt then; 0.5 as suits the picture's size; 1 in new strokes"""
    structure: Literal['continue', 'free'] | None
    """continue: hills, roofs or waves go on in the new part, which is put together from pieces of the picture; free: all in it is made up, and the best of several layouts goes on"""
    start_step: int | None
    """with --structure continue: higher: the pieces are redrawn more freely; 0: they stay as they are, and nothing is learnt; as --strength says if not given"""
    layout: float | None
    """how bold layouts are: 0 keeps things where the picture has them, 1 puts them anywhere"""
    layouts: int | None
    """so many layouts are tried for each result, and the best goes on; 0 leaves the layout to the network, as the paper does"""
    layout_sheet: PathLike | None
    """write a sheet with the layouts of the first result there, numbered, to --pick from"""
    pick: int | None
    """go on with the layout of that number, in place of the best"""
    likeness: float | None
    """how much of the picture's own proportions and detail is asked for: 1 as much of each thing as the picture has, 0 what the network makes"""

class PaintOptions(RunOptions, total=False):
    """Options of paint: make a rough painting or a crude edit look like the picture."""

    image: PictureLike | Sequence[PictureLike] | None
    """the picture to learn from; given several times: the pictures to mix"""
    painting: PictureLike | None
    """the painting, or the picture with a crude edit; its size is kept"""
    strength: float | None
    """how much is redrawn: 0 next to nothing, 1 all but where large masses are"""
    mask: RegionLike | None
    """where the painting may change: a mask picture or a box X,Y,W,H; everywhere if not given"""
    start_scale: int | None
    """lower: larger shapes are redrawn too; 0 is the coarsest, -1 the finest, -2 the next; as --strength says if not given"""
    start_step: int | None
    """higher: freer; the usual start of that scale, or as --strength says, if not given"""
    feather: float | None
    """softness of the mask's border, in pixels of the painting"""

class RetargetOptions(RunOptions, total=False):
    """Options of retarget: another size or shape, nothing stretched and nothing lost."""

    image: PictureLike | None
    """the picture"""
    size: CanvasSizeLike | None
    """size of the result: pixels, or factors as in 1.5x1 or 60%x100%"""
    keep: RegionLike | None
    """what is to stay as it is, pixel for pixel: a mask, white on it, or a box X,Y,W,H; what is around it is made to suit"""
    layouts: int | None
    """so many layouts are tried for each result, and the best goes on"""
    start_step: int | None
    """higher: the pieces are redrawn more freely; 0: they stay as they are, and nothing is learnt; by the size of the result if not given"""

class RoiOptions(RunOptions, total=False):
    """Options of roi: put regions where you want them, and let the rest vary."""

    image: PictureLike | Sequence[PictureLike] | None
    """the picture to learn from; given several times: the pictures to mix, of which the first has the regions"""
    source: RegionLike | Sequence[RegionLike] | None
    """a region of the picture: a box X,Y,W,H in pixels or percent, or a mask picture"""
    target: RegionLike | Sequence[RegionLike | Sequence[RegionLike]] | None
    """a box where the source before it is to appear, at any size: in percent of the result, or in pixels as large as the picture's"""
    strength: float | None
    """how far the regions are followed: 0 not at all, 0.3 their large shapes, 1 all but the finest strokes"""
    source_image: PictureLike | Sequence[PictureLike | Sequence[PictureLike]] | None
    """another picture that the source before it is a region of"""
    size: CanvasSizeLike | None
    """size of the result: pixels, or times the picture's working size as in 2x1"""
    layout: float | None
    """how bold layouts are: 0 keeps things where the picture has them, 1 puts them anywhere"""
    layouts: int | None
    """so many layouts are tried for each result, and the best goes on; 0 leaves the layout to the network, as the paper does"""
    layout_sheet: PathLike | None
    """write a sheet with the layouts of the first result there, numbered, to --pick from"""
    pick: int | None
    """go on with the layout of that number, in place of the best"""
    likeness: float | None
    """how much of the picture's own proportions and detail is asked for: 1 as much of each thing as the picture has, 0 what the network makes"""

class SampleOptions(RunOptions, total=False):
    """Options of sample: random pictures of any size that look like yours."""

    image: PictureLike | Sequence[PictureLike] | None
    """the picture to learn from; given several times: the pictures to mix"""
    size: CanvasSizeLike | None
    """size of the result: pixels, or times the picture's working size as in 2x1 or 150%x100%; larger: more of the same, not the same larger"""
    drift: float | None
    """how far a horizon, and all with it, may come higher or lower than the picture has it, in shares of the height"""
    layout: float | None
    """how bold layouts are: 0 keeps things where the picture has them, 1 puts them anywhere"""
    layouts: int | None
    """so many layouts are tried for each result, and the best goes on; 0 leaves the layout to the network, as the paper does"""
    layout_sheet: PathLike | None
    """write a sheet with the layouts of the first result there, numbered, to --pick from"""
    pick: int | None
    """go on with the layout of that number, in place of the best"""
    likeness: float | None
    """how much of the picture's own proportions and detail is asked for: 1 as much of each thing as the picture has, 0 what the network makes"""

class SeamlessOptions(RunOptions, total=False):
    """Options of seamless: a tile whose opposite borders fit together."""

    image: PictureLike | None
    """the picture to learn from"""
    axes: Literal['both', 'x', 'y'] | None
    """which borders fit together: x left and right, y top and bottom"""
    keep: bool | None
    """make a tile of the picture itself: only a band along its borders is made anew"""
    band: LengthLike | None
    """with --keep: how wide that band is, pixels or percent of the side; 12% if not given"""
    size: CanvasSizeLike | None
    """size of a random tile: pixels, or times the picture's working size as in 2x1"""
    start_step: int | None
    """with --keep: higher: the band is redrawn more freely; 0: the pieces that it is put together from stay as they are; by the picture's size if not given"""
    check_sheet: PathLike | None
    """write a sheet there with the first result laid side by side, 2x2 if both axes fit"""
    layout: float | None
    """how bold layouts are: 0 keeps things where the picture has them, 1 puts them anywhere"""
    layouts: int | None
    """so many layouts are tried for each result, and the best goes on; 0 leaves the layout to the network, as the paper does"""
    layout_sheet: PathLike | None
    """write a sheet with the layouts of the first result there, numbered, to --pick from"""
    pick: int | None
    """go on with the layout of that number, in place of the best"""
    likeness: float | None
    """how much of the picture's own proportions and detail is asked for: 1 as much of each thing as the picture has, 0 what the network makes"""

class StyleTransferOptions(RunOptions, total=False):
    """Options of style-transfer: repaint a picture in the strokes of another."""

    style: PictureLike | None
    """the picture whose strokes and colours are wanted: what is learnt"""
    content: PictureLike | None
    """the picture to repaint; its size is kept"""
    strength: float | None
    """0: the content hardly touched, 1: abstract"""
    stroke: float | None
    """size of the strokes in the scene: 2 is twice as large, 0.5 half as large"""
    colour: float | None
    """1: the colours of the style, 0: the content's own"""
    start_scale: int | None
    """lower: larger shapes of the content are redrawn too; 0 is the coarsest, -1 the finest; as --strength says if not given"""
    start_step: int | None
    """higher: more of the style, less of the content's detail; as --strength says if not given"""

class SuperResolveOptions(RunOptions, total=False):
    """Options of super-resolve: enlarge the picture and give it detail."""

    image: PictureLike | None
    """the picture to enlarge"""
    strength: float | None
    """how much detail is added: 0 none, 0.5 as much as fits to the picture's own, 1 twice that"""
    factor: float | None
    """how many times larger each side gets; 2 if neither this nor --size is given"""
    size: CanvasSizeLike | None
    """the size of the result, in the shape of the picture: 3000x2000, or 150%x150%"""
    start_step: int | None
    """higher: more new detail, less likeness; the usual start of the finest scale if not given"""
    detail: float | None
    """how much detail is added where the picture has some: 1 as much as fits, 0 none; higher is bolder; twice the --strength if not given"""
    faithful: float | None
    """how much the result, shrunk again, is to be the picture: 1 as far as can be, 0 not at all"""

class SymmetricOptions(RunOptions, total=False):
    """Options of symmetric: a picture with a mirror or rotation symmetry."""

    image: PictureLike | None
    """the picture to learn from"""
    symmetry: Literal['left-right', 'top-bottom', 'four-way', 'half-turn', 'quarter-turn', 'kaleidoscope'] | None
    """mirrored at a line (left-right, top-bottom) or at two (four-way), the same upside down (half-turn), or a square of four (quarter-turn) or eight (kaleidoscope) parts"""
    size: CanvasSizeLike | None
    """size of a random picture: pixels, or times the picture's working size as in 2x1"""
    start_scale: int | None
    """begin with the picture itself, made symmetrical, and redraw it from this scale on: 0 is the coarsest, -1 the finest, which redraws least; a random picture if not given"""
    start_step: int | None
    """with --start-scale: higher: freer; the usual start of that scale if not given"""
    layout: float | None
    """how bold layouts are: 0 keeps things where the picture has them, 1 puts them anywhere"""
    layouts: int | None
    """so many layouts are tried for each result, and the best goes on; 0 leaves the layout to the network, as the paper does"""
    layout_sheet: PathLike | None
    """write a sheet with the layouts of the first result there, numbered, to --pick from"""
    pick: int | None
    """go on with the layout of that number, in place of the best"""
    likeness: float | None
    """how much of the picture's own proportions and detail is asked for: 1 as much of each thing as the picture has, 0 what the network makes"""

class TextContentOptions(RunOptions, total=False):
    """Options of text-content: a random picture like yours that shows what you say."""

    image: PictureLike | None
    """the picture to learn from"""
    text: str | Sequence[str] | None
    """what you want to see, as TEXT or TEXT:WEIGHT; with a weight below 0: what you do not"""
    strength: float | None
    """higher: more of the text, less like your picture"""
    fill: float | None
    """share of the picture that may change, from 0 to 1"""
    guide_every: int | None
    """guide each so many steps only: quicker, and weaker"""
    clip: PathLike | None
    """the CLIP model, NAME[:PRETRAINED] of open_clip or a configuration file; SINDDM_TK_CLIP or ViT-B-32-quickgelu:openai if not given"""
    clip_weights: PathLike | None
    """a file with the weights of that model"""
    views: int | None
    """random views that each step is judged by: fewer are quicker and less reliable"""
    save_loss: PathLike | None
    """also write a plot of the loss there: how far the picture still is from the text"""

class TextRoiOptions(RunOptions, total=False):
    """Options of text-roi: change a region of your picture into what you say."""

    image: PictureLike | None
    """the picture to learn from"""
    text: str | Sequence[str] | None
    """what you want to see, as TEXT or TEXT:WEIGHT; with a weight below 0: what you do not"""
    region: RegionLike | None
    """where: a box X,Y,W,H in pixels or percent, or a mask picture"""
    strength: float | None
    """higher: further towards the text in each step"""
    steps: int | None
    """steps towards the text: more make it plainer"""
    start_step: int | None
    """higher: more of the picture's own texture in the region, less of the text"""
    feather: float | None
    """softness of the region's border, in pixels of the working picture"""
    clip: PathLike | None
    """the CLIP model, NAME[:PRETRAINED] of open_clip or a configuration file; SINDDM_TK_CLIP or ViT-B-32-quickgelu:openai if not given"""
    clip_weights: PathLike | None
    """a file with the weights of that model"""
    views: int | None
    """random views that each step is judged by: fewer are quicker and less reliable"""
    save_loss: PathLike | None
    """also write a plot of the loss there: how far the picture still is from the text"""

class TextStyleOptions(RunOptions, total=False):
    """Options of text-style: a random picture like yours, or yours, in a style you name."""

    image: PictureLike | None
    """the picture to learn from"""
    text: str | Sequence[str] | None
    """what you want to see, as TEXT or TEXT:WEIGHT; with a weight below 0: what you do not"""
    strength: float | None
    """higher: more of the style"""
    of_image: bool | None
    """the picture itself in that style, not a random one"""
    guide_every: int | None
    """guide each so many steps only: quicker, and weaker"""
    clip: PathLike | None
    """the CLIP model, NAME[:PRETRAINED] of open_clip or a configuration file; SINDDM_TK_CLIP or ViT-B-32-quickgelu:openai if not given"""
    clip_weights: PathLike | None
    """a file with the weights of that model"""
    views: int | None
    """random views that each step is judged by: fewer are quicker and less reliable"""
    save_loss: PathLike | None
    """also write a plot of the loss there: how far the picture still is from the text"""

class WalkOptions(RunOptions, total=False):
    """Options of walk: samples along a walk from seed to seed, and a film of it."""

    stop: int | Sequence[int] | None
    """a seed to walk by, at least two; the first one given again at the end closes a loop"""
    steps: int | None
    """places on the walk"""
    to: PathLike | None
    """film the walk there and back; it takes as many --samples as --steps"""
    fps: float | None
    """frames a second"""
    hold: float | None
    """seconds for which the picture is shown that a movement ends with"""
    size: CanvasSizeLike | None
    """size of the frames: pixels, or times the result's as in 50%x50%; the result's if not given, up to 800 pixels a side"""

@overload
def run(task: Literal['analogy'], *, preset: str | Sequence[str] = ..., also: Also | None = ..., hooks: Sequence[object] = ..., progress: ProgressLike = ..., **options: Unpack[AnalogyOptions]) -> EditResult:
    """Your picture's pieces in the layout of another, or of a map."""
@overload
@deprecated('an option is misspelt or of another type: analogy takes style, content, labels, to, follow, layouts, start_step and those of a run')
def run(task: Literal['analogy'], **options: Any) -> Coroutine[WrongOptionOrValue, Any, _T]: ...
@overload
def run(task: Literal['harmonize'], *, preset: str | Sequence[str] = ..., also: Also | None = ..., hooks: Sequence[object] = ..., progress: ProgressLike = ..., **options: Unpack[HarmonizeOptions]) -> EditResult:
    """Give a pasted object the texture and tone of its background."""
@overload
@deprecated('an option is misspelt or of another type: harmonize takes bg, composite, strength, object, at, scale, rotate, mask, start_scale, start_step, tone, tone_by, shadow, shadow_size, restraint, defringe, spread, feather, fit, flatten, save_mask and those of a run')
def run(task: Literal['harmonize'], **options: Any) -> Coroutine[WrongOptionOrValue, Any, _T]: ...
@overload
def run(task: Literal['inpaint'], *, preset: str | Sequence[str] = ..., also: Also | None = ..., hooks: Sequence[object] = ..., progress: ProgressLike = ..., **options: Unpack[InpaintOptions]) -> EditResult:
    """Remove what a mask covers, or fill a hole."""
@overload
@deprecated('an option is misspelt or of another type: inpaint takes image, mask, grow, feather, strength, structure, start_step, layout, layouts, layout_sheet, pick, likeness and those of a run')
def run(task: Literal['inpaint'], **options: Any) -> Coroutine[WrongOptionOrValue, Any, _T]: ...
@overload
def run(task: Literal['outpaint'], *, preset: str | Sequence[str] = ..., also: Also | None = ..., hooks: Sequence[object] = ..., progress: ProgressLike = ..., **options: Unpack[OutpaintOptions]) -> EditResult:
    """Extend the picture beyond its borders."""
@overload
@deprecated('an option is misspelt or of another type: outpaint takes image, left, right, top, bottom, size, aspect, anchor, feather, strength, structure, start_step, layout, layouts, layout_sheet, pick, likeness and those of a run')
def run(task: Literal['outpaint'], **options: Any) -> Coroutine[WrongOptionOrValue, Any, _T]: ...
@overload
def run(task: Literal['paint'], *, preset: str | Sequence[str] = ..., also: Also | None = ..., hooks: Sequence[object] = ..., progress: ProgressLike = ..., **options: Unpack[PaintOptions]) -> EditResult:
    """Make a rough painting or a crude edit look like the picture."""
@overload
@deprecated('an option is misspelt or of another type: paint takes image, painting, strength, mask, start_scale, start_step, feather and those of a run')
def run(task: Literal['paint'], **options: Any) -> Coroutine[WrongOptionOrValue, Any, _T]: ...
@overload
def run(task: Literal['retarget'], *, preset: str | Sequence[str] = ..., also: Also | None = ..., hooks: Sequence[object] = ..., progress: ProgressLike = ..., **options: Unpack[RetargetOptions]) -> EditResult:
    """Another size or shape, nothing stretched and nothing lost."""
@overload
@deprecated('an option is misspelt or of another type: retarget takes image, size, keep, layouts, start_step and those of a run')
def run(task: Literal['retarget'], **options: Any) -> Coroutine[WrongOptionOrValue, Any, _T]: ...
@overload
def run(task: Literal['roi'], *, preset: str | Sequence[str] = ..., also: Also | None = ..., hooks: Sequence[object] = ..., progress: ProgressLike = ..., **options: Unpack[RoiOptions]) -> EditResult:
    """Put regions where you want them, and let the rest vary."""
@overload
@deprecated('an option is misspelt or of another type: roi takes image, source, target, strength, source_image, size, layout, layouts, layout_sheet, pick, likeness and those of a run')
def run(task: Literal['roi'], **options: Any) -> Coroutine[WrongOptionOrValue, Any, _T]: ...
@overload
def run(task: Literal['sample'], *, preset: str | Sequence[str] = ..., also: Also | None = ..., hooks: Sequence[object] = ..., progress: ProgressLike = ..., **options: Unpack[SampleOptions]) -> EditResult:
    """Random pictures of any size that look like yours."""
@overload
@deprecated('an option is misspelt or of another type: sample takes image, size, drift, layout, layouts, layout_sheet, pick, likeness and those of a run')
def run(task: Literal['sample'], **options: Any) -> Coroutine[WrongOptionOrValue, Any, _T]: ...
@overload
def run(task: Literal['seamless'], *, preset: str | Sequence[str] = ..., also: Also | None = ..., hooks: Sequence[object] = ..., progress: ProgressLike = ..., **options: Unpack[SeamlessOptions]) -> EditResult:
    """A tile whose opposite borders fit together."""
@overload
@deprecated('an option is misspelt or of another type: seamless takes image, axes, keep, band, size, start_step, check_sheet, layout, layouts, layout_sheet, pick, likeness and those of a run')
def run(task: Literal['seamless'], **options: Any) -> Coroutine[WrongOptionOrValue, Any, _T]: ...
@overload
def run(task: Literal['style-transfer'], *, preset: str | Sequence[str] = ..., also: Also | None = ..., hooks: Sequence[object] = ..., progress: ProgressLike = ..., **options: Unpack[StyleTransferOptions]) -> EditResult:
    """Repaint a picture in the strokes of another."""
@overload
@deprecated('an option is misspelt or of another type: style-transfer takes style, content, strength, stroke, colour, start_scale, start_step and those of a run')
def run(task: Literal['style-transfer'], **options: Any) -> Coroutine[WrongOptionOrValue, Any, _T]: ...
@overload
def run(task: Literal['super-resolve'], *, preset: str | Sequence[str] = ..., also: Also | None = ..., hooks: Sequence[object] = ..., progress: ProgressLike = ..., **options: Unpack[SuperResolveOptions]) -> EditResult:
    """Enlarge the picture and give it detail."""
@overload
@deprecated('an option is misspelt or of another type: super-resolve takes image, strength, factor, size, start_step, detail, faithful and those of a run')
def run(task: Literal['super-resolve'], **options: Any) -> Coroutine[WrongOptionOrValue, Any, _T]: ...
@overload
def run(task: Literal['symmetric'], *, preset: str | Sequence[str] = ..., also: Also | None = ..., hooks: Sequence[object] = ..., progress: ProgressLike = ..., **options: Unpack[SymmetricOptions]) -> EditResult:
    """A picture with a mirror or rotation symmetry."""
@overload
@deprecated('an option is misspelt or of another type: symmetric takes image, symmetry, size, start_scale, start_step, layout, layouts, layout_sheet, pick, likeness and those of a run')
def run(task: Literal['symmetric'], **options: Any) -> Coroutine[WrongOptionOrValue, Any, _T]: ...
@overload
def run(task: Literal['text-content'], *, preset: str | Sequence[str] = ..., also: Also | None = ..., hooks: Sequence[object] = ..., progress: ProgressLike = ..., **options: Unpack[TextContentOptions]) -> EditResult:
    """A random picture like yours that shows what you say."""
@overload
@deprecated('an option is misspelt or of another type: text-content takes image, text, strength, fill, guide_every, clip, clip_weights, views, save_loss and those of a run')
def run(task: Literal['text-content'], **options: Any) -> Coroutine[WrongOptionOrValue, Any, _T]: ...
@overload
def run(task: Literal['text-roi'], *, preset: str | Sequence[str] = ..., also: Also | None = ..., hooks: Sequence[object] = ..., progress: ProgressLike = ..., **options: Unpack[TextRoiOptions]) -> EditResult:
    """Change a region of your picture into what you say."""
@overload
@deprecated('an option is misspelt or of another type: text-roi takes image, text, region, strength, steps, start_step, feather, clip, clip_weights, views, save_loss and those of a run')
def run(task: Literal['text-roi'], **options: Any) -> Coroutine[WrongOptionOrValue, Any, _T]: ...
@overload
def run(task: Literal['text-style'], *, preset: str | Sequence[str] = ..., also: Also | None = ..., hooks: Sequence[object] = ..., progress: ProgressLike = ..., **options: Unpack[TextStyleOptions]) -> EditResult:
    """A random picture like yours, or yours, in a style you name."""
@overload
@deprecated('an option is misspelt or of another type: text-style takes image, text, strength, of_image, guide_every, clip, clip_weights, views, save_loss and those of a run')
def run(task: Literal['text-style'], **options: Any) -> Coroutine[WrongOptionOrValue, Any, _T]: ...
@overload
def run(task: str | type[Task] | Task | None = ..., *, preset: str | Sequence[str] = ..., also: Also | None = ..., hooks: Sequence[object] = ..., progress: ProgressLike = ..., **options: Any) -> EditResult:
    """Any task: by its class, as an object, or by a name that no checker knows."""
class Session(session.Session):
    @overload
    def run(self, task: Literal['analogy'], *, preset: str | Sequence[str] = ..., also: Also | None = ..., hooks: Sequence[object] = ..., progress: ProgressLike = ..., **options: Unpack[AnalogyOptions]) -> EditResult:
        """Your picture's pieces in the layout of another, or of a map."""
    @overload
    @deprecated('an option is misspelt or of another type: analogy takes style, content, labels, to, follow, layouts, start_step and those of a run')
    def run(self, task: Literal['analogy'], **options: Any) -> Coroutine[WrongOptionOrValue, Any, _T]: ...
    @overload
    def run(self, task: Literal['harmonize'], *, preset: str | Sequence[str] = ..., also: Also | None = ..., hooks: Sequence[object] = ..., progress: ProgressLike = ..., **options: Unpack[HarmonizeOptions]) -> EditResult:
        """Give a pasted object the texture and tone of its background."""
    @overload
    @deprecated('an option is misspelt or of another type: harmonize takes bg, composite, strength, object, at, scale, rotate, mask, start_scale, start_step, tone, tone_by, shadow, shadow_size, restraint, defringe, spread, feather, fit, flatten, save_mask and those of a run')
    def run(self, task: Literal['harmonize'], **options: Any) -> Coroutine[WrongOptionOrValue, Any, _T]: ...
    @overload
    def run(self, task: Literal['inpaint'], *, preset: str | Sequence[str] = ..., also: Also | None = ..., hooks: Sequence[object] = ..., progress: ProgressLike = ..., **options: Unpack[InpaintOptions]) -> EditResult:
        """Remove what a mask covers, or fill a hole."""
    @overload
    @deprecated('an option is misspelt or of another type: inpaint takes image, mask, grow, feather, strength, structure, start_step, layout, layouts, layout_sheet, pick, likeness and those of a run')
    def run(self, task: Literal['inpaint'], **options: Any) -> Coroutine[WrongOptionOrValue, Any, _T]: ...
    @overload
    def run(self, task: Literal['outpaint'], *, preset: str | Sequence[str] = ..., also: Also | None = ..., hooks: Sequence[object] = ..., progress: ProgressLike = ..., **options: Unpack[OutpaintOptions]) -> EditResult:
        """Extend the picture beyond its borders."""
    @overload
    @deprecated('an option is misspelt or of another type: outpaint takes image, left, right, top, bottom, size, aspect, anchor, feather, strength, structure, start_step, layout, layouts, layout_sheet, pick, likeness and those of a run')
    def run(self, task: Literal['outpaint'], **options: Any) -> Coroutine[WrongOptionOrValue, Any, _T]: ...
    @overload
    def run(self, task: Literal['paint'], *, preset: str | Sequence[str] = ..., also: Also | None = ..., hooks: Sequence[object] = ..., progress: ProgressLike = ..., **options: Unpack[PaintOptions]) -> EditResult:
        """Make a rough painting or a crude edit look like the picture."""
    @overload
    @deprecated('an option is misspelt or of another type: paint takes image, painting, strength, mask, start_scale, start_step, feather and those of a run')
    def run(self, task: Literal['paint'], **options: Any) -> Coroutine[WrongOptionOrValue, Any, _T]: ...
    @overload
    def run(self, task: Literal['retarget'], *, preset: str | Sequence[str] = ..., also: Also | None = ..., hooks: Sequence[object] = ..., progress: ProgressLike = ..., **options: Unpack[RetargetOptions]) -> EditResult:
        """Another size or shape, nothing stretched and nothing lost."""
    @overload
    @deprecated('an option is misspelt or of another type: retarget takes image, size, keep, layouts, start_step and those of a run')
    def run(self, task: Literal['retarget'], **options: Any) -> Coroutine[WrongOptionOrValue, Any, _T]: ...
    @overload
    def run(self, task: Literal['roi'], *, preset: str | Sequence[str] = ..., also: Also | None = ..., hooks: Sequence[object] = ..., progress: ProgressLike = ..., **options: Unpack[RoiOptions]) -> EditResult:
        """Put regions where you want them, and let the rest vary."""
    @overload
    @deprecated('an option is misspelt or of another type: roi takes image, source, target, strength, source_image, size, layout, layouts, layout_sheet, pick, likeness and those of a run')
    def run(self, task: Literal['roi'], **options: Any) -> Coroutine[WrongOptionOrValue, Any, _T]: ...
    @overload
    def run(self, task: Literal['sample'], *, preset: str | Sequence[str] = ..., also: Also | None = ..., hooks: Sequence[object] = ..., progress: ProgressLike = ..., **options: Unpack[SampleOptions]) -> EditResult:
        """Random pictures of any size that look like yours."""
    @overload
    @deprecated('an option is misspelt or of another type: sample takes image, size, drift, layout, layouts, layout_sheet, pick, likeness and those of a run')
    def run(self, task: Literal['sample'], **options: Any) -> Coroutine[WrongOptionOrValue, Any, _T]: ...
    @overload
    def run(self, task: Literal['seamless'], *, preset: str | Sequence[str] = ..., also: Also | None = ..., hooks: Sequence[object] = ..., progress: ProgressLike = ..., **options: Unpack[SeamlessOptions]) -> EditResult:
        """A tile whose opposite borders fit together."""
    @overload
    @deprecated('an option is misspelt or of another type: seamless takes image, axes, keep, band, size, start_step, check_sheet, layout, layouts, layout_sheet, pick, likeness and those of a run')
    def run(self, task: Literal['seamless'], **options: Any) -> Coroutine[WrongOptionOrValue, Any, _T]: ...
    @overload
    def run(self, task: Literal['style-transfer'], *, preset: str | Sequence[str] = ..., also: Also | None = ..., hooks: Sequence[object] = ..., progress: ProgressLike = ..., **options: Unpack[StyleTransferOptions]) -> EditResult:
        """Repaint a picture in the strokes of another."""
    @overload
    @deprecated('an option is misspelt or of another type: style-transfer takes style, content, strength, stroke, colour, start_scale, start_step and those of a run')
    def run(self, task: Literal['style-transfer'], **options: Any) -> Coroutine[WrongOptionOrValue, Any, _T]: ...
    @overload
    def run(self, task: Literal['super-resolve'], *, preset: str | Sequence[str] = ..., also: Also | None = ..., hooks: Sequence[object] = ..., progress: ProgressLike = ..., **options: Unpack[SuperResolveOptions]) -> EditResult:
        """Enlarge the picture and give it detail."""
    @overload
    @deprecated('an option is misspelt or of another type: super-resolve takes image, strength, factor, size, start_step, detail, faithful and those of a run')
    def run(self, task: Literal['super-resolve'], **options: Any) -> Coroutine[WrongOptionOrValue, Any, _T]: ...
    @overload
    def run(self, task: Literal['symmetric'], *, preset: str | Sequence[str] = ..., also: Also | None = ..., hooks: Sequence[object] = ..., progress: ProgressLike = ..., **options: Unpack[SymmetricOptions]) -> EditResult:
        """A picture with a mirror or rotation symmetry."""
    @overload
    @deprecated('an option is misspelt or of another type: symmetric takes image, symmetry, size, start_scale, start_step, layout, layouts, layout_sheet, pick, likeness and those of a run')
    def run(self, task: Literal['symmetric'], **options: Any) -> Coroutine[WrongOptionOrValue, Any, _T]: ...
    @overload
    def run(self, task: Literal['text-content'], *, preset: str | Sequence[str] = ..., also: Also | None = ..., hooks: Sequence[object] = ..., progress: ProgressLike = ..., **options: Unpack[TextContentOptions]) -> EditResult:
        """A random picture like yours that shows what you say."""
    @overload
    @deprecated('an option is misspelt or of another type: text-content takes image, text, strength, fill, guide_every, clip, clip_weights, views, save_loss and those of a run')
    def run(self, task: Literal['text-content'], **options: Any) -> Coroutine[WrongOptionOrValue, Any, _T]: ...
    @overload
    def run(self, task: Literal['text-roi'], *, preset: str | Sequence[str] = ..., also: Also | None = ..., hooks: Sequence[object] = ..., progress: ProgressLike = ..., **options: Unpack[TextRoiOptions]) -> EditResult:
        """Change a region of your picture into what you say."""
    @overload
    @deprecated('an option is misspelt or of another type: text-roi takes image, text, region, strength, steps, start_step, feather, clip, clip_weights, views, save_loss and those of a run')
    def run(self, task: Literal['text-roi'], **options: Any) -> Coroutine[WrongOptionOrValue, Any, _T]: ...
    @overload
    def run(self, task: Literal['text-style'], *, preset: str | Sequence[str] = ..., also: Also | None = ..., hooks: Sequence[object] = ..., progress: ProgressLike = ..., **options: Unpack[TextStyleOptions]) -> EditResult:
        """A random picture like yours, or yours, in a style you name."""
    @overload
    @deprecated('an option is misspelt or of another type: text-style takes image, text, strength, of_image, guide_every, clip, clip_weights, views, save_loss and those of a run')
    def run(self, task: Literal['text-style'], **options: Any) -> Coroutine[WrongOptionOrValue, Any, _T]: ...
    @overload
    def run(self, task: str | type[Task] | Task | None = ..., *, preset: str | Sequence[str] = ..., also: Also | None = ..., hooks: Sequence[object] = ..., progress: ProgressLike = ..., **options: Any) -> EditResult:
        """Any task: by its class, as an object, or by a name that no checker knows."""