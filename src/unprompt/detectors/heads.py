"""Small networks on the evidence; all answer N logits, higher = more likely generated."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from unprompt.errors import OptionError


class TwoClassHead(nn.Module):
    """Linear d -> hidden, ReLU, linear -> (real, generated); the logit is the difference of the two.

    Cross-entropy over the two outputs equals binary cross-entropy of this difference.
    """

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.first = nn.Linear(width, hidden)
        self.second = nn.Linear(hidden, 2)

    def forward(self, features: Tensor) -> Tensor:
        real, generated = self.second(F.relu(self.first(features))).unbind(-1)  # ... each
        return cast(Tensor, generated - real)


class LinearHead(nn.Module):
    """One weight a feature and a bias; zero before it is solved."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.linear = nn.Linear(width, 1)
        nn.init.zeros_(self.linear.weight)
        nn.init.zeros_(self.linear.bias)

    @torch.no_grad()
    def set_weights(self, weights: npt.NDArray[np.float64], bias: float) -> None:
        """Set what was solved: one weight a feature, and the bias."""
        self.linear.weight.copy_(torch.from_numpy(weights)[None])
        self.linear.bias.fill_(bias)

    @torch.no_grad()
    def join(self, others: Sequence[LinearHead]) -> None:
        """Take the mean of others' weights, which gives the mean of their logits."""
        for name in ("weight", "bias"):
            getattr(self.linear, name).copy_(torch.stack([getattr(one.linear, name) for one in others]).mean(dim=0))

    def forward(self, features: Tensor) -> Tensor:
        return cast(Tensor, self.linear(features).squeeze(-1))


class CrossAttention(nn.Module):
    """One query, many keys and values: CrossAttn(f_x W_Q, f_s W_K, f_s W_V) in several heads (SARE eq. 6).

    The projections have no bias, as printed; a bias of the keys would cancel in the softmax and never learn.
    """

    def __init__(self, width: int, key_width: int, heads: int) -> None:
        super().__init__()
        if width % heads:
            raise OptionError(f"--heads is {heads}, expected a divisor of the encoder's width {width}")
        self.heads = heads
        self.query = nn.Linear(width, width, bias=False)
        self.key = nn.Linear(key_width, width, bias=False)
        self.value = nn.Linear(key_width, width, bias=False)
        self.out = nn.Linear(width, width, bias=False)

    def forward(self, query: Tensor, tokens: Tensor) -> Tensor:
        """N x d and N x T x d_s -> N x d."""
        q = self._split(self.query(query[:, None]))  # N x heads x 1 x d/heads
        k, v = self._split(self.key(tokens)), self._split(self.value(tokens))  # N x heads x T x d/heads
        attended = F.scaled_dot_product_attention(q, k, v)
        return cast(Tensor, self.out(attended.transpose(1, 2).flatten(1)))

    def _split(self, rows: Tensor) -> Tensor:
        return rows.reshape(*rows.shape[:2], self.heads, -1).transpose(1, 2)


class Combiner(nn.Module):
    """g(E_I, E_T): a picture's and its caption's features as one feature of length 1 (SemGIR eq. 5).

    Both are widened to ``widening`` x d and joined; out of that come a new feature and a share s, and the result
    is norm(new + s E_T + (1 - s) E_I): Baldrati et al., 2023, https://arxiv.org/abs/2308.11485, by way of GeneCIS.
    It starts at random: no CLIP has one.
    """

    def __init__(self, width: int, widening: int, dropout: float) -> None:
        super().__init__()
        wide, joined = widening * width, 2 * widening * width
        self.text, self.image = nn.Linear(width, wide), nn.Linear(width, wide)
        self.hidden, self.out = nn.Linear(joined, joined), nn.Linear(joined, width)
        self.share_hidden, self.share = nn.Linear(joined, joined), nn.Linear(joined, 1)
        self.dropout = nn.Dropout(dropout)

    def forward(self, image: Tensor, text: Tensor) -> Tensor:
        """N x d and N x d -> N x d."""
        joined = torch.cat([self.dropout(F.relu(self.text(text))), self.dropout(F.relu(self.image(image)))], dim=-1)
        share = torch.sigmoid(self.share(self.dropout(F.relu(self.share_hidden(joined)))))
        new = self.out(self.dropout(F.relu(self.hidden(joined))))
        return F.normalize(new + share * text + (1 - share) * image, dim=-1)


def mean_score_logit(logits: Tensor) -> Tensor:
    """The logit of the mean score: N x k -> N, without leaving the logarithms."""
    generated, real = F.logsigmoid(logits), F.logsigmoid(-logits)
    return torch.logsumexp(generated, -1) - torch.logsumexp(real, -1)
