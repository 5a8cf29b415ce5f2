"""Which scenarios a study is made of: a sensible sample, not all combinations."""

from __future__ import annotations

from ...core.modality import PICTURE, ROW, SERIES, TOKENS, Modality
from ...scenario import PARTS, Scenario

SEED = 7
PRIORS = {
    PICTURE: "natural",
    SERIES: "natural",
    ROW: "white",
    TOKENS: "white",
}  # columns have no neighbours; of words all are equally likely
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
OF_ROWS = ("tableak(steps=150,restarts=2,exchanges=2)", "dlg(restarts=1)")
OF_WORDS = ("tag(restarts=1)", "lamp(steps=100,moves=50,sweeps=2)")
ALONG_TIME = ("convnet1d(width=8)", "convnet1d(width=8,init='trained')", "gru(values=16)", "mlp(width=32)")  # in their place for series
IN_CELLS = ("mlp(width=32)", "mlp(width=32,init='trained')", "mlp(width=8)", "mlp(width=32,act='tanh')")
IN_WORDS = ("tiny_lm(width=32)", "tiny_lm(width=32,init='trained')", "tiny_bert(width=32)", "tiny_lm(width=16,heads=1)")
THESE = {PICTURE: MODELS, SERIES: ALONG_TIME, ROW: IN_CELLS, TOKENS: IN_WORDS}
# a word drowns at some hundred times the noise that hides a picture
DROWNING = tuple(f"gaussian_noise(sigma={level:g})" for level in (1, 10, 100, 3, 30, 300, 20, 60, 5, 40))
DROWNED = {
    "gaussian_noise(sigma=0.03)": "gaussian_noise(sigma=10)",
    "gaussian_noise(sigma=0.3)": "gaussian_noise(sigma=30)",
    "gaussian_noise(sigma=0.1)": "gaussian_noise(sigma=20)",
}


def grid(data: str) -> list[list[Scenario]]:
    """All scenarios of a study on one data set, in groups that share a spectrum.

    Args:
        data: name of a data set with pictures of 32 x 32 pixels, with series, rows or sentences.
    """
    kind = PARTS["data"][data].modality
    noise_levels = DROWNING if kind is TOKENS else NOISES
    groups: list[list[Scenario]] = []
    for k in range(PICTURES):
        for m, model in enumerate(THESE[kind]):
            choices = OF_ROWS if kind is ROW else OF_WORDS if kind is TOKENS else ATTACKS[model.split("(")[0]]
            start = f"data={data}(index={k + 2 * m})&model={model}&attack={choices[k % len(choices)]}"
            noises = [noise_levels[(NOISES_EACH * k + 2 * m + j) % len(noise_levels)] for j in range(NOISES_EACH)]
            groups.append([_scenario(kind, start, *d) for d in [(), *((n,) for n in noises)]])
            if k < len(RESHAPED):
                first, noise = RESHAPED[k]
                noise = DROWNED[noise] if kind is TOKENS else noise
                groups.append([_scenario(kind, start, first), _scenario(kind, start, first, noise)])
    return groups


def _scenario(kind: Modality, start: str, *defenses: str) -> Scenario:
    settings = f"seed={SEED}", f"prior={PRIORS[kind]}", f"floor={FLOOR}"
    return Scenario.parse("&".join([start, *(f"defense={d}" for d in defenses), *settings]))
