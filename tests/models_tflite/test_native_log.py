"""What native libraries write to standard error."""

from __future__ import annotations

import os

import pytest

from models_tflite.native_log import without_chatter

CHATTER = (
    "INFO: Created TensorFlow Lite XNNPACK delegate for CPU.\n",
    "INFO: [environment.cc:36] Creating LiteRT environment with options\n",
    "WARNING: [model_load.cc:402] Sparsity tensors may not yet be fully supported.\n",
    "WARNING: Logging before InitGoogle() is written to STDERR\n",
    "W0000 00:00:1795246215.004739    2301 inference_runner_litert.cc:1418] Input tensor\n",
)
ERRORS = (
    "ERROR: [model_load.cc:77] Failed to load\n",
    "WARNING: [model_load.cc:402] Something new\n",
    "E0000 00:00:1795246215.004739    2301 inference_runner_litert.cc:1418] no memory\n",
    "a line that another thread logged\n",
)


def test_chatter_is_left_out_and_errors_stay(capfd: pytest.CaptureFixture[str]) -> None:
    with without_chatter():
        for line in (*CHATTER, *ERRORS):
            os.write(2, line.encode())
    os.write(2, CHATTER[0].encode())
    assert capfd.readouterr().err == "".join(ERRORS) + CHATTER[0]


def test_errors_are_shown_when_the_block_fails(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(RuntimeError), without_chatter(), without_chatter():
        os.write(2, ERRORS[0].encode())
        raise RuntimeError
    assert capfd.readouterr().err == ERRORS[0]
