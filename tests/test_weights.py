"""Weight files: catalogued, found, checked, refused when altered; tests/test_weights_hub.py has those that are fetched."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest
from hub import REVISION, ROOT

import weights
from weights.__main__ import page, update

PAYLOAD = b"safe numbers " * 4096


def shelf(folder: Path, content: bytes | None = PAYLOAD, *, expected: bytes = PAYLOAD, extra: str = "") -> Path:
    """A weights folder with one catalogued file `net.safetensors`; no content: the file does not lie there."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "catalogue.toml").write_text(
        f'["net.safetensors"]\nbytes = {len(expected)}\nsha256 = "{hashlib.sha256(expected).hexdigest()}"\n'
        f'licence = "CC0-1.0"\ntitle = "A test"\nsource = "this test"\nused_by = []\n{extra}\n'
    )
    if content is not None:
        (folder / "net.safetensors").write_bytes(content)
    return folder


def test_every_bundled_file_is_what_the_catalogue_says() -> None:
    entries = weights.catalogue()
    bundled = [entry for entry in entries.values() if not entry.repo]
    assert bundled
    for entry in bundled:
        assert weights.path(entry.name) == weights.HOME / entry.name
        assert weights.digest(weights.path(entry.name)) == entry.sha256
    assert sum(entry.bytes for entry in bundled) < 10e6


def test_every_file_in_the_folder_is_catalogued_with_licence_and_source() -> None:
    files = {file.name for file in weights.HOME.iterdir() if file.suffix not in {".py", ".md", ".toml", ""}}
    entries = weights.catalogue()
    assert files <= set(entries)
    for entry in entries.values():
        assert entry.licence in {"Apache-2.0", "MIT", "CC0-1.0", "BSD-3-Clause"}
        assert entry.source
        assert entry.title
        assert entry.used_by


def test_modules_that_the_catalogue_names_exist() -> None:
    for entry in weights.catalogue().values():
        for module in entry.used_by:
            place = ROOT / module.replace(".", "/")
            assert place.with_suffix(".py").is_file() or (place / "__init__.py").is_file(), module


def test_page_equals_catalogue() -> None:
    assert (weights.HOME / "README.md").read_text() == page(weights.catalogue().values())


def test_unknown_name_is_refused_with_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(weights.WeightsError, match=r"no weight file named 'nte\.safetensors'.*net\.safetensors.*Choose"):
        weights.path("nte.safetensors", shelf(tmp_path))


@pytest.mark.parametrize("name", ["../catalogue.toml", "catalogue.toml", "", "/etc/hostname"])
def test_only_catalogued_names_open_files(name: str, tmp_path: Path) -> None:
    with pytest.raises(weights.WeightsError, match="no weight file"):
        weights.path(name, shelf(tmp_path))


@pytest.mark.parametrize("place", [0, len(PAYLOAD) // 2, len(PAYLOAD) - 1])
def test_one_flipped_bit_is_refused(tmp_path: Path, place: int) -> None:
    damaged = bytearray(PAYLOAD)
    damaged[place] ^= 1
    with pytest.raises(weights.WeightsError, match=r"net\.safetensors has the SHA-256 .* The catalogue says .*git checkout"):
        weights.path("net.safetensors", shelf(tmp_path, bytes(damaged)))


def test_damage_after_a_good_look_is_noticed(tmp_path: Path) -> None:
    file = weights.path("net.safetensors", shelf(tmp_path))
    file.write_bytes(PAYLOAD[::-1])
    os.utime(file, ns=(1, 1))  # another time of change, whatever the clock's grain
    with pytest.raises(weights.WeightsError, match="SHA-256"):
        weights.path("net.safetensors", tmp_path)


def test_wrong_size_says_both_sizes(tmp_path: Path) -> None:
    with pytest.raises(weights.WeightsError, match=r"has 3 bytes\. The catalogue says 53,248 bytes"):
        weights.path("net.safetensors", shelf(tmp_path, b"abc"))


def test_git_lfs_pointer_is_named(tmp_path: Path) -> None:
    pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 53248\n"
    with pytest.raises(weights.WeightsError, match=r"is a Git LFS pointer.*git lfs pull"):
        weights.path("net.safetensors", shelf(tmp_path, pointer))


def test_missing_bundled_file_says_how_to_get_it(tmp_path: Path) -> None:
    with pytest.raises(weights.WeightsError, match=r"was not found.*git checkout"):
        weights.path("net.safetensors", shelf(tmp_path, None))


@pytest.mark.parametrize("revision", ["main", "0123", REVISION.upper()])
def test_a_branch_is_no_revision(tmp_path: Path, revision: str) -> None:
    with pytest.raises(weights.WeightsError, match="40 hexadecimal digits"):
        weights.catalogue(shelf(tmp_path, extra=f'repo = "gioconda/net"\nrevision = "{revision}"'))


def test_an_entry_with_a_misspelt_field_is_refused(tmp_path: Path) -> None:
    with pytest.raises(weights.WeightsError, match=r"net\.safetensors cannot be read.*revison"):
        weights.catalogue(shelf(tmp_path, extra=f'repo = "gioconda/net"\nrevison = "{REVISION}"'))


def test_update_measures_the_file_and_keeps_the_rest(tmp_path: Path) -> None:
    shelf(tmp_path, b"new numbers")
    before = (tmp_path / "catalogue.toml").read_text()
    update(["net.safetensors"], tmp_path)
    entry = weights.catalogue(tmp_path)["net.safetensors"]
    assert (entry.bytes, entry.sha256) == (11, hashlib.sha256(b"new numbers").hexdigest())
    assert (tmp_path / "catalogue.toml").read_text().splitlines()[3:] == before.splitlines()[3:]
    assert entry.sha256 in (tmp_path / "README.md").read_text()


def test_update_wants_an_entry_first(tmp_path: Path) -> None:
    (shelf(tmp_path) / "extra.bin").touch()
    with pytest.raises(weights.WeightsError, match=r"no entry of extra\.bin.*Write the entry first"):
        update(["extra.bin"], tmp_path)
