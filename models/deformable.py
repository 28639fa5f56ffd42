"""Self-attention over several maps that looks at a few points of each: multi-scale deformable attention, in plain PyTorch.

Zhu et al., Deformable DETR (ICLR 2021), Eq. 3; as AVSegFormer uses it (vvvb-github/AVSegFormer,
model/utils/transformer.py). The attention itself is transformers' class for Mask2Former, which needs nothing compiled
and has the published names.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from .libraries import from_transformers

_ACTIVATIONS: dict[str, type[nn.Module]] = {"gelu": nn.GELU, "relu": nn.ReLU}


class DeformableEncoder(nn.Module):
    """Layers of deformable self-attention: each pixel of each map looks at ``points`` places in every map.

    dim: channels of the maps, a multiple of ``heads`` and of 4. levels: number of maps.
    The defaults are AVSegFormer's. Its names: ``layers.N.{self_attn,norm1,linear1,linear2,norm2}``, ``level_embed``.
    """

    def __init__(
        self,
        dim: int = 256,
        heads: int = 8,
        points: int = 4,
        layers: int = 6,
        ffn: int = 2048,
        dropout: float = 0.1,
        activation: str = "gelu",
        *,
        levels: int = 3,
    ) -> None:
        super().__init__()
        if dim % heads or dim % 4:
            raise ValueError(f"dim {dim} with {heads} heads, expected a multiple of the heads and of 4")
        self.dim, self.levels = dim, levels
        self.level_embed = nn.Parameter(torch.empty(levels, dim))
        nn.init.normal_(self.level_embed)
        self.layers = nn.ModuleList(
            DeformableLayer(dim, heads, points, ffn, dropout, activation, levels) for _ in range(layers)
        )

    def forward(self, maps: Sequence[Tensor]) -> list[Tensor]:
        """float (batch, dim, height, width) per map, of any sizes -> maps of the same shapes."""
        if len(maps) != self.levels or any(one.shape[1] != self.dim for one in maps):
            raise ValueError(
                f"maps {[tuple(one.shape) for one in maps]}, expected {self.levels} of {self.dim} channels"
            )
        sizes = [(one.shape[2], one.shape[3]) for one in maps]
        tokens = torch.cat([one.flatten(2).transpose(1, 2) for one in maps], 1)  # (batch, pixels of all maps, dim)
        positions = [
            sine_positions(height, width, self.dim, tokens.device).flatten(1).T + level
            for (height, width), level in zip(sizes, self.level_embed, strict=True)
        ]
        position = torch.cat(positions)[None]  # (1, pixels, dim)
        centres = torch.cat([pixel_centres(height, width, tokens.device) for height, width in sizes])
        references = centres[None, :, None].expand(len(tokens), -1, self.levels, 2)  # (batch, pixels, levels, x and y)
        for layer in self.layers:
            tokens = layer(tokens, position, references, sizes)
        parts = torch.split(tokens, [height * width for height, width in sizes], 1)
        return [part.transpose(1, 2).reshape(one.shape) for part, one in zip(parts, maps, strict=True)]


class DeformableLayer(nn.Module):
    """Attention and two linear layers, each added to its input and normalised behind it."""

    def __init__(
        self, dim: int, heads: int, points: int, ffn: int, dropout: float, activation: str, levels: int
    ) -> None:
        super().__init__()
        self.self_attn = deformable_attention(dim, heads, points, levels)
        self.norm1 = nn.LayerNorm(dim)
        self.linear1 = nn.Linear(dim, ffn)
        self.linear2 = nn.Linear(ffn, dim)
        self.norm2 = nn.LayerNorm(dim)
        self.activation = _ACTIVATIONS[activation]()
        self.dropout = nn.Dropout(dropout)
        nn.init.xavier_uniform_(self.linear1.weight)
        nn.init.xavier_uniform_(self.linear2.weight)

    def forward(self, tokens: Tensor, position: Tensor, references: Tensor, sizes: list[tuple[int, int]]) -> Tensor:
        """(batch, pixels, dim) -> the same; position tells a pixel where to look, and is not in what it sees."""
        attended, _ = self.self_attn(
            tokens,
            encoder_hidden_states=tokens,
            position_embeddings=position,
            reference_points=references,
            spatial_shapes_list=sizes,
        )
        tokens = self.norm1(tokens + self.dropout(attended))
        widened = self.dropout(self.activation(self.linear1(tokens)))
        return self.norm2(tokens + self.dropout(self.linear2(widened)))  # type: ignore[no-any-return]


def deformable_attention(dim: int, heads: int, points: int, levels: int) -> nn.Module:
    """transformers' attention, begun as in the paper.

    Each head looks 1 to ``points`` pixels away in a direction of its own, the same at every place; values and output
    begin as Xavier's.
    """
    (attention,) = from_transformers(
        "mask2former.modeling_mask2former", "Mask2FormerPixelDecoderEncoderMultiscaleDeformableAttention"
    )
    layer: Any = attention(embed_dim=dim, num_heads=heads, n_levels=levels, n_points=points)
    angles = [2 * math.pi * head / heads for head in range(heads)]
    ways = torch.tensor([[math.cos(angle), math.sin(angle)] for angle in angles])
    ways = ways / ways.abs().amax(1, keepdim=True)  # onto the square around the pixel
    steps = torch.arange(1.0, points + 1)
    offsets = (ways[:, None, None] * steps[:, None]).expand(heads, levels, points, 2)
    with torch.no_grad():
        layer.sampling_offsets.weight.zero_()
        layer.sampling_offsets.bias.copy_(offsets.flatten())
        layer.attention_weights.weight.zero_()
        layer.attention_weights.bias.zero_()
        for linear in (layer.value_proj, layer.output_proj):
            nn.init.xavier_uniform_(linear.weight)
            linear.bias.zero_()
    return layer  # type: ignore[no-any-return]


def sine_positions(height: int, width: int, dim: int, device: torch.device | None = None) -> Tensor:
    """Positions as sines and cosines, float32 (dim, height, width): y in the first half, x in the second.

    Channel 2 i of a half is sin(p / 10000^(4 i / dim)), channel 2 i + 1 the cosine, p counted from 1 in pixels
    (Carion et al., DETR, without normalising: AVSegFormer's setting).
    """
    scale = 10000.0 ** (torch.arange(0, dim // 2, 2, device=device) / (dim // 2))  # (dim / 4,)

    def waves(length: int) -> Tensor:
        angle = torch.arange(1.0, length + 1, device=device) / scale[:, None]  # (dim / 4, length)
        return torch.stack((angle.sin(), angle.cos()), 1).flatten(0, 1)  # (dim / 2, length)

    rows = waves(height)[:, :, None].expand(-1, height, width)
    columns = waves(width)[:, None, :].expand(-1, height, width)
    return torch.cat((rows, columns))


def pixel_centres(height: int, width: int, device: torch.device | None = None) -> Tensor:
    """Where each pixel's centre lies, float32 (height * width, 2): x and y, 0 to 1 over the map."""
    y = (torch.arange(height, device=device) + 0.5) / height
    x = (torch.arange(width, device=device) + 0.5) / width
    return torch.stack(torch.meshgrid(y, x, indexing="ij")[::-1], -1).flatten(0, 1)
