"""TabLeak in its paper's own setting, beside the recipe of the paper and the risk of every batch: cells right by batch size; `python benchmarks/tableak_published.py [VICTIMS] [BATCHES] [ATTACKERS]`, lists with commas.

The setting (key vero2023tableak; experiment 46 of its public code, written anew here): Adult with all 14 columns, rows with unknown words left out, every entry standardised over both files, drawn with replacement from
adult.data; a net of 100, 100 and 2 neurons with fresh weights; labels known; a word is right where it is the same, a number where it is within 0.319 standard deviations after rounding; rows matched by that score.

Risk, no attack being run: InvRE of all entries (white prior) and *mixed*, the mean over cells of what is learned of each: of a number the share of its variance, of a word the share of its bits, all other cells being known. At noise of LEVELS of the message's typical entry, of which the
attackers meet none. Set against the cells that are right batch by batch: Spearman's coefficient, with the 95 % interval of resampled batches.
"""

from __future__ import annotations

import csv
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from scipy.optimize import linear_sum_assignment

from invviz.attacks import ATTACKS
from invviz.attacks._cells import Layout, registered
from invviz.core.gradient import gradient
from invviz.core.modality import ROW
from invviz.core.rng import stream
from invviz.core.table import Column, laid
from invviz.core.tree import flatten
from invviz.core.types import Batch, Knowledge, Net, Observation
from invviz.engine.client import Site
from invviz.risk import Jacobian, Prior, decompose, invre, pixel_knowledge
from invviz.risk.discrete import Alternatives
from invviz.studies.calibration import correlate

NUMBERS = (0, 2, 4, 10, 11, 12)  # fields of the files that are numbers
NEVER = "Never-worked"  # a word of `work` that goes with the rows that are left out: an entry without spread
TOLERANCE, WIDTH, STEPS, LR = 0.319, 100, 1500, 0.06
LEVELS = (
    0.01,
    1.0,
)  # noise over the message's root mean square at which the risk is taken: the house's floor, and as much noise as message


class Setting(torch.nn.Module):
    """Entries in [0, 1] are standardised and pass through two hidden layers: the message is the gradient of these alone."""

    def __init__(self, mean: torch.Tensor, std: torch.Tensor) -> None:
        super().__init__()
        self.register_buffer("mean", mean)
        self.register_buffer("std", std)
        nn = torch.nn
        self.net = nn.Sequential(nn.Linear(len(mean), WIDTH), nn.ReLU(), nn.Linear(WIDTH, WIDTH), nn.ReLU(), nn.Linear(WIDTH, 2))

    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        """Class scores (b, 2) of rows (b, 1, 1, d)."""
        return self.net((rows.flatten(1) - self.mean) / self.std)


def tables(folder: Path) -> tuple[np.ndarray, np.ndarray, tuple[Column, ...], torch.Tensor, torch.Tensor]:
    """Rows of adult.data in [0, 1] (n, 105), their labels, the columns, and mean and spread of every entry over both files."""
    lines = []
    for name in ("adult.data", "adult.test"):
        with (folder / name).open(newline="", encoding="utf-8") as file:
            kept = [line for line in csv.reader(file, skipinitialspace=True) if len(line) == 15 and "?" not in line]
        lines.append(kept)
    both = list(zip(*(lines[0] + lines[1]), strict=True))
    columns = []
    for field in range(14):
        if field in NUMBERS:
            values = np.array(both[field], float)
            columns.append(Column(str(field), values.min(), values.max()))
        else:
            words = sorted(set(both[field])) + ([NEVER] if field == 1 else [])
            columns.append(Column(str(field), choices=tuple(words)))
    columns = laid(columns)
    rows = np.concatenate([c.encode(np.array(both[k], float) if k in NUMBERS else np.array(both[k])) for k, c in enumerate(columns)], 1)
    spread = rows.std(0, ddof=1, dtype=np.float64)
    spread[spread == 0] = 1
    own = rows[: len(lines[0])]
    labels = np.array([line[-1] == ">50K" for line in lines[0]], int)
    return own, labels, columns, torch.as_tensor(rows.mean(0, dtype=np.float64)).float(), torch.as_tensor(spread).float()


def right(columns: tuple[Column, ...], spread: np.ndarray, truth: np.ndarray, guess: np.ndarray) -> float:
    """Share of cells that are right by the paper's rule, rows matched so that it is largest."""
    found = np.zeros((len(truth), len(guess)))
    for column in columns:
        t, g = truth[:, column.part], guess[:, column.part]
        if column.choices:
            found += t.argmax(1)[:, None] == g.argmax(1)[None]
        else:
            size = column.high - column.low
            t, g = t[:, 0] * size + column.low, np.rint(g[:, 0].clip(0, 1) * size + column.low)
            found += np.abs(t[:, None] - g[None]) <= TOLERANCE * spread[column.start] * size
    rows, order = linear_sum_assignment(-found)
    return float(found[rows, order].mean() / len(columns))


def messages(net: Setting, entries: torch.Tensor, labels: torch.Tensor) -> list[torch.Tensor]:
    """Gradients of the mean loss for starts of standardised rows (s, b, d), layer by layer, in closed form so that one search serves all starts."""
    first, second, last = (net.net[k] for k in (0, 2, 4))
    one = first(entries)
    two = second(one.relu())
    scores = last(two.relu())
    back = (scores.softmax(-1) - torch.nn.functional.one_hot(labels, 2)) / entries.shape[1]
    found = []
    for layer, before, inputs in ((last, two, two.relu()), (second, one, one.relu()), (first, None, entries)):
        found += [torch.einsum("sbo,sbi->soi", back, inputs).flatten(1), back.sum(1)]
        if before is not None:
            back = (back @ layer.weight) * (before > 0)
    return found


def recipe(net: Setting, columns: tuple[Column, ...], truth: torch.Tensor, labels: torch.Tensor, seed: int, soft: bool) -> np.ndarray:
    """The paper's search (soft) with 30 starts and pooling, or that of inverting gradients with one start and no bounds; rows (b, d) in [0, 1]."""
    layout = Layout.of(columns, truth.shape[1])
    numbers = list(layout.numbers)
    standard = (truth - net.mean) / net.std
    aim = torch.cat(messages(net, standard[None], labels), 1)[0].detach()
    starts = 30 if soft else 1
    x = (2 * torch.rand((starts, *truth.shape), generator=stream(seed, "recipe")) - 1).requires_grad_()

    def entries(x: torch.Tensor) -> torch.Tensor:
        if not soft:
            return x
        logits = x * net.std + net.mean
        rows = layout.relaxed(logits)
        rows[..., numbers] = x[..., numbers].sigmoid()
        return (rows - net.mean) / net.std

    optimiser = torch.optim.Adam([x], lr=LR)
    for _ in range(STEPS):
        sent = torch.cat(messages(net, entries(x), labels), 1)
        losses = 1 - torch.nn.functional.cosine_similarity(sent, aim[None], dim=1)
        (slope,) = torch.autograd.grad(losses.sum(), x)
        x.grad = slope.sign_()
        optimiser.step()
    with torch.no_grad():
        sent = torch.cat(messages(net, entries(x), labels), 1)
        best = int((1 - torch.nn.functional.cosine_similarity(sent, aim[None], dim=1)).argmin())
        rows = entries(x) * net.std + net.mean
        same = registered(layout.hard(rows), layout.hard(rows)[best], torch.zeros_like(labels)) if soft else rows
        if soft:  # the order of every start, found with its likeliest words, is given to its soft ones
            order = [[int((h == r).all(-1).nonzero()[0, 0]) for r in s] for h, s in zip(layout.hard(rows), same, strict=True)]
            rows = torch.stack([one[o] for one, o in zip(rows, order, strict=True)]).median(0).values
        return rows.reshape(truth.shape).numpy()


def ours(name: str, knobs: dict) -> Callable[..., np.ndarray]:
    """An attack of invviz on the same message."""

    def attack(net: Setting, columns: tuple[Column, ...], truth: torch.Tensor, labels: torch.Tensor, seed: int) -> np.ndarray:
        held = Net.of(net)
        release = lambda net, batch, rng: gradient(net, net.params, batch)  # noqa: E731
        batch = Batch({"image": truth[:, None, None]}, {"label": labels}, ROW)
        message = {k: v.detach() for k, v in release(held, batch, None).items()}
        template = batch.at(torch.zeros_like(batch.private))
        obs = Observation(message, held, release, template, Knowledge(labels=True), 2, columns=columns)
        found = ATTACKS[name](**knobs).reconstruct(obs, stream(seed, "attack"), lambda step: True)
        return found.batch.private.reshape(truth.shape).numpy()

    return attack


def risks(net: Setting, columns: tuple[Column, ...], truth: torch.Tensor, labels: torch.Tensor) -> dict[str, float]:
    """InvRE and mixed risk of a batch (b, d) at every level, without any attack."""
    double = Setting(net.mean.double(), net.std.double()).double()
    double.load_state_dict({name: value.double() for name, value in net.state_dict().items()})
    batch = Batch({"image": truth.double()[:, None, None]}, {"label": labels}, ROW)
    jacobian = Jacobian.of(lambda net, batch, rng: gradient(net, net.params, batch), Net.of(double), batch, is_gradient=True)
    spectrum = decompose(jacobian, batch.private, Prior("white", tuple(batch.private.shape[1:]), len(truth)))
    rms = float(flatten(jacobian.message).square().mean().sqrt())
    words = [(row, column) for row in range(len(truth)) for column in columns if column.choices]
    alternatives = [chosen(double, truth.double(), labels, row, column) for row, column in words]
    found = {}
    for level in LEVELS:
        known = pixel_knowledge(spectrum, level * rms).reshape(truth.shape)
        cells = [float(known[row, column.start]) for row in range(len(truth)) for column in columns if not column.choices]
        cells += [one.learned(level * rms).invre for one in alternatives]
        found |= {f"InvRE at {level:g}": invre(spectrum, level * rms), f"mixed at {level:g}": float(np.mean(cells))}
    return found


def chosen(net: Setting, truth: torch.Tensor, labels: torch.Tensor, row: int, column: Column) -> Alternatives:
    """Messages of the batch with every word of a column in one row."""
    tried = truth.repeat(column.width, 1, 1)
    tried[:, row, column.part] = torch.eye(column.width, dtype=truth.dtype)
    sent = torch.cat(messages(net, (tried - net.mean) / net.std, labels), 1).detach().numpy()
    return Alternatives.of(sent, int(truth[row, column.part].argmax()))


ATTACKERS = {
    "tableak": ours("tableak", {}),
    "without exchanges": ours("tableak", {"exchanges": 0}),
    "paper's recipe": lambda *given: recipe(*given, soft=True),
    "inverting gradients": lambda *given: recipe(*given, soft=False),
}


def main(victims: str = "12", batches: str = "1,4,8,16", attackers: str = ",".join(ATTACKERS)) -> None:
    """One line a batch size: mean over batches and its 95 % interval by resampling them, in percent; then what the risk foretells."""
    torch.set_num_threads(1)
    folder = Site.from_env().data_dir / "adult"
    rows, labels, columns, mean, std = tables(folder)
    chosen = attackers.split(",")
    every: list[dict[str, float]] = []
    print("| batch | " + " | ".join(chosen) + " | rows drawn from each column |")
    for size in map(int, batches.split(",")):
        took = dict.fromkeys([*chosen, "risk"], 0.0)
        for victim in range(int(victims)):
            rng = np.random.default_rng((size, victim))
            own = rng.integers(len(rows), size=size)
            truth = rows[own]
            torch.manual_seed(victim)
            net = Setting(mean, std)
            told = torch.as_tensor(labels[own])
            order = told.argsort(stable=True)
            given, got = (net, columns, torch.as_tensor(truth)[order], told[order]), {"size": float(size)}
            for name in chosen:
                begun = time.process_time()
                got[name] = right(columns, std.numpy(), truth, ATTACKERS[name](*given, victim))
                took[name] += time.process_time() - begun
            blind = np.concatenate([rows[rng.integers(len(rows), size=size)][:, c.part] for c in columns], 1)
            got["drawn"] = right(columns, std.numpy(), truth, blind)
            begun = time.process_time()
            every.append(got | risks(*given))
            took["risk"] += time.process_time() - begun
            print(
                f"<!-- {victim}: {', '.join(f'{name} {value:.4f}' for name, value in every[-1].items())} -->", file=sys.stderr, flush=True
            )
        here = [one for one in every if one["size"] == size]
        print(f"| {size} | {' | '.join(interval([one[name] for one in here]) for name in [*chosen, 'drawn'])} |", end=" ")
        print("<!-- s a batch: " + ", ".join(f"{name} {took[name] / int(victims):.0f}" for name in took) + " -->", flush=True)
    foretold(every, chosen)


def foretold(every: list[dict[str, float]], attackers: list[str]) -> None:
    """One line a measure of risk and batch size, and one over all sizes: mean risk, and Spearman's coefficient with the cells that each attacker has right."""
    measures = [name for name in every[0] if " at " in name]
    sizes = sorted({one["size"] for one in every})
    print("\n| risk | batch | mean (least to most) | " + " | ".join(f"Spearman with {name}" for name in attackers) + " |")
    for measure in measures:
        for size in [*sizes, *([None] if len(sizes) > 1 else [])]:
            here = [one for one in every if size in (None, one["size"])]
            values = [one[measure] for one in here]
            said = [ordered(values, [one[name] for one in here]) for name in attackers]
            print(
                f"| {measure} | {'all' if size is None else f'{size:g}'} | {np.mean(values):.3f} ({min(values):.3f} to {max(values):.3f}) | {' | '.join(said)} |"
            )


def ordered(risk: list[float], cells: list[float]) -> str:
    """Spearman's coefficient of two lists and its interval, or why there is none."""
    if min(cells) == max(cells):
        return "none: all batches alike"
    try:
        found = correlate(risk, cells)
    except ValueError as err:
        return f"none: {err}"
    return f"{found.spearman:.2f} ({found.spearman_low:.2f} to {found.spearman_high:.2f})"


def interval(values: list[float]) -> str:
    """Mean, its 95 % interval by resampling batches, and the standard deviation over batches, in percent."""
    drawn = np.random.default_rng(0).choice(values, (4_000, len(values))).mean(1)
    low, high = np.percentile(drawn, (2.5, 97.5))
    return f"{100 * np.mean(values):.1f} ({100 * low:.1f} to {100 * high:.1f}), sd {100 * np.std(values):.1f}"


if __name__ == "__main__":
    main(*sys.argv[1:])
