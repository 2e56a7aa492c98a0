"""Drawings of aMUSEd, on a tiny random model of 8 x 8 codes, against diffusers' own pipeline."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers import AmusedPipeline, AmusedScheduler, UVit2DModel, VQModel
from transformers import CLIPTextConfig, CLIPTextModelWithProjection, CLIPTokenizer

from unprompt.errors import OptionError
from unprompt.instruments import Suite
from unprompt.instruments.amused import Amused
from unprompt.instruments.cards import Origin
from unprompt.instruments.finite import NotFinite

from .test_flow import CAPTIONS, SEEDS

CODES = 16


@pytest.fixture(scope="module")
def pipeline(fake: Path) -> AmusedPipeline:
    tokenizer = CLIPTokenizer.from_pretrained(fake / "diffusion" / "tokenizer")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return AmusedPipeline(
            vqvae=VQModel(
                block_out_channels=(8, 8),
                down_block_types=("DownEncoderBlock2D",) * 2,
                up_block_types=("UpDecoderBlock2D",) * 2,
                latent_channels=4,
                num_vq_embeddings=CODES,
                norm_num_groups=4,
                lookup_from_codebook=True,
            ).eval(),
            tokenizer=tokenizer,
            text_encoder=CLIPTextModelWithProjection(
                CLIPTextConfig(
                    vocab_size=len(tokenizer),
                    hidden_size=16,
                    intermediate_size=32,
                    num_hidden_layers=2,
                    num_attention_heads=2,
                    max_position_embeddings=tokenizer.model_max_length,
                    projection_dim=16,
                )
            ).eval(),
            transformer=UVit2DModel(
                hidden_size=16,
                cond_embed_dim=16,
                micro_cond_encode_dim=4,
                micro_cond_embed_dim=20,
                encoder_hidden_size=16,
                vocab_size=CODES + 1,
                codebook_size=CODES,
                in_channels=16,
                block_out_channels=16,
                num_res_blocks=1,
                block_num_heads=2,
                num_hidden_layers=1,
                num_attention_heads=2,
                intermediate_size=32,
                sample_size=8,
            ).eval(),
            scheduler=AmusedScheduler(mask_token_id=CODES),
        )


@pytest.fixture(scope="module")
def folder(pipeline: AmusedPipeline, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("amused")
    # The codes of an untrained book are all alike: spread, they draw pictures that can be told apart.
    torch.nn.init.normal_(pipeline.vqvae.quantize.embedding.weight, generator=torch.Generator().manual_seed(1))
    pipeline.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def amused(folder: Path) -> Amused:
    return Amused(Origin(folder), steps=4, guidance=3.0).load()


@pytest.mark.parametrize("place", [0, 2, 3])
def test_a_drawing_is_that_of_the_pipeline(amused: Amused, pipeline: AmusedPipeline, place: int) -> None:
    pipeline.set_progress_bar_config(disable=True)
    drawn = amused.regenerate([CAPTIONS[place]], [SEEDS[place]])[0]
    noise = torch.Generator().manual_seed(SEEDS[place])
    expected = pipeline(
        CAPTIONS[place], num_inference_steps=4, guidance_scale=3.0, generator=noise, output_type="np"
    ).images[0]
    np.testing.assert_allclose(drawn, expected * 255, atol=1)
    assert drawn.std() > 1


def test_drawings_depend_on_caption_and_seed_alone(amused: Amused) -> None:
    made = amused.regenerate(CAPTIONS, SEEDS)
    assert {(rgb.shape, rgb.dtype) for rgb in made} == {((16, 16, 3), np.dtype(np.uint8))}
    np.testing.assert_array_equal(made[0], made[1])
    assert not np.array_equal(made[0], made[2])
    assert not np.array_equal(made[0], made[3])


def test_neighbours_move_no_drawing(folder: Path) -> None:
    several = Amused(Origin(folder), steps=4)
    several.batch_size = 3
    made, turned = several.regenerate(CAPTIONS, SEEDS), several.regenerate(CAPTIONS[::-1], SEEDS[::-1])[::-1]
    for first, second in zip(made, turned, strict=True):
        np.testing.assert_allclose(first.astype(int), second, atol=1)


def test_a_suite_names_it_as_a_further_generator(folder: Path) -> None:
    file = folder / "suite.toml"
    file.write_text('name = "far"\n[generators.m]\nclass = "amused"\npath = "."\nparameters = { steps = 2 }', "utf-8")
    made = Suite.load(file).generator("m")
    parameters = {"steps": 2, "guidance": 10.0, "temperature": 2.0, "dtype": "float32"}
    assert (made.card.kind, made.card.parameters) == ("generator", parameters)


def test_no_step_is_refused(folder: Path) -> None:
    with pytest.raises(OptionError, match="steps must be at least 1, got 0"):
        Amused(Origin(folder), steps=0)


def test_what_is_not_finite_is_no_picture(folder: Path) -> None:
    broken = Amused(Origin(folder), steps=2).load()
    broken._transformer.mlm_layer.conv2.weight.fill_(torch.nan)
    with pytest.raises(NotFinite, match="Amused"):
        broken.regenerate(["wood"], [1])
