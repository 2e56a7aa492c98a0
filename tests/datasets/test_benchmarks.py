"""The published benchmarks: what each place in their trees tells, and what is said of a wrong root."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from unprompt.datasets import NAMES, load, partners
from unprompt.datasets.forensynths import GENERATORS as FORENSYNTHS
from unprompt.datasets.genimage import GENERATORS as GENIMAGE
from unprompt.errors import DataError, UnreadablePicture
from unprompt.images import read

INNER = {
    "Midjourney": "imagenet_midjourney",
    "stable_diffusion_v_1_4": "imagenet_ai_0419_sdv4",
    "stable_diffusion_v_1_5": "imagenet_ai_0424_sdv5",
    "ADM": "imagenet_ai_0508_adm",
    "glide": "imagenet_glide",
    "wukong": "imagenet_ai_0424_wukong",
    "VQDM": "imagenet_ai_0419_vqdm",
    "BigGAN": "imagenet_ai_0419_biggan",
}
LSUN = [
    "airplane",
    "bicycle",
    "bird",
    "boat",
    "bottle",
    "bus",
    "car",
    "cat",
    "chair",
    "cow",
    "diningtable",
    "dog",
    "horse",
    "motorbike",
    "person",
    "pottedplant",
    "sheep",
    "sofa",
    "train",
    "tvmonitor",
]


def facts(spec: str) -> dict[str, tuple[object, ...]]:
    """Path below the root -> label, generator, split, content of every sample of a specification."""
    samples = load(spec)
    assert [one.uri for one in samples] == sorted((one.uri for one in samples), key=lambda uri: uri.split(os.sep))
    root = Path(os.path.commonpath([os.path.dirname(one.uri) for one in samples]))
    while root.name != "root":
        root = root.parent
    return {os.path.relpath(one.uri, root): (one.label, one.generator, one.split, one.content) for one in samples}


# GenImage


@pytest.fixture
def genimage(grow):
    sd, adm = "stable_diffusion_v_1_4/imagenet_ai_0419_sdv4", "ADM/imagenet_ai_0508_adm"
    return grow(
        [
            f"{sd}/train/ai/000_sdv4_00001.png",
            f"{sd}/train/ai/000_sdv4_00002.png",
            f"{sd}/train/nature/n01440764_10026.JPEG",
            f"{sd}/train/nature/n01440764_10030.JPEG",
            f"{sd}/val/nature/ILSVRC2012_val_00000293.JPEG",
            f"{adm}/train/nature/n01440764_10030.JPEG",
            f"{adm}/val/ai/7_adm_26.PNG",
            "glide/imagenet_glide/val/ai/GLIDE_1000_200_01_109_glide_00035.png",
            "Midjourney/imagenet_midjourney/val/ai/112_midjourney_23.png",
        ],
        empty=[f"{sd}/val/ai/033_sdv4_00152.png"],
        cut=[f"{sd}/val/ai/034_sdv4_00007.png"],
        swapped=[f"{adm}/val/nature/ILSVRC2012_val_00000294.JPEG"],
        beside=["README.md", "ADM/imagenet_ai_0508_adm.z01", f"{sd}/checksums.txt"],
    )


def test_genimage_as_its_archives_unpack(genimage):
    sd, adm = "stable_diffusion_v_1_4/imagenet_ai_0419_sdv4", "ADM/imagenet_ai_0508_adm"
    sd14 = "stable_diffusion_v_1_4"
    assert facts(f"genimage:{genimage}") == {
        f"{adm}/train/nature/n01440764_10030.JPEG": (0, "ADM", "validation", "n01440764"),
        f"{adm}/val/ai/7_adm_26.PNG": (1, "ADM", "test", "7"),
        f"{adm}/val/nature/ILSVRC2012_val_00000294.JPEG": (0, "ADM", "test", ""),
        "Midjourney/imagenet_midjourney/val/ai/112_midjourney_23.png": (1, "Midjourney", "test", "112"),
        "glide/imagenet_glide/val/ai/GLIDE_1000_200_01_109_glide_00035.png": (1, "glide", "test", "109"),
        f"{sd}/train/ai/000_sdv4_00001.png": (1, sd14, "train", "0"),
        f"{sd}/train/ai/000_sdv4_00002.png": (1, sd14, "validation", "0"),
        f"{sd}/train/nature/n01440764_10026.JPEG": (0, sd14, "train", "n01440764"),
        f"{sd}/train/nature/n01440764_10030.JPEG": (0, sd14, "validation", "n01440764"),
        f"{sd}/val/ai/033_sdv4_00152.png": (1, sd14, "test", "33"),
        f"{sd}/val/ai/034_sdv4_00007.png": (1, sd14, "test", "34"),
        f"{sd}/val/nature/ILSVRC2012_val_00000293.JPEG": (0, sd14, "test", ""),
    }


def test_genimage_never_prompts_with_a_class(genimage):
    assert {one.prompt for one in load(f"genimage:{genimage}")} == {""}


def test_damaged_files_are_samples_and_reading_tells(genimage):
    told = {}
    for sample in load(f"genimage:{genimage}"):
        try:
            told[Path(sample.uri).name] = read(Path(sample.uri), sample.uri).format
        except UnreadablePicture as error:
            told[Path(sample.uri).name] = str(error)
    assert "033_sdv4_00152.png: not a picture: an empty file of 0 bytes" in told["033_sdv4_00152.png"]
    assert "034_sdv4_00007.png: damaged or truncated PNG" in told["034_sdv4_00007.png"]
    assert told["ILSVRC2012_val_00000294.JPEG"] == "PNG"
    assert (told["7_adm_26.PNG"], told["ILSVRC2012_val_00000293.JPEG"]) == ("PNG", "JPEG")


@pytest.mark.parametrize("outer", GENIMAGE)
@pytest.mark.parametrize("form", ["{outer}/{inner}/val/ai", "{outer}/val/ai", "{inner}/val/ai", "test/{outer}/1_fake"])
def test_genimage_in_every_form(grow, outer, form):
    path = form.format(outer=outer, inner=INNER[outer]) + "/a.png"
    assert facts(f"genimage:{grow([path])}") == {path: (1, outer, "test", "")}


def test_genimage_repackaged_spells_glide_otherwise(grow):
    root = grow(["test/Glide/1_fake/a.png", "test/Glide/0_real/b.jpg"])
    assert [one.generator for one in load(f"genimage:{root}")] == ["glide", "glide"]


@pytest.mark.parametrize(
    ("tail", "names"),
    [
        ("stable_diffusion_v_1_4", ["sdv4_00001", "sdv4_00002", "10026", "10030", "00152", "00007", "00000293"]),
        ("sdv1.4/train", ["sdv4_00001", "10026"]),
        ("SDv1.4/validation", ["sdv4_00002", "10030"]),
        ("ADM/test", ["7_adm_26", "00000294"]),
        ("train", ["sdv4_00001", "10026"]),
        ("Midjourney/imagenet_midjourney", ["midjourney_23"]),
    ],
)
def test_a_generator_and_a_split_are_chosen_by_the_tail(genimage, tail, names):
    found = [Path(one.uri).stem for one in load(f"genimage:{genimage}/{tail}")]
    assert len(found) == len(names)
    assert all(one.endswith(name) for one, name in zip(found, names, strict=True))


# ForenSynths


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("train/airplane/0_real/a.png", (0, "progan", "train", "airplane")),
        ("train/train/1_fake/a.png", (1, "progan", "train", "train")),
        ("val/train/1_fake/a.png", (1, "progan", "validation", "train")),
        ("train/progan/cat/1_fake/a.png", (1, "progan", "train", "cat")),
        ("val/progan/train/0_real/a.png", (0, "progan", "validation", "train")),
        ("test/progan/train/1_fake/a.png", (1, "progan", "test", "train")),
        ("test/cyclegan/horse/0_real/a.png", (0, "cyclegan", "test", "horse")),
        ("test/biggan/1_fake/a.png", (1, "biggan", "test", "")),
        ("test/whichfaceisreal/0_real/a.jpeg", (0, "whichfaceisreal", "test", "")),
        ("test/deepfake/0_real/a.png", (0, "deepfake", "test", "")),
        ("test/infogan/1_fake/a.png", (1, "infogan", "test", "")),
        ("CNN_synth_testset/san/1_fake/a.png", (1, "san", "test", "")),
        ("stylegan2/train/1_fake/a.png", (1, "stylegan2", "test", "train")),
    ],
)
def test_forensynths_of_both_depths(grow, path, expected):
    root = grow([path, "test/crn/1_fake/z.png"])
    assert facts(f"forensynths:{root}")[path] == expected


def test_forensynths_with_twenty_classes_and_thirteen_generators(grow):
    trained = [f"{split}/{name}/{label}/0.png" for split in ("train", "val") for name in LSUN for label in LABELS]
    deep = [f"test/{name}/cat/{label}/0.png" for name in FORENSYNTHS[:4] for label in LABELS]
    flat = [f"test/{name}/{label}/0.png" for name in FORENSYNTHS[4:] for label in LABELS]
    root = grow([*trained, *deep, *flat])
    found = load(f"forensynths:{root}")
    assert len(found) == 2 * (40 + 13)
    assert {one.content for one in found if one.split == "train"} == set(LSUN)
    assert {one.generator for one in found if one.split == "test"} == set(FORENSYNTHS)
    four = load(f"forensynths4:{root}")
    assert {one.content for one in four if one.split == "train"} == {"car", "cat", "chair", "horse"}
    assert [one for one in four if one.split == "test"] == [one for one in found if one.split == "test"]
    assert len(load(f"forensynths:{root}/stylegan/test")) == 2
    assert len(load(f"forensynths:{root}/val")) == 40


LABELS = ("0_real", "1_fake")


def test_a_place_that_tells_nothing_is_an_error(grow):
    root = grow(["airplane/0_real/a.png", "test/progan/cat/1_fake/a.png"])
    words = "airplane/0_real/a.png: its folders do not tell its generator and split; expected {train,val}/[progan/]"
    with pytest.raises(DataError, match=re.escape(words)):
        load(f"forensynths:{root}")


# UniversalFakeDetect


@pytest.fixture
def universal(grow):
    seven = ["ldm_200", "ldm_200_cfg", "ldm_100", "glide_100_27", "glide_50_27", "glide_100_10", "dalle"]
    fakes = [f"{name}/1_fake/0.png" for name in ("guided", *seven)]
    return grow([*fakes, "imagenet/0_real/0.jpg", "laion/0_real/0.jpg", "progan/cat/0_real/0.png"])


def test_universal_counts_a_shared_real_picture_once(universal):
    found = facts(f"universal:{universal}")
    assert len(found) == 11
    assert found["laion/0_real/0.jpg"] == (0, "laion", "test", "")
    assert found["ldm_200_cfg/1_fake/0.png"] == (1, "ldm_200_cfg", "test", "")
    assert found["progan/cat/0_real/0.png"] == (0, "progan", "test", "cat")


@pytest.mark.parametrize(("name", "partner"), [("guided", "imagenet"), ("dalle", "laion"), ("ldm_200_cfg", "laion")])
def test_universal_pairs_by_its_table(universal, name, partner):
    assert [one.generator for one in load(f"universal:{universal}/{name}")] == sorted([name, partner])
    assert partners(name, ["imagenet", "laion", "progan"]) == {partner}


# DiffusionForensics


def test_diffusionforensics_as_published(grow):
    root = grow(
        [
            "images/train/lsun_bedroom/real/0.jpg",
            "images/train/lsun_bedroom/adm/0.png",
            "images/test/lsun_bedroom/diff-stylegan/0.png",
            "images/test/imagenet/real/n01440764/0.JPEG",
            "images/test/imagenet/adm/n01440764/0.png",
            "images/val/celebahq/sdv2/0.png",
            "images/val/celebahq/real/0.jpg",
        ],
        beside=["recons/test/imagenet/real/n01440764/0.png", "dire/test/imagenet/adm/0.png", "images/notes.txt"],
    )
    assert facts(f"diffusionforensics:{root}") == {
        "images/test/imagenet/adm/n01440764/0.png": (1, "adm", "test", "imagenet"),
        "images/test/imagenet/real/n01440764/0.JPEG": (0, "imagenet", "test", "imagenet"),
        "images/test/lsun_bedroom/diff-stylegan/0.png": (1, "diff-stylegan", "test", "lsun_bedroom"),
        "images/train/lsun_bedroom/adm/0.png": (1, "adm", "train", "lsun_bedroom"),
        "images/train/lsun_bedroom/real/0.jpg": (0, "lsun_bedroom", "train", "lsun_bedroom"),
        "images/val/celebahq/real/0.jpg": (0, "celebahq", "validation", "celebahq"),
        "images/val/celebahq/sdv2/0.png": (1, "sdv2", "validation", "celebahq"),
    }
    chosen = load(f"diffusionforensics:{root}/sdv2")
    assert [one.generator for one in chosen] == ["celebahq", "sdv2"]
    assert [one.content for one in load(f"diffusionforensics:{root}/adm/test")] == ["imagenet", "imagenet"]


def test_diffusionforensics_repackaged(grow):
    root = grow(["test/adm/0_real/0.png", "test/adm/1_fake/0.png", "stylegan_official/1_fake/0.png"])
    assert facts(f"diffusionforensics:{root}") == {
        "stylegan_official/1_fake/0.png": (1, "stylegan_official", "test", ""),
        "test/adm/0_real/0.png": (0, "adm", "test", ""),
        "test/adm/1_fake/0.png": (1, "adm", "test", ""),
    }


# DRCT-2M and WildRF


def test_drct_carves_by_the_coco_id_and_leaves_reconstructions(grow):
    root = grow(
        [
            *(f"MSCOCO/train2017/{number:012d}.jpg" for number in (37, 38)),
            *(f"DRCT-2M/sdxl-turbo/train2017/{number:012d}.png" for number in (37, 38)),
            "DRCT-2M/stable-diffusion-v1-4/val2017/000000000139.jpg",
            "MSCOCO/val2017/000000000139.jpg",
        ],
        beside=["DR/DRCT-2M/sdxl-turbo/full_inpainting/train2017/000000000037.png", "DRCT-2M/README.md"],
    )
    sd = "stable-diffusion-v1-4"
    assert facts(f"drct:{root}") == {
        f"DRCT-2M/{sd}/val2017/000000000139.jpg": (1, sd, "test", "000000000139"),
        "DRCT-2M/sdxl-turbo/train2017/000000000037.png": (1, "sdxl-turbo", "train", "000000000037"),
        "DRCT-2M/sdxl-turbo/train2017/000000000038.png": (1, "sdxl-turbo", "validation", "000000000038"),
        "MSCOCO/train2017/000000000037.jpg": (0, "MSCOCO", "train", "000000000037"),
        "MSCOCO/train2017/000000000038.jpg": (0, "MSCOCO", "validation", "000000000038"),
        "MSCOCO/val2017/000000000139.jpg": (0, "MSCOCO", "test", "000000000139"),
    }
    assert len(load(f"drct:{root}/{sd}/test")) == 2


def test_wildrf_names_the_platform(grow):
    paths = ["train/0_real/0.jpg", "val/1_fake/0.jpg", "test/facebook/0_real/0.jpg", "test/twitter/1_fake/0.png"]
    assert list(facts(f"wildrf:{grow(paths)}").values()) == [
        (0, "facebook", "test", ""),
        (1, "twitter", "test", ""),
        (0, "reddit", "train", ""),
        (1, "reddit", "validation", ""),
    ]


# Whatever the benchmark

PUBLISHED = [name for name in NAMES if name not in ("folder", "manifest", "huggingface", "forensynths4", "miniature")]


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_wrong_root_says_where_what_and_what_else(grow, name):
    root = grow(["holiday/a.png", "cats/b.png"])
    words = rf"{name}: looked in '{root}'; found .*, and the folders cats, holiday; expected .*: give {name}:ROOT\["
    with pytest.raises(DataError, match=words):
        load(f"{name}:{root}")


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_root_that_is_not_there_names_the_nearest_folder(grow, name):
    root = grow(["holiday/a.png"])
    words = rf"{name}: looked for '{root}/none/other'; found no such choice; '{root}' holds holiday; expected .*ROOT"
    with pytest.raises(DataError, match=words):
        load(f"{name}:{root}/none/other")


def test_real_pictures_alone_are_no_benchmark(grow):
    root = grow(["MSCOCO/val2017/000000000139.jpg"])
    words = "drct: looked in .*found no generated picture where one belongs, and the folders MSCOCO; expected MSCOCO/"
    with pytest.raises(DataError, match=words):
        load(f"drct:{root}")


def test_a_generator_that_the_tree_lacks_is_told(genimage):
    with pytest.raises(
        DataError, match=r"looked for '.*/wukong'; found no such choice; '.*root' holds ADM, Midjourney"
    ):
        load(f"genimage:{genimage}/wukong")


@pytest.mark.parametrize("name", PUBLISHED)
def test_every_card_tells_source_licence_sizes_and_splits(name):
    card = NAMES[name].__doc__ or ""
    for word in ("- Source:", "Licence:", "- Sizes:"):
        assert word in card
    assert "plit" in card.split("\n", 1)[1]


def test_partners_are_own_then_shared_then_all():
    assert partners("progan", ["progan", "laion"]) == {"progan"}
    assert partners("sdxl-turbo", ["MSCOCO", "laion"]) == {"MSCOCO"}
    assert partners("adm", ["imagenet", "celebahq", "laion"]) == {"imagenet", "celebahq"}
    assert partners("my-model", ["coco", "ffhq"]) == {"coco", "ffhq"}
