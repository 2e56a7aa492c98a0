"""The plain loop: one process, float32, resumable step by step to the very same bytes."""

from __future__ import annotations

import torch

from unprompt.training.course import Course


def run(course: Course, device: torch.device) -> None:
    """All steps that are left."""
    course.detector.to(device)
    course.prepare_fit()
    while not course.finished:
        for step in range(course.progress.step, course.steps):
            course.stepped(*_step(course, step, device))
        course.close(course.held.loss() / course.held.labels.size if course.held else None)
    course.end()


def _step(course: Course, step: int, device: torch.device) -> tuple[float, int]:
    part = course.part(course.progress.epoch, step)
    course.detector.network.train()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(part.seed)
        loss = course.detector.loss([one.to(device) for one in part.inputs], part.target.to(device))
        course.optimiser.zero_grad(set_to_none=True)
        loss.backward()
    course.optimiser.step()
    return float(loss.detach()) * part.count, part.count
