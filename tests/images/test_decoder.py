"""A picture decoded in a process of its own is the same picture; what cannot be decoded costs nothing but its row."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unprompt.errors import PictureError, PictureTooLarge, UnreadablePicture
from unprompt.images import Limits, read, read_isolated
from unprompt.images import decoder as decoding
from unprompt.images.decoder import Decoder
from unprompt.images.process import DecoderProcess, NotStarted
from unprompt.types import Picture

from .files import SAVED, png, save, scene

ODD = """
import os, sys, time
from unprompt.images import worker
read = worker.read
def odd(source, uri, limits):
    match uri:
        case "slow":
            if not isinstance(source, bytes):
                source.with_suffix(".begun").touch()
            time.sleep(3600)
        case "crash": os.abort()
        case "exit": os._exit(7)
        case "hungry": bytearray(2**36 if sys.platform == "linux" else 2**50)
        case "chatty": print("libtiff says hello", flush=True)
        case "lying": os.write(3, b"no message" + bytes([10]))
        case "pid": return read(b"%d" % os.getpid(), uri, limits)
    return read(source, uri, limits)
worker.read = odd
worker.serve()
"""
"""A decoder that does by name what a hostile picture may do to a real one."""
PICTURE = save(scene(), "PNG")
HASTY = Limits(max_seconds=0.2)


@pytest.fixture
def decoder() -> Iterator[Decoder]:
    odd = Decoder(ODD)
    yield odd
    odd.close()


def outcome(source: Path | bytes, decode: object, limits: Limits = Limits()) -> tuple[object, ...]:  # noqa: B008
    """What reading gives, as something that can be compared."""
    try:
        picture = decode(source, "a \udcff b", limits)  # type: ignore[operator]
    except PictureError as error:
        return type(error), str(error)
    assert picture.rgb.flags.writeable
    return picture.rgb.shape, picture.rgb.tobytes(), replace(picture, rgb=None).__dict__


def pid(decoder: Decoder) -> str:
    with pytest.raises(UnreadablePicture) as told:
        decoder.read(PICTURE, "pid")
    return str(told.value).split("'")[1]


@pytest.mark.parametrize("format_", SAVED)
def test_every_format_is_the_same_picture(format_: str, tmp_path: Path) -> None:
    data = save(scene(), format_)
    path = tmp_path / "ümläut.x"
    path.write_bytes(data)
    assert outcome(data, read_isolated) == outcome(data, read)
    assert outcome(path, read_isolated) == outcome(path, read)


@pytest.mark.parametrize("format_", SAVED)
@given(places=st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), min_size=1, max_size=8))
@settings(max_examples=20, deadline=None)
def test_every_error_is_the_same_error(format_: str, places: list[tuple[float, int]]) -> None:
    data = bytearray(save(scene(), format_))
    for place, value in places:
        data[int(place * len(data))] = value
    limits = Limits(max_pixels=1_000_000)
    assert outcome(bytes(data), read_isolated, limits) == outcome(bytes(data), read, limits)


def test_refusals_are_the_same(tmp_path: Path) -> None:
    for source in (tmp_path, tmp_path / "gone.png", b"", b"dear diary", png(50_000, 50_000, 8, 2, None)):
        assert outcome(source, read_isolated)[0] in (UnreadablePicture, PictureTooLarge)
        assert outcome(source, read_isolated) == outcome(source, read)


def test_a_relative_path_is_seen_from_the_folder_of_now(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.png").write_bytes(save(scene(8 if name == "one" else 9), "PNG"))
    for name, width in (("one", 8), ("two", 9)):
        monkeypatch.chdir(tmp_path / name)
        assert read_isolated(Path("a.png"), "a").width == width


def test_a_process_is_replaced_after_many_answers(decoder: Decoder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decoding, "LASTS", 3)
    seen = [pid(decoder) for _ in range(7)]
    assert [seen.count(one) for one in dict.fromkeys(seen)] == [3, 3, 1]
    assert len(decoder._every) == 1


def test_a_slow_picture_is_stopped_and_the_next_is_read(decoder: Decoder) -> None:
    first = pid(decoder)
    with pytest.raises(
        PictureTooLarge, match=r"^slow: decoding took longer than 0\.2 s and was stopped: .*max_seconds"
    ):
        decoder.read(PICTURE, "slow", HASTY)
    assert decoder.read(PICTURE, "a").width == 24
    assert pid(decoder) != first


@pytest.mark.parametrize(
    ("name", "how"),
    [
        ("exit", "ended with exit code 7"),
        pytest.param(
            "crash", "was ended by SIGABRT", marks=pytest.mark.skipif(os.name == "nt", reason="signals end otherwise")
        ),
        ("lying", "was ended by SIGKILL|ended with exit code"),
    ],
)
def test_a_crash_is_an_error_of_its_picture_alone(decoder: Decoder, name: str, how: str) -> None:
    for _ in range(2):
        with pytest.raises(UnreadablePicture, match=f"^{name}: the decoder ({how}) at this file; .*leave it out"):
            decoder.read(PICTURE, name)
        assert decoder.read(PICTURE, "a").width == 24


def test_lack_of_memory_is_no_damage(decoder: Decoder) -> None:
    with pytest.raises(PictureTooLarge, match=r"^hungry: not enough memory to decode it within 2070 MiB: .*max_pixels"):
        decoder.read(PICTURE, "hungry", Limits(max_pixels=1_000_000))
    assert decoder.read(PICTURE, "a").width == 24


def test_what_a_library_prints_is_no_answer(decoder: Decoder, capfd: pytest.CaptureFixture[str]) -> None:
    assert decoder.read(PICTURE, "chatty").width == 24
    assert capfd.readouterr() == ("", "")


def test_a_process_that_was_ended_while_idle_is_no_ones_error(decoder: Decoder) -> None:
    decoder.read(PICTURE, "a")
    (process,) = decoder._idle
    process._process.kill()
    process._process.wait()
    assert decoder.read(PICTURE, "a").width == 24


def test_threads_decode_side_by_side_and_a_killed_process_is_one_error(decoder: Decoder, tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(PICTURE)
    with ThreadPoolExecutor(3) as pool:
        slow = pool.submit(decoder.read, path, "slow", Limits(max_seconds=3600))
        while not path.with_suffix(".begun").exists():
            time.sleep(0.01)
        (process,) = decoder._every
        assert {one.width for one in pool.map(lambda _: decoder.read(PICTURE, "a"), range(8))} == {24}
        assert not slow.done()
        process._process.kill()
        with pytest.raises(
            UnreadablePicture, match=r"^slow: the decoder (was ended by SIGKILL|ended with exit code 1) at"
        ):
            slow.result()
    assert decoder.read(PICTURE, "a").width == 24


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
def test_a_fork_has_processes_of_its_own(decoder: Decoder) -> None:
    mine = pid(decoder)
    script = """
    import os, sys
    from unprompt.images import read_isolated, encode_png, decoder
    import numpy as np
    data = encode_png(np.zeros((2, 3, 3), np.uint8))
    read_isolated(data, "a")
    (first,) = decoder._DECODER._every
    if (child := os.fork()) == 0:
        read_isolated(data, "a")
        (second,) = decoder._DECODER._every
        decoder._DECODER.close()
        os._exit(0 if second._process.pid != first._process.pid else 1)
    _, status = os.waitpid(child, 0)
    read_isolated(data, "a")
    print(status, decoder._DECODER._every == {first})
    """
    assert run(script) == "0 True\n"
    assert pid(decoder) == mine


def run(script: str) -> str:
    command = [sys.executable, "-W", "error", "-c", textwrap.dedent(script)]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


@pytest.mark.skipif(os.name == "nt", reason="processes are asked for by signals")
@pytest.mark.parametrize("end", ["", "os.kill(os.getpid(), 9)"])
def test_no_process_outlives_its_caller(end: str) -> None:
    script = f"""
    import os
    import numpy as np
    from unprompt.images import read_isolated, encode_png, decoder
    read_isolated(encode_png(np.zeros((2, 3, 3), np.uint8)), "a")
    print(*(one._process.pid for one in decoder._DECODER._every), flush=True)
    {end}
    """
    told = subprocess.run([sys.executable, "-c", textwrap.dedent(script)], capture_output=True, text=True, check=False)
    child = int(told.stdout)
    while lives(child):
        time.sleep(0.01)


def lives(process: int) -> bool:
    """Neither gone nor waiting to be buried by whoever took it over."""
    try:
        os.kill(process, 0)
        return "Z" not in Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except ProcessLookupError:
        return False
    except FileNotFoundError:  # no /proc, or gone since
        return Path("/proc/self/stat").exists() is False


def test_a_script_without_a_guard_works(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    (tmp_path / "numpy.py").write_text("raise SystemExit('a file beside the pictures was run')")
    (tmp_path / "a.png").write_bytes(PICTURE)
    script.write_text(
        "import sys; sys.path.pop(0)\n"
        "from pathlib import Path\n"
        "from unprompt.images import read_isolated\n"
        "print(read_isolated(Path('a.png'), 'a').width)\n"
    )
    done = subprocess.run([sys.executable, script], cwd=tmp_path, check=True, capture_output=True, text=True)
    assert done.stdout == "24\n"


@pytest.mark.parametrize("program", ["print('hello')", "raise SystemExit(3)"])
def test_without_a_process_pictures_are_read_here(program: str, caplog: pytest.LogCaptureFixture) -> None:
    decoder = Decoder(program)
    for _ in range(2):
        assert decoder.read(PICTURE, "a").width == 24
    (told,) = [one.getMessage() for one in caplog.records if one.levelno == logging.WARNING]
    assert told.startswith("pictures are decoded in this process, without a limit of time: ")
    assert f"{sys.executable} does not run as a decoder" in told
    assert not decoder._every


def test_without_an_executable(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setattr(sys, "executable", "")
    assert isinstance(Decoder().read(PICTURE, "a"), Picture)
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    assert Decoder().read(PICTURE, "a").width == 24
    assert "/nowhere/python cannot be started: " in caplog.text
    with pytest.raises(NotStarted, match="/nowhere/python cannot be started"):
        DecoderProcess()


def test_large_pixels_come_whole() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (1200, 1700, 3), dtype=np.uint8)
    assert np.array_equal(read_isolated(save(noise, "BMP"), "a").rgb, noise)


def test_the_process_loads_neither_torch_nor_scipy() -> None:
    script = (
        "import sys, unprompt.images.worker; print(*({'torch', 'scipy', 'pyarrow', 'pydantic'} & set(sys.modules)))"
    )
    assert run(script) == "\n"
