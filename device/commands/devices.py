"""``attune devices``: finger sensors, cameras and sound outputs of this machine."""

from __future__ import annotations

import argparse
import json
from typing import TYPE_CHECKING, Any

from catalog.plain import plain
from device.commands.errors import CommandError

if TYPE_CHECKING:
    from firmware_bridge.port import SerialPort

TITLES = {"serial": "finger sensors", "cameras": "cameras", "sound": "sound outputs"}
ADVICE = {
    "serial": "plug one in and look again; on Debian 12 the package brltty may hold a CH340 chip",
    "cameras": "plug one in and look again; `ls /dev/video*` shows what the system sees",
    "sound": "connect a sound card and look again; `aplay -l` shows what the system sees",
}


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subparsers.add_parser(
        "devices",
        help="list finger sensors, cameras and sound outputs",
        description="List what is connected; each serial port is listened to for up to 5 s.",
        epilog="examples: attune devices\n"
        "          attune devices --port /dev/ttyUSB0 --json\n"
        "Put the path into kiosk.toml as port in [sensor], and the protocol, to fix them.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
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
        print(f"{TITLES[kind]}:")
        for device in devices:
            print("  " + "  ".join(plain(value) for value in device.values() if value))
        if not devices:
            print(f"  none found: {ADVICE[kind]}")
    return 0


def _serial(only: str | None) -> list[dict[str, Any]]:
    from concurrent.futures import ThreadPoolExecutor

    from firmware_bridge.port import PortError, SerialPort, list_ports, stable_path

    if only is not None:
        try:
            return [_listen(SerialPort("", stable_path(only)))]
        except PortError as error:
            raise CommandError(str(error)) from error
    ports = list_ports()
    if not ports:
        return []

    def listen_or_say_why(port: SerialPort) -> dict[str, Any]:
        try:
            return _listen(port)
        except PortError as error:
            return _row(port, None, str(error))

    # Each port takes up to 5 s of mere listening.
    with ThreadPoolExecutor(max_workers=min(8, len(ports))) as pool:
        return list(pool.map(listen_or_say_why, ports))


def _listen(port: SerialPort) -> dict[str, Any]:
    from firmware_bridge.detect import detect

    detection = detect(port.path)
    protocol = detection.protocol.name if detection.protocol else None
    return _row(port, protocol, detection.message)


def _row(port: SerialPort, protocol: str | None, message: str) -> dict[str, Any]:
    # The message begins with the path, as in a log; here it has a column of its own.
    said = message.removeprefix(f"{port.path}: ")
    return {"name": port.name, "path": port.path, "protocol": protocol, "message": said}


def _cameras() -> list[dict[str, Any]]:
    from device.sensing.video_nodes import find_cameras

    return [{"name": camera.name, "path": camera.path} for camera in find_cameras()]


def _sound() -> list[dict[str, Any]]:
    from device.playback.output import list_outputs

    return [{"name": output.name} for output in list_outputs()]
