"""A real Home Assistant as a child process, spoken to over its own REST API."""

from __future__ import annotations

import json
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.fakes.broker import free_port

START_TIMEOUT_S = 180.0
USER, PASSWORD = "tester", "only-for-tests"


class HomeAssistant:
    """Home Assistant with nothing but MQTT and what ``configuration`` adds."""

    def __init__(self, hass: Path, folder: Path, configuration: str = "") -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._hass = hass
        self._folder = folder
        self._token = ""
        self._process: subprocess.Popen[bytes] | None = None
        (folder / "configuration.yaml").write_text(
            "homeassistant: {name: Test, latitude: 48, longitude: 11, elevation: 500,"
            " unit_system: metric, time_zone: UTC}\n"
            f"http: {{server_host: 127.0.0.1, server_port: {self.port}}}\n"
            "api:\nwebsocket_api:\nconfig:\n" + configuration
        )
        self._run("--script", "auth", "-c", str(folder), "add", USER, PASSWORD)

    def start(self) -> None:
        """Start it, wait until its API answers, and log in."""
        with (self._folder / "output.txt").open("ab") as output:
            self._process = subprocess.Popen(
                [self._hass, "-c", self._folder], stdout=output, stderr=output
            )
        end = time.monotonic() + START_TIMEOUT_S
        while not self._answers():
            assert self._process.poll() is None, self.log()[-2000:]
            assert time.monotonic() < end, self.log()[-2000:]
            time.sleep(0.2)
        self._token = self._log_in()
        self.until(lambda: self.get("/api/config")["state"] == "RUNNING", START_TIMEOUT_S)

    def stop(self) -> None:
        """End it in good order, so that it writes what it knows."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(60)
            self._process = None

    def add_broker(self, port: int) -> None:
        """Set up the MQTT integration, as a person does in the settings."""
        flow = self.post("/api/config/config_entries/flow", {"handler": "mqtt"})
        answer: dict[str, Any] = {"broker": "127.0.0.1", "port": port}
        if any(field["name"] == "protocol" for field in flow["data_schema"]):  # From 2026 on.
            transport = {"set_client_cert": False, "set_ca_cert": "off", "transport": "tcp"}
            answer |= {"protocol": "5", "other_settings": transport}
        done = self.post(f"/api/config/config_entries/flow/{flow['flow_id']}", answer)
        assert done["type"] == "create_entry", done

    def add_secure_broker(self, port: int, ca: Path, user: str, password: str) -> None:
        """The same over TLS, with the certificate of the house's authority and a user."""
        known: dict[str, Any] = {
            "broker": "localhost", "port": port, "username": user, "password": password,
            "advanced_options": True, "protocol": "5", "set_client_cert": False,
            "set_ca_cert": "custom", "transport": "tcp", "certificate": "",
        }  # fmt: skip
        ask = {"handler": "mqtt", "show_advanced_options": True}
        flow = self.post("/api/config/config_entries/flow", ask)
        for _ in range(4):  # Each answer may bring further fields.
            known["certificate"] = self.upload(ca)
            answer = self._answers_to(flow["data_schema"], known)
            flow = self.post(f"/api/config/config_entries/flow/{flow['flow_id']}", answer)
            if flow["type"] == "create_entry":
                return
        raise AssertionError(flow)

    def _answers_to(self, fields: list[dict[str, Any]], known: dict[str, Any]) -> dict[str, Any]:
        """Return what is known of a form's fields, those of its sections beneath their names."""
        return {
            field["name"]: self._answers_to(field["schema"], known)
            if field.get("type") == "expandable"
            else known[field["name"]]
            for field in fields
            if field["name"] in known or field.get("type") == "expandable"
        }

    def upload(self, path: Path) -> str:
        """Hand Home Assistant a file, as its forms do; return the id it has there."""
        mark = "-----attune"
        head = f'Content-Disposition: form-data; name="file"; filename="{path.name}"'
        body = f"--{mark}\r\n{head}\r\n\r\n{path.read_text()}\r\n--{mark}--\r\n".encode()
        headers = {
            "Authorization": f"Bearer {self._token}",
            "Content-Type": f"multipart/form-data; boundary={mark}",
        }
        request = urllib.request.Request(f"{self.url}/api/file_upload", body, headers)
        with urllib.request.urlopen(request, timeout=30) as reply:
            return str(json.load(reply)["file_id"])

    def state(self, entity_id: str) -> str:
        """Return the state of an entity, or "" while there is none."""
        return str(self.entity(entity_id).get("state", ""))

    def entity(self, entity_id: str) -> dict[str, Any]:
        """Return state and attributes of an entity; empty while there is none."""
        try:
            return dict(self.get(f"/api/states/{entity_id}"))
        except urllib.error.HTTPError as error:
            if error.code != 404:
                raise
            return {}

    def entity_ids(self) -> set[str]:
        """Return all entities that have a state."""
        return {state["entity_id"] for state in self.get("/api/states")}

    def wait_for(self, entity_id: str, state: str, timeout_s: float = 30) -> None:
        """Wait until an entity has a state."""
        end = time.monotonic() + timeout_s
        while (now := self.state(entity_id)) != state:
            assert time.monotonic() < end, f"{entity_id} is {now!r}, not {state!r}"
            time.sleep(0.1)

    def call(self, service: str, entity_id: str, **data: object) -> None:
        """Call a service on an entity."""
        path = f"/api/services/{service.replace('.', '/')}"
        self.post(path, {"entity_id": entity_id, **data})

    def template(self, text: str) -> str:
        """Return what a template comes to."""
        return str(self._request("/api/template", {"template": text}))

    def log(self) -> str:
        """Return Home Assistant's log, that of the start before as well."""
        paths = [self._folder / f"home-assistant.log{n}" for n in (".1", "")]
        texts = [path.read_text() for path in paths if path.is_file()]
        return "".join(texts) or (self._folder / "output.txt").read_text()

    def get(self, path: str) -> Any:
        return self._request(path)

    def post(self, path: str, body: object) -> Any:
        return self._request(path, body)

    def until(self, condition: Callable[[], bool], timeout_s: float = 30) -> None:
        """Wait for ``condition``."""
        end = time.monotonic() + timeout_s
        while not condition():
            assert time.monotonic() < end, "it did not come to pass"
            time.sleep(0.1)

    def _answers(self) -> bool:
        try:
            urllib.request.urlopen(f"{self.url}/api/", timeout=2)
        except urllib.error.HTTPError as error:
            return error.code == 401
        except OSError:
            return False
        return True

    def _log_in(self) -> str:
        client = f"{self.url}/"
        ask = {"client_id": client, "handler": ["homeassistant", None], "redirect_uri": client}
        flow = self.post("/auth/login_flow", ask)
        answer = {"client_id": client, "username": USER, "password": PASSWORD}
        done = self.post(f"/auth/login_flow/{flow['flow_id']}", answer)
        form = {"client_id": client, "grant_type": "authorization_code", "code": done["result"]}
        request = urllib.request.Request(
            f"{self.url}/auth/token", urllib.parse.urlencode(form).encode()
        )
        with urllib.request.urlopen(request, timeout=20) as reply:
            return str(json.load(reply)["access_token"])

    def _request(self, path: str, body: object | None = None) -> Any:
        headers = {"Content-Type": "application/json"}
        if self._token and path.startswith("/api"):
            headers["Authorization"] = f"Bearer {self._token}"
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.url}{path}", data, headers)
        with urllib.request.urlopen(request, timeout=30) as reply:
            text = reply.read().decode()
        is_json = reply.headers.get_content_type() == "application/json"
        return json.loads(text) if is_json else text

    def _run(self, *arguments: str) -> None:
        subprocess.run([self._hass, *arguments], check=True, capture_output=True, timeout=120)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()
