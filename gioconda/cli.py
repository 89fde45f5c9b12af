"""The command line: `python -m gioconda animate | motion | gestures | doctor`.

Exit codes: 0 done, 1 something is broken, 2 the input cannot be used, 130 interrupted. Results go to the standard output (the
paths that were written), everything else to the standard error. Nothing heavy is imported before it is needed.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import sys
import textwrap
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import MISSING, dataclass, field, fields
from fractions import Fraction
from types import TracebackType
from typing import TYPE_CHECKING, Any, NoReturn, Self, TextIO, TypeVar, cast, get_args

from gioconda.errors import Cancelled, GiocondaError, SettingError
from gioconda.interrupt import Interrupt
from gioconda.job import Job, MotionMode, Mouth

if TYPE_CHECKING:
    from heads.base import Step

DEBUG = "GIOCONDA_DEBUG"
"""Environment variable: 1 shows the traceback of an unexpected error."""

WIDTH = 100
"""Characters: longest line of a message on a terminal."""

ABOUT = """\
Gioconda animates a portrait: a photograph, painting or statue moves its head, speaks and smiles as a face
in a clip does, or plays a built-in gesture. Offline, on the CPU; the MP4 says that it was animated.
"""

EXAMPLES = """\
examples:
  python -m gioconda animate me.jpg --driving clip.mp4 -o me.mp4
  python -m gioconda animate statue.png --gesture smile -o statue.mp4
  python -m gioconda motion clip.mp4 -o clip.safetensors

`python -m gioconda COMMAND --help` lists the settings of a command. The page in a browser: `python app.py`
"""


@dataclass(frozen=True, slots=True)
class Option:
    """How a field of `Job` is said on the command line; its default stands in `Job` alone."""

    group: str
    help: str
    kind: Callable[[str], Any] | None = None
    """Makes the value from the text; None for text."""
    metavar: str | None = None
    choices: tuple[str, ...] | None = None
    flags: tuple[str, ...] = ()
    """Flags where they are not the field's name."""
    settings: Mapping[str, Any] = field(default_factory=dict)
    """Further arguments of `add_argument`."""


def number(text: str) -> float:
    """A decimal number; `nan` and `inf` are none."""
    if not re.fullmatch(r"[+-]?(\d{1,12}(\.\d{0,12})?|\.\d{1,12})", text):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number")
    return float(text)


def whole(text: str) -> int:
    """A whole number."""
    if not re.fullmatch(r"[+-]?\d{1,9}", text):
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number")
    return int(text)


def rate(text: str) -> Fraction:
    """Frames per second, exactly as written: "30", "30000/1001", "12.5"."""
    if not re.fullmatch(r"[+-]?\d{1,9}(\.\d{1,9}|/0*[1-9]\d{0,8})?", text):
        raise argparse.ArgumentTypeError(f"{text!r} is not a frame rate such as 30, 12.5 or 30000/1001")
    return Fraction(text)


_DRIVER, _MOVES, _PART, _RESULT = "what drives the portrait (exactly one)", "how it moves", "which part", "the result"

OPTIONS: Mapping[str, Option] = {
    "driving": Option(
        _DRIVER, "a clip (MP4, MOV, MKV, WebM, AVI, GIF, WebP) or a picture whose face drives the portrait", None, "CLIP"
    ),
    "motion": Option(_DRIVER, "a motion file that `python -m gioconda motion` wrote", None, "FILE"),
    "gesture": Option(_DRIVER, "a built-in performance; `python -m gioconda gestures` lists them", None, "NAME"),
    "head": Option(_MOVES, "the head that renders", None, "NAME"),
    "motion_mode": Option(
        _MOVES,
        "relative adds the driver's changes to the portrait; absolute takes over the driver's pose and expression",
        choices=get_args(MotionMode),
    ),
    "expression_strength": Option(_MOVES, "0 to 2, how strongly the expression follows", number, "X"),
    "pose_strength": Option(_MOVES, "0 to 2, how strongly the head turns and moves", number, "X"),
    "smooth": Option(_MOVES, "0 to 4, how much of the tracker's measured jitter is smoothed away; 0 is off", number, "X"),
    "mouth": Option(
        _MOVES,
        "whence the inside of an opened mouth comes; auto takes the driver's where the portrait's is closed",
        choices=get_args(Mouth),
    ),
    "neutral": Option(
        _MOVES, "when the driver's face rests, in the clip or motion file (default: found by itself)", number, "SECONDS"
    ),
    "face": Option(_PART, "which face of the first portrait: 1 is the largest (default), 2 the next", whole, "N"),
    "start": Option(_PART, "seconds of the driving clip to skip", number, "SECONDS"),
    "end": Option(_PART, "second of the driving clip to stop at (default: its end)", number, "SECONDS"),
    "output": Option(_RESULT, "the MP4 to write", None, "OUT.mp4", flags=("-o", "--output")),
    "max_side": Option(_RESULT, "longest side of the video; larger portraits are made smaller", whole, "PIXELS"),
    "fps": Option(_RESULT, "frames per second: 30, 12.5 or 30000/1001 (default: the driver's own times)", rate, "RATE"),
    "audio": Option(_RESULT, "carry the clip's sound over", settings={"action": argparse.BooleanOptionalAction}),
    "label": Option(_RESULT, 'draw the label "AI-animated portrait"', settings={"action": argparse.BooleanOptionalAction}),
    "compare": Option(_RESULT, "also write OUT-compare.mp4: portrait, driver and result", settings={"action": "store_true"}),
    "crf": Option(_RESULT, "x264 quality, 0 to 51; larger is a smaller file", whole, "N"),
    "preview": Option(_RESULT, "also write a small silent animation", None, "FILE.gif|.webp"),
    "report": Option(_RESULT, "write what was found and decided as JSON", None, "FILE.json"),
    "overwrite": Option(_RESULT, "replace files that exist", settings={"action": "store_true"}),
}
"""Every field of `Job` but the portraits."""

BROADCAST = {Fraction("23.976"): "24000/1001", Fraction("29.97"): "30000/1001", Fraction("59.94"): "60000/1001"}
"""Rates that people write rounded, and what television means by them."""

RECORDED = ("start", "end", "smooth", "neutral", "overwrite")
"""The settings that recording a motion file has too."""


class Parser(argparse.ArgumentParser):
    """Says what is wrong with a command in the words of the house."""

    def error(self, message: str) -> NoReturn:
        """Raise instead of printing the usage."""
        found = message.removeprefix("argument ").rstrip(".")
        command = self.prog if self.usage else f"{self.prog} COMMAND"
        usage = (self.usage or "%(prog)s COMMAND ...") % {"prog": self.prog}
        raise SettingError(f"{found[:1].upper()}{found[1:]}.", f"The usage is: {usage}.", f"`{command} --help` says more.")


class _Help(argparse.RawDescriptionHelpFormatter):
    """Help as wide as the terminal, up to `WIDTH`."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=30, width=min(WIDTH, shutil.get_terminal_size((WIDTH, 24)).columns))


def parser() -> Parser:
    """The whole grammar."""
    from gioconda import __version__

    top = Parser("python -m gioconda", description=ABOUT, epilog=EXAMPLES, formatter_class=_Help, allow_abbrev=False)
    top.add_argument("--version", action="version", version=f"Gioconda {__version__}")
    commands = top.add_subparsers(dest="command", metavar="COMMAND", title="commands")

    def command(name: str, line: str, run: Callable[[argparse.Namespace, Interrupt], int], usage: str) -> Parser:
        sub = commands.add_parser(
            name,
            help=line,
            description=f"{line[0].upper()}{line[1:]}.",
            usage=f"%(prog)s {usage}".strip(),
            formatter_class=_Help,
            allow_abbrev=False,
        )
        sub.set_defaults(run=run)
        return sub

    animate = command(
        "animate",
        "turn portraits and a performance into a talking-head MP4",
        _animate,
        "PORTRAIT [PORTRAIT ...] (--driving CLIP | --motion FILE | --gesture NAME) -o OUT.mp4 [settings]",
    )
    animate.add_argument("portraits", nargs="+", metavar="PORTRAIT", help="pictures of one person; the first gives the frame")
    groups = {option.group: animate.add_argument_group(option.group) for option in OPTIONS.values()}
    for name, option in OPTIONS.items():
        _add(groups[option.group], name, option)
    usage = "CLIP -o FILE.safetensors [settings]"
    motion = command("motion", "record the performance in a clip as a motion file", _motion, usage)
    motion.add_argument("driving", metavar="CLIP", help="a clip or a picture that shows a face")
    motion.add_argument("-o", "--output", required=True, metavar="FILE.safetensors", help="the motion file to write")
    for name in RECORDED:
        _add(motion, name, OPTIONS[name])
    command("gestures", "list the built-in performances", _gestures, "")
    doctor = command("doctor", "say what is installed, what will be slow, and whether animate can work", _doctor, "[--json]")
    doctor.add_argument("--json", action="store_true", default=False, help="everything that was found, as JSON")
    return top


def _add(group: argparse._ActionsContainer, name: str, option: Option) -> None:
    """Add the option of a field of `Job`; where it is not given, nothing is passed on and `Job` has the say."""
    flags = option.flags or ("--" + name.replace("_", "-"),)
    more = {key: value for key in ("metavar", "choices") if (value := getattr(option, key)) is not None}
    if option.kind is not None:
        more["type"] = option.kind
    default = {one.name: one.default for one in fields(Job)}[name]
    told = default not in (None, MISSING) and not isinstance(default, bool)
    line = f"{option.help} (default: {_text(default)})" if told else option.help
    group.add_argument(*flags, dest=name, help=line, default=argparse.SUPPRESS, **more, **option.settings)


def _text(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code. `--help` and `--version` raise SystemExit."""
    with Interrupt() as interrupt:
        try:
            grammar = parser()
            chosen = grammar.parse_args(arguments)
            if chosen.command is None:
                grammar.print_help(sys.stderr)
                return SettingError.code
            return int(chosen.run(chosen, interrupt))
        except KeyboardInterrupt:
            return _stopped()
        except GiocondaError as error:
            return _fail(str(error), error.code)
        except Exception as error:
            if interrupt.asked:  # whatever an interruption in the middle of a library became
                return _stopped()
            return _unexpected(error)


def _stopped() -> int:
    _say("gioconda: stopped; nothing was written", sys.stderr)
    return Cancelled.code


def _unexpected(error: Exception) -> int:
    """Errors of the other rooms, which are sentences already; anything else is ours."""
    from heads.base import HeadError
    from weights import WeightsError

    if os.environ.get(DEBUG) == "1":
        traceback.print_exception(error)
    if isinstance(error, WeightsError | HeadError):
        return _fail(str(error), 2)
    if isinstance(error, OSError) and error.filename:
        place = f"{error.filename} cannot be used ({error.strerror})."
        return _fail(f"{place} A place with free space and the right to write there is needed. Choose another one.", 2)
    what = " ".join(str(error).split())
    return _fail(
        f"{type(error).__name__}{': ' * bool(what)}{what}. This is an error of Gioconda itself and not of what you gave it. "
        f"Please report it with this line to the issue tracker; {DEBUG}=1 shows where it happened.",
        1,
    )


def _fail(message: str, code: int) -> int:
    if sys.stderr.isatty():
        message = textwrap.fill(
            message, min(WIDTH, _columns()), subsequent_indent="  ", break_long_words=False, break_on_hyphens=False
        )
    _say(f"gioconda: {message}", sys.stderr)
    return code


def _columns() -> int:
    """Characters in a line of the terminal behind the standard error; some say that they have none."""
    try:
        return os.get_terminal_size(sys.stderr.fileno()).columns or WIDTH
    except (OSError, ValueError):
        return WIDTH


def _say(text: str, stream: TextIO) -> None:
    """Print a line; a reader that went away (`| head -1`) is no error."""
    try:
        print(text, file=stream, flush=True)
    except BrokenPipeError:
        # Python flushes once more at its end and would complain.
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


Last = TypeVar("Last")


def _walk(steps: Iterator[Step | Last], kind: type[Last], interrupt: Interrupt) -> Last:
    """Walk through the steps with a progress bar; returns the last one, which is of `kind`."""
    with closing(cast(Any, steps)), Bar() as bar:
        for step in steps:
            if isinstance(step, kind):
                interrupt.closing()  # all is written
                return step
            bar.show(cast("Step", step))
            interrupt.check()
    raise RuntimeError("the work ended without a result")


class Bar:
    """Progress on a terminal: one line a stage, with speed and time left. Silent when the standard error is none."""

    def __init__(self) -> None:
        self._wanted = sys.stderr.isatty()
        self._bar: Any = None
        self._label = ""

    def show(self, step: Step) -> None:
        """Show a step."""
        if not self._wanted:
            return
        if self._bar is None or step.label != self._label:
            self._close()
            self._bar, self._label = self._opened(step), step.label
        self._bar.total = step.total or None
        self._bar.update(step.done - self._bar.n)

    def _opened(self, step: Step) -> Any:
        from tqdm import tqdm

        tqdm.monitor_interval = 0  # no thread that only watches the others
        layout = "{desc}: {percentage:3.0f}%|{bar}| {n_fmt}/{total_fmt} [{rate_noinv_fmt}, {remaining} left]"
        return tqdm(
            desc=step.label,
            total=step.total or None,
            unit="",
            file=sys.stderr,
            ncols=_columns() - 1,
            nrows=2,  # not asked of the terminal: some say that they have none, and tqdm would say nothing
            mininterval=0.1,
            bar_format=layout if step.total else None,
        )

    def _close(self) -> None:
        if self._bar is not None:
            self._bar.close()
            self._bar = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._close()


def _job(chosen: argparse.Namespace, **more: Any) -> Job:
    """The job with what was given on the command line."""
    return Job(**{**more, **{one.name: getattr(chosen, one.name) for one in fields(Job) if hasattr(chosen, one.name)}})


def _animate(chosen: argparse.Namespace, interrupt: Interrupt) -> int:
    from gioconda.job import Finished
    from gioconda.studio import animate

    job = _job(chosen)
    if job.fps in BROADCAST:
        _say(f"note: --fps {float(job.fps):g} is taken as written; television's rate is --fps {BROADCAST[job.fps]}", sys.stderr)
    clip = _walk(animate(job), Finished, interrupt).clip
    for note in clip.report["notes"]:
        _say(f"note: {note}", sys.stderr)
    for path in (clip.path, clip.compare, clip.preview):
        if path is not None:
            _say(str(path), sys.stdout)
    return 0


def _motion(chosen: argparse.Namespace, interrupt: Interrupt) -> int:
    from gioconda.recording import Recording, record_motion

    recording = _walk(record_motion(_job(chosen, portraits=())), Recording, interrupt)
    for note in recording.notes:
        _say(f"note: {note}", sys.stderr)
    _say(str(recording.path), sys.stdout)
    return 0


def _gestures(_chosen: argparse.Namespace, _interrupt: Interrupt) -> int:
    from gioconda.gestures import GESTURES

    wide = max(map(len, GESTURES))
    for gesture in GESTURES.values():
        ends = ", can be repeated without an end" if gesture.loops else ""
        _say(f"{gesture.name:<{wide}}  {gesture.about} ({gesture.seconds:g} s{ends})", sys.stdout)
    return 0


def _doctor(chosen: argparse.Namespace, _interrupt: Interrupt) -> int:
    from gioconda import doctor

    findings = doctor.examine()
    text = json.dumps(findings.facts, indent=2, ensure_ascii=False) if chosen.json else "\n".join(doctor.lines(findings))
    _say(text, sys.stdout)
    return 0 if findings.works else 1
