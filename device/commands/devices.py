"""``attune devices``: finger sensors, cameras and sound outputs of this machine."""

from __future__ import annotations

import argparse
import json
from typing import Any


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subparsers.add_parser(
        "devices",
        help="list finger sensors, cameras and sound outputs",
        description="List what is connected; each serial port is listened to for up to 5 s.",
        epilog="example: attune devices --json",
    )
    parser.add_argument("--port", metavar="PATH", help="listen to this serial port only")
    parser.add_argument("--json", action="store_true", help="the lists as JSON")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """List the devices."""
    found: dict[str, list[dict[str, Any]]] = {"serial": _serial(args.port)}
    if args.port is None:
        found |= {"cameras": _cameras(), "sound": _sound()}
    if args.json:
        print(json.dumps(found, indent=2, ensure_ascii=False))
        return 0
    for kind, devices in found.items():
        print(f"{kind}:")
        for device in devices:
            print("  " + "  ".join(str(value) for value in device.values() if value))
        if not devices:
            print("  none found")
    return 0


def _serial(only: str | None) -> list[dict[str, Any]]:
    from firmware_bridge.detect import detect
    from firmware_bridge.port import PortError, SerialPort, list_ports

    ports = [SerialPort("", only)] if only else list_ports()
    rows = []
    for port in ports:
        try:
            detection = detect(port.path)
            protocol = detection.protocol.name if detection.protocol else None
            message = detection.message
        except PortError as error:
            protocol, message = None, str(error)
        rows.append(
            {"name": port.name, "path": port.path, "protocol": protocol, "message": message}
        )
    return rows


def _cameras() -> list[dict[str, Any]]:
    from device.sensing.camera import find_cameras

    return [{"name": camera.name, "path": camera.path} for camera in find_cameras()]


def _sound() -> list[dict[str, Any]]:
    from device.playback.output import list_outputs

    return [{"name": output.name} for output in list_outputs()]
