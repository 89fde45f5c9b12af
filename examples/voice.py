"""A voice without words: the syllables of `gioconda.gestures.speech` made audible by a formant synthesiser.

D. H. Klatt, "Software for a cascade/parallel formant synthesizer", J. Acoust. Soc. Am. 67(3), 1980: glottal pulses through a
cascade of resonators for what is voiced, filtered noise for s and f, with the resonances gliding from sound to sound.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d
from scipy.signal import butter, fftconvolve, lfilter, sosfilt

from gioconda.gestures.speech import Syllable

Array = NDArray[np.float64]

RATE = 48000
"""Samples per second."""

FORMANTS = {
    "a": (850, 1220, 2810), "e": (610, 2330, 2990), "i": (310, 2790, 3310), "o": (590, 920, 2710), "u": (370, 950, 2670),
    "@": (560, 1480, 2520),
    "m": (280, 1000, 2200), "b": (250, 900, 2300), "f": (330, 1100, 2250), "s": (320, 1750, 2700), "w": (300, 660, 2350),
    "l": (360, 1250, 2900), "d": (280, 1850, 2850),
}  # fmt: skip
"""Hertz of the first three resonances. Vowels: women's, G. E. Peterson, H. L. Barney, "Control methods used in a study of the
vowels", J. Acoust. Soc. Am. 24(2), 1952, table II; consonants: Klatt's table III, raised by the same sixth."""
UPPER = (3900, 4900)
"""Hertz of the resonances that do not move."""
WIDTHS = (70, 100, 150, 250, 300)
"""Hertz: bandwidths of the five resonances (Klatt, figure 11)."""

LOUDNESS = {"m": 0.45, "b": 0.04, "f": 0.05, "s": 0.03, "w": 0.55, "l": 0.6, "d": 0.06}
"""Strength of the voice during a consonant, against the vowel's 1."""
NOISE = {"s": (4500.0, 9500.0, 0.11), "f": (1500.0, 9000.0, 0.035)}
"""Hertz from and to, and strength, of what hisses."""
BURST = {"b": (200.0, 2500.0, 0.10), "d": (2200.0, 7000.0, 0.12)}
"""The same for what pops when a closed mouth opens."""

PITCH = 205.0
"""Hertz: the middle of a woman's speaking voice."""
FALL = 0.16
"""Share by which a phrase's pitch sinks from its beginning to its end."""
ACCENT = 0.17
"""Share by which a stressed syllable's pitch rises."""
PHRASE = 1.4
"""Seconds of a phrase, over which the pitch falls."""
BREAK = 0.05
"""Seconds of silence that part two phrases."""
BLOCK = RATE // 200
"""Samples for which the resonances are held: 5 ms, as in Klatt's synthesiser."""
CONTROL = 1000
"""Hertz at which pitch, strength and resonances are laid out."""
EVEN = 0.4
"""How much is done for the quieter vowels: 0 nothing, 1 makes all equally loud."""
PEAK = 0.5
"""Greatest sample, of 1: -6 dB."""


def speak(spoken: Sequence[Syllable], seconds: float, seed: int = 0) -> NDArray[np.float32]:
    """Sound (N,) float32 in [-1, 1] at `RATE` in which these syllables are heard when the mouth says them."""
    rng = np.random.default_rng(seed)
    count = round(seconds * RATE)
    steps = np.arange(int(seconds * CONTROL) + 2) / CONTROL
    t = np.arange(count) / RATE
    loud, pitch, formants = (_between(t, steps, track) for track in _tracks(spoken, steps))
    jitter = gaussian_filter1d(rng.normal(size=len(steps)), 0.01 * CONTROL)
    pitch *= 1 + 0.012 * np.interp(t, steps, jitter / jitter.std())
    voiced = _pulses(pitch) + 0.02 * rng.normal(size=count)
    sound = _resonated(voiced * loud, formants)
    level = np.interp(t, steps, gaussian_filter1d(np.interp(steps, t, np.abs(sound)), 0.03 * CONTROL))
    sound *= np.maximum(level / level.max(), 0.01) ** -EVEN
    sound /= np.abs(sound).max()
    for one in spoken:
        sound += _hiss(one, count, rng)
    room = np.zeros(RATE // 4)
    room[0] = 1
    taps = rng.integers(RATE // 100, len(room), 60)
    room[taps] += 0.10 * rng.normal(size=60) * np.exp(-taps / (0.06 * RATE))
    sound = fftconvolve(sound, room)[:count]
    sound += 4e-4 * gaussian_filter1d(rng.normal(size=count), 4)
    return np.asarray(PEAK * sound / np.abs(sound).max(), np.float32)


def _between(t: Array, steps: Array, track: Array) -> Array:
    """A track (S,) or (S, 3) at the times of the samples (N,)."""
    if track.ndim == 1:
        return np.asarray(np.interp(t, steps, track))
    return np.stack([np.interp(t, steps, column) for column in track.T], -1)


def _tracks(spoken: Sequence[Syllable], t: Array) -> tuple[Array, Array, Array]:
    """Strength of the voice (S,), pitch (S,) and three moving resonances (S, 3) at the seconds `t`."""
    times: list[float] = [0.0]
    loud: list[float] = [0.0]
    places: list[tuple[int, int, int]] = [FORMANTS["@"]]
    pitch = np.full(len(t), PITCH)
    begun = 0.0
    for index, one in enumerate(spoken):
        end = one.start + one.seconds
        if index == 0 or one.start - spoken[index - 1].start - spoken[index - 1].seconds > BREAK:
            begun = one.start
            times.append(one.start - 0.03)
            loud.append(0.0)
            places.append(FORMANTS[one.consonant])
        strength = 0.55 + 0.45 * one.stress
        opening = LOUDNESS[one.consonant] * strength
        for at, level, sound in (
            (one.start, opening, one.consonant),
            (one.start + 0.20 * one.seconds, opening, one.consonant),
            (one.start + 0.42 * one.seconds, strength, one.vowel),
            (end - 0.22 * one.seconds, 0.9 * strength, one.vowel),
        ):
            times.append(at)
            loud.append(level)
            places.append(FORMANTS[sound])
        follows = index + 1 < len(spoken) and spoken[index + 1].start - end < BREAK
        if not follows:
            times.append(end + 0.04)
            loud.append(0.0)
            places.append(FORMANTS["@"])
        here = (t >= one.start) & (t < end)
        pitch[here] += PITCH * FALL * (0.5 - (t[here] - begun) / PHRASE)
        pitch += PITCH * ACCENT * one.stress * np.exp(-0.5 * ((t - one.nucleus) / 0.07) ** 2)
    loudness = gaussian_filter1d(np.interp(t, times, loud), 0.006 * CONTROL)
    formants = np.stack([np.interp(t, times, [p[k] for p in places]) for k in range(3)], -1)
    return loudness, gaussian_filter1d(pitch, 0.025 * CONTROL), gaussian_filter1d(formants, 0.010 * CONTROL, axis=0)


def _pulses(pitch: Array) -> Array:
    """Flow through the glottis, differentiated as lips radiate it: A. E. Rosenberg, "Effect of glottal pulse shape on the
    quality of natural vowels", J. Acoust. Soc. Am. 49, 1971, shape C, with 40 % opening and 16 % closing.
    """
    phase = np.cumsum(pitch / RATE) % 1
    opening, closing = 0.40, 0.16
    rise = 0.5 - 0.5 * np.cos(np.pi * phase / opening)
    fall = np.cos(0.5 * np.pi * (phase - opening) / closing)
    flow = np.where(phase < opening, rise, np.where(phase < opening + closing, fall, 0.0))
    return np.diff(flow, prepend=0.0)


def _resonated(source: Array, formants: Array) -> Array:
    """The source through a cascade of resonators whose first three move: Klatt's equations 1 and 2."""
    out = np.zeros_like(source)
    state = np.zeros((len(WIDTHS), 2))
    for first in range(0, len(source), BLOCK):
        block = source[first : first + BLOCK]
        for k, (frequency, width) in enumerate(zip((*formants[first], *UPPER), WIDTHS, strict=True)):
            c = -np.exp(-2 * np.pi * width / RATE)
            b = 2 * np.exp(-np.pi * width / RATE) * np.cos(2 * np.pi * frequency / RATE)
            block, state[k] = lfilter([1 - b - c], [1, -b, -c], block, zi=state[k])
        out[first : first + BLOCK] = block
    return out


def _hiss(one: Syllable, count: int, rng: np.random.Generator) -> Array:
    """Noise (N,) of s and f while they last, and of b and d when they burst."""
    out = np.zeros(count)
    if one.consonant in NOISE:
        low, high, strength = NOISE[one.consonant]
        begin, length, edge = one.start, 0.34 * one.seconds, 0.02
    elif one.consonant in BURST:
        low, high, strength = BURST[one.consonant]
        begin, length, edge = one.start + 0.22 * one.seconds, 0.015, 0.004
    else:
        return out
    first, size = round(begin * RATE), round(length * RATE)
    size = min(size, count - first)
    ramp = np.clip(np.minimum(np.arange(size), np.arange(size)[::-1]) / (edge * RATE), 0, 1)
    bands = butter(4, [low, high], "band", fs=RATE, output="sos")
    noise = sosfilt(bands, rng.normal(size=size))
    out[first : first + size] = strength * (0.6 + 0.4 * one.stress) * ramp * noise / max(1e-9, float(noise.std())) * 0.6
    return out
