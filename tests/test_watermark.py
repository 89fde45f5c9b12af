"""The invisible mark: found again with its number after rough handling, hard to see, and nothing else is called marked."""

from __future__ import annotations

import math

import cv2
import numpy as np
import pytest

from gioconda.marks import detection, pattern
from gioconda.marks.detection import detect
from gioconda.marks.watermark import DEFAULT_KEY, Watermark, operator_key
from heads.base import Image

OTHER = b"another operator's key"


def scene(size: tuple[int, int], seed: int = 0, flat: bool = False) -> Image:
    """A picture with smooth light, soft texture and a few hard shapes; or an even wall."""
    width, height = size
    if flat:
        return np.full((height, width, 3), (188, 176, 160), np.uint8)
    chance = np.random.default_rng(seed)
    total = np.zeros((height, width, 3), np.float32)
    for cells, strength in ((4, 60.0), (24, 14.0), (90, 7.0)):
        coarse = chance.normal(0, strength, (cells, cells, 3)).astype(np.float32)
        total += cv2.resize(coarse, size, interpolation=cv2.INTER_CUBIC)
    image = np.clip(total + 120, 0, 255).astype(np.uint8)
    cv2.circle(image, (width // 2, height // 2), height // 5, (200, 150, 120), -1)
    return image


def marked(number: int, size: tuple[int, int], key: bytes = DEFAULT_KEY, **how: bool) -> Image:
    image = scene(size, **how)
    Watermark(number, size, key).apply(image)
    return image


def jpeg(image: Image, quality: int) -> Image:
    data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)


@pytest.mark.parametrize("number", [0, 1, 0x1234ABCD, 2**32 - 1])
def test_a_number_is_its_shifts(number: int) -> None:
    assert pattern.number(pattern.shifts(number)) == number


def test_a_wrong_shift_never_passes_for_another_number() -> None:
    """One wrong shift is a burst of ten bits, and the check finds all bursts of up to eighteen."""
    cells = pattern.shifts(0xC0FFEE)
    for place in range(pattern.PAYLOADS):
        for wrong in range(1, 1024):
            right = cells[place]
            cells[place] = divmod((right[0] * pattern.CELLS + right[1]) ^ wrong, pattern.CELLS)
            assert pattern.number(cells) is None
            cells[place] = right


def test_numbers_beyond_32_bits_are_refused() -> None:
    with pytest.raises(ValueError, match="0 … 2"):
        Watermark(2**32, (64, 64))


@pytest.mark.parametrize("size", [(512, 512), (256, 256), (360, 640), (640, 480)], ids=str)
def test_found_in_one_still_after_jpeg_crop_half_and_flip(size: tuple[int, int]) -> None:
    image = marked(0xDEADBEEF, size)
    width, height = size
    crop = image[height // 20 : -height // 20, width // 20 : -width // 20]
    half = cv2.resize(crop, (crop.shape[1] // 2, crop.shape[0] // 2), interpolation=cv2.INTER_AREA)
    for seen, flipped in ((jpeg(image, 75), False), (half, False), (image[:, ::-1].copy(), True)):
        found = detect([np.asarray(seen, np.uint8)])
        assert found and found.clip_id == 0xDEADBEEF and found.flipped is flipped and found.public
        assert found.score > found.threshold and found.false_alarm < 1e-9


def test_a_wall_gets_less_than_a_level_and_busy_ground_little_more() -> None:
    for flat, least_db in ((True, 50.0), (False, 44.0)):
        before = np.clip(scene((512, 512), flat=flat), 8, 247)
        after = before.copy()
        Watermark(7, (512, 512)).apply(after)
        change = after.astype(np.float32) - before
        assert 10 * math.log10(255**2 / float((change**2).mean())) > least_db
        assert np.ptp(change, axis=2).max() == 0  # no colour
        if flat:
            assert change.std() <= 0.7


def test_the_mark_of_a_still_scene_stands_still() -> None:
    mark, frames = Watermark(5, (256, 256)), [scene((256, 256)) for _ in range(4)]
    for frame in frames:
        mark.apply(frame)
    assert all(np.array_equal(frame, frames[0]) for frame in frames)


def test_a_cut_changes_the_strength_slowly() -> None:
    mark = Watermark(5, (256, 256))
    flat = scene((256, 256), flat=True)
    mark.apply(flat.copy())
    mark.apply(scene((256, 256)))
    after = flat.copy()
    mark.apply(after)
    assert (after.astype(np.float32) - flat).std() < 0.8


def test_unmarked_otherwise_keyed_and_empty_are_not_called_marked() -> None:
    assert detect([scene((512, 512))]) is None
    assert detect([marked(9, (512, 512), OTHER)]) is None
    assert detect([np.zeros((256, 256, 3), np.uint8)]) is None
    assert detect([]) is None


def test_an_operators_key_finds_the_operators_marks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIOCONDA_WATERMARK_KEY", "our newsroom's words")
    key = operator_key()
    found = detect([marked(9, (512, 512), key)])
    assert found and found.clip_id == 9 and not found.public
    public = detect([marked(10, (512, 512))])
    assert public and public.clip_id == 10 and public.public
    monkeypatch.delenv("GIOCONDA_WATERMARK_KEY")
    assert detect([marked(9, (512, 512), key)]) is None


def test_peaks_of_unmarked_pictures_keep_to_the_derived_law() -> None:
    """Correlations of any picture have mean 0 and deviation 1, and tails no heavier than a normal distribution's."""
    plane = detection.whitened(scene((512, 512)).mean(2).astype(np.float32))
    bins = detection.weighed(detection.folded(plane, 1.0))
    peaks = np.concatenate([pattern.planes(bins * np.conj(pattern.spectra(bytes([key])))).ravel() for key in range(8)])
    assert abs(float(peaks.mean())) < 0.01 and abs(float(peaks.std()) - 1) < 0.02
    for level in (2.0, 3.0, 4.0):
        assert float((peaks > level).mean()) <= math.exp(-level * level / 2)
    assert detection.bound(detection.threshold(2), 2) == pytest.approx(detection.FALSE_ALARM)


def test_frames_of_other_sizes_are_refused() -> None:
    with pytest.raises(ValueError, match="expected"):
        Watermark(1, (64, 48)).apply(np.zeros((64, 48, 3), np.uint8))
    with pytest.raises(ValueError, match="not of one clip"):
        detect([np.zeros((64, 48, 3), np.uint8), np.zeros((48, 64, 3), np.uint8)])


@pytest.mark.parametrize("misread", [(), (2,), (0, 4)])
def test_patterns_whose_second_choice_is_right_are_read_by_the_check_bits(misread: tuple[int, ...]) -> None:
    written = 0xC0FFEE42
    cells = [[(0.0, shift), (0.4, (1, 2)), (0.9, (3, 4)), (1.5, (5, 6))] for shift in pattern.shifts(written)]
    for place in misread:
        cells[place] = [(0.0, (7, 7)), (0.2 + place, cells[place][0][1]), (6.0, (8, 8)), (7.0, (9, 9))]
    found = [(less, pattern.number(shifts)) for less, shifts in detection.readings(cells)]
    assert [less for less, _ in found] == sorted(less for less, _ in found)
    numbers = [(less, number) for less, number in found if number is not None]
    assert numbers[0][1] == written
    assert numbers[0][0] == pytest.approx(sum(0.2 + place for place in misread))
