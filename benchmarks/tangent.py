"""How often tangent search reads a picture behind noise in the tangent space: digits and LeNet, every strength; with --photos also one 16x16 photograph.

`PYTHONPATH=. python benchmarks/tangent.py [--photos]`
`PYTHONPATH=. python benchmarks/tangent.py --certificates [KIND...]`: 200 runs on other nets and messages, and how often it said "Exact" of a wrong picture.
`PYTHONPATH=. python benchmarks/tangent.py --large`: one 32x32 photograph, two threads: every step with its seconds, of the clock and of the processor (a step takes half a minute).
`PYTHONPATH=. python benchmarks/tangent.py --border`: embeddings of 64 unknowns from 64 to 256 numbers, what is read and what is said.
"""

from __future__ import annotations

import math
import random
import statistics
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import torch

from invviz.engine.attack import run
from invviz.engine.client import Site
from invviz.engine.results import Event
from invviz.scenario import Scenario, problems

DEFENSES = ("invl_gnp(scale=0.2)", "invl_gnp(scale=1.0)", "invl_gnp(scale=10.0)", "water_filling(sigma=0.1)", "water_filling(sigma=1.0)")
BENEATH = (1e-4, 1e-3, 1e-2, 1e-1, 1.0)  # of isotropic Gaussian noise, relative
PICTURES = 20
READ = 100.0  # dB
RIGHT = 30.0  # dB from which a certified picture is not the wrong one

VFL = "protocol=vfl(parties=1)&defense=invl_enp(scale={scale})"
GNP = "defense=invl_gnp(scale={scale})"
WIDTHS = (64, 80, 96, 120, 127, 128, 129, 132, 160, 192, 224, 256)  # from n to 4n
KINDS = {  # ten of each; a list: the next one each time
    "MLP of 16, tanh": [f"model=mlp(width=16,act='tanh')&{GNP}"],
    "MLP of 80, tanh": [f"model=mlp(width=80,act='tanh')&{GNP}"],
    "MLP of 80 and 80, sigmoid and tanh": [f"model=mlp(width=80,act='{act}',hidden_layers=2)&{GNP}" for act in ("sigmoid", "tanh")],
    "MLP of 16 to 40, single precision": [f"model=mlp(width={width},act='tanh')&{GNP}&dtype=float32" for width in (16, 24, 32, 40)],
    "MLP, two pictures": [f"model=mlp(width={width},act='tanh')&{GNP}&batch=2" for width in (16, 80, 140)],
    "MLP of 80, ReLU": [f"model=mlp(width=80)&{GNP}"],
    "ConvNet, tanh": [f"model=convnet(width=4,act='tanh')&{GNP}"],
    "ConvNet, sigmoid": [f"model=convnet(width=4,act='sigmoid')&{GNP}"],
    "ConvNet, ReLU": [f"model=convnet(width=4)&{GNP}"],
    "ConvNet, single precision": [f"model=convnet(width=4,act='{act}')&{GNP}&dtype=float32" for act in ("tanh", "sigmoid", "gelu")],
    "LeNet, single precision": [f"model=lenet&{GNP}&dtype=float32"],
    "LeNet, two pictures": [f"model=lenet&{GNP}&batch=2", f"model=lenet&{GNP}&batch=2&dtype=float32"],
    "Embedding, tanh, n to 4n": [f"model=mlp(width={width},act='tanh')&{VFL}" for width in WIDTHS],
    "Embedding, sigmoid and softplus, n to 4n": [
        f"model=mlp(width={width},act='{act}')&{VFL}" for act in ("sigmoid", "softplus") for width in WIDTHS[1::2]
    ],
    "Embedding, ReLU, n to 4n": [f"model=mlp(width={width})&{VFL}" for width in WIDTHS],
    "Embedding, two pictures or single precision": [
        f"model=mlp(width={width},act='tanh')&{VFL}&{more}" for width in (129, 160, 200) for more in ("batch=2", "dtype=float32")
    ],
    "Isotropic noise beneath, gradients": [
        f"model={model}&defense=gaussian_noise(sigma={sigma})&{GNP}" for sigma in BENEATH for model in ("lenet", "mlp(width=80,act='tanh')")
    ],
    "Isotropic noise beneath, embeddings": [
        f"model=mlp(width={width},act='tanh')&protocol=vfl(parties=1)&defense=gaussian_noise(sigma={sigma})&defense=invl_enp(scale={{scale}})"
        for sigma in BENEATH
        for width in (140, 200)
    ],
    "Isotropic share; water-filling": [
        "model=lenet&defense=invl_gnp(scale={scale},isotropic=0.01)",
        "model=mlp(width=80,act='tanh')&defense=water_filling(sigma={scale})",
        "model=convnet(width=4,act='tanh')&defense=water_filling(sigma={scale},cost='energy')",
    ],
    "Another defense before it; wide bands": [
        f"model=lenet&defense=clipping&{GNP}",
        f"model=lenet&defense=pruning(fraction=0.5)&{GNP}",
        f"model=lenet&defense=quantisation(bits=8)&{GNP}",
        f"model=lenet&defense=laplace_noise(scale=0.001)&{GNP}",
        "model=mlp(width=80,act='tanh')&defense=invl_gnp(scale={scale},low=0.0,high=1.0)",
    ],
}
LARGE = "data=photos&model=lenet&defense=invl_gnp(scale=1.0)&seed=7&dtype=float64&attack=tangent&attacker=aware"
EACH = 10
BORDER = {  # embeddings behind InvL-ENP, by how loud it is
    "tanh, InvL-ENP at 1": "model=mlp(width={p},act='tanh')&protocol=vfl(parties=1)&defense=invl_enp(scale=1.0)",
    "tanh, InvL-ENP at 0.1": "model=mlp(width={p},act='tanh')&protocol=vfl(parties=1)&defense=invl_enp(scale=0.1)",
}
SAID = {  # by a part of the attack's note
    "nothing left": "nothing is left for the picture",
    "undetermined": "Not determined:",
    "exact": "Exact:",
    "explained, not determined": "but does not determine the picture",
    "unexplained": "left unexplained",
}
LONG = (64, 96, 127, 128, 129, 160, 192, 256)  # numbers in a message: n, 1.5 n, 2n - 1, 2n, 2n + 1, 2.5 n, 3n, 4n


def main() -> None:
    """Every strength on LeNet, or certificates on other nets."""
    if "--certificates" in sys.argv:
        certificates([arg for arg in sys.argv[1:] if not arg.startswith("--")])
        return
    if "--border" in sys.argv:
        border()
        return
    if "--large" in sys.argv:
        large()
        return
    site = Site(None, Path("/nonexistent"), "cpu")
    attack = "seed={seed}&dtype=float64&attack=tangent&attacker=aware"
    print("| defense | read (100 dB and more) | least dB | certified | wrongly certified | median seconds |\n|---|---|---|---|---|---|")
    for defense in DEFENSES:
        found = [
            run(Scenario.parse(f"data=digits(index={37 * k % 300})&model=lenet&defense={defense}&{attack.format(seed=k)}"), site)
            for k in range(PICTURES)
        ]
        psnr = [float(one.scores["psnr"][0]) for one in found]
        sure = [p for p, one in zip(psnr, found, strict=True) if certified(one.note)]
        seconds = statistics.median(one.seconds for one in found)
        print(
            f"| {defense} | {sum(p >= READ for p in psnr)} of {PICTURES} | {min(psnr):.0f} | {len(sure)} | {sum(p < READ for p in sure)} | {seconds:.1f} |"
        )
    print("\n| isotropic noise beneath invl_gnp(scale=1.0) | dB, mean (worst) of 5 |\n|---|---|")
    for sigma in BENEATH:
        text = f"&model=lenet&defense=gaussian_noise(sigma={sigma})&defense=invl_gnp(scale=1.0)&"
        psnr = [
            float(run(Scenario.parse(f"data=digits(index={37 * k}){text}{attack.format(seed=k)}"), site).scores["psnr"][0])
            for k in range(5)
        ]
        print(f"| {100 * sigma:g} % | {statistics.mean(psnr):.1f} ({min(psnr):.1f}) |")
    if "--photos" in sys.argv:
        one = run(Scenario.parse(f"data=photos(size=16)&model=lenet&defense=invl_gnp(scale=1.0)&{attack.format(seed=7)}"), site)
        print(f"\nphotos(size=16), invl_gnp(scale=1.0): {float(one.scores['psnr'][0]):.0f} dB in {one.seconds:.0f} s. {one.note}")


def certified(note: str) -> bool:
    """Whether the attack says of its answer that it is exact."""
    return note.startswith("Exact") or " Exact:" in note


def drawn(kind: str) -> Iterator[Scenario]:
    """Ten of a kind: pictures, strengths from 0.05 to 20 and seeds at random, the same each time; tangent search itself."""
    rng = random.Random(f"certificates of {kind}")
    for k in range(EACH):
        text = KINDS[kind][k % len(KINDS[kind])].format(scale=f"{math.exp(rng.uniform(math.log(0.05), math.log(20))):.3g}")
        text += "" if "dtype" in text else "&dtype=float64"
        scenario = Scenario.parse(
            f"data=digits(index={rng.randrange(300)})&{text}&seed={rng.randrange(1000)}&attack=tangent(restarts=2)&attacker=aware"
        )
        if found := problems(scenario):
            raise SystemExit(f"{scenario.text()}: {found}")
        yield scenario


def certificates(kinds: list[str]) -> None:
    """The table of certificates, and every wrong one by its scenario."""
    site, wrong, all_sure, all_runs = Site(None, Path("/nonexistent"), "cpu"), [], 0, 0
    print(f"| kind | runs | read ({RIGHT:g} dB and more) | certified | of these wrong | read, not certified |\n|---|---|---|---|---|---|")
    for kind in kinds or KINDS:
        read = sure = false = unsure = 0
        for scenario in drawn(kind):
            found = run(scenario, site)
            right, said = float(min(found.scores["psnr"])) >= RIGHT, certified(found.note)
            read, sure, false, unsure = read + right, sure + said, false + (said and not right), unsure + (right and not said)
            wrong += [scenario.text()] if said and not right else []
            psnr = " ".join(f"{p:.1f}" for p in found.scores["psnr"])
            print(f"{psnr} dB, {found.seconds:.1f} s: {scenario.text()}: {found.note}", file=sys.stderr, flush=True)
        all_runs, all_sure = all_runs + EACH, all_sure + sure
        print(f"| {kind} | {EACH} | {read} | {sure} | {false} | {unsure} |", flush=True)
    print(f"\n{all_runs} runs, {all_sure} certified, {len(wrong)} of these wrong." + "".join(f"\n* {text}" for text in wrong))


def large() -> None:
    """A 32x32 photograph behind InvL-GNP at 1, step by step."""
    torch.set_num_threads(2)
    start, seen = time.monotonic(), set[int]()
    print("| step | left of the message and weighed prior | dB | seconds | of the processor |\n|---|---|---|---|---|", flush=True)

    def report(event: Event) -> bool:
        if event.phase == "attack" and event.loss is not None and event.done not in seen:
            seen.add(event.done)
            psnr = "" if event.psnr is None else f"{event.psnr:.1f}"
            print(f"| {event.done} | {event.loss:.1e} | {psnr} | {time.monotonic() - start:.0f} | {time.process_time():.0f} |", flush=True)
        return True

    found = run(Scenario.parse(LARGE), Site(None, Path("/nonexistent"), "cpu"), report)
    print(
        f"\n{float(found.scores['psnr'][0]):.1f} dB in {time.monotonic() - start:.0f} s, {time.process_time():.0f} s of the processor. {found.note}"
    )


def border() -> None:
    """PSNR, certificates and words for every length of the message, 3 pictures and 2 seeds each."""
    site, notes = Site(None, Path("/nonexistent"), "cpu"), {}
    for title, text in BORDER.items():
        print(f"\n{title}\n\n| p | tangent, dB: mean (least to most) | certified | of these wrong | what is said |\n|---|---|---|---|---|")
        for p in LONG:
            psnr, sure, said = [], [], []
            for picture, seed in ((picture, seed) for picture in (0, 37, 74) for seed in (0, 1)):
                scenario = Scenario.parse(
                    f"data=digits(index={picture})&{text.format(p=p)}&seed={seed}&attacker=aware&dtype=float64&attack=tangent(restarts=2)"
                )
                found = run(scenario, site)
                psnr.append(float(found.scores["psnr"][0]))
                sure += [psnr[-1]] if certified(found.note) else []
                said.append(next(letter for letter, words in SAID.items() if words in found.note))
                notes.setdefault(said[-1], found.note)
            mean = f"{statistics.mean(psnr):.1f} ({min(psnr):.1f} to {max(psnr):.1f})"
            words = ", ".join(f"{said.count(one)} {one}" for one in SAID if one in said)
            print(
                f"| {p} | {mean} | {len(sure)} of 6 | {sum(one < RIGHT for one in sure)} | {words} |",
                flush=True,
            )
    print("\n" + "\n".join(f"* {letter}: {note}" for letter, note in sorted(notes.items())))


if __name__ == "__main__":
    main()
