"""Do the words agree with the eye? Words for pictures of known look, of six data sets; a contact sheet to see them by.

`python benchmarks/words.py [SET ...]` prints a line for each kind of damage and writes words-SET.png; sets that are not in INVVIZ_DATA are left out.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping

import numpy as np
from PIL import Image
from scipy.ndimage import gaussian_filter

from invviz.core.errors import InvvizError
from invviz.engine.baseline import mean_picture
from invviz.engine.client import Site
from invviz.metrics import PSNR, SSIM, WORDS, Baseline, word
from invviz.scenario import Scenario

SETS = ("cifar10", "svhn", "stl10", "photos", "mnist", "digits")
PICTURES, SHOWN = 100, 12


def damaged(truth: np.ndarray, mean: np.ndarray, public: np.ndarray) -> Mapping[str, np.ndarray]:
    """Pictures (n, c, h, w) of known look, by what was done to them."""
    rng = np.random.default_rng(0)
    unit = truth.shape[2] / 32
    made = {"mean picture": np.broadcast_to(mean, truth.shape), "grey": np.full_like(truth, 0.4)}
    made["another picture"] = public[rng.integers(0, len(public), len(truth))]
    made["noise alone"] = rng.random(truth.shape)
    made["own mean colour"] = np.broadcast_to(truth.mean((2, 3), keepdims=True), truth.shape)
    made |= {f"blur of {width}/32": gaussian_filter(truth, (0, 0, width * unit, width * unit)) for width in (5, 3, 2, 1)}
    made |= {f"grain of {std}": truth + std * rng.standard_normal(truth.shape) for std in (0.5, 0.3, 0.2, 0.1)}
    made |= {f"{100 * share:.0f} % over the mean": share * truth + (1 - share) * mean for share in (0.1, 0.2, 0.35, 0.5, 0.7)}
    half = truth.copy()
    half[..., half.shape[3] // 2 :] = mean[..., half.shape[3] // 2 :]
    made["left half"] = half
    return {name: np.asarray(pictures, np.float32).clip(0, 1) for name, pictures in made.items()}


def study(name: str, site: Site) -> None:
    """One data set."""
    scenario = Scenario.parse(f"data={name}&model=lenet")
    samples = scenario.data.load(site.data_dir)
    truth, _ = samples.victims.take(range(min(PICTURES, len(samples.victims))))
    mean = mean_picture(scenario, samples)
    public, _ = samples.public.take(np.linspace(0, len(samples.public) - 1, min(500, len(samples.public))).astype(int).tolist())
    floors = [Baseline.of(one[None], mean) for one in truth]
    kinds = damaged(truth, mean, public)
    print(f"\n{name} ({len(truth)} pictures): share of pictures with each word, in %\n{'':24}" + "".join(f"{w:>14}" for w in WORDS))
    for kind, guess in kinds.items():
        scores = zip(PSNR().score(guess, truth), SSIM().score(guess, truth), floors, strict=True)
        said = [word(float(psnr), float(ssim), floor) for psnr, ssim, floor in scores]
        print(f"{kind:24}" + "".join(f"{100 * said.count(w) / len(said):>14.0f}" for w in WORDS))
    sheet = np.concatenate([np.concatenate(list(one[:SHOWN]), axis=1) for one in (truth, *kinds.values())], axis=2)
    image = (255 * sheet).astype(np.uint8).transpose(1, 2, 0)
    picture = Image.fromarray(image[..., 0] if image.shape[2] == 1 else image)
    zoom = max(1, 64 // truth.shape[2])
    picture.resize((zoom * picture.width, zoom * picture.height), Image.Resampling.NEAREST).save(f"words-{name}.png")


if __name__ == "__main__":
    for chosen in sys.argv[1:] or SETS:
        try:
            study(chosen, Site.from_env())
        except InvvizError as err:
            print(f"\n{chosen}: {err}")
