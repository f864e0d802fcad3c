"""The examples for the house name only topics and entities that exist."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from device.interfaces.entities import TABLE, PayloadError
from device.interfaces.mqtt_commands import parse_command

ROOT = Path(__file__).resolve().parents[3]
PAGE = ROOT / "docs" / "home-assistant.md"
EXAMPLES = sorted((ROOT / "docs" / "home-assistant").glob("*[!g]"))
BY_KEY = {entity.key: entity for entity in TABLE}


@pytest.mark.parametrize("path", [PAGE, *EXAMPLES], ids=lambda path: path.name)
def test_every_entity_and_topic_exists(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    for platform, key in re.findall(r"\b([a-z_]+)\.hall_([a-z_]+)\b", text):
        assert BY_KEY[key].platform == platform
    for key, what in re.findall(r"attune/hall/([a-z_]+)/(state|set|attributes)\b", text):
        if key != "mqtt_test":
            entity = BY_KEY[key]
            part = {"state": entity.value, "set": entity.command, "attributes": entity.attributes}
            assert part[what] is not None


def test_the_page_names_every_entity() -> None:
    table = PAGE.read_text(encoding="utf-8").split("## What the house sees")[1].split("###")[0]
    named = set(re.findall(r"`([a-z_]+)`", table))
    assert {entity.key for entity in TABLE} <= named


def test_the_flow_sends_what_the_kiosk_understands() -> None:
    nodes = json.loads((ROOT / "docs/home-assistant/node-red-flow.json").read_text())
    ids = {node["id"] for node in nodes}
    for node in nodes:
        assert all(target in ids for wire in node.get("wires", []) for target in wire)
        rules = {rule["p"]: rule["to"] for rule in node.get("rules", []) if rule.get("p")}
        topic = rules.get("topic") or node.get("topic", "")
        if topic.endswith("/set"):
            entity, payload = BY_KEY[topic.split("/")[2]], rules.get("payload") or node["payload"]
            try:
                parse_command(entity, payload.encode())
            except PayloadError as error:
                pytest.fail(f"{topic} {payload}: {error}")
