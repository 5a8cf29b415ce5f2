"""Which scenarios a study is made of: a sensible sample, not all combinations."""

from __future__ import annotations

from ...core.modality import SERIES
from ...scenario import PARTS, Scenario

SEED = 7
PRIOR = "natural"
FLOOR = 1e-4
PICTURES = 5  # per model; models take neighbouring ones, so that a study sees PICTURES + 2 * (models - 1)
NOISES_EACH = 3  # per model and picture, beside no noise at all
MODELS = ("lenet", "lenet(init='trained')", "mlp(width=32)", "convnet(width=8)")
NOISES = (
    "gaussian_noise(sigma=0.003)",
    "gaussian_noise(sigma=0.1)",
    "gaussian_noise(sigma=3.0)",
    "gaussian_noise(sigma=0.03)",
    "laplace_noise(scale=0.02)",
    "gaussian_noise(sigma=1.0)",
    "quantisation(bits=8)",
    "gaussian_noise(sigma=0.01)",
    "gaussian_noise(sigma=0.3)",
    "quantisation(bits=4)",
)
RESHAPED = (  # a defense that changes the Jacobian, and the noise that is put on it (beside none)
    ("pruning(fraction=0.9)", "gaussian_noise(sigma=0.03)"),
    ("pruning(fraction=0.99)", "gaussian_noise(sigma=0.3)"),
    ("clipping(clip_norm=1.0)", "gaussian_noise(sigma=0.1)"),
)
ATTACKS = {  # of the pictures in turn
    "lenet": ("dlg(restarts=1)",),
    "mlp": ("linear_layer", "dlg(restarts=1)"),
    "convnet": ("inverting_gradients", "dlg(restarts=1)"),
    "convnet1d": ("dlg(restarts=1)", "inverting_gradients(restarts=1,tv=0.01)"),
    "gru": ("dlg(restarts=1)",),
}
ALONG_TIME = ("convnet1d(width=8)", "convnet1d(width=8,init='trained')", "gru(values=16)", "mlp(width=32)")  # in their place for series


def grid(data: str) -> list[list[Scenario]]:
    """All scenarios of a study on one data set, in groups that share a spectrum.

    Args:
        data: name of a data set with pictures of 32 x 32 pixels, or with series.
    """
    models = ALONG_TIME if PARTS["data"][data].modality is SERIES else MODELS
    groups: list[list[Scenario]] = []
    for k in range(PICTURES):
        for m, model in enumerate(models):
            choices = ATTACKS[model.split("(")[0]]
            start = f"data={data}(index={k + 2 * m})&model={model}&attack={choices[k % len(choices)]}"
            noises = [NOISES[(NOISES_EACH * k + 2 * m + j) % len(NOISES)] for j in range(NOISES_EACH)]
            groups.append([_scenario(start, *d) for d in [(), *((n,) for n in noises)]])
            if k < len(RESHAPED):
                first, noise = RESHAPED[k]
                groups.append([_scenario(start, first), _scenario(start, first, noise)])
    return groups


def _scenario(start: str, *defenses: str) -> Scenario:
    return Scenario.parse("&".join([start, *(f"defense={d}" for d in defenses), f"seed={SEED}", f"prior={PRIOR}", f"floor={FLOOR}"]))
