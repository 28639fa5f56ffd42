"""Queries that listen to a sound and then look at a picture, and the gate that a sound sets on a picture's channels.

Gao et al., AVSegFormer (AAAI 2024); vvvb-github/AVSegFormer 7083cb6, model/utils/query_generator.py, transformer.py and
fusion_block.py. Everything here is of one frame: n stands for batch * frames.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional


class QueryGenerator(nn.Module):
    """Learned queries that attend to each other and to the tokens of a sound; as many others are added at the end.

    Its attentions have no bias, and nothing is dropped. Over a single token a softmax is 1, so each query hears the same.
    """

    def __init__(self, queries: int = 300, dim: int = 256, heads: int = 8, layers: int = 6, ffn: int = 1024) -> None:
        super().__init__()
        self.first = nn.Parameter(torch.empty(queries, dim))
        self.layers = nn.ModuleList(QueryLayer(dim, heads, ffn, dropout=0.0, bias=False) for _ in range(layers))
        self.added = nn.Parameter(torch.empty(queries, dim))
        begin_xavier(self)

    def forward(self, heard: Tensor) -> Tensor:
        """float (n, tokens, dim) -> (n, queries, dim)."""
        queries = self.first.expand(len(heard), -1, -1)
        for layer in self.layers:
            queries = layer(queries, heard, heard)
        return queries + self.added


class QueryDecoder(nn.Module):
    """Queries attend to each other and to every pixel of all maps (ordinary, dense attention, without positions)."""

    def __init__(self, dim: int = 256, heads: int = 8, layers: int = 6, ffn: int = 2048, dropout: float = 0.1) -> None:
        super().__init__()
        self.layers = nn.ModuleList(QueryLayer(dim, heads, ffn, dropout, bias=True) for _ in range(layers))
        begin_xavier(self)

    def forward(self, queries: Tensor, keys: Tensor, values: Tensor) -> Tensor:
        """float (n, queries, dim), keys and values of the pixels (n, pixels, dim) -> (n, queries, dim)."""
        for layer in self.layers:
            queries = layer(queries, keys, values)
        return queries


class QueryLayer(nn.Module):
    """Attention among the queries, attention to something else, two linear layers; each added and then normalised."""

    def __init__(self, dim: int, heads: int, ffn: int, dropout: float, *, bias: bool) -> None:
        super().__init__()
        self.self_attn = nn.MultiheadAttention(dim, heads, dropout, bias, batch_first=True)
        self.cross_attn = nn.MultiheadAttention(dim, heads, dropout, bias, batch_first=True)
        self.linear1 = nn.Linear(dim, ffn)
        self.linear2 = nn.Linear(ffn, dim)
        self.norm1, self.norm2, self.norm3 = (nn.LayerNorm(dim) for _ in range(3))
        self.dropout = nn.Dropout(dropout)

    def forward(self, queries: Tensor, keys: Tensor, values: Tensor) -> Tensor:
        mutual, _ = self.self_attn(queries, queries, queries, need_weights=False)
        queries = self.norm1(queries + self.dropout(mutual))
        found, _ = self.cross_attn(queries, keys, values, need_weights=False)
        queries = self.norm2(queries + self.dropout(found))
        widened = self.dropout(functional.gelu(self.linear1(queries)))
        result: Tensor = self.norm3(queries + self.dropout(self.linear2(widened)))
        return result


class ChannelMixer(nn.Module):
    """A sound sets the strength of each channel: maps times sigmoid(what the sound's token finds by attention in the map).

    The official module fails on a single frame, where its ``squeeze`` takes the batch away; this one doesn't.
    """

    def __init__(self, dim: int = 256, heads: int = 8) -> None:
        super().__init__()
        self.heads = heads
        self.query = nn.Linear(dim, dim, bias=False)
        self.key_value = nn.Linear(dim, 2 * dim, bias=False)
        self.project = nn.Linear(dim, dim)
        begin_xavier(self)

    def forward(self, maps: Tensor, heard: Tensor) -> Tensor:
        """float (n, dim, height, width) and the token of the sound (n, 1, dim) -> (n, dim, height, width)."""
        pixels = maps.flatten(2).transpose(1, 2)  # (n, height * width, dim)
        parts = (self.query(heard), *self.key_value(pixels).chunk(2, 2))
        query, key, value = (part.unflatten(2, (self.heads, -1)).transpose(1, 2) for part in parts)
        found = functional.scaled_dot_product_attention(query, key, value)  # (n, heads, 1, dim / heads)
        gate: Tensor = self.project(found.flatten(1)).sigmoid()  # (n, dim)
        return maps * gate[:, :, None, None]


def begin_xavier(module: nn.Module) -> None:
    """Everything with two or more axes begins as ``xavier_uniform_``, as in the official head."""
    for parameter in module.parameters():
        if parameter.dim() > 1:
            nn.init.xavier_uniform_(parameter)
