"""Small random models of the real classes, saved as a suite: for tests of plumbing, offline and in seconds.

>>> from pathlib import Path
>>> import tempfile
>>> from unprompt.instruments import Suite
>>> suite = Suite.load(save_fake_suite(Path(tempfile.mkdtemp())))
>>> suite.fake, suite.encoder.width
(True, 16)

What they say means nothing; ``fake = true`` in the suite's file keeps it from becoming a verdict.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from transformers import (
    BertTokenizer,
    BlipConfig,
    BlipForConditionalGeneration,
    CLIPConfig,
    CLIPModel,
    CLIPTextConfig,
    CLIPTextModel,
    CLIPTokenizer,
)

from unprompt.instruments.loading import quietly
from unprompt.instruments.stylegan import StyleGanJudge
from unprompt.testing.fake_grounders import save_fake_owlv2

with quietly():  # See stable_diffusion.py.
    from diffusers import AutoencoderKL, DDIMScheduler, UNet2DConditionModel

SIDE = 32
"""Height and width in pixels of what the fake captioner and encoder see, and of what the fake diffusion draws."""
CONTEXT = 16
"""Longest text in tokens."""

WORDS = ["a", "red", "green", "blue", "ball", "cube", "cone", "on", "wood", "sand", "grass", "and"]
LAYERS: dict[str, Any] = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 3, "num_attention_heads": 2}
VISION = {**LAYERS, "image_size": SIDE, "patch_size": 8, "initializer_range": 0.02}  # BLIP says 1e-10.

_SUITE = """\
name = "fake"
title = "Random numbers"
description = "Tiny models with random weights, for tests of plumbing. Their verdicts mean nothing."
version = "1"
fake = true

[instruments.captioner]
class = "blip"
path = "captioner"
parameters = { max_new_tokens = 6 }

[instruments.encoder]
class = "clip"
path = "encoder"

[instruments.vision]
class = "clip-vision"
path = "encoder"

[instruments.diffusion]
class = "stable-diffusion"
path = "diffusion"
parameters = { side = 32, steps = 2 }

[instruments.grounder]
class = "owlv2"
path = "grounder"
parameters = { trunk = "encoder" }

[instruments.perceptual]
class = "clip-perceptual"
path = "encoder"

[instruments.discriminator]
class = "stylegan-discriminator"
path = "discriminator"

[generators.sibling]
class = "stable-diffusion"
path = "sibling"
candidate = true
parameters = { side = 32, steps = 2 }
"""


def save_fake_suite(folder: Path | str, seed: int = 0, width: int = 16) -> Path:
    """Write the models and ``suite.toml`` into a folder, and return it.

    The same seed gives the same weights; the caller's random state is left as it was.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    with torch.random.fork_rng(devices=[]), quietly():
        torch.manual_seed(seed)
        save_blip(folder / "captioner")
        save_clip(folder / "encoder", width)
        save_stable_diffusion(folder / "diffusion")
        save_stable_diffusion(folder / "sibling", (16, 24, 24))
        save_fake_owlv2(folder / "grounder", folder / "encoder")
        save_stylegan(folder / "discriminator")
    (folder / "suite.toml").write_text(_SUITE, "utf-8")
    return folder


def save_blip(folder: Path) -> None:
    """A BLIP that says words of the list."""
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "[DEC]"]
    tokenizer = BertTokenizer(
        vocab={word: number for number, word in enumerate([*special, *WORDS])},
        bos_token="[DEC]",
        model_max_length=CONTEXT,
    )
    text = {
        **LAYERS,
        "encoder_hidden_size": 16,
        "vocab_size": len(tokenizer),
        "max_position_embeddings": CONTEXT,
        "bos_token_id": tokenizer.bos_token_id,
        "eos_token_id": tokenizer.sep_token_id,
        "sep_token_id": tokenizer.sep_token_id,
        "pad_token_id": tokenizer.pad_token_id,
    }
    model = BlipForConditionalGeneration(BlipConfig(text_config=text, vision_config=VISION, projection_dim=16))
    spread(model, 8).text_decoder.cls.predictions.bias.data[: len(special)] = -99  # It is to say words.
    save(model, folder)
    tokenizer.save_pretrained(folder)


def save_clip(folder: Path, width: int = 16) -> None:
    """A CLIP of two transformers, whose joint space has ``width`` dimensions."""
    tokenizer = clip_tokenizer()
    text = text_config(tokenizer)
    vision = {**VISION, "projection_dim": width}
    save(spread(CLIPModel(CLIPConfig(text_config=text.to_dict(), vision_config=vision, projection_dim=width))), folder)
    tokenizer.save_pretrained(folder)


def save_stable_diffusion(folder: Path, blocks: tuple[int, int, int] = (16, 32, 32), **unet_options: Any) -> None:
    """Every part of a checkpoint; ``blocks`` are its widths, ``unet_options`` further ones of its UNet."""
    tokenizer = clip_tokenizer()
    downs, ups = ("DownEncoderBlock2D",) * 3, ("UpDecoderBlock2D",) * 3
    save(
        AutoencoderKL(
            down_block_types=downs, up_block_types=ups, block_out_channels=blocks, norm_num_groups=8, sample_size=SIDE
        ),
        folder / "vae",
    )
    unet = UNet2DConditionModel(
        sample_size=SIDE // 4,  # The autoencoder halves twice.
        layers_per_block=1,
        attention_head_dim=8,
        norm_num_groups=8,
        **{
            "block_out_channels": blocks[:2],
            "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D"),
            "up_block_types": ("CrossAttnUpBlock2D", "UpBlock2D"),
            "cross_attention_dim": 16,
            **unet_options,
        },
    )
    save(unet, folder / "unet")
    save(spread(CLIPTextModel(text_config(tokenizer))), folder / "text_encoder")
    tokenizer.save_pretrained(folder / "tokenizer")
    DDIMScheduler(
        beta_start=0.00085,
        beta_end=0.012,
        beta_schedule="scaled_linear",
        clip_sample=False,
        set_alpha_to_one=False,
        steps_offset=1,
    ).save_pretrained(folder / "scheduler")


def save_stylegan(folder: Path) -> None:
    """A discriminator of four feature maps."""
    sizes = {"resolution": SIDE, "fmap_base": 4 * SIDE, "fmap_max": 4}
    folder.mkdir(parents=True, exist_ok=True)
    save_file(StyleGanJudge(**sizes).state_dict(), folder / "model.safetensors")
    (folder / "config.json").write_text(json.dumps(sizes), "utf-8")


def clip_tokenizer() -> CLIPTokenizer:
    """Reads the words of the list, at most CONTEXT tokens."""
    tokenizer: CLIPTokenizer = CLIPTokenizer().train_new_from_iterator(
        [" ".join(WORDS)], vocab_size=600, show_progress=False
    )
    tokenizer.model_max_length = CONTEXT
    return tokenizer


def text_config(tokenizer: CLIPTokenizer) -> CLIPTextConfig:
    """A text transformer for that tokenizer."""
    return CLIPTextConfig(
        **LAYERS,
        vocab_size=len(tokenizer),
        max_position_embeddings=CONTEXT,
        projection_dim=16,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )


def spread(model: Any, factor: int = 4) -> Any:
    """Wider weights than an initialisation has, so that different inputs give clearly different outputs."""
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(factor if parameter.ndim > 1 else 1)
    return model


def save(model: Any, folder: Path) -> None:
    """As safetensors."""
    model.save_pretrained(folder, safe_serialization=True)
