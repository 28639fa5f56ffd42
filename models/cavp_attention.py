"""Cross attention with the pixels as queries and the one token of their sound as key and value (CAVP, Sec. 4.1)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from .positions import position_parts

ATTENTIONS = ("sigmoid", "softmax", "min-max")


class CrossAttention(nn.Module):
    """f_CA of Chen et al. (CVPR 2024), in the block of the official code (cyh-0/CAVP 96a6c34, models/attn.py).

    With x = norm(A pixel) and s = norm(B token), one norm for both: y = x + P sum over heads of a(q k / sqrt(d)) v, then
    norm(y + MLP(norm(y))). q = Q x, k = K s, v = V s. As there is one token, Q and P are applied to it and not to every
    pixel; the result is the same.

    attention: a over the pixels of a head, ``sigmoid``, or as in Fig. 6 ``softmax``, or ``min-max`` (0 for the least and 1 for
    the largest; all 0 where all are alike). position: "key" adds coordinates to what becomes queries.
    """

    def __init__(self, width: int, sound_width: int, heads: int, attention: str, position: str = "none") -> None:
        super().__init__()
        if width % heads:
            raise ValueError(f"{width} channels on {heads} heads, expected a multiple")
        if attention not in ATTENTIONS:
            raise ValueError(f"attention {attention!r}, expected one of {', '.join(ATTENTIONS)}")
        self.heads, self.attention = heads, attention
        _, self.inside = position_parts("key" if position == "key" else "none", width)
        self.pixels_in = nn.Linear(width, width)
        self.sound_in = nn.Linear(sound_width, width)
        self.norm_in = nn.LayerNorm(width)
        self.query = nn.Linear(width, width, bias=False)
        self.key = nn.Linear(width, width, bias=False)
        self.value = nn.Linear(width, width, bias=False)
        self.join = nn.Linear(width, width)
        self.norm_mlp = nn.LayerNorm(width)
        self.mlp = mlp(width, 4 * width)
        self.norm_out = nn.LayerNorm(width)

    def forward(self, features: Tensor, tokens: Tensor) -> Tensor:
        """features float (items, height, width, channels), tokens (items, sound width) -> like the features."""
        seen = self.norm_in(self.pixels_in(features))
        heard = self.norm_in(self.sound_in(tokens))
        asked = self.inside(seen.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)
        shares = self._shares(asked.flatten(1, 2), self.key(heard))  # (items, pixels, heads)
        value = self._by_head(self.value(heard))  # (items, heads, channels / heads)
        joined = torch.einsum("nhd,chd->nhc", value, self._by_head(self.join.weight))
        mixed = seen + (shares @ joined.to(shares.dtype)).view_as(seen) + self.join.bias
        found: Tensor = self.norm_out(mixed + self.mlp(self.norm_mlp(mixed)))
        return found

    def _shares(self, asked: Tensor, key: Tensor) -> Tensor:
        """How much each pixel takes from the sound, by head: (items, pixels, heads)."""
        by_head = self._by_head(key)  # (items, heads, channels / heads)
        query = self.query.weight.view(self.heads, -1, key.shape[1])  # (heads, channels / heads, channels)
        wanted = torch.einsum("nhd,hdc->nch", by_head, query)
        logits: Tensor = asked @ wanted.to(asked.dtype) / by_head.shape[2] ** 0.5
        if self.attention == "min-max":
            low, high = logits.amin(1, keepdim=True), logits.amax(1, keepdim=True)
            return (logits - low) / torch.where(high > low, high - low, 1)
        return logits.sigmoid() if self.attention == "sigmoid" else logits.softmax(1)

    def _by_head(self, rows: Tensor) -> Tensor:
        """(rows, channels) -> (rows, heads, channels / heads)."""
        return rows.view(len(rows), self.heads, -1)


def mlp(width: int, hidden: int) -> nn.Sequential:
    """Two linear layers with a GELU between them."""
    return nn.Sequential(nn.Linear(width, hidden), nn.GELU(), nn.Linear(hidden, width))
