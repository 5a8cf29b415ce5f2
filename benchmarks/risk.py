"""The risk engine: exact against its own floor, sketch against exact, big pictures. python benchmarks/risk.py [lenet] [resnet18] [imagenet] [svds]."""

from __future__ import annotations

import argparse
import os
import resource
import sys
from pathlib import Path
from typing import Any

from _timing import timed

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

KAPPAS = (0.001, 0.01, 0.1, 1.0)  # noise, shares of the message's root mean square


def jacobian_of(text: str, precise: bool = True) -> tuple[Any, Any, Any]:
    """Jacobian, pictures and prior of a scenario."""
    from invviz.engine.client import Site, meet_client
    from invviz.risk import Jacobian, Prior
    from invviz.scenario import Scenario

    scenario = Scenario.parse(text)
    client = meet_client(scenario, Site.from_env())
    plain = scenario.protocol.sends_gradient and not scenario.defense
    jacobian = Jacobian.of(client.release, client.net, client.batch, precise, is_gradient=plain)
    return jacobian, client.batch.image, Prior(scenario.prior, scenario.data.shape, scenario.batch)


def lenet(repeats: int) -> None:
    """The exact spectrum of two nets."""
    for text in ("data=photos&model=lenet", "data=photos&model=mlp"):
        floor(text, repeats)


def floor(text: str, repeats: int) -> None:
    """The exact spectrum against its floor: J by forward mode, one Gram product, eigenvalues."""
    import torch

    from invviz.risk import decompose, singular_values

    jacobian, image, prior = jacobian_of(text)
    p, n = jacobian.shape
    fresh = lambda precise=True: jacobian_of(text, precise)[0]  # noqa: E731
    parts: dict[str, float] = {}
    if p * n * 4 < 2e9:
        parts["forward"], dense = timed(jacobian.dense, repeats)
        parts["gram32"], gram = timed(lambda: dense.T @ dense, repeats)
        wide = dense.double()
        parts["gram64"], _ = timed(lambda: wide.T @ wide)
        gram = gram.double()
    else:
        gram = jacobian.gram()
    parts["eigvalsh"], _ = timed(lambda: torch.linalg.eigvalsh(gram), repeats)
    ours = {
        "values (default)": timed(lambda: singular_values(fresh()), repeats)[0],
        "values, precise=False": timed(lambda: singular_values(fresh(precise=False)), repeats)[0],
        "with all vectors": timed(lambda: decompose(fresh(), image, prior), 1)[0],
    }
    print(f"\n{text}: p = {p:,}, n = {n:,}; " + ", ".join(f"{k} {v:.2f} s" for k, v in parts.items()))
    floors = {g: parts["forward"] + parts[g] + parts["eigvalsh"] for g in ("gram32", "gram64") if g in parts}
    for name, seconds in ours.items():
        print(f"  {name:<24}{seconds:>7.2f} s  " + "  ".join(f"{seconds / f:.2f} x floor ({g}: {f:.2f} s)" for g, f in floors.items()))


def resnet18() -> None:
    """The sketch against the exact InvRE, 11 million parameters; the exact side takes a quarter of an hour."""
    import torch

    from invviz.risk import Prior, floor_sigma, invre, invre_interval, sketch

    jacobian, image, _ = jacobian_of("data=photos&model=resnet18", precise=False)
    quick = {}
    for name in ("white", "natural"):
        quick[name] = timed(lambda name=name: sketch(jacobian, image, Prior(name, tuple(image.shape[1:]))))
        print(f"sketch, {name}: {quick[name][0]:.0f} s, {quick[name][1].products} products", flush=True)
    gram_time, gram = timed(jacobian.gram)
    for name, (seconds, dec) in quick.items():
        prior = Prior(name, tuple(image.shape[1:]))

        def exact(prior: Any = prior) -> tuple[Any, Any]:
            half = prior.sqrt_apply(gram.numpy())
            whitened = torch.from_numpy(prior.sqrt_apply(half.T.copy()))
            values, vectors = torch.linalg.eigh((whitened + whitened.T) / 2)
            return values.clamp(min=0).numpy(), (prior.sqrt_apply(vectors.T.numpy().copy()) ** 2).sum(1)

        eigen_time, (gains, weights) = timed(exact)
        total = gram_time + eigen_time
        print(
            f"\nresnet18, {name}: p = {jacobian.shape[0]:,}; exact {total:.0f} s, sketch {seconds:.0f} s: {total / seconds:.1f} times faster"
        )
        for kappa in KAPPAS:
            sigma = floor_sigma(dec.message_norm, dec.num_message, kappa)
            truth = float((weights * gains / (gains + sigma**2)).sum() / prior.trace)
            guess, (low, high) = invre(dec, sigma), invre_interval(dec, sigma)
            print(
                f"  noise {kappa:<6} exact {truth:.5f}  sketch {guess:.5f} ({low:.4f} to {high:.4f})  off by {100 * (guess / truth - 1):+.2f} %"
            )


def imagenet() -> None:
    """A photograph of 224 x 224 and one of 96 x 96 on resnet18: seconds, memory, error bar."""
    from invviz.risk import floor_sigma, ideal, invre, invre_interval, psnr_ceiling, psnr_interval, sketch

    for text in ("data=stl10&model=resnet18&prior=natural", "data=imagenet(size=224)&model=resnet18&prior=natural"):
        jacobian, image, prior = jacobian_of(text)
        seconds, dec = timed(lambda jacobian=jacobian, image=image, prior=prior: sketch(jacobian, image, prior))
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
        print(
            f"\n{text}: n = {dec.size:,}, p = {dec.num_message:,}; {seconds:.0f} s, {dec.products} products, peak memory so far {peak:.1f} GiB"
        )
        for kappa in KAPPAS:
            sigma = floor_sigma(dec.message_norm, dec.num_message, kappa)
            (low, high), (a, b) = invre_interval(dec, sigma), psnr_interval(dec, sigma)
            mse = float(((ideal(dec, sigma).clip(0, 1) - image.numpy()) ** 2).mean())
            print(
                f"  noise {kappa:<6} InvRE {invre(dec, sigma):.4f} ({low:.4f} to {high:.4f}), ceiling {psnr_ceiling(dec, sigma):.1f} dB ({a:.1f} to {b:.1f}); "
                f"ideal attacker by conjugate gradients, error {mse:.2e}"
            )


def svds() -> None:
    """The leading singular values by SciPy's Lanczos, one product at a time, against one sketch."""
    import numpy as np
    from scipy.sparse.linalg import svds as scipy_svds

    from invviz.risk import sketch

    jacobian, image, prior = jacobian_of("data=photos&model=convnet")
    calls = [0]
    operator = jacobian.linear_operator()
    inner = operator._matvec

    def counting(v: Any) -> Any:
        calls[0] += 1
        return inner(v)

    operator._matvec = counting
    seconds, values = timed(lambda: np.sort(scipy_svds(operator, 20, return_singular_vectors=False, random_state=0))[::-1])
    quick, dec = timed(lambda: sketch(jacobian, image, prior))
    off = np.abs(dec.singular_values[:20] / values - 1).max()
    print(
        f"\nconvnet, 20 leading singular values: svds {seconds:.1f} s and {calls[0]} products; sketch {quick:.1f} s and {dec.products} products"
    )
    print(
        f"  for all of InvRE's noise levels, an error bar and the ideal attacker beside them; largest difference of the 20 values {off:.1e}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "what", nargs="*", default=[], help="lenet, svds, imagenet (needs INVVIZ_DATA), resnet18 (twenty minutes); default: lenet svds"
    )
    parser.add_argument("--threads", type=int, default=1, help="PyTorch threads")
    parser.add_argument("--repeats", type=int, default=3, help="the least time of so many counts")
    args = parser.parse_args()
    import torch

    torch.set_num_threads(args.threads)
    print(f"torch {torch.__version__}, {args.threads} threads of {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    table = {"lenet": lambda: lenet(args.repeats), "svds": svds, "imagenet": imagenet, "resnet18": resnet18}
    for name in args.what or ("lenet", "svds"):
        table[name]()


if __name__ == "__main__":
    main()
