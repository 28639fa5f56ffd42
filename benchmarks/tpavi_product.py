"""Time and memory of TPAVI's product at its four stages: as Eq. 1 stands, and from right to left.

``python benchmarks/tpavi_product.py [--device cuda] [--frames 5] [--size 224] [--repeat 3]``: one video, 128 channels,
float32, forward only, the best of ``repeat``. The matrix of Eq. 1 has (frames * height * width)^2 numbers. MB: the peak above
the inputs on a GPU, 0 on a CPU, where it isn't measured. difference: the largest one, over the largest number of Eq. 1.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import torch
from torch import Tensor

from models.tpavi_parts import linear_attention

CHANNELS = 128  # of query, key and value
Product = Callable[[Tensor, Tensor, Tensor], Tensor]


def as_it_stands(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """Eq. 1 with the sound duplicated to every pixel."""
    duplicated = key.expand_as(query).flatten(2)
    alpha = query.flatten(2).transpose(1, 2) @ duplicated
    mixed = alpha / alpha.shape[2] @ value.flatten(2).transpose(1, 2)
    return mixed.transpose(1, 2).reshape(query.shape)


def measure(product: Product, inputs: tuple[Tensor, ...], repeat: int) -> tuple[float, float]:
    """Seconds, and MB at the peak (of a GPU, else 0)."""
    cuda = inputs[0].is_cuda
    best, peak = float("inf"), 0.0
    for _ in range(repeat + 1):  # the first is a warm-up
        if cuda:
            torch.cuda.synchronize()
            torch.cuda.reset_peak_memory_stats()
            before = torch.cuda.memory_allocated()
        begin = time.perf_counter()
        product(*inputs)
        if cuda:
            torch.cuda.synchronize()
            peak = (torch.cuda.max_memory_allocated() - before) / 1e6
        best = min(best, time.perf_counter() - begin)
    return best, peak


def main() -> None:
    """Print one line per stage."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--frames", type=int, default=5)
    parser.add_argument("--size", type=int, default=224)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    generator = torch.Generator().manual_seed(0)
    print("stage    map  matrix MB   Eq. 1 s       MB   factorised s       MB   difference")
    for stage, stride in enumerate((4, 8, 16, 32), 1):
        side = options.size // stride
        shapes = [(1, CHANNELS, options.frames, side, side)] * 2 + [(1, CHANNELS, options.frames, 1, 1)]
        query, value, key = (torch.randn(shape, generator=generator).to(options.device) for shape in shapes)
        matrix = 4 * (options.frames * side * side) ** 2 / 1e6
        with torch.inference_mode():
            slow, slow_peak = measure(as_it_stands, (query, key, value), options.repeat)
            fast, fast_peak = measure(linear_attention, (query, key, value), options.repeat)
            expected = as_it_stands(query, key, value)
            apart = ((expected - linear_attention(query, key, value)).abs().max() / expected.abs().max()).item()
        row = f"{stage:5} {side:3}x{side:<3} {matrix:9.1f} {slow:9.4f} {slow_peak:8.1f} {fast:14.5f} {fast_peak:8.1f}"
        print(f"{row} {apart:12.1e}", flush=True)


if __name__ == "__main__":
    main()
