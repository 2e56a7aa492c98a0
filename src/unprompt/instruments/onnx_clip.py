"""CLIP's vision tower out of an ONNX file whose matrices are 8-bit integers, as transformers keeps it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from unprompt.errors import SuiteError

Array = npt.NDArray[np.float32]
HEAD_WIDTH: Final = 64
"""Of every attention head of CLIP's towers."""
_NODE: Final = re.compile(r"/(.+)/MatMul_quant")
_LAYER: Final = re.compile(r"vision_model\.encoder\.layers\.(\d+)\.")


def convert(source: Path, folder: Path) -> None:
    """Write ``config.json`` and ``model.safetensors`` of the tower in ``source`` into ``folder``; float32.

    The same file gives the same bytes. SuiteError unless it holds each weight of the tower, and no other.
    """
    import torch
    from safetensors.torch import save_file
    from transformers import CLIPVisionConfig, CLIPVisionModelWithProjection

    from unprompt.instruments.loading import quietly

    weights = read_weights(source)
    stated = _config(weights, source)
    with quietly(), torch.device("meta"):
        empty = CLIPVisionModelWithProjection(CLIPVisionConfig(**stated)).state_dict()
    expected = {name: tuple(one.shape) for name, one in empty.items()}
    found = {name: one.shape for name, one in weights.items()}
    if odd := sorted(dict(expected.items() ^ found.items())):
        raise SuiteError(
            f"{source.name} is no CLIP vision tower: its weight {odd[0]!r} is of shape {found.get(odd[0])}, "
            f"expected {expected.get(odd[0])}; {len(odd)} differ",
            path=source,
        )
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(stated, indent=2) + "\n", "utf-8")
    tensors = {name: torch.from_numpy(weights[name]) for name in sorted(weights)}
    save_file(tensors, folder / "model.safetensors", {"format": "pt"})


def read_weights(source: Path) -> dict[str, Array]:
    """Weights by transformers' names: those of MatMulInteger made float32 again, (q - zero) * scale by column.

    Its node's name tells the layer, ``/vision_model/encoder/layers.0/mlp/fc1/MatMul_quant``, and its second input's,
    ``NAME_quantized``, where scale and zero lie. A linear layer holds the transpose.
    """
    import onnx  # Here, since only the one conversion of a machine needs it.
    from onnx.numpy_helper import to_array

    try:
        graph = onnx.load(source, load_external_data=False).graph
        tensors = {one.name: to_array(one) for one in graph.initializer}
        weights = {name: array.copy() for name, array in tensors.items() if name.startswith("vision_model.")}
        return weights | dict(_matrices(graph.node, tensors))
    except Exception as error:  # A damaged file is whatever protobuf or numpy make of it.
        raise SuiteError(
            f"{source.name} cannot be read as an ONNX file with 8-bit matrices ({type(error).__name__}: {error})",
            path=source,
        ) from error


def _matrices(nodes: Any, tensors: Mapping[str, npt.NDArray[Any]]) -> Iterator[tuple[str, Array]]:
    for node in nodes:
        if node.op_type == "MatMulInteger" and (told := _NODE.fullmatch(node.name)):
            name = node.input[1].removesuffix("_quantized")
            whole = tensors[node.input[1]].astype(np.int32) - tensors[f"{name}_zero_point"].astype(np.int32)
            matrix = whole.astype(np.float32) * tensors[f"{name}_scale"]
            yield f"{told[1].replace('/', '.')}.weight", np.ascontiguousarray(matrix.T)


def _config(weights: Mapping[str, Array], source: Path) -> dict[str, Any]:
    """What the shapes tell; the rest is the same for all that OpenAI trained. It names no version, which would move."""
    try:
        width, _, patch, _ = weights["vision_model.embeddings.patch_embedding.weight"].shape
        cells = len(weights["vision_model.embeddings.position_embedding.weight"]) - 1
        layers = {int(told[1]) for name in weights if (told := _LAYER.match(name))}
        return {
            "architectures": ["CLIPVisionModelWithProjection"],
            "model_type": "clip_vision_model",
            "hidden_act": "quick_gelu",
            "hidden_size": width,
            "image_size": round(cells**0.5) * patch,
            "intermediate_size": len(weights["vision_model.encoder.layers.0.mlp.fc1.bias"]),
            "layer_norm_eps": 1e-5,
            "num_attention_heads": width // HEAD_WIDTH,
            "num_hidden_layers": len(layers),
            "patch_size": patch,
            "projection_dim": len(weights["visual_projection.weight"]),
        }
    except (KeyError, ValueError) as error:
        raise SuiteError(
            f"{source.name} is no CLIP vision tower: {error}, expected an export of transformers", path=source
        ) from error
