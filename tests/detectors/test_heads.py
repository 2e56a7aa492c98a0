"""The networks against the papers' formulas, written out once more."""

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from unprompt.detectors.heads import CrossAttention, LinearHead, TwoClassHead, mean_score_logit
from unprompt.errors import OptionError


def test_two_outputs_with_cross_entropy_are_one_with_their_difference() -> None:
    torch.manual_seed(0)
    head, D = TwoClassHead(6, 5), torch.randn(9, 6)
    labels = torch.arange(9) % 2
    hidden = np.maximum(D.numpy() @ head.first.weight.detach().numpy().T + head.first.bias.detach().numpy(), 0)
    z = hidden @ head.second.weight.detach().numpy().T + head.second.bias.detach().numpy()
    softmax = np.exp(z) / np.exp(z).sum(1, keepdims=True)
    expected = -np.log(softmax[np.arange(9), labels.numpy()]).mean()
    logits = head(D).detach()
    assert float(F.binary_cross_entropy_with_logits(logits, labels.float())) == pytest.approx(expected, rel=1e-5)
    np.testing.assert_allclose(torch.sigmoid(logits), softmax[:, 1], rtol=1e-5)


def test_cross_attention_is_equation_6() -> None:
    torch.manual_seed(1)
    attention = CrossAttention(width=12, key_width=7, heads=3)
    f_x, f_s = torch.randn(4, 12), torch.randn(4, 16, 7)
    W = {name: getattr(attention, name).weight.detach().view(3, 4, -1) for name in ("query", "key", "value")}
    Q = torch.einsum("hed,nd->nhe", W["query"], f_x)
    K = torch.einsum("hed,ntd->nhte", W["key"], f_s)
    V = torch.einsum("hed,ntd->nhte", W["value"], f_s)
    weights = torch.einsum("nhe,nhte->nht", Q, K) / 4**0.5
    weights = weights.exp() / weights.exp().sum(-1, keepdim=True)
    joined = torch.einsum("nht,nhte->nhe", weights, V).reshape(4, 12)
    expected = torch.einsum("od,nd->no", attention.out.weight, joined)
    torch.testing.assert_close(attention(f_x, f_s), expected, atol=1e-5, rtol=1e-5)


def test_the_query_counts_with_several_cells_and_not_with_one() -> None:
    torch.manual_seed(2)
    attention = CrossAttention(8, 5, 2)
    asked, cells = torch.randn(2, 1, 8), torch.randn(1, 16, 5)
    torch.testing.assert_close(attention(asked[0], cells[:, :1]), attention(asked[1], cells[:, :1]))
    assert not torch.allclose(attention(asked[0], cells), attention(asked[1], cells), atol=1e-3)


def test_heads_have_to_divide_the_width() -> None:
    with pytest.raises(OptionError, match="--heads is 5, expected a divisor of the encoder's width 12"):
        CrossAttention(12, 7, 5)


def test_the_mean_score_is_the_mean_of_the_scores() -> None:
    logits = torch.tensor([[0.5, -2.0, 3.0], [0.0, 0.0, 0.0]])
    torch.testing.assert_close(torch.sigmoid(mean_score_logit(logits)), torch.sigmoid(logits).mean(1))
    torch.testing.assert_close(mean_score_logit(logits[:, :1]), logits[:, 0])
    far = torch.tensor([[200.0, 300.0], [-200.0, -300.0]])
    assert mean_score_logit(far).isfinite().all()


def test_joined_linear_heads_answer_the_mean_of_their_logits() -> None:
    rng = np.random.default_rng(3)
    heads = [LinearHead(5) for _ in range(3)]
    for head in heads:
        head.set_weights(rng.normal(size=5), float(rng.normal()))
    joined, rows = LinearHead(5), torch.from_numpy(rng.normal(size=(7, 5))).float()
    joined.join(heads)
    expected = np.mean([head(rows).detach().numpy() for head in heads], axis=0)
    np.testing.assert_allclose(joined(rows).detach().numpy(), expected, rtol=1e-4, atol=1e-6)
