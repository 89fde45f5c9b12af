"""The command line: `python -m gioconda animate | motion | batch | gestures | verify | identity | weights | doctor`.

Exit codes: 0 done, 1 something is broken, 2 the input cannot be used, 130 interrupted; those of `verify` are in `VERDICTS`.
Results go to the standard output (the paths that were written), everything else to the standard error. Nothing heavy is
imported before it is needed.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import traceback
from collections.abc import Callable, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any, NoReturn

from gioconda.errors import Cancelled, GiocondaError, SettingError
from gioconda.interrupt import Interrupt
from gioconda.job import Job
from gioconda.options import BROADCAST, OPTIONS, RECORDED, SHARED, add
from gioconda.terminal import WIDTH, say, walk, wrapped

DEBUG = "GIOCONDA_DEBUG"
"""Environment variable: 1 shows the traceback of an unexpected error."""

ACTIONS = "list|pull|verify|where"
"""What can be done with weight files."""

VERDICTS = """\
exit codes:
  0  made by Gioconda, unchanged
  1  made by Gioconda, changed since; or its mark found, credentials stripped
  2  cannot be read
  4  no mark found, which proves nothing
  5  signed by somebody else

Of several files the one that asks for most attention: 2 before 1 before 5 before 4 before 0.
"""

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
        add(groups[option.group], name, option)
    usage = "CLIP -o FILE.safetensors [settings]"
    motion = command("motion", "record the performance in a clip as a motion file", _motion, usage)
    motion.add_argument("driving", metavar="CLIP", help="a clip or a picture that shows a face")
    motion.add_argument("-o", "--output", required=True, metavar="FILE.safetensors", help="the motion file to write")
    for name in RECORDED:
        add(motion, name, OPTIONS[name])
    usage = "JOBS.jsonl --out DIR [settings for all jobs]"
    many = command("batch", "do a list of jobs, by one or many processes or machines; finished ones are skipped", _batch, usage)
    many.add_argument("list", metavar="JOBS.jsonl", help='one job a line: {"portraits": "me.jpg", "gesture": "smile"}')
    many.add_argument("--out", required=True, metavar="DIR", help="where NAME.mp4, NAME.json and summary.json go")
    for name in (*SHARED, "overwrite"):
        add(many, name, OPTIONS[name])
    command("gestures", "list the built-in performances", _gestures, "")
    _add_marks(command)
    shelf = command("weights", "list, fetch and check the files with the trained numbers", _weights, f"{ACTIONS} [NAME ...]")
    shelf.add_argument("action", choices=ACTIONS.split("|"), metavar=ACTIONS, help="what to do; only pull uses the network")
    shelf.add_argument(
        "names", nargs="*", metavar="NAME", help="a file, or a head whose files are meant (default: all; pull wants a name)"
    )
    shelf.add_argument("--json", action="store_true", default=False, help="list: everything that is known, as JSON")
    doctor = command("doctor", "say what is installed, what will be slow, and whether animate can work", _doctor, "[--json]")
    doctor.add_argument("--json", action="store_true", default=False, help="everything that was found, as JSON")
    return top


def _add_marks(command: Callable[..., Parser]) -> None:
    """The commands about marks."""
    verify = command(
        "verify", "say whether files were made by Gioconda, and are unchanged since", _verify, "FILE [FILE ...] [--json]"
    )
    verify.epilog = VERDICTS
    verify.add_argument("files", nargs="+", metavar="FILE", help="videos and pictures of any origin")
    verify.add_argument("--json", action="store_true", default=False, help="one JSON object a line")
    usage = "[show|export|renew]"
    whose = command("identity", "show, export or renew the certificate that results are signed with", _identity, usage)
    whose.add_argument(
        "action",
        nargs="?",
        choices=("show", "export", "renew"),
        default="show",
        metavar="show|export|renew",
        help="show what there is (default), export the certificate chain as PEM, or make a new key and certificate",
    )
    whose.add_argument("-o", "--output", metavar="FILE.pem", help="export: where it goes (default: the standard output)")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code. `--help` and `--version` raise SystemExit."""
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")  # read by huggingface_hub when it is imported
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
    say("gioconda: stopped; nothing was written", sys.stderr)
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
    say(f"gioconda: {wrapped(message)}", sys.stderr)
    return code


def _job(chosen: argparse.Namespace, **more: Any) -> Job:
    """The job with what was given on the command line."""
    return Job(**{**more, **{one.name: getattr(chosen, one.name) for one in fields(Job) if hasattr(chosen, one.name)}})


def _animate(chosen: argparse.Namespace, interrupt: Interrupt) -> int:
    from gioconda.job import Finished
    from gioconda.studio import animate

    job = _job(chosen)
    clip = walk(animate(job), Finished, interrupt).clip
    if job.fps in BROADCAST:
        say(f"note: --fps {float(job.fps):g} is taken as written; television's rate is --fps {BROADCAST[job.fps]}", sys.stderr)
    for note in clip.report["notes"]:
        if note not in clip.report["rendering"]["notes"]:  # which were said at once
            say(f"note: {note}", sys.stderr)
    for path in (clip.path, clip.compare, clip.preview):
        if path is not None:
            say(str(path), sys.stdout)
    return 0


def _motion(chosen: argparse.Namespace, interrupt: Interrupt) -> int:
    from gioconda.recording import Recording, record_motion

    recording = walk(record_motion(_job(chosen, portraits=())), Recording, interrupt)
    for note in recording.notes:
        say(f"note: {note}", sys.stderr)
    say(str(recording.path), sys.stdout)
    return 0


def _batch(chosen: argparse.Namespace, interrupt: Interrupt) -> int:
    from gioconda import batch, device

    seat = device.seat()
    shared = {name: getattr(chosen, name) for name in SHARED if hasattr(chosen, name)}
    try:
        steps = batch.batch(
            Path(chosen.list), Path(chosen.out), shared, overwrite=getattr(chosen, "overwrite", False), seat=seat
        )
    except GiocondaError:
        if seat.rank:  # the first process tells it; torchrun would end that one if this one failed before
            return 0
        raise
    ended = walk(steps, batch.Batch, interrupt)
    if ended.summary is not None:
        for line in batch.table(ended):
            say(line, sys.stdout)
    return 1 if ended.failed else 0


def _gestures(_chosen: argparse.Namespace, _interrupt: Interrupt) -> int:
    from gioconda.gestures import GESTURES

    wide = max(map(len, GESTURES))
    for gesture in GESTURES.values():
        ends = ", can be repeated without an end" if gesture.loops else ""
        say(f"{gesture.name:<{wide}}  {gesture.about} ({gesture.seconds:g} s{ends})", sys.stdout)
    return 0


def _verify(chosen: argparse.Namespace, interrupt: Interrupt) -> int:
    from gioconda import proof
    from gioconda.marks.verify import verify, worst

    verdicts = []
    for path in chosen.files:
        try:
            verdict = verify(path)
        except Exception as error:
            interrupt.check()  # whatever an interruption in the middle of a library became
            verdict = proof.broken(path, error)
        interrupt.check()
        say(proof.line(verdict) if chosen.json else "\n".join(proof.lines(verdict)), sys.stdout)
        verdicts.append(verdict)
    return worst(verdicts)


def _identity(chosen: argparse.Namespace, _interrupt: Interrupt) -> int:
    from gioconda import proof

    for text in proof.identity_lines(chosen.action, chosen.output):
        say(text, sys.stdout)
    return 0


def _weights(chosen: argparse.Namespace, interrupt: Interrupt) -> int:
    from gioconda import shelf
    from weights import found, located

    if chosen.action == "list":
        table = shelf.rows(chosen.names)
        text = json.dumps(table, indent=2, ensure_ascii=False) if chosen.json else "\n".join(shelf.lines(table))
        say(text, sys.stdout)
        return 0
    if chosen.action == "where":
        for entry in shelf.chosen(chosen.names):
            if chosen.names or located(entry.name):
                say(str(found(entry.name)), sys.stdout)
        return 0
    work = shelf.pull if chosen.action == "pull" else shelf.verify
    result = walk(work(chosen.names), shelf.Shelved, interrupt)
    for note in result.notes:
        say(f"note: {note}", sys.stderr)
    for path in result.paths:
        say(str(path), sys.stdout)
    for sentence in result.wrong:
        _fail(sentence, 1)
    return 1 if result.wrong else 0


def _doctor(chosen: argparse.Namespace, _interrupt: Interrupt) -> int:
    from gioconda import doctor

    findings = doctor.examine()
    text = json.dumps(findings.facts, indent=2, ensure_ascii=False) if chosen.json else "\n".join(doctor.lines(findings))
    say(text, sys.stdout)
    return 0 if findings.works else 1
