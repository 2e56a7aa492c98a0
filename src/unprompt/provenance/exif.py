"""EXIF: the camera, when and how, and the program that wrote the file last."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from PIL import ExifTags, Image

from unprompt.images.decoders.exif import quiet
from unprompt.provenance.note import ProvenanceNote

_CAMERA: Final = "It names a camera. That can be copied or made up, and an edited picture keeps it"
_PROGRAM: Final = "The program that wrote the file, by its own word"
_EXPOSURE: Final = {"ExposureTime": "{} s", "FNumber": "f/{}", "ISOSpeedRatings": "ISO {}", "FocalLength": "{} mm"}


def exif_notes(exif: bytes) -> Iterator[ProvenanceNote]:
    """Notes from a TIFF structure; none from a damaged one."""
    main, photo = _fields(exif)
    camera = " ".join(_texts(main, "Make", "Model"))
    taken = " ".join(_texts(photo, "DateTimeOriginal"))
    if camera:
        said = [camera, taken, *(form.format(photo[name]) for name, form in _EXPOSURE.items() if name in photo)]
        yield ProvenanceNote.of("EXIF", _CAMERA, ", ".join(filter(None, said)))
    if program := " ".join(_texts(main, "Software")):
        yield ProvenanceNote.of("EXIF", _PROGRAM, program)


def user_comment(exif: bytes) -> str:
    """The comment in EXIF, where web interfaces of Stable Diffusion leave their parameters in a JPEG."""
    comment = _fields(exif)[1].get("UserComment", b"")
    if not isinstance(comment, bytes):
        return str(comment)
    code, text = comment[:8], comment[8:]
    return text.decode("utf-16-be" if code.startswith(b"UNICODE") else "latin-1", "replace").strip("\0 ")


def _fields(exif: bytes) -> tuple[dict[str, Any], dict[str, Any]]:
    """The main fields and those of the photograph, by their names."""
    read = Image.Exif()
    with quiet():
        try:
            read.load(exif)
            main, photo = dict(read), dict(read.get_ifd(ExifTags.IFD.Exif))
        except Exception:  # Pillow raises a dozen kinds; damaged EXIF says nothing
            return {}, {}
    return _named(main), _named(photo)


def _named(fields: dict[int, Any]) -> dict[str, Any]:
    return {ExifTags.TAGS.get(tag, str(tag)): value for tag, value in fields.items()}


def _texts(fields: dict[str, Any], *names: str) -> Iterator[str]:
    for name in names:
        text = str(fields.get(name, "")).strip("\0 ")
        if text:
            yield text
