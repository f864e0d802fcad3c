"""What the product never does: no shell, no code out of data, no guessable temporary files."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
ROOMS = ("device", "catalog", "models_tflite", "firmware_bridge")
MODULES = {"pickle", "cPickle", "dill", "cloudpickle", "shelve", "marshal", "joblib", "telnetlib"}
"""They run what they read, or trust a line in plain text."""
CALLS = {
    "eval", "exec", "compile", "__import__", "os.system", "os.popen", "os.spawnl", "os.spawnv",
    "os.execvp", "subprocess.getoutput", "subprocess.getstatusoutput", "tempfile.mktemp",
    "yaml.load", "torch.load", "ssl._create_unverified_context", "random.seed",
}  # fmt: skip
FLAGS = {"shell": True, "allow_pickle": True, "verify": False, "check_hostname": False}
"""Arguments that open the same doors."""


def sources(room: str) -> list[Path]:
    """Return a room's modules but for the training, which no kiosk has (pyproject.toml)."""
    return [path for path in (ROOT / room).rglob("*.py") if "training" not in path.parts]


def offences(tree: ast.AST) -> list[tuple[int, str]]:
    """Return line and name of everything forbidden in a module."""
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [(node.lineno, n.name) for n in node.names if n.name.split(".")[0] in MODULES]
        elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] in MODULES:
            found.append((node.lineno, node.module or ""))
        elif isinstance(node, ast.Call):
            if (name := ast.unparse(node.func)) in CALLS:
                found.append((node.lineno, name))
            found += [
                (node.lineno, f"{word.arg}={word.value.value}")
                for word in node.keywords
                if isinstance(word.value, ast.Constant)
                and word.arg in FLAGS
                and word.value.value is FLAGS[word.arg]
            ]
        elif isinstance(node, ast.Attribute) and ast.unparse(node) in CALLS:
            found.append((node.lineno, ast.unparse(node)))
    return found


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_does_none_of_it(room: str) -> None:
    found = {
        (str(path.relative_to(ROOT)), name)
        for path in sources(room)
        for _, name in offences(ast.parse(path.read_text(encoding="utf-8")))
    }
    assert found == set()
    assert sources(room)


@pytest.mark.parametrize(
    "offence",
    [
        "import pickle", "from shelve import open", "eval('1')", "import os\nos.system('ls')",
        "subprocess.run('ls', shell=True)", "np.load(f, allow_pickle=True)", "run = os.popen",
        "tempfile.mktemp()", "requests.get(u, verify=False)",
    ],
)  # fmt: skip
def test_each_offence_would_be_seen(offence: str) -> None:
    assert offences(ast.parse(offence))


def test_what_is_the_same_word_and_another_thing_is_left_alone() -> None:
    harmless = "model.eval()\nre.compile('x')\nsubprocess.run(['ls'], shell=False)\nnp.load(f)"
    assert offences(ast.parse(harmless)) == []
