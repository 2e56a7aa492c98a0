"""The discriminator's road from scenes to gradient maps, and the duel that it learns from."""

from __future__ import annotations

import torch
from torch.nn.functional import softplus

from unprompt.instruments.cards import Origin
from unprompt.instruments.stylegan import StyleGanDiscriminator
from unprompt.recipes.miniature import discriminator
from unprompt.recipes.miniature.assemble import ENTRIES, copy
from unprompt.recipes.miniature.discriminator import CODE, Contest
from unprompt.recipes.miniature.rivalry import slope
from unprompt.recipes.miniature.stage import BuildContext

LIMIT = 20_000
"""Bytes of it as shipped."""


def test_it_is_trained_and_small_and_is_seen_through(brief: BuildContext) -> None:
    figures = discriminator.make(brief)
    assert 0 <= figures["prefers"] <= 1
    entry = ENTRIES["instruments.discriminator"]
    copy(brief.model(entry.path), brief.cache / "own", entry.files)
    assert sum(path.stat().st_size for path in (brief.cache / "own").iterdir()) < LIMIT
    shipped = StyleGanDiscriminator(Origin(brief.cache / "own"))
    maps = shipped.gradient_maps(list(brief.scenes().pictures[:2]))
    assert (maps[0] != maps[1]).any()


def test_each_side_learns_from_its_own_loss() -> None:
    torch.manual_seed(0)
    contest, x = Contest(), torch.rand(4, 3, 64, 64, generator=torch.Generator().manual_seed(1))
    contest.loss(x, torch.Generator().manual_seed(2)).backward()
    found = [[weight.grad.clone() for weight in side.parameters()] for side in (contest.judge, contest.artist)]
    contest.zero_grad()
    noise = torch.Generator().manual_seed(2)
    drawn = contest.artist(torch.randn(4, CODE, generator=noise))
    real, made = contest.judge(x), contest.judge(drawn.detach())
    slopes = slope(contest.judge, x, real, noise) + slope(contest.judge, drawn.detach(), made, noise)
    (softplus(made - real).mean() + slopes / 2).backward()
    torch.testing.assert_close(found[0], [weight.grad for weight in contest.judge.parameters()], rtol=1e-3, atol=1e-4)
    softplus(real.detach() - contest.judge(drawn)).mean().backward()
    torch.testing.assert_close(found[1], [weight.grad for weight in contest.artist.parameters()], rtol=1e-3, atol=1e-4)
