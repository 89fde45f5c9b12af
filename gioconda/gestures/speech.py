"""Speech without words: syllables in a sentence's rhythm, and the mouth that says them.

The rhythm is that of talk: four to five syllables a second, mouth openings at 2 … 7 Hz (C. Chandrasekaran et al., "The natural
statistics of audiovisual speech", PLoS Comput. Biol. 5(7), 2009). Mouth shapes overlap as in M. M. Cohen, D. W. Massaro,
"Modeling coarticulation in synthetic visual speech", 1993: each sound asks for a shape with a dominance that rises and falls.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from gioconda.gestures.curves import Array, hump
from gioconda.gestures.stage import Stage

VOWELS = {
    "a": {"jawOpen": 0.62, "mouthLowerDown": 0.22, "mouthUpperUp": 0.10},
    "e": {"jawOpen": 0.38, "mouthStretch": 0.18, "mouthSmile": 0.14, "mouthLowerDown": 0.26, "mouthUpperUp": 0.16},
    "i": {"jawOpen": 0.20, "mouthSmile": 0.26, "mouthStretch": 0.20, "mouthLowerDown": 0.26, "mouthUpperUp": 0.18},
    "o": {"jawOpen": 0.42, "mouthFunnel": 0.45, "mouthPucker": 0.20},
    "u": {"jawOpen": 0.16, "mouthPucker": 0.62, "mouthFunnel": 0.22},
    "@": {"jawOpen": 0.28, "mouthLowerDown": 0.16, "mouthUpperUp": 0.06},
}
"""Vowel to blendshapes; @ is the unstressed one."""

CONSONANTS = {
    "m": {"jawOpen": 0.06, "mouthClose": 0.075, "mouthPress": 0.28, "mouthRollLower": 0.10},
    "b": {"jawOpen": 0.06, "mouthClose": 0.075, "mouthPress": 0.20, "mouthRollLower": 0.16, "mouthRollUpper": 0.06},
    "f": {"jawOpen": 0.06, "mouthClose": 0.02, "mouthRollLower": 0.32, "mouthUpperUp": 0.20, "mouthShrugLower": 0.10},
    "s": {"jawOpen": 0.04, "mouthStretch": 0.18, "mouthLowerDown": 0.20, "mouthUpperUp": 0.08},
    "w": {"jawOpen": 0.05, "mouthPucker": 0.72, "mouthFunnel": 0.10},
    "l": {"jawOpen": 0.14, "mouthLowerDown": 0.18, "mouthUpperUp": 0.06},
    "d": {"jawOpen": 0.08, "mouthLowerDown": 0.16, "mouthStretch": 0.06},
}
"""Consonant to blendshapes; m and b close the lips, f lays the lower lip to the teeth."""

CONSONANT_WIDTH = 0.045
VOWEL_WIDTH = 0.06
"""Seconds: standard deviation of the dominance of a sound."""
SILENCE = 0.012
"""Dominance of the closed mouth while nothing is said."""

SYLLABLE = 0.205
"""Seconds of a syllable on average: 4.9 a second, conversation without its pauses."""
PAUSE = 0.42
"""Seconds between phrases, in which air is taken in."""


@dataclass(frozen=True, slots=True)
class Syllable:
    """One syllable: a consonant that opens into a vowel."""

    start: float
    """Seconds at which the consonant begins."""
    seconds: float
    consonant: str
    vowel: str
    stress: float
    """0 unstressed … 1 the accent of its phrase."""

    @property
    def nucleus(self) -> float:
        """Second at which the vowel is fullest."""
        return self.start + 0.6 * self.seconds


def syllables(length: float, rng: np.random.Generator, begin: float = 0.45) -> list[Syllable]:
    """Phrases of three to eight syllables with pauses between them, from `begin` to a little before `length`, seconds."""
    result: list[Syllable] = []
    at, end = begin, length - 1.0
    while at + 3 * SYLLABLE < end:
        count = min(int(rng.integers(4, 9)), int((end - at) / SYLLABLE))
        accent = int(rng.integers(0, max(1, count - 1)))
        for i in range(count):
            last = i == count - 1
            even = (0.35, 0.7) if (i - accent) % 2 == 0 else (0.0, 0.3)
            stress = 1.0 if i == accent else float(rng.uniform(*even))
            # Stressed syllables and the last one of a phrase are drawn out.
            seconds = SYLLABLE * (0.8 + 0.35 * stress + 0.45 * last) * float(rng.uniform(0.9, 1.1))
            if at + seconds > end:
                break
            vowel = str(rng.choice(list("aaeeiou"))) if stress > 0.3 else str(rng.choice(list("@@ei")))
            consonant = str(rng.choice(list("mbfswlddl")))
            result.append(Syllable(at, seconds, consonant, vowel, stress))
            at += seconds
        at += PAUSE * float(rng.uniform(0.7, 1.5))
    return result


def pauses(spoken: list[Syllable]) -> list[float]:
    """Seconds at which the voice sets in again after a pause."""
    return [after.start for before, after in pairwise(spoken) if after.start - before.start - before.seconds > 0.2]


def say(stage: Stage, spoken: list[Syllable]) -> None:
    """Add the mouth of these syllables, and the brows and nods that stress them."""
    _mouth(stage, spoken)
    rng = stage.rng
    side = 1.0
    for one in spoken:
        if one.stress < 0.5:
            continue
        # Brows rise before the voice does (C. Cavé et al., "About the relationship between eyebrow movements and F0
        # variations", ICSLP 1996), the head falls with it (K. G. Munhall et al., Psychol. Sci. 15(2), 2004).
        here = stage.part(one.nucleus - 0.4, one.nucleus + 0.8)
        accent = hump(here.t, 0.16, 0.2, 0.02, 0.4) * one.stress
        here.head(accent, pitch=float(rng.uniform(1.1, 2.2)), yaw=side * float(rng.uniform(0.2, 1.2)), roll=0.5 * side)
        side *= -1
        if one.stress == 1:
            brows = hump(here.t, 0.1, 0.22, 0.12, 0.5)
            here.add(brows, browInnerUp=0.26, browOuterUpLeft=0.26, browOuterUpRight=0.18, eyeWide=0.10)
        else:
            here.add(accent, browInnerUp=0.10, cheekSquint=0.06)
    for again in pauses(spoken):
        here = stage.part(again - 0.4, again + 0.1)
        air = hump(here.t, 0.04, 0.22, 0.0, 0.2)
        here.head(air, pitch=-0.9)
        here.add(air, jawOpen=0.05, noseSneer=0.04)


def _mouth(stage: Stage, spoken: list[Syllable]) -> None:
    """The shapes of all sounds, weighed by dominance; in a pause the mouth comes to rest."""
    t = stage.t
    total = np.full(len(t), SILENCE)
    shapes: dict[str, Array] = {}
    for one in spoken:
        sounds = (
            (CONSONANTS[one.consonant], one.start + 0.14 * one.seconds, CONSONANT_WIDTH, 1.0, 1.0),
            (VOWELS[one.vowel], one.nucleus, VOWEL_WIDTH * (one.seconds / SYLLABLE) ** 0.5, 0.8, 0.62 + 0.38 * one.stress),
        )
        for shape, middle, width, weight, strength in sounds:
            # Beyond five widths a Gaussian is under 4e-6 of its height: nothing is lost by leaving it out.
            low, high = np.searchsorted(t, (middle - 5 * width, middle + 5 * width))
            dominance = weight * np.exp(-0.5 * ((t[low:high] - middle) / width) ** 2)
            total[low:high] += dominance
            for name, amount in shape.items():
                shapes.setdefault(name, np.zeros(len(t)))[low:high] += amount * strength * dominance
    for name, curve in shapes.items():
        stage.add(curve / total, **{name: 1.0})
