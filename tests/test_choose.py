"""What `auto` takes and why: heads, devices and precisions, with accelerate's own variables standing for a GPU."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hub import described, environment, hub
from neural import REGISTER, Neural
from shell import ROOT, Shell, face, save

import heads
import weights
from gioconda import choose, device
from gioconda.errors import SettingError
from gioconda.job import Job

PAYLOAD = b"safe numbers " * 4096
TESTS = str(ROOT / "tests")
SHIPPED = weights.HOME


@pytest.fixture
def shell(tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Shell:
    return Shell(tmp_path, capfd, monkeypatch)


def shelved(folder: Path, *, here: bool) -> Path:
    """A weights folder with what ships, and the file of the neural head, here or on the Hub."""
    folder.mkdir()
    for file in SHIPPED.iterdir():
        if file.suffix in {".task", ".tflite", ".safetensors"}:
            (folder / file.name).symlink_to(file)
    text = (SHIPPED / "catalogue.toml").read_text(encoding="utf-8").partition("# LivePortrait")[0]
    (folder / "catalogue.toml").write_text(text + described("net.safetensors", PAYLOAD), encoding="utf-8")
    if here:
        (folder / "net.safetensors").write_bytes(PAYLOAD)
    return folder


@pytest.fixture
def there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., choose.Choice]:
    """Chooses for a job where the neural heads are registered; says what the machine has."""

    def chosen(gpu: str = "", *, here: bool = True, head: str = "neural", **settings: object) -> choose.Choice:
        monkeypatch.setattr(heads, "REGISTRY", {head: f"neural:{head.title()}", "warp": heads.REGISTRY["warp"]})
        monkeypatch.setattr(weights, "HOME", shelved(tmp_path / f"weights{len(list(tmp_path.iterdir()))}", here=here))
        monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
        monkeypatch.setenv("ACCELERATE_USE_CPU", "0" if gpu else "1")
        monkeypatch.setenv("ACCELERATE_TORCH_DEVICE", gpu)
        given = {"portraits": ["me.jpg"], "gesture": "nod", **settings}
        return choose.choose(Job(**given))  # type: ignore[arg-type]

    return chosen


Chosen = Callable[..., choose.Choice]


def test_a_gpu_and_weights_make_auto_take_the_networks(there: Chosen) -> None:
    choice = there("cuda:0")
    assert (choice.head, choice.device, choice.precision) == ("neural", "cuda:0", "fp16")
    assert choice.line() == "head: neural, on cuda:0 in fp16 (named by ACCELERATE_TORCH_DEVICE; its weights are here)"


def test_no_gpu_makes_auto_take_warp(there: Chosen) -> None:
    choice = there()
    assert (choice.head, choice.device, choice.precision) == ("warp", "cpu", "fp32")
    assert choice.why == "ACCELERATE_USE_CPU or ACCELERATE_TORCH_DEVICE asks for the CPU"


def test_weights_that_cannot_be_had_make_auto_take_warp_and_say_so(there: Chosen) -> None:
    choice = there("cuda:0", here=False)
    assert choice.head == "warp"
    assert "there is a GPU, named by ACCELERATE_TORCH_DEVICE, but the neural head's weights are not here" in choice.line()
    assert "because HF_HUB_OFFLINE is set" in choice.line()


def test_a_job_that_does_not_suit_the_networks_makes_auto_take_warp(there: Chosen) -> None:
    assert there("cuda:0", head="following").why == (
        "the following head follows pictures of a driver's face, and a gesture has none"
    )
    assert there("cuda:0", head="following", gesture=None, motion="m.safetensors").why.endswith("a motion file has none")
    assert there("cuda:0", head="following", gesture=None, driving="clip.mp4").head == "following"
    assert there("cuda:0", portraits=["a.jpg", "b.jpg", "c.jpg"]).why == "the neural head does not take 3 portraits"


def test_the_cpu_that_was_asked_for_makes_auto_take_warp(there: Chosen) -> None:
    choice = there("cuda:0", device="cpu")
    assert choice.head == "warp"
    assert choice.why == "--device cpu was given; device and precision are for heads of networks"


def test_a_named_head_of_networks_runs_on_the_cpu_where_there_is_no_gpu(there: Chosen) -> None:
    assert there().head == "warp"
    named = choose.choose(Job(portraits=["me.jpg"], gesture="nod", head="neural"))
    assert (named.head, named.device, named.precision) == ("neural", "cpu", "fp32")
    assert "takes seconds for each frame" in named.why
    bf16 = choose.choose(Job(portraits=["me.jpg"], gesture="nod", head="neural", precision="bf16"))
    assert bf16.line().startswith("head: neural, on cpu in bf16 (")


REFUSED = [
    ({"head": "warp", "device": "cuda"}, r"--device is cuda .* warp head has no networks.*Leave both out"),
    ({"head": "warp", "precision": "fp16"}, r"--precision is fp16.*Leave both out"),
    ({"head": "neural", "device": "cuda"}, r"--device is cuda\. ACCELERATE_USE_CPU.*Choose --device auto"),
    ({"head": "auto", "device": "mps"}, r"--device is mps\. ACCELERATE_USE_CPU.*Choose --device auto"),
    ({"head": "neural", "precision": "fp16"}, r"fp16 and the device is the CPU.*Choose --precision fp32 or bf16"),
]


@pytest.mark.parametrize(("settings", "says"), REFUSED)
def test_what_is_not_there_is_refused_and_not_replaced(there: Chosen, settings: dict[str, Any], says: str) -> None:
    there()
    with pytest.raises(SettingError, match=says):
        choose.choose(Job(portraits=["me.jpg"], gesture="nod", **settings))


def test_half_precision_that_overflows_is_replaced_loudly_and_once(there: Chosen) -> None:
    there("cuda:0")
    choose._built.cache_clear()
    Neural.built.clear()
    job = Job(portraits=["me.jpg"], gesture="nod")
    for _ in range(2):
        steps = choose.rendering(job)
        lines = []
        while True:
            try:
                step = next(steps)
            except StopIteration as end:
                head, choice = end.value
                break
            lines += [step.label] if isinstance(step, choose.Announced) else []
        assert head.precision == choice.precision == "fp32"
        note = "fp16 gives values that are not finite on cuda:0; fp32, which is slower, is used"
        assert lines[1:] == [f"note: {note}"]
        assert choice.notes == (note,)
    assert Neural.built == [("cuda:0", "fp16"), ("cuda:0", "fp32")], "the second run builds nothing"
    half = choose.rendering(Job(portraits=["me.jpg"], gesture="nod", head="neural", device="cpu", precision="bf16"))
    told = [step.label for step in half if isinstance(step, choose.Announced)]
    assert told[1:] == ["note: bf16 is not implemented on cpu; fp32, which is slower, is used"]
    choose._built.cache_clear()


def test_a_machine_without_a_gpu_is_told_without_torch() -> None:
    """What decides on a laptop: no torch is imported, for a run with `auto` either."""
    asked = (
        "import sys; from gioconda import device, choose; from gioconda.job import Job\n"
        "choose.choose(Job(portraits=['me.jpg'], driving='clip.mp4')); print(device.gpu().device, 'torch' in sys.modules)"
    )
    told = subprocess.run(
        [sys.executable, "-c", asked], cwd=ROOT, capture_output=True, text=True, check=True, timeout=60,
        env={**environment("http://127.0.0.1:1", Path("nowhere")), "ACCELERATE_USE_CPU": "0", "CUDA_VISIBLE_DEVICES": ""},
    ).stdout  # fmt: skip
    assert told.split() == ["None", "False"]


@pytest.mark.parametrize(
    ("build", "system", "hidden", "says"),
    [
        ("2.13.0+cpu", "linux", "0", "torch 2.13.0+cpu is built for the CPU alone"),
        ("2.13.0", "linux", "-1", "CUDA_VISIBLE_DEVICES hides every GPU"),
        ("2.13.0", "linux", "0", "no GPU was found"),
        ("2.13.0", "win32", "0", "no GPU was found"),
        ("2.13.0", "darwin", "0", None),
    ],
)
def test_why_there_is_no_gpu(build: str, system: str, hidden: str, says: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device, "version", lambda _name: build)
    monkeypatch.setattr(sys, "platform", system)
    monkeypatch.setattr("platform.machine", lambda: "arm64")
    monkeypatch.setattr(device, "_DRIVERS", ("/proc/no/such/driver",))
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", hidden)
    found = device.absence()
    assert found is None if says is None else says in str(found)
    if says == "no GPU was found" and system == "linux":
        monkeypatch.setattr(device, "_DRIVERS", ("/proc/version",))
        assert device.absence() is None


@pytest.mark.parametrize(
    ("told", "seat"),
    [
        ({}, (0, 1, 0)),
        ({"RANK": "3", "WORLD_SIZE": "4", "LOCAL_RANK": "1"}, (3, 4, 1)),
        ({"OMPI_COMM_WORLD_RANK": "1", "OMPI_COMM_WORLD_SIZE": "2", "OMPI_COMM_WORLD_LOCAL_RANK": "1"}, (1, 2, 1)),
        ({"PMI_RANK": "1", "PMI_SIZE": "2"}, (1, 2, 0)),
        ({"RANK": "x", "WORLD_SIZE": "2"}, (0, 1, 0)),
    ],
)
def test_a_process_knows_its_seat(told: dict[str, str], seat: tuple[int, int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in told.items():
        monkeypatch.setenv(name, value)
    found = device.seat()
    assert (found.rank, found.of, found.local) == seat


def test_the_whole_road_from_a_gpu_and_a_hub_to_a_video(shell: Shell, tmp_path: Path) -> None:
    """A first run fetches the weights, falls back to fp32 and says all of it first; without the Hub a second one finds them."""
    home = shelved(tmp_path / "weights", here=False)
    save(tmp_path / "person.png", face())
    before = REGISTER.format(tests=TESTS, home=str(home))
    line = "animate person.png --gesture nod --end 0.2 --report out.json --overwrite -o out.mp4"

    def run(endpoint: str) -> list[str]:
        more = {"ACCELERATE_USE_CPU": "0", "ACCELERATE_TORCH_DEVICE": "cuda:0"}
        told = environment(endpoint, tmp_path / "cache", **more)
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        with shell.started(*line.split(), before=before, environment=told, **pipes) as process:
            out, err = process.communicate(timeout=60)
        assert (process.returncode, out) == (0, b"out.mp4\n"), err
        shell.tidy(err.decode())
        return err.decode().splitlines()

    note = "note: fp16 gives values that are not finite on cuda:0; fp32, which is slower, is used"
    with hub(PAYLOAD) as there:
        first, *rest = run(there.endpoint)
        gpu = "head: neural, on cuda:0 in fp16 (named by ACCELERATE_TORCH_DEVICE; its weights,"
        assert first == f"{gpu} 1 MB, are fetched from {there.endpoint} once)"
        assert rest == [note]
        assert there.count("GET") == 1
    report = json.loads((tmp_path / "out.json").read_text(encoding="utf-8"))
    assert report["head"] == "neural"
    assert report["rendering"]["device"] == "cuda:0"
    assert report["rendering"]["precision"] == "fp32"
    assert note.removeprefix("note: ") in report["notes"]
    assert run(there.endpoint)[0].endswith("its weights are here)")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("processor\t: 0\nflags\t\t: fpu avx512_bf16 amx_bf16 amx_tile\n", "a quarter of fp32's time"),
        ("flags\t\t: fpu avx512_bf16 avx512f\n", "little or nothing"),
        ("Features\t: fp asimd i8mm bf16 dgh\n", "little or nothing"),
        ("flags\t\t: fpu avx2 svebf16x\n", "slower than fp32"),
    ],
)
def test_what_bf16_is_worth_on_a_processor(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "cpuinfo").write_text(text)
    assert words in (device.worth_of_bf16(tmp_path / "cpuinfo") or "")


def test_nothing_is_said_of_a_processor_that_nothing_tells_of(tmp_path: Path) -> None:
    (tmp_path / "cpuinfo").write_text("model name : something else\n")
    assert device.worth_of_bf16(tmp_path / "cpuinfo") is None
    assert device.worth_of_bf16(tmp_path / "missing") is None


def test_a_device_that_no_head_runs_on_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ACCELERATE_USE_CPU", "0")
    monkeypatch.setenv("ACCELERATE_TORCH_DEVICE", "foo:7")
    with pytest.raises(SettingError, match=r"ACCELERATE_TORCH_DEVICE is foo:7\. Heads run on cuda"):
        device.gpu()


def test_a_gpu_that_this_torch_does_not_know_is_told() -> None:
    words = r"The device is cuda:0\. Torch not compiled with CUDA enabled\. .*ACCELERATE_TORCH_DEVICE"
    with pytest.raises(SettingError, match=words), choose._there("cuda:0"):
        raise AssertionError("Torch not compiled with CUDA enabled")


def test_weights_that_are_no_numbers_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heads, "REGISTRY", {"neural": "neural:Neural"})
    monkeypatch.setattr(Neural, "finite", lambda self: False)
    (tmp_path / "net.safetensors").write_bytes(b"x")
    with pytest.raises(heads.base.HeadError, match="not finite in fp32 either"):
        choose._built("neural", (("net.safetensors", tmp_path / "net.safetensors"),), "cuda:0", "fp16")
