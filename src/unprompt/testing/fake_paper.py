"""The suite ``fake``: small random models of the classes that the suite ``paper`` names, made at its first use."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Collection
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import WhitespaceSplit
from transformers import (
    Blip2Config,
    Blip2ForConditionalGeneration,
    CLIPTextModel,
    CLIPTextModelWithProjection,
    ConvNextConfig,
    ConvNextModel,
    LlavaNextConfig,
    LlavaNextForConditionalGeneration,
    PreTrainedTokenizerFast,
    ResNetConfig,
    ResNetForImageClassification,
    ResNetModel,
    SwinConfig,
    SwinModel,
)
from transformers.models.llava_next.image_processing_pil_llava_next import LlavaNextImageProcessorPil

from unprompt.errors import MissingExtra
from unprompt.instruments import lpips, open_clip
from unprompt.instruments.cache import cache_folder
from unprompt.instruments.loading import import_extra, quietly
from unprompt.instruments.shelf import FAKE, shipped
from unprompt.testing import fake_suite
from unprompt.testing.fake_grounders import save_fake_grounding_dino
from unprompt.testing.fake_suite import CONTEXT, LAYERS, SIDE, VISION, WORDS, save, spread

OPEN_CLIP = "".join(
    f'\n[methods.{method}.instruments.encoder]\nclass = "open-clip"\npath = "encoder-rn"\n'
    for method in ("semgir", "semgir-a", "defake")
)
"""What the suite's file says besides where open_clip can be imported."""
PERCEPTUAL, LPIPS = (
    f'[instruments.perceptual]\nclass = "{name}"\npath = "{path}"\n'
    for name, path in (("clip-perceptual", "encoder"), ("lpips", "perceptual"))
)
"""What it says, and what it says instead where lpips can be imported."""
EXTRAS = {"open_clip": "openclip", "lpips": "lpips"}
"""Packages that a part of the suite needs -> the extras that bring them."""
TRUNK = {0: (3, 64, 11), 3: (64, 192, 5), 6: (192, 384, 3), 8: (384, 256, 3), 10: (256, 256, 3)}
"""Convolutions of AlexNet by their places: channels in and out, side."""

with quietly():  # See stable_diffusion.py.
    from diffusers import UNet2DConditionModel

BACKBONE: dict[str, Any] = {"hidden_sizes": [8, 16], "depths": [1, 1], "embedding_size": 8, "layer_type": "basic"}
"""Sizes of the convolutional network."""

_SPECIAL = ["<s>", "</s>", "<pad>", "<unk>", "<image>"]
_TEMPLATE = (
    "{% for message in messages %}{% for part in message['content'] %}"
    "{% if part['type'] == 'image' %}<image>{% else %}{{ part['text'] }}{% endif %}{% endfor %}{% endfor %} a:"
)


def cached_fake_suite() -> Path:
    """The folder of the suite in the user's cache; made now if it is not there. Half a suite is never seen."""
    packages = tuple(filter(importable, EXTRAS))
    made_of = [Path(file).read_bytes() for file in (__file__, fake_suite.__file__, shipped(FAKE))]
    stamp = hashlib.sha256(b"".join([*made_of, version("torch").encode(), str(packages).encode()])).hexdigest()
    folder = cache_folder() / f"{FAKE}-{stamp[:12]}"
    if not folder.is_dir():
        folder.parent.mkdir(parents=True, exist_ok=True)
        aside = Path(tempfile.mkdtemp(prefix=f".{FAKE}-", dir=folder.parent))
        try:
            save_fake_paper(aside, packages=packages)
            os.rename(aside, folder)
        except OSError:
            if not folder.is_dir():  # Else another process was faster, with the same bytes.
                raise
        finally:
            shutil.rmtree(aside, ignore_errors=True)
    return folder


def save_fake_paper(folder: Path | str, seed: int = 0, packages: Collection[str] = ()) -> Path:
    """Write every model of the suite and its ``suite.toml`` into a folder, and return it.

    The same seed gives the same weights; the caller's random state is left as it was. ``packages`` are those of
    ``EXTRAS`` that it may be built on: open_clip gives SemGIR, SemGIR-A and DE-FAKE an encoder, lpips the distance.
    """
    folder = fake_suite.save_fake_suite(folder, seed)
    with torch.random.fork_rng(devices=[]), quietly():
        torch.manual_seed(seed + 1)
        save_blip2(folder / "captioner-2")
        save_llava_next(folder / "captioner-next")
        save_stable_diffusion_xl(folder / "diffusion-xl")
        save_fake_grounding_dino(folder / "grounder-dino", WORDS)
        save(ResNetModel(ResNetConfig(**BACKBONE)), folder / "backbone")
        save(ResNetForImageClassification(ResNetConfig(**BACKBONE)), folder / "classifier")
        save(
            ConvNextModel(ConvNextConfig(hidden_sizes=[8, 8, 16, 16], depths=[1, 1, 1, 1])),
            folder / "backbone-convnext",
        )
        save(
            SwinModel(SwinConfig(embed_dim=8, depths=[1, 1], num_heads=[2, 2], window_size=4)), folder / "backbone-swin"
        )
        save_flow(folder / "flow")
        save_alexnet(folder / "perceptual")
        if "open_clip" in packages:
            save_open_clip(folder / "encoder-rn")
    text = shipped(FAKE).read_text("utf-8")
    assert PERCEPTUAL in text
    text = text.replace(PERCEPTUAL, LPIPS) if "lpips" in packages else text
    (folder / "suite.toml").write_text(text + (OPEN_CLIP if "open_clip" in packages else ""), "utf-8")
    return folder


def importable(package: str) -> bool:
    """Whether a package of ``EXTRAS`` can be imported here."""
    try:
        import_extra(package, EXTRAS[package], "Tests")
    except MissingExtra:
        return False
    return True


def save_blip2(folder: Path) -> None:
    """A BLIP-2 whose language model is an OPT of two layers."""
    tokenizer = _tokenizer()
    width = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2}
    text = {
        "model_type": "opt",
        "hidden_size": 16,
        "word_embed_proj_dim": 16,
        "ffn_dim": 32,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "max_position_embeddings": 2 * CONTEXT,
        **_tokens(tokenizer),
    }
    config = Blip2Config(
        vision_config={**VISION, "qkv_bias": True},
        qformer_config={**width, "encoder_hidden_size": 16, "vocab_size": 8, "cross_attention_frequency": 1},
        text_config=text,
        num_query_tokens=4,
        image_token_index=tokenizer.get_vocab()["<image>"],
    )
    model = Blip2ForConditionalGeneration(config)
    torch.nn.init.normal_(model.query_tokens)  # They start at nought, where all pictures look alike.
    spread(model.qformer)
    spread(model.language_projection, 8)
    _of_words(model)
    save(spread(model, 6), folder)
    tokenizer.save_pretrained(folder)


def save_llava_next(folder: Path) -> None:
    """A LLaVA-NeXT of a CLIP tower and a Llama of three layers, with its tiles and a chat template."""
    tokenizer = _tokenizer()
    tokenizer.chat_template = _TEMPLATE
    grid = [[SIDE, 2 * SIDE], [2 * SIDE, SIDE], [2 * SIDE, 2 * SIDE]]
    text = {**LAYERS, "model_type": "llama", "max_position_embeddings": 512, **_tokens(tokenizer)}
    config = LlavaNextConfig(
        vision_config={**VISION, "model_type": "clip_vision_model", "projection_dim": 16},
        text_config=text,
        image_token_index=tokenizer.get_vocab()["<image>"],
        image_grid_pinpoints=grid,
    )
    save(spread(_of_words(LlavaNextForConditionalGeneration(config)), 6), folder)
    tokenizer.save_pretrained(folder)
    square = {"height": SIDE, "width": SIDE}
    tiles = LlavaNextImageProcessorPil(size={"shortest_edge": SIDE}, crop_size=square, image_grid_pinpoints=grid)
    tiles.save_pretrained(folder)
    stated = {"processor_class": "LlavaNextProcessor", "patch_size": VISION["patch_size"], "image_token": "<image>"}
    stated |= {"vision_feature_select_strategy": "default", "num_additional_image_tokens": 1}
    (folder / "processor_config.json").write_text(json.dumps(stated), "utf-8")


def save_stable_diffusion_xl(folder: Path) -> None:
    """An SDXL of the fake Stable Diffusion's sizes, whose UNet is conditioned on two texts and the picture's size."""
    reader = fake_suite.text_config(fake_suite.clip_tokenizer())
    more: dict[str, Any] = {
        "cross_attention_dim": 32,  # Both text encoders side by side.
        "addition_embed_type": "text_time",
        "addition_time_embed_dim": 8,
        "projection_class_embeddings_input_dim": 16 + 6 * 8,
        "use_linear_projection": True,
    }
    fake_suite.save_stable_diffusion(folder, **more)
    save(spread(CLIPTextModelWithProjection(reader)), folder / "text_encoder_2")
    fake_suite.clip_tokenizer().save_pretrained(folder / "tokenizer_2")


def save_flow(folder: Path) -> None:
    """A rectified flow on patches of 4 x 4 pixels, whose pictures are as large as the fake diffusion's."""
    unet = UNet2DConditionModel(
        sample_size=SIDE // 4,
        in_channels=3 * 4**2,
        out_channels=3 * 4**2,
        block_out_channels=(16, 16),
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        layers_per_block=1,
        attention_head_dim=8,
        norm_num_groups=8,
        cross_attention_dim=16,
    )
    save(unet, folder / "unet")
    save(spread(CLIPTextModel(fake_suite.text_config(fake_suite.clip_tokenizer()))), folder / "text_encoder")
    fake_suite.clip_tokenizer().save_pretrained(folder / "tokenizer")


def save_alexnet(folder: Path) -> None:
    """AlexNet's convolutions under torchvision's names, on which LPIPS puts the linear weights of its package."""
    weights: dict[str, torch.Tensor] = {}
    for place, (inwards, outwards, side) in TRUNK.items():
        layer = torch.nn.Conv2d(inwards, outwards, side)
        weights |= {f"features.{place}.{name}": value.detach() for name, value in layer.named_parameters()}
    folder.mkdir(parents=True, exist_ok=True)
    save_file(weights, folder / lpips.WEIGHTS)


def save_open_clip(folder: Path) -> None:
    """A residual CLIP of open_clip, with CLIP's own vocabulary."""
    package = import_extra("open_clip", "openclip", "CLIP RN50 and RN50x4")
    stated: dict[str, Any] = {
        "embed_dim": 16,
        "quick_gelu": True,
        "vision_cfg": {"image_size": 2 * SIDE, "layers": [1, 1, 1, 1], "width": 8, "patch_size": None},
        "text_cfg": {"context_length": CONTEXT, "vocab_size": 49408, "width": 16, "heads": 2, "layers": 1},
    }
    model = package.model.CLIP(**stated)
    for parameter in spread(model.visual, 2).parameters():
        if parameter.ndim == 1:  # Its blocks start as nothing, so that all pictures look alike.
            torch.nn.init.normal_(parameter)
    folder.mkdir(parents=True, exist_ok=True)
    save_file({name: tensor.contiguous() for name, tensor in model.state_dict().items()}, folder / open_clip.WEIGHTS)
    (folder / open_clip.CONFIG).write_text(json.dumps({"model_cfg": stated}), "utf-8")


def _tokenizer() -> PreTrainedTokenizerFast:
    """Reads the words of the list, so that what is said are words."""
    words = WordLevel({word: number for number, word in enumerate([*_SPECIAL, *WORDS])}, unk_token="<unk>")
    plain = Tokenizer(words)
    plain.pre_tokenizer = WhitespaceSplit()
    return PreTrainedTokenizerFast(
        tokenizer_object=plain,
        bos_token="<s>",
        eos_token="</s>",
        pad_token="<pad>",
        unk_token="<unk>",
        additional_special_tokens=["<image>"],
    )


def _of_words(model: Any) -> Any:
    """Special tokens score 0, which the best of the words passes."""
    with torch.no_grad():
        model.get_output_embeddings().weight[: len(_SPECIAL)] = 0
    return model


def _tokens(tokenizer: Any) -> dict[str, int]:
    return {
        "vocab_size": len(tokenizer),
        "bos_token_id": tokenizer.bos_token_id,
        "eos_token_id": tokenizer.eos_token_id,
        "pad_token_id": tokenizer.pad_token_id,
    }
