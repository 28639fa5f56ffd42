"""Does a network know where a pixel is? How well a linear map reads its place across the picture from what meets the sound.

    python benchmarks/read_place.py RUN --data DIR [--sizes 64 128 256] [--samples 48]

RUN is a CAVP that `avs-train fit` wrote. Takes the features that look at the sound, of 64 pixels of each of some test pictures,
fits x in [-1, 1] to two thirds of the pictures by least squares, and prints R^2 on the others for pictures of each size: 1, the
place can be read off; 0, nothing is known of it. A convolution is told places by its zero padding alone, which reaches the
middle of a small picture and not of a large one; `model.position` tells it outright.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from evaluators.errors import DataError
from models.cavp import Cavp
from models.data import AvsData
from models.jobs import listed, shown_data
from models.positions import coordinates
from models.runs import load_run

PIXELS = 64  # of a picture


def features_and_places(system: Cavp, data: AvsData, samples: int) -> list[tuple[Tensor, Tensor]]:
    """Of some pictures: features (PIXELS, channels) and x (PIXELS,)."""
    met: list[Tensor] = []

    def keep(module: Any, inputs: tuple[Tensor, ...]) -> None:
        met.append(inputs[0][0])  # (height, width, channels)

    hook = system.cross.register_forward_pre_hook(keep)
    found = []
    for number in range(samples):
        sample = data[number * len(data) // samples]
        with torch.no_grad():
            system(sample["image"][None], sample["sound"][None])
        seen = met.pop()
        x = coordinates(*seen.shape[:2], "cpu", seen.dtype)[0]
        chosen = torch.randperm(x.numel(), generator=torch.Generator().manual_seed(number))[:PIXELS]
        found.append((seen.flatten(0, 1)[chosen], x.flatten()[chosen]))
    hook.remove()
    return found


def explained(found: list[tuple[Tensor, Tensor]]) -> float:
    """R^2 of a linear map on the last third of the pictures, fitted to the others."""
    border = len(found) * 2 // 3
    (fitted, x), (other, y) = (
        (torch.cat([one for one, _ in part]).double(), torch.cat([place for _, place in part]).double())
        for part in (found[:border], found[border:])
    )
    mean = fitted.mean(0)
    fitted, other = (torch.cat((one - mean, torch.ones(len(one), 1)), 1) for one in (fitted, other))
    ridge = 1e-2 * torch.eye(fitted.shape[1], dtype=fitted.dtype)
    weights = torch.linalg.solve(fitted.T @ fitted + ridge, fitted.T @ x)
    return float(1 - (other @ weights - y).square().mean() / y.var(correction=0))


def main() -> None:
    """Load, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--sizes", type=int, nargs="+", default=[64, 128, 256])
    parser.add_argument("--samples", type=int, default=48)
    arguments = parser.parse_args()
    try:
        read_places(arguments.run, arguments.data, arguments.sizes, arguments.samples)
    except DataError as error:
        parser.error(str(error))


def read_places(run: Path, folder: Path, sizes: list[int], samples: int) -> None:
    """Print R^2 for each size. Raises ``DataError``."""
    config, system, _, _ = load_run(run)
    if not isinstance(system, Cavp):
        raise DataError("not-cavp", run, f"is of {config.model.name}, expected cavp")
    system.eval()
    for size in sizes:
        shown = replace(config, data=replace(config.data, dir=str(folder), size=size))
        data = shown_data(shown, listed(shown, folder, "test"))
        print(f"{size} x {size}: R^2 {explained(features_and_places(system, data, samples)):.2f}", flush=True)


if __name__ == "__main__":
    main()
