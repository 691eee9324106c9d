# %% [markdown]
# **Table 1 of the paper, for a picture of your own.** Diversity: higher is freer. Patch and Fréchet
# distance: lower is more like the picture (in place of SIFID). NIQE: lower looks more natural.
# %%
import argparse
from statistics import mean

import sinddm_toolkit as st
from sinddm_toolkit.engine import measures
from sinddm_toolkit.engine.niqe import niqe

parser = argparse.ArgumentParser()
parser.add_argument("--picture", default="seascape.png")
parser.add_argument("--quality", default="draft")
parser.add_argument("--max-pixels", type=int, default=50_000)
parser.add_argument("--samples", type=int, default=50)
asked, _ = parser.parse_known_args()  # a notebook has arguments of its own

# %%
model = st.train(asked.picture, quality=asked.quality, max_pixels=asked.max_pixels)
made = st.sample(model, seed=0, samples=asked.samples)
picture = model.pyramid.scales[-1]
# %%
table = {
    "pixel diversity": lambda: measures.diversity(made.x, picture),
    "patch distance": lambda: measures.patch_distance(made.x, picture)[0],
    "Fréchet distance": lambda: measures.frechet(made.x, picture),
    "NIQE": lambda: mean(niqe(one) for one in made.images),
}
for name, measure in table.items():
    try:
        print(f"{name:18}{measure():.3f}")
    except (st.errors.UserError, TypeError) as error:  # not installed; no NIQE of small pictures
        print(f"{name:18}{error if isinstance(error, st.errors.UserError) else 'too small'}")
