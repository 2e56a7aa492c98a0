"""What files say of their origin, in plain words; nothing of it is believed, and nothing damaged ends a run."""

from __future__ import annotations

import io
import struct
import sys
import zlib
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import ExifTags, Image, PngImagePlugin

from unprompt.provenance import ProvenanceNote, find_provenance
from unprompt.provenance.note import LONGEST

PARAMETERS = "a red ball\nNegative prompt: blue\nSteps: 20, Sampler: Euler a, CFG scale: 7, Seed: 1"
PACKET = (
    '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:Description Iptc4xmpExt:DigitalSourceType='
    '"http://cv.iptc.org/newscodes/digitalsourcetype/{}"/></x:xmpmeta>'
)


def saved(form: str, **options: Any) -> bytes:
    file = io.BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (30, 40, 3), np.uint8)).save(file, form, **options)
    return file.getvalue()


def camera() -> Image.Exif:
    exif = Image.Exif()
    exif[ExifTags.Base.Make], exif[ExifTags.Base.Model], exif[ExifTags.Base.Software] = "Acme", "C-1", "Darkroom 2"
    photo = exif.get_ifd(ExifTags.IFD.Exif)
    photo[ExifTags.Base.DateTimeOriginal], photo[ExifTags.Base.FNumber] = "2026:01:02 03:04:05", 2.8
    photo[ExifTags.Base.ISOSpeedRatings] = 200
    return exif


def texts(**pairs: str) -> PngImagePlugin.PngInfo:
    info = PngImagePlugin.PngInfo()
    for name, text in pairs.items():
        info.add_text(name, text)
    return info


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_a_camera_is_named_and_not_believed(form: str) -> None:
    details = "" if form == "TIFF" else ", 2026:01:02 03:04:05, f/2.8, ISO 200"  # Pillow leaves them out of a TIFF
    made, program = find_provenance(saved(form, exif=camera()))
    assert made.source == "EXIF"
    assert made.value == f"Acme C-1{details}"
    assert "can be copied or made up" in made.words
    assert program == ProvenanceNote("EXIF", "The program that wrote the file, by its own word", "Darkroom 2")


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("trainedAlgorithmicMedia", "The file says of itself: made with generative AI"),
        ("digitalCapture", "The file says of itself: taken with a camera"),
        ("dream", "The file says of itself: a kind of source that is not on the list known here"),
    ],
)
def test_the_digital_source_type_in_words(form: str, code: str, words: str) -> None:
    packet = PACKET.format(code).encode()
    if form == "PNG":
        info = PngImagePlugin.PngInfo()
        info.add_itxt("XML:com.adobe.xmp", packet.decode(), zip=code == "dream")
        data = saved(form, pnginfo=info)
    elif form == "TIFF":
        data = saved(form, tiffinfo={700: packet})
    else:
        data = saved(form, xmp=packet)
    assert find_provenance(data) == (ProvenanceNote("IPTC", words, code),)


@pytest.mark.parametrize(
    ("name", "text", "program"),
    [
        ("parameters", PARAMETERS, "a web interface of Stable Diffusion"),
        ("prompt", '{"3": {"class_type": "KSampler"}}', "ComfyUI"),
        ("invokeai_metadata", '{"seed": 1}', "InvokeAI"),
    ],
)
def test_parameters_of_generators(name: str, text: str, program: str) -> None:
    (note,) = find_provenance(saved("PNG", pnginfo=texts(**{name: text, "Title": "holiday"})))
    assert note.source == f"PNG text “{name}”"
    assert note.words == f"It holds what {program} writes into the pictures that it generates"
    assert note.value == " ".join(text.split())


def test_a_program_of_generators_is_named() -> None:
    (note,) = find_provenance(saved("PNG", pnginfo=texts(Software="NovelAI")))
    assert (note.words, note.value) == ("It names a program that generates pictures", "NovelAI")
    assert find_provenance(saved("PNG", pnginfo=texts(Software="Darkroom"))) == ()


@pytest.mark.parametrize("code", [b"UNICODE\0" + PARAMETERS.encode("utf-16-be"), b"ASCII\0\0\0" + PARAMETERS.encode()])
def test_parameters_in_a_jpeg(code: bytes) -> None:
    exif = Image.Exif()
    exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.UserComment] = code
    (note,) = find_provenance(saved("JPEG", exif=exif))
    assert (note.source, note.value) == ("EXIF comment", " ".join(PARAMETERS.split()))
    exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.UserComment] = b"ASCII\0\0\0holiday, 20 Steps: up"
    assert find_provenance(saved("JPEG", exif=exif)) == ()


def test_long_texts_are_cut_and_bombs_are_not_unpacked() -> None:
    (note,) = find_provenance(saved("PNG", pnginfo=texts(parameters="x" * 9999)))
    assert (len(note.value), note.value[-1]) == (LONGEST, "…")
    body = b"parameters\0\0" + zlib.compress(bytes(100_000_000), 9)
    chunk = struct.pack(">I", len(body)) + b"zTXt" + body + struct.pack(">I", zlib.crc32(b"zTXt" + body))
    data = saved("PNG")
    assert len(find_provenance(data[:33] + chunk + data[33:])) == 1


def test_files_without_any_say_nothing() -> None:
    assert all(find_provenance(saved(form)) == () for form in ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF"))
    assert find_provenance(b"") == find_provenance(b"no picture") == ()


WHOLE = [saved("JPEG", exif=camera()), saved("PNG", pnginfo=texts(parameters=PARAMETERS)), saved("WEBP", exif=camera())]


CHANGES = st.lists(st.tuples(st.integers(0, 600), st.integers(0, 255)), max_size=9)


@given(st.sampled_from(WHOLE), CHANGES, st.integers(0))
def test_damage_ends_nothing(data: bytes, changes: list[tuple[int, int]], cut: int) -> None:
    damaged = bytearray(data)
    for place, value in changes:
        damaged[place] = value
    for note in find_provenance(bytes(damaged[: cut % len(damaged)])):
        assert len(note.value) <= LONGEST


def signed() -> bytes:
    """A PNG with Content Credentials of a signer whom nobody knows."""
    c2pa = pytest.importorskip("c2pa", reason="Content Credentials need: pip install 'unprompt[c2pa]'")
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

    root, leaf = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())

    def certificate(name: str, key: Any, authority: bool) -> bytes:
        kinds = x509.NameOID.COMMON_NAME, x509.NameOID.ORGANIZATION_NAME
        called = [x509.Name([x509.NameAttribute(kind, one) for kind in kinds]) for one in (name, "Root")]
        usage = x509.KeyUsage(not authority, False, False, False, False, authority, authority, False, False)
        made = (
            x509.CertificateBuilder(*reversed(called), key.public_key(), x509.random_serial_number())
            .not_valid_before(datetime.now() - timedelta(2))
            .not_valid_after(datetime.now() + timedelta(9))
            .add_extension(x509.BasicConstraints(authority, None), True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(root.public_key()), False)
            .add_extension(usage, True)
        )
        if not authority:
            made = made.add_extension(x509.ExtendedKeyUsage([x509.ExtendedKeyUsageOID.EMAIL_PROTECTION]), False)
        return made.sign(root, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)

    def sign(data: bytes) -> bytes:
        return b"".join(
            one.to_bytes(32, "big") for one in decode_dss_signature(leaf.sign(data, ec.ECDSA(hashes.SHA256())))
        )

    chain = certificate("Test Press", leaf, False) + certificate("Root", root, True)
    generated = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
    actions = {"actions": [{"action": "c2pa.created", "digitalSourceType": generated}]}
    manifest = {
        "claim_generator_info": [{"name": "Test Generator", "version": "1"}],
        "assertions": [{"label": "c2pa.actions.v2", "data": actions}],
    }
    file = io.BytesIO()
    signer = c2pa.Signer.from_callback(sign, c2pa.C2paSigningAlg.ES256, chain.decode())
    c2pa.Builder(manifest).sign(signer, "image/png", io.BytesIO(saved("PNG")), file)
    return file.getvalue()


def test_content_credentials_are_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    data = signed()
    signature, step, *_ = find_provenance(data)
    assert signature.source == "Content Credentials"
    assert "Signed by Test Press, who is on no list of trusted signers here; the file is unchanged" in signature.words
    assert signature.value == "Test Generator 1"
    assert (step.words, step.value) == ("The signer says of a step, made with generative AI", "c2pa.created")
    changed = bytearray(data)
    changed[-30] ^= 1
    assert "Signed by Test Press, but the signature does not fit" in find_provenance(bytes(changed))[0].words
    assert find_provenance(data[: len(data) // 2])[0].source == "Content Credentials"
    monkeypatch.setitem(sys.modules, "c2pa", None)
    assert "pip install 'unprompt[c2pa]'" in find_provenance(data)[0].words
