"""The gestures themselves: each adds its movements to a stage, whose stretch may be longer than usual."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from gioconda.gestures import speech
from gioconda.gestures.curves import Array, ease, hump, track
from gioconda.gestures.stage import Stage

Script = Callable[[Stage], None]


def idle(stage: Stage) -> None:
    """Nothing on purpose: a glance now and then; the rest is `life.live`."""
    at, keys = float(stage.rng.uniform(2.2, 3.2)), []
    while at < stage.length - 2.2:
        side = float(stage.rng.choice([-1, 1]))
        across, down = side * float(stage.rng.uniform(4, 8)), float(stage.rng.uniform(-1.5, 4))
        hold = float(stage.rng.uniform(0.6, 1.2))
        keys += [(at, across, down), (at + hold, 0.0, 0.0)]
        at += hold + float(stage.rng.uniform(3.5, 6))
    stage.glances(keys, head=0.3)


def _smile(t: Array, start: float, hold: float, stage: Stage, size: float = 1.0, teeth: float = 1.0) -> None:
    """A smile that reaches the eyes: brows first, then the mouth, cheeks after it, and slowly away.

    A felt smile rises slowly and smoothly (E. G. Krumhuber, A. Kappas, "Moving smiles", J. Nonverbal Behav. 29(1), 2005)
    and raises the cheeks (P. Ekman, W. V. Friesen, "Felt, false, and miserable smiles", J. Nonverbal Behav. 6, 1982).
    """
    rise, fall = 0.85, 1.35
    brows = hump(t, start - 0.28, 0.45, 0.25, 0.9)
    stage.add(brows, browInnerUp=0.16 * size, browOuterUpLeft=0.14 * size, browOuterUpRight=0.09 * size)
    left, right = hump(t, start, rise, hold, fall), hump(t, start + 0.05, rise, hold - 0.02, fall + 0.1)
    swell = hump(t, start + rise * 0.9, 0.6, max(0.05, hold - 0.9), 0.8)
    stage.add(left, mouthSmileLeft=0.66 * size, mouthDimpleLeft=0.14 * size)
    stage.add(right, mouthSmileRight=0.61 * size, mouthDimpleRight=0.12 * size)
    stage.add(swell, mouthSmileLeft=0.14 * size, mouthSmileRight=0.12 * size)
    lips = hump(t, start + 0.22, rise, max(0.05, hold - 0.3), fall * 0.8)
    stage.add(lips, mouthUpperUp=0.38 * teeth, mouthLowerDown=0.20 * teeth, jawOpen=0.06 * teeth, mouthStretch=0.06 * size)
    cheeks = hump(t, start + 0.15, rise + 0.1, hold - 0.1, fall * 0.9)
    stage.add(cheeks, cheekSquint=0.50 * size, eyeSquint=0.36 * size, noseSneer=0.05 * size)
    stage.add(cheeks, browDown=0.06 * size)


def smile(stage: Stage) -> None:
    """Met by something pleasant: a slow smile, held, and gone again but for a trace."""
    t, start = stage.t, 0.75
    hold = max(0.4, stage.length - start - 0.85 - 1.35 - 1.0)
    _smile(t, start, hold, stage)
    stage.add(hump(t, start, 0.9, hold + 1.3, 0.8), mouthSmileLeft=0.08, mouthSmileRight=0.07)
    lean = hump(t, start - 0.1, 1.2, hold - 0.2, 1.5)
    stage.head(lean, yaw=2.2, pitch=-1.8, roll=2.4)
    stage.shift += np.outer(lean, (0.0, -0.004, -0.02))
    nod = hump(t, start + 0.9, 0.35, 0.05, 0.6)
    stage.head(nod, pitch=1.4)
    stage.blink(start - 0.22)
    if hold > 1.0:
        stage.blink(start + 0.85 + 0.7 * hold)
    stage.blink(start + 0.85 + hold + 1.25)


def nod(stage: Stage) -> None:
    """Yes: a breath up, then down twice and a little, each less than the one before."""
    size = float(stage.rng.uniform(0.92, 1.08))
    up, down = (
        [(0.28, -1.6, 0.24), (0.84, -1.2, 0.32), (1.48, -0.4, 0.30)],
        [(0.52, 8.5, 0.30), (1.18, 6.0, 0.28), (1.80, 2.6, 0.26)],
    )
    keys = [*sorted(up + down), (2.08, 0.0, 0.45)]
    pitch = track(stage.t, [(at, (size * way,), span) for at, way, span in keys], 1)[:, 0]
    stage.head(pitch, pitch=1, yaw=0.10, roll=-0.08)
    stage.add(hump(stage.t, 0.2, 0.4, 0.9, 0.9), mouthSmileLeft=0.16, mouthSmileRight=0.12, mouthPress=0.14, cheekSquint=0.12)
    stage.add(hump(stage.t, 0.3, 0.3, 0.3, 0.6), browInnerUp=0.18, browOuterUpLeft=0.12)
    stage.blink(0.55)


def shake(stage: Stage) -> None:
    """No: to one side and the other, dying away; brows together, lips pressed."""
    side = float(stage.rng.choice([-1, 1]))
    keys = [(0.22, 9.0, 0.30), (0.55, -10.8, 0.40), (0.98, 9.6, 0.40), (1.41, -6.5, 0.36), (1.80, 3.0, 0.32), (2.14, 0.0, 0.5)]
    yaw = track(stage.t, [(at, (side * to,), span) for at, to, span in keys], 1)[:, 0]
    stage.head(yaw, yaw=1, roll=0.14)
    around = hump(stage.t, 0.15, 0.45, 1.1, 0.9)
    stage.head(around, pitch=1.8)
    stage.add(around, browDown=0.26, browInnerUp=0.12, mouthPress=0.26, mouthFrown=0.14, mouthShrugLower=0.14, eyeSquint=0.14)
    stage.blink(0.50)
    stage.blink(1.95)


def wink(stage: Stage) -> None:
    """One eye shuts, cheek and mouth corner go with it, the head leans over to it."""
    t, at = stage.t, 0.75
    right = stage.rng.random() < 0.5
    side, other, way = ("Right", "Left", -1.0) if right else ("Left", "Right", 1.0)
    shut = ease(t, at, 0.13) - ease(t, at + 0.13 + 0.16, 0.34)
    stage.add(shut, **{f"eyeBlink{side}": 1.0, f"eyeSquint{other}": 0.22, f"eyeBlink{other}": 0.10})
    stage.keep_lids(at - 0.2, at + 0.9)
    help_ = hump(t, at - 0.05, 0.2, 0.14, 0.5)
    stage.add(help_, **{f"cheekSquint{side}": 0.65, f"browDown{side}": 0.30, f"browOuterUp{other}": 0.30, "browInnerUp": 0.06})
    grin = hump(t, at - 0.30, 0.5, 0.45, 1.1)
    stage.add(grin, **{f"mouthSmile{side}": 0.52, f"mouthSmile{other}": 0.22, f"mouthDimple{side}": 0.25, "cheekSquint": 0.10})
    stage.add(grin, **{f"mouthUpperUp{side}": 0.16, "mouthPress": 0.04})
    lean = hump(t, at - 0.22, 0.4, 0.15, 0.9)
    stage.head(lean, yaw=2.5 * way, pitch=2.0, roll=3.0 * way)
    stage.blink(stage.length - 0.75)


def surprise(stage: Stage) -> None:
    """Brows up, eyes wide, mouth open, the head back; then relief."""
    t, at = stage.t, 0.6
    stage.blink(at - 0.22)
    up = hump(t, at, 0.26, 0.85, 0.9)
    stage.add(up, browInnerUp=0.75, browOuterUpLeft=0.78, browOuterUpRight=0.70, eyeWide=0.75)
    gasp = hump(t, at + 0.06, 0.28, 0.55, 0.8)
    stage.add(gasp, jawOpen=0.46, mouthFunnel=0.36)
    stage.head(hump(t, at + 0.02, 0.32, 0.6, 1.1), pitch=-3.2, roll=-0.8, yaw=1.0)
    stage.shift += np.outer(hump(t, at + 0.02, 0.32, 0.6, 1.1), (0.0, -0.012, 0.05))
    stage.add(hump(t, at + 1.15, 0.7, 0.3, 0.9), mouthSmileLeft=0.46, mouthSmileRight=0.40, cheekSquint=0.35, eyeSquint=0.18)
    stage.keep_lids(at, at + 1.2)
    stage.blink(at + 1.3)


def laugh(stage: Stage) -> None:
    """A smile that breaks into laughter and ebbs away.

    Notes of a laugh follow each other every 0.21 s (R. R. Provine, Y. L. Yong, "Laughter: a stereotyped human vocalization",
    Ethology 89, 1991).
    """
    t, start = stage.t, 0.7
    hold = max(1.2, stage.length - start - 3.0)
    _smile(t, start, hold + 0.2, stage, size=1.15)
    open_ = hump(t, start + 0.35, 0.45, hold - 0.35, 0.9)
    stage.add(open_, jawOpen=0.16, mouthLowerDown=0.14, mouthUpperUp=0.16)
    shaken = hump(t, start + 0.5, 0.35, hold - 0.7, 1.0)
    beat = 0.5 - 0.5 * np.cos(2 * np.pi * (t - start - 0.5) / 0.21)
    stage.add(shaken * beat, jawOpen=0.07, mouthLowerDown=0.04)
    stage.head(shaken * (beat - 0.5), pitch=0.9)
    stage.shift += np.outer(shaken * (beat - 0.5), (0, 0.012, 0))
    stage.head(hump(t, start + 0.3, 0.8, hold - 0.6, 1.4), pitch=-3.4, roll=-2.4, yaw=-2.0)
    stage.head(hump(t, start + 0.3 + 0.5 * hold, 0.5, 0.2, 0.9), pitch=3.4)
    stage.blink(start + 0.3)
    stage.blink(start + 0.6 + 0.55 * hold, closed=0.35)
    stage.blink(start + hold + 1.7)


def speak(stage: Stage) -> None:
    """Talking to the viewer, with glances aside where a thought is looked for."""
    spoken = speech.syllables(stage.length, stage.rng)
    speech.say(stage, spoken)
    keys: list[tuple[float, float, float]] = []
    for end in speech.pauses(spoken):
        across, down = float(stage.rng.choice([-1, 1])) * float(stage.rng.uniform(5, 9)), float(stage.rng.uniform(-4, 3))
        keys += [(end - 0.35, across, down), (end + float(stage.rng.uniform(0.25, 0.5)), 0.0, 0.0)]
        stage.blink(end - 0.38)
    stage.glances(keys, head=0.35)
    if spoken:
        last = spoken[-1].start + spoken[-1].seconds
        stage.add(hump(stage.t, last - 0.1, 0.4, 0.05, 0.5), mouthSmileLeft=0.18, mouthSmileRight=0.15, cheekSquint=0.12)
        stage.blink(last + 0.05)


def living(stage: Stage) -> None:
    """A portrait that is left alone: it looks about, breathes, thinks, and once in a while smiles at who looks at it."""
    rng, at = stage.rng, 1.6
    acts = [aside, _hint, _ponder, _near, aside, _sigh]
    turn = int(rng.integers(len(acts)))
    while True:
        act, seconds = acts[turn % len(acts)], float(rng.uniform(2.9, 3.9))
        if at + seconds > stage.length - 0.6:
            return
        act(stage.part(at, at + seconds))
        at, turn = at + seconds + float(rng.uniform(0.1, 0.9)), turn + 1


def aside(stage: Stage) -> None:
    """Something moves at the side: eyes there, head after them, and back."""
    side, t = float(stage.rng.choice([-1, 1])), stage.t
    far, down = side * float(stage.rng.uniform(10, 15)), float(stage.rng.uniform(-2, 4))
    back = stage.length - 1.25
    stage.glances([(0.15, far, down), (0.15 + 0.45 * back, far * 0.8, down + 2.0), (back, 0.0, 0.0)])
    stage.add(hump(t, 0.25, 0.4, 0.4, 0.8), browInnerUp=0.12, browOuterUpLeft=0.12, browOuterUpRight=0.10)
    stage.blink(back - 0.04)


def _hint(stage: Stage) -> None:
    """The hint of a smile, with the lips closed."""
    _smile(stage.t, 0.5, max(0.5, stage.length - 2.7), stage, size=0.48, teeth=0.0)
    lean = hump(stage.t, 0.4, 1.0, 0.6, 1.1)
    stage.head(lean, yaw=-1.2, pitch=-1.0, roll=-2.2)
    stage.blink(0.3)


def _ponder(stage: Stage) -> None:
    """A thought: eyes up and away, then down, lips pressed."""
    side, back = float(stage.rng.choice([-1, 1])), stage.length - 1.2
    stage.glances([(0.1, side * 7, -5.0), (0.1 + 0.5 * back, side * 4, 5.0), (back, 0.0, 0.0)], head=0.35)
    stage.add(hump(stage.t, 0.3, 0.5, 0.7, 0.8), mouthPress=0.20, browDown=0.14, mouthLeft=0.05, mouthShrugLower=0.10)
    stage.blink(0.1 + 0.5 * back - 0.03)
    stage.blink(back)


def _near(stage: Stage) -> None:
    """Interest: the head comes a little nearer and leans over, brows go up."""
    side = float(stage.rng.choice([-1, 1]))
    curve = hump(stage.t, 0.2, 1.0, max(0.2, stage.length - 2.8), 1.3)
    stage.shift += np.outer(curve, (0.012 * side, 0.0, -0.05))
    stage.head(curve, yaw=2.5 * side, pitch=1.4, roll=2.4 * side)
    stage.add(curve, browInnerUp=0.20, browOuterUp=0.16, eyeWide=0.08, mouthSmileLeft=0.10, mouthSmileRight=0.07)
    stage.blink(1.5)


def _sigh(stage: Stage) -> None:
    """A deeper breath: up with it, the lips part, and down with the lids half lowered."""
    t = stage.t
    rise, sink = hump(t, 0.1, 1.1, 0.1, 1.3), hump(t, 1.3, 0.8, 0.3, 0.9)
    stage.head(rise, pitch=-2.0)
    stage.shift += np.outer(rise, (0, -0.022, -0.006))
    stage.add(hump(t, 0.4, 0.6, 0.3, 0.7), jawOpen=0.05, noseSneer=0.08, mouthFunnel=0.04)
    stage.head(sink, pitch=1.4)
    stage.add(sink, eyeBlink=0.14, mouthPress=0.12)
    stage.keep_lids(1.0, 3.0)


SCRIPTS: dict[str, Script] = {
    script.__name__: script for script in (idle, smile, nod, shake, wink, speak, surprise, laugh, living)
}
"""Name of a gesture to its script."""
