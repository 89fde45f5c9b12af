"""The Hugging Face Hub and its cache on this machine: what lies there, what can be had, and the way from one to the other.

All of it goes through huggingface_hub, so that HF_HOME, HF_HUB_CACHE, HF_ENDPOINT, HF_TOKEN, HF_HUB_OFFLINE and
HF_HUB_DISABLE_XET mean here what they mean everywhere, and the cache is the one that other tools share. Its client would try
for 24 s where there is no network; so the Hub is asked once without retries before a download begins, which also says early
what is wrong.
"""

from __future__ import annotations

import errno
import os
import queue
import shutil
import threading
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from weights import HOME, Entry, WeightsError

ASK_SECONDS = 5.0
"""Seconds that the Hub has to answer the first question; HF_HUB_ETAG_TIMEOUT overrules it."""

HEARTBEAT = 0.25
"""Seconds after which the progress is told again though nothing came: whoever reads it may want to stop."""

GOODBYE = 3.0
"""Seconds that a download which is stopped has to delete what it began."""

ROOM = 1.05
"""Free space that a download must find, as a multiple of the file."""

_WITHOUT_XET = "Set HF_HUB_DISABLE_XET=1, which fetches over plain HTTPS, and try again"

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class _StoppedError(Exception):
    """The reader of the progress went away."""


@dataclass(frozen=True, slots=True)
class Why:
    """Why a file could not be had, in two parts of a sentence."""

    found: str
    do: str


def cached(entry: Entry) -> Path | None:
    """Where the file lies in the local cache, unchecked; None where it does not. Asks nobody."""
    if not entry.repo or misdirected():
        return None
    from huggingface_hub import try_to_load_from_cache  # 0.2 s, and only files that do not ship need it

    found = try_to_load_from_cache(entry.repo, entry.name, revision=entry.revision)
    return Path(found) if isinstance(found, str) else None


def misdirected() -> str | None:
    """What is wrong with HF_ENDPOINT; None where nothing is. With an address that is none the client cannot be imported."""
    given = os.environ.get("HF_ENDPOINT")
    if given is None:
        return None
    try:
        parts = urlsplit(given)
        right = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        right = False
    return None if right else f"because HF_ENDPOINT is {given!r}, which is no address of a Hub"


def places() -> tuple[str, str]:
    """Folder of the cache and address of the Hub, as the environment says."""
    from huggingface_hub import constants

    return constants.HF_HUB_CACHE, constants.ENDPOINT


def ask(entry: Entry) -> None:
    """Ask the Hub for the file once, without retries: it has it, it may be fetched, its size and SHA-256 are the catalogue's.

    Raises:
        WeightsError: the Hub cannot be reached, refuses, or offers something else; says what to do.
    """
    if wrong_address := misdirected():
        raise _error(entry, Why(wrong_address, "Set HF_ENDPOINT to one such as https://huggingface.co, or unset it"))
    from huggingface_hub import constants, get_hf_file_metadata, hf_hub_url

    if constants.HF_HUB_OFFLINE:
        raise _error(entry, Why("because HF_HUB_OFFLINE is set", "Unset HF_HUB_OFFLINE"))
    seconds = constants.HF_HUB_ETAG_TIMEOUT if "HF_HUB_ETAG_TIMEOUT" in os.environ else ASK_SECONDS
    with _told(entry):
        offered = get_hf_file_metadata(hf_hub_url(entry.repo, entry.name, revision=entry.revision), timeout=seconds)
    wrong = offered.size is not None and offered.size != entry.bytes
    # The ETag of a large file is its SHA-256; that of a small one is a Git hash of 40 digits.
    if wrong or (len(offered.etag or "") == 64 and offered.etag != entry.sha256):
        found = f"{offered.size:,} bytes" if wrong else f"the SHA-256 {str(offered.etag)[:16]}…"
        wanted = f"{entry.bytes:,} bytes" if wrong else f"{entry.sha256[:16]}…"
        what = f"because {constants.ENDPOINT} offers {found} where the catalogue says {wanted}"
        raise _error(entry, Why(what, "Check HF_ENDPOINT: this is not the published file"))


def fetch(entry: Entry) -> Generator[int, None, Path]:
    """Fetch a file into the cache; yields the bytes that have arrived and returns where it lies. Closing it stops the download.

    A connection that is cut is taken up again where it broke within this call. What a killed process left behind is not:
    the client gives every download a name of its own, so the remains are deleted here before the file is fetched again.

    Raises:
        WeightsError: the file cannot be had, or the disk is full; nothing of it is left.
    """
    ask(entry)
    cache = Path(places()[0])
    sweep(entry, cache)
    _room(entry, cache)
    said: queue.SimpleQueue[int | Path | BaseException] = queue.SimpleQueue()
    stop = threading.Event()
    thread = threading.Thread(target=_download, args=(entry, said, stop), name=f"fetching {entry.name}", daemon=True)
    thread.start()
    arrived = 0
    try:
        while True:
            try:
                word = said.get(timeout=HEARTBEAT)
            except queue.Empty:
                word = arrived
            if isinstance(word, Path):
                sweep(entry, cache)  # of a process that was killed while this one waited for it
                return word
            if isinstance(word, BaseException):
                with _told(entry):
                    raise word
            arrived = word
            yield arrived
    finally:
        if thread.is_alive():
            from huggingface_hub import close_session

            stop.set()
            close_session()  # else it would only be noticed when the next 10 MiB have arrived
            thread.join(GOODBYE)  # a line that is dead: the remains are deleted by the next download


def _download(entry: Entry, said: queue.SimpleQueue[int | Path | BaseException], stop: threading.Event) -> None:
    """In a thread: what the client does, told as bytes that arrived, and last the path or the error."""
    from huggingface_hub import hf_hub_download
    from tqdm import tqdm

    class Progress(tqdm):  # type: ignore[misc]
        """What the client takes for its progress bar: nothing is drawn."""

        def __init__(self, *_args: Any, **_more: Any) -> None:
            super().__init__(disable=True)
            self.arrived = 0

        def update(self, n: float | None = 1) -> bool | None:
            if stop.is_set():
                raise _StoppedError
            self.arrived += int(n or 0)
            said.put(self.arrived)
            return None

        def update_transfer(self, n: float) -> None:
            """The client's second count, of compressed bytes: not wanted."""

        def set_transfer_postfix_str(self, *_args: Any, **_more: Any) -> None:
            """Speed, by the client."""

    try:
        said.put(Path(hf_hub_download(entry.repo, entry.name, revision=entry.revision, tqdm_class=Progress)))
    except BaseException as error:  # noqa: BLE001 - handed to the thread that waits for it
        said.put(error)


def sweep(entry: Entry, cache: Path) -> None:
    """Delete what killed downloads of a repository left in the cache, which nobody would ever use or delete.

    A download that is under way holds the lock of its file. Where locks mean nothing (some network file systems), nothing is
    deleted.
    """
    from filelock import FileLock, Timeout
    from huggingface_hub.file_download import repo_folder_name

    folder = repo_folder_name(repo_id=entry.repo, repo_type="model")
    for left in (cache / folder / "blobs").glob("*.incomplete"):
        file = cache / ".locks" / folder / f"{left.name.partition('.')[0]}.lock"
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            with FileLock(file, blocking=False, mode=0o664):
                if not _free(file):
                    left.unlink(missing_ok=True)
        except (Timeout, OSError, NotImplementedError):
            continue  # it is being fetched right now, or is not ours to delete


def _free(file: Path) -> bool:
    """Whether a lock that is held can be had once more: then locks mean nothing here."""
    from filelock import FileLock, Timeout

    try:
        with FileLock(file, blocking=False, mode=0o664):
            return True
    except Timeout:
        return False


def _room(entry: Entry, cache: Path) -> None:
    place = next(folder for folder in (cache, *cache.parents) if folder.exists())
    disk = shutil.disk_usage(place)
    if not disk.total:
        raise _error(entry, Why(f"because {place} keeps no files", "Set HF_HOME to a folder that can be written to"))
    if (free := disk.free) < ROOM * entry.bytes:
        raise _error(entry, _full(cache, free))


def _full(cache: Path | str, free: int) -> Why:
    found = f"because the disk of {cache} is full ({free:,} bytes are free)"
    return Why(found, "Make room there, or set HF_HOME to a folder on another disk")


@contextmanager
def _told(entry: Entry) -> Iterator[None]:
    """Whatever the client raises, retold as a `WeightsError`."""
    from httpx2 import HTTPError
    from huggingface_hub.errors import EntryNotFoundError, XetDownloadError

    # ImportError is how the client says that a SOCKS proxy is set and nothing here can speak to one.
    known = (OSError, ValueError, RuntimeError, ImportError, HTTPError, EntryNotFoundError, XetDownloadError)
    try:
        yield
    except known as error:
        raise _error(entry, _why(entry, error)) from error


def _why(entry: Entry, error: Exception) -> Why:
    """What went wrong at the Hub or on the way, and what helps."""
    from huggingface_hub import constants, errors, get_token

    cause = error.__cause__ if isinstance(error, errors.LocalEntryNotFoundError) and error.__cause__ else error
    first = " ".join(str(cause).strip().partition("\n")[0].split())
    found = f"({type(cause).__name__}: {first})" if first else f"({type(cause).__name__})"
    code = cause.response.status_code if isinstance(cause, errors.HfHubHTTPError) else None
    page = f"{constants.ENDPOINT}/{entry.repo}"
    if isinstance(cause, errors.GatedRepoError):
        return Why(found, f"Ask for access at {page}, then set HF_TOKEN to a token of that account")
    if isinstance(cause, ImportError):
        return Why(found, "Install what it names (for a SOCKS proxy: pip install socksio), or unset ALL_PROXY and HTTPS_PROXY")
    if "xet-read-token" in str(cause):
        return Why(found, _WITHOUT_XET)
    if isinstance(cause, errors.RevisionNotFoundError | errors.RemoteEntryNotFoundError) or (
        code == 404 and not isinstance(cause, errors.RepositoryNotFoundError)
    ):
        return Why(found, f"Check HF_ENDPOINT: {page} lacks this file or commit")
    if isinstance(cause, errors.RepositoryNotFoundError) or code in (401, 403):
        sent = "Check HF_TOKEN, or unset it: the repository is public" if get_token() else "Check HF_ENDPOINT, or set HF_TOKEN"
        return Why(found, sent)
    if code == 429:
        return Why(found, "Wait some minutes, or set HF_TOKEN: it counts what each address asks for")
    if code is not None:
        return Why(found, f"Try again later: {constants.ENDPOINT} is not well")
    if isinstance(cause, OSError) and cause.errno in _FULL:
        cache = Path(constants.HF_HUB_CACHE)
        return _full(cache, shutil.disk_usage(cache).free)
    if isinstance(cause, OSError) and cause.filename:
        return Why(f"({cause.strerror}: {cause.filename})", "Set HF_HOME to a folder that can be written to")
    if isinstance(cause, errors.XetDownloadError | RuntimeError):
        return Why(found, _WITHOUT_XET)
    return Why(found, f"Check the connection to {constants.ENDPOINT}, or set HF_ENDPOINT to a mirror")


def _error(entry: Entry, why: Why) -> WeightsError:
    cache, _ = places()
    return WeightsError(
        f"The weight file {entry.name} ({entry.bytes:,} bytes) is not bundled, not in the cache {cache} and could not be "
        f"fetched from {entry.repo}@{entry.revision[:8]} {why.found}. {why.do}, or put the file at {HOME / entry.name}."
    )
