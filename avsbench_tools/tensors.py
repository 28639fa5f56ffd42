"""The tensors of published log-mels: see `evaluators.tensors`, where `models` reads them too."""

from evaluators.tensors import encode_tensor, read_tensor

__all__ = ["encode_tensor", "read_tensor"]
