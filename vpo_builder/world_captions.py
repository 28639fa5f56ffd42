"""Five plain sentences for each image of the sample world.

Where one person is seen, most images say in words whether it is a man, a woman or a baby; some only say "a person",
and some contradict themselves, as people do: a rule that reads captions has something to turn down.
"""

from __future__ import annotations

from collections import Counter

import numpy as np

from .world_scenes import PERSONS, Scene

WORDS = {
    "male": (("man", "men"), ("guy", "guys")),
    "female": (("woman", "women"), ("lady", "ladies")),
    "baby": (("baby", "babies"), ("infant", "infants")),
    "bus": (("bus", "buses"),),
    "sheep": (("sheep", "sheep"),),
    "bench": (("bench", "benches"),),
    "mouse": (("computer mouse", "computer mice"),),
    "sports ball": (("ball", "balls"), ("football", "footballs")),
    "cell phone": (("cell phone", "cell phones"), ("mobile phone", "mobile phones")),
    "airplane": (("airplane", "airplanes"), ("plane", "planes")),
    "wine glass": (("wine glass", "wine glasses"), ("glass", "glasses")),
}
PLACES = {
    "meadow": ("on a green meadow", "in the grass"),
    "beach": ("at the beach", "by the sea"),
    "street": ("in the street", "in the city"),
    "room": ("in a room", "at home"),
    "desert": ("in the desert", "on the sand"),
    "snow": ("in the snow", "in front of mountains"),
    "night": ("at night", "under the stars"),
}
SENTENCES = (
    "{things} {place}.",
    "A picture of {things} {place}.",
    "Here we see {things} {place}.",
    "{things} are shown {place}.",
    "This picture shows {things}.",
    "A scene with {things} {place}.",
)
NEUTRAL = (("person", "people"),)
NUMBERS = ("no", "one", "two", "three", "four", "five", "six")


def write_captions(rng: np.random.Generator, scene: Scene) -> list[str]:
    """Five captions of a scene."""
    counts = Counter(thing.name for thing in scene.seen if not thing.herd)
    herds = [thing.name for thing in scene.seen if thing.herd]
    persons = sum(counts[name] for name in PERSONS) + sum(name in PERSONS for name in herds)
    called = _person_names(rng, [name for name in PERSONS if counts[name]] if persons == 1 else [])
    return [_sentence(rng, scene.place, counts, herds, name) for name in called]


def _person_names(rng: np.random.Generator, only: list[str]) -> list[str | None]:
    """What each of five captions calls the only person: a kind, ``person``, or None where there is no only person."""
    if not only:
        return [None] * 5
    manner = rng.choice(("agreeing", "neutral", "contradicting"), p=(0.76, 0.13, 0.11))
    if manner == "neutral":
        return ["person"] * 5
    if manner == "contradicting":
        other = str(rng.choice([name for name in PERSONS if name != only[0]]))
        return [only[0], other, "person", only[0], other]
    return [only[0], only[0], *("person" if rng.random() < 0.3 else only[0] for _ in range(3))]


def _sentence(rng: np.random.Generator, place: str, counts: Counter[str], herds: list[str], person: str | None) -> str:
    phrases = [
        _phrase(rng, person if person and name in PERSONS else name, count) for name, count in sorted(counts.items())
    ]
    phrases += ["a crowd of people" if name in PERSONS else f"a group of {_words(rng, name)[1]}" for name in herds]
    things = [phrases[index] for index in rng.permutation(len(phrases))] or ["nobody"]
    text = things[0] if len(things) == 1 else f"{', '.join(things[:-1])} and {things[-1]}"
    several = len(things) > 1 or sum(counts.values()) > 1
    sentence = str(rng.choice(SENTENCES)).format(things=text, place=rng.choice(PLACES[place]))
    sentence = sentence if several else sentence.replace(" are shown ", " is shown ")
    return sentence[0].upper() + sentence[1:]


def _phrase(rng: np.random.Generator, name: str, count: int) -> str:
    one, many = _words(rng, name)
    return f"{'an' if one[0] in 'aeiou' else 'a'} {one}" if count == 1 else f"{NUMBERS[count]} {many}"


def _words(rng: np.random.Generator, name: str) -> tuple[str, str]:
    choices = NEUTRAL if name == "person" else WORDS.get(name, ((name, f"{name}s"),))
    return choices[int(rng.integers(len(choices)))]
