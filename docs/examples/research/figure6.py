# %% [markdown]
# **Figure 6 of the paper: how strong, and how far.** Random pictures guided by a text: downwards by
# a higher strength η, to the right in more of the picture, the fill factor f.
# %%
import argparse

from PIL import Image

import sinddm_toolkit as st
from sinddm_toolkit.api import contact_sheet, write_picture

parser = argparse.ArgumentParser()
parser.add_argument("--picture", default="seascape.png")
parser.add_argument("--text", default="fire")
parser.add_argument("--clip", default="ViT-B-32", help="a model of open_clip, or its .json")
parser.add_argument("--strength", type=float, nargs="+", default=[0.05, 0.1, 0.2], help="η")
parser.add_argument("--fill", type=float, nargs="+", default=[0.1, 0.3, 0.6, 1.0], help="f")
parser.add_argument("--views", type=int, default=16, help="that CLIP sees: fewer are quicker")
parser.add_argument("--quality", default="draft")
parser.add_argument("--max-pixels", type=int, default=24_000)
parser.add_argument("--out", default="figure6.png")
asked, _ = parser.parse_known_args()  # a notebook has arguments of its own

# %%
how = {"quality": asked.quality, "max_pixels": asked.max_pixels, "clip": asked.clip}
tiles = []
for strength in asked.strength:
    for fill in asked.fill:
        extent = {"strength": strength, "fill": fill, "views": asked.views, "seed": 3}
        guided = st.run("text-content", image=asked.picture, text=asked.text, **extent, **how)
        tiles.append((f"strength {strength}, fill {fill}", guided.picture))
write_picture(asked.out, contact_sheet(tiles), overwrite=True)
Image.open(asked.out)
