"""Sounds kept by category."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from models.memory_bank import MemoryBank, fitted


def sound(*values: float, samples: int = 4) -> Tensor:
    """One sound of a constant value for each number: (sounds, 1, samples)."""
    return torch.tensor(values)[:, None, None].expand(-1, 1, samples)


def heard(*categories: list[int], width: int = 4) -> Tensor:
    return torch.stack(
        [torch.zeros(width, dtype=torch.bool).index_fill(0, torch.tensor(c).long(), True) for c in categories]
    )


def drawn(bank: MemoryBank, category: int, count: int = 60) -> set[float]:
    found = bank.draw([category] * count, 4, torch.Generator().manual_seed(0))
    return set(found[:, 0, 0].tolist())


def test_only_sounds_of_one_source_are_kept_and_only_kept_ones_are_drawn() -> None:
    bank = MemoryBank(4, 3, 1, 4)
    bank.add(sound(0.125, 0.25, 0.375, 0.5, 0.625), heard([1], [2], [1, 2], [], [1]))
    assert bank.counts() == [0, 2, 1, 0]
    assert drawn(bank, 1) == {0.125, 0.625}
    with pytest.raises(ValueError, match="no sound of category 3"):
        bank.draw([1, 3], 4, torch.Generator())


def test_the_oldest_sound_gives_way() -> None:
    bank = MemoryBank(2, 2, 1, 4)
    for value in (1.0, 2.0, 3.0):
        bank.add(sound(value), heard([1], width=2))
    assert bank.counts() == [0, 2] and drawn(bank, 1) == {2.0, 3.0}


def test_a_state_dict_carries_the_bank() -> None:
    bank, copy = MemoryBank(2, 2, 1, 4), MemoryBank(2, 2, 1, 4)
    bank.add(sound(1.0), heard([1], width=2))
    copy.load_state_dict(bank.state_dict())
    copy.add(sound(2.0), heard([1], width=2))
    assert drawn(copy, 1) == {1.0, 2.0} and drawn(bank, 1) == {1.0}


def test_sounds_of_another_length_are_cut_or_repeated() -> None:
    wave = torch.tensor([[1.0, 2.0, 3.0]])
    assert fitted(wave, 2).tolist() == [[1, 2]]
    assert fitted(wave, 7).tolist() == [[1, 2, 3, 1, 2, 3, 1]]
    bank = MemoryBank(2, 1, 1, 7)
    bank.add(wave[None], heard([1], width=2))
    assert bank.draw([1], 3, torch.Generator()).tolist() == [wave.tolist()], "kept longer, given back as it was"


def test_nothing_asked_nothing_drawn() -> None:
    assert MemoryBank(2, 1, 2, 7).draw([], 5, torch.Generator()).shape == (0, 2, 5)


def test_the_bank_keeps_copies_without_gradients() -> None:
    wave = torch.ones(1, 1, 4, requires_grad=True)
    bank = MemoryBank(2, 1, 1, 4)
    bank.add(wave, heard([1], width=2))
    with torch.no_grad():
        wave.mul_(5)
    found = bank.draw([1], 4, torch.Generator())
    assert found.tolist() == [[[1.0] * 4]] and not found.requires_grad
