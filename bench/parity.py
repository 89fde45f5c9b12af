"""Whether the networks do what LivePortrait's do: on made-up weights by numbers, and whether the published files fit them.

    python -m gioconda weights pull liveportrait && python bench/parity.py

First every network is compared with the original's numbers (`bench/golden.py`), which needs nothing but this repository.
Then it loads the five files strictly, reads a bundled portrait and lets the networks paint it as it is. The numbers must be
finite, the face upright and of a usual size, and the painted portrait like its photograph; then the exit code is 0. `--golden`
leaves the second part out.
"""

from __future__ import annotations

import argparse
import math
import sys
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

ANGLE = 40.0
"""Degrees up to which the head of the bundled portrait, who looks at the viewer, may be read as turned."""
SCALE = (0.8, 2.5)
"""Usual sizes of a face in its square (Guo et al. 2024: keypoints are in units of half of it)."""
LIKENESS = 18.0
"""Decibels above which the painted portrait counts as like its photograph; noise has about 8."""


def figures(portrait: Path, folder: Path | None) -> dict[str, float]:
    """What the networks say of a portrait, and how well they paint it."""
    import torch

    import weights
    from gioconda.faces import Tracker
    from gioconda.media import read_image
    from heads.liveportrait import crop, images, keypoints
    from heads.liveportrait.networks import Networks
    from heads.liveportrait.sizes import FILES
    from heads.paste import cut

    paths = {name: folder / name if folder else weights.path(name) for name in FILES.values()}
    nets = Networks.load(paths)
    with Tracker() as tracker:
        found = tracker.portrait(read_image(portrait)).portrait
    affine = crop.portrait(found.face.points)
    image = images.prepare([cut(found.image, affine, nets.side)], nets.side)
    motion = nets.motion(image)
    x_s = keypoints.transform(motion)
    x_d = keypoints.stitched(x_s, nets.stitch(x_s, x_s))
    painted = nets.render(nets.features(image), x_s, x_s)
    small = torch.nn.functional.interpolate(painted, size=(nets.side, nets.side), mode="area")
    error = (small - image).square().mean().item()
    named = {name: float(getattr(motion, name)) for name in ("pitch", "yaw", "roll", "scale")}
    moved = float((x_d - x_s).abs().max())
    return named | {"stitching moves a resting face by": moved, "likeness, dB": 10 * math.log10(1 / max(error, 1e-12))}


def golden_rows() -> list[str]:
    """The first part as a table; exits with 1 where an error is larger than its bound."""
    from bench import golden

    rows, worst = ["| output | largest error | bound |", "| --- | ---: | ---: |"], 0.0
    for case in golden.CASES:
        for name, error, bound in golden.compared(case):
            rows.append(f"| {name} | {error:.1e} | {bound:.1e} |")
            worst = max(worst, error / bound)
    if not worst <= 1:
        sys.exit("\n".join([*rows, f"An error is {worst:.1f} times its bound: the networks are not the original's."]))
    return [*rows, "", f"All are within their bounds; the largest error is {worst:.2f} of its own."]


def plausible(said: dict[str, float]) -> bool:
    """Whether a frontal portrait may give these figures."""
    upright = all(abs(said[name]) < ANGLE for name in ("pitch", "yaw", "roll"))
    usual = SCALE[0] < said["scale"] < SCALE[1]
    finite = bool(np.isfinite(list(said.values())).all())
    return finite and upright and usual and said["likeness, dB"] > LIKENESS


def main() -> None:
    """Print the figures; exit with 1 where they are not plausible."""
    from heads.base import HeadError
    from weights import WeightsError

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--portrait", type=Path, default=ROOT / "examples" / "portraits" / "ada.jpg")
    parser.add_argument("--folder", type=Path, help="with the five files, instead of the Hub's cache; they are not checked")
    parser.add_argument("--golden", action="store_true", help="only compare the networks on made-up weights")
    options = parser.parse_args()
    print("\n".join(golden_rows()), flush=True)
    if options.golden:
        return
    try:
        said = figures(options.portrait, options.folder)
    except (WeightsError, HeadError) as error:
        sys.exit(str(error))
    for name, value in said.items():
        print(f"{name:36} {value:9.3f}")
    if not plausible(said):
        sys.exit("These are not the figures of a frontal portrait: the weights and the networks do not fit each other.")
    print("The published weights load strictly, and the networks paint the portrait as it is.")


if __name__ == "__main__":
    main()
