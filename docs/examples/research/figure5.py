# %% [markdown]
# **Figure 5 of the paper: training with and without blur.** One model learns the picture as the
# paper has it, one without the blur that comes of upsampling (γ = 0): its samples lack fine detail.
# %%
import argparse

from PIL import Image

import sinddm_toolkit as st
from sinddm_toolkit.api import contact_sheet, write_picture

parser = argparse.ArgumentParser()
parser.add_argument("--picture", default="starry_night.png")
parser.add_argument("--quality", default="draft")
parser.add_argument("--max-pixels", type=int, default=24_000)
parser.add_argument("--out", default="figure5.png")
asked, _ = parser.parse_known_args()  # a notebook has arguments of its own

# %%
models = {
    name: st.train(
        asked.picture, quality=asked.quality, max_pixels=asked.max_pixels, init="random", blur=blur
    )
    for name, blur in (("without blur", False), ("with blur", True))
}
for name, model in models.items():
    print(f"{name}: {model}")
# %% [markdown]
# The same seeds, so the same noise: four samples without blur, and four with it below them.
# %%
samples = {name: st.sample(model, seed=1, samples=4) for name, model in models.items()}
tiles = [(name, one) for name, made in samples.items() for one in made.pictures]
write_picture(asked.out, contact_sheet(tiles), overwrite=True)
Image.open(asked.out)
