"""What LivePortrait's networks see of portraits: the square cut out around each face, as a sheet to look at.

    python bench/crops.py examples/portraits              the sheet in out/crops.png
    python bench/crops.py one.jpg FOLDER --out sheet.png

The original takes the square's middle and size from other landmarks than MediaPipe's (`heads/liveportrait/crop.py`): shoulders
and hair have to be in it, and the face as large as in the pictures that the networks were trained on: a little under half.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import cv2  # noqa: E402 - found below the root

from bench import sheets  # noqa: E402
from gioconda.errors import GiocondaError  # noqa: E402
from gioconda.faces import Tracker  # noqa: E402
from gioconda.media import read_image  # noqa: E402
from heads import paste  # noqa: E402
from heads.base import Image  # noqa: E402
from heads.liveportrait import crop  # noqa: E402

ROW = 7
"""Pictures in a row."""


def pictures(places: Sequence[Path]) -> Iterator[Path]:
    """The files, and those of the folders that are pictures by their names."""
    for place in places:
        inside = sorted(place.iterdir()) if place.is_dir() else [place]
        yield from (file for file in inside if file.suffix.lower() in (".jpg", ".jpeg", ".png", ".webp", ".heic"))


def squares(files: Sequence[Path]) -> Iterator[tuple[str, Image]]:
    """Name and square (256, 256, 3) of each picture that shows a face; the others are told."""
    with Tracker() as tracker:
        for file in files:
            try:
                portrait = tracker.portrait(read_image(file), name=file.name).portrait
            except GiocondaError as error:
                print(f"{file.name}: {error}", file=sys.stderr)
                continue
            yield file.stem, paste.cut(portrait.image, crop.portrait(portrait.face.points), sheets.CELL)


def main() -> int:
    """Write the sheet and print where it is."""
    parser = argparse.ArgumentParser(description=str(__doc__).partition("\n")[0])
    parser.add_argument(
        "places", nargs="*", type=Path, default=[ROOT / "examples" / "portraits"], help="pictures or folders of them"
    )
    parser.add_argument("--out", type=Path, default=ROOT / "out" / "crops.png", help="the sheet (default: out/crops.png)")
    options = parser.parse_args()
    made = list(squares(list(pictures(options.places))))
    if not made:
        print("No picture with a face was given.", file=sys.stderr)
        return 2
    rows = [made[i : i + ROW] for i in range(0, len(made), ROW)]
    sheet = sheets.stacked([sheets.line([square for _, square in row], [name for name, _ in row]) for row in rows])
    options.out.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(options.out), cv2.cvtColor(sheet, cv2.COLOR_RGB2BGR))
    print(options.out)
    return 0


if __name__ == "__main__":
    sys.exit(main())
