"""`convert`: weights that PyTorch saved, as a safetensors file."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from ..core.errors import InvvizError, TextError, UploadError
from ..datasets.own import write_safetensors
from . import _out

ABOUT = """IN is what torch.save wrote: a state_dict(), alone or in a dict beside other things. It is read with weights_only=True, so nothing in it runs. Prefixes that
DataParallel ("module.") and torch.compile ("_orig_mod.") put before every name are taken off; all other names stay. Half precision stays half; bfloat16 becomes single.
Weights of torchvision's resnet18 go into the architecture resnet18 as they are, for pictures of more than 64 pixels: conv1 is 7x7 there."""


def add(verbs: Any, every: argparse.ArgumentParser, places: argparse.ArgumentParser) -> None:
    """The verb."""
    verb = verbs.add_parser(
        "convert",
        parents=[every],
        help="weights that PyTorch saved (.pt, .pth) as safetensors, which can hold no code",
        epilog=ABOUT,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    verb.add_argument("source", type=Path, metavar="IN.pt")
    verb.add_argument("out", type=_out.path, metavar="OUT.safetensors")
    verb.set_defaults(go=show)


def show(args: argparse.Namespace) -> int:
    """Read, check, write."""
    from ..engine.audit.weights import saved_weights

    if args.out.suffix != ".safetensors":
        raise TextError(f"{args.out}: the file to write ends with .safetensors.")
    try:
        tensors, said = saved_weights(args.source)
    except UploadError as err:
        raise TextError(str(err)) from err
    for words in said:
        print(words, file=sys.stderr)
    _out.file(args.out)
    try:
        with args.out.open("wb") as file:
            write_safetensors(tensors, file)
    except (OSError, ValueError) as err:
        args.out.unlink(missing_ok=True)
        raise InvvizError(f"{args.out} cannot be written: {getattr(err, 'strerror', None) or err}. Name another file.") from err
    print(f"{args.out}: {len(tensors):,} tensors, {sum(v.size for v in tensors.values()):,} numbers.")
    return 0
