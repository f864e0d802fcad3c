"""Soft targets: hard labels mixed with what the FER+ votes say the hard label will be."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from models_tflite.labels import EXPRESSIONS
from models_tflite.training.fer_data import VOTE_COUNT


def vote_shares(votes: NDArray[np.int64]) -> NDArray[np.float32]:
    """Turn votes (N, 10) into shares float32 (N, 10); rows without votes become zeros."""
    positive = np.clip(votes, 0, None).astype(np.float32)
    shares: NDArray[np.float32] = positive / np.maximum(positive.sum(axis=1, keepdims=True), 1)
    return shares


def mixed_targets(
    hard: NDArray[np.float32], votes: NDArray[np.int64], vote_weight: float
) -> NDArray[np.float32]:
    """Mix hard (N, 7) with P(hard label | votes), weight 0..1; rows without votes stay hard.

    FER+ annotators call many faces neutral that FER-2013 calls sad or angry, so the votes
    themselves would pull the network off the labels it is scored on. A logistic regression from
    votes to hard labels keeps what the votes know about the face and removes that pull.
    """
    shares = vote_shares(votes)
    voted = shares.sum(axis=1) > 0
    if vote_weight <= 0 or not voted.any():
        return hard
    predicted = _predict_hard(shares[voted], hard[voted])
    mixed = hard.copy()
    mixed[voted] = (1 - vote_weight) * hard[voted] + vote_weight * predicted
    return mixed


def _predict_hard(shares: NDArray[np.float32], hard: NDArray[np.float32]) -> NDArray[np.float32]:
    x, y = torch.from_numpy(shares), torch.from_numpy(hard)
    weight = torch.zeros(VOTE_COUNT, len(EXPRESSIONS), requires_grad=True)
    bias = torch.zeros(len(EXPRESSIONS), requires_grad=True)
    optimiser = torch.optim.LBFGS([weight, bias], max_iter=100, line_search_fn="strong_wolfe")

    def loss() -> torch.Tensor:
        optimiser.zero_grad()
        value = (
            torch.nn.functional.cross_entropy(x @ weight + bias, y) + 1e-5 * weight.square().sum()
        )
        value.backward()
        return value

    optimiser.step(loss)
    with torch.no_grad():
        result: NDArray[np.float32] = torch.softmax(x @ weight + bias, dim=1).numpy()
    return result
