"""Serving a team: what the Dockerfile says, its command run from what the image would hold, and nginx as documented.

No container engine is needed. The tests of the proxy skip where there is no nginx.
"""

import json
import os
import re
import shutil
import socket
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from fnmatch import fnmatch
from pathlib import Path

import pytest

from app import healthy, state
from tests.app.library import write_library

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "serving.md").read_text(encoding="utf-8")
NGINX = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
OPENSSL = shutil.which("openssl")


def instructions() -> list[tuple[str, str]]:
    """(INSTRUCTION, arguments) of the Dockerfile in order, continued lines joined, comments left out."""
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    lines = "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("#"))
    joined = re.sub(r"\\\n\s*", " ", lines)
    return [(line.split()[0], line.partition(" ")[2].strip()) for line in joined.splitlines() if line.strip()]


def arguments(name: str) -> list[str]:
    return [rest for word, rest in instructions() if word == name]


def environment() -> dict[str, str]:
    """What ENV sets, all together."""
    found = {}
    for rest in arguments("ENV"):
        for name, quoted, bare in re.findall(r'(\w+)=(?:"([^"]*)"|(\S+))', rest):
            found[name] = quoted or bare
    return found


def copied() -> list[str]:
    """Every source that COPY names."""
    return [source for rest in arguments("COPY") for source in rest.split()[:-1]]


class TestDockerfile:
    def test_it_ends_as_a_user_who_is_not_root_and_owns_no_program(self) -> None:
        words = instructions()
        (user,) = arguments("USER")
        assert user not in ("root", "0")
        after = [word for word, _ in words[words.index(("USER", user)) :]]
        assert "COPY" not in after
        assert after[-1] == "CMD"
        assert (
            f"useradd --system --uid 10001 --no-create-home --home-dir {environment()['HOME']} {user}"
            in " ".join(arguments("RUN"))
        )

    def test_one_port_is_open_and_it_is_the_one_served(self) -> None:
        assert arguments("EXPOSE") == ["8501"]
        assert environment()["STREAMLIT_SERVER_PORT"] == "8501"
        assert environment()["STREAMLIT_SERVER_ADDRESS"] == "0.0.0.0"

    def test_only_hashed_packages_are_installed(self) -> None:
        installs = [part for rest in arguments("RUN") for part in rest.split("&&") if "pip install" in part]
        assert [
            ("--require-hashes" in part, "--no-deps --no-build-isolation" in part) for part in installs
        ] == [
            (True, False),
            (False, True),
        ]

    def test_what_is_copied_exists_and_is_not_ignored(self) -> None:
        kept = ignored_rules()
        for source in copied():
            assert (ROOT / source).exists(), source
            assert any(rule == source or rule.startswith(f"{source}/") for rule in kept), source

    @pytest.mark.parametrize(
        "name", [".streamlit/secrets.toml", ".env", ".git/config", "tests/x.py", "runs/a.parquet"]
    )
    def test_secrets_and_what_is_not_needed_stay_out(self, name: str) -> None:
        assert not any(fnmatch(name, rule) or name.startswith(f"{rule}/") for rule in ignored_rules())

    def test_volumes_are_declared_after_they_were_filled_and_are_the_folders_that_are_written(self) -> None:
        words = instructions()
        warm = words.index(("RUN", "python -m llm_traffic_planner warm-up"))
        ((volume, rest),) = [(k, rest) for k, (word, rest) in enumerate(words) if word == "VOLUME"]
        assert volume > warm
        folders = json.loads(rest)
        for name in ("XDG_CACHE_HOME", "PLANNER_OWN", "HOME"):
            assert any(environment()[name].startswith(folder) for folder in folders), name
        owned = next(run for run in arguments("RUN") if "install -d -o planner" in run)
        assert all(folder in owned for folder in folders)

    def test_the_machine_code_is_compiled_by_the_user_who_runs_it(self) -> None:
        words = instructions()
        assert words.index(("USER", "planner")) < words.index(
            ("RUN", "python -m llm_traffic_planner warm-up")
        )

    def test_health_is_asked_with_python(self) -> None:
        (check,) = arguments("HEALTHCHECK")
        assert json.loads(check.partition("CMD ")[2]) == ["python", "-m", "app.healthy"]


def ignored_rules() -> list[str]:
    """What .dockerignore lets in again, after it has shut everything out."""
    rules = [
        line
        for line in (ROOT / ".dockerignore").read_text().splitlines()
        if line and not line.startswith("#")
    ]
    assert rules[0] == "*"
    return [rule[1:] for rule in rules if rule.startswith("!")]


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what COPY would bring into the image, and nothing else."""
    folder = tmp_path_factory.mktemp("image")
    skip = shutil.ignore_patterns("__pycache__", "*.pyc", "secrets.toml")
    for source in copied():
        if (ROOT / source).is_dir():
            shutil.copytree(ROOT / source, folder / source, ignore=skip)
        else:
            (folder / source).parent.mkdir(exist_ok=True)
            shutil.copy(ROOT / source, folder / source)
    return folder


@contextmanager
def running(folder: Path, **more: str) -> Iterator[dict[str, str]]:
    """The image's CMD with the image's ENV, on a free port and with folders that exist here; gives the environment."""
    given = (
        environment()
        | {"STREAMLIT_SERVER_PORT": str(free_port()), "STREAMLIT_SERVER_ADDRESS": "127.0.0.1"}
        | more
    )
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith(("STREAMLIT_", "PLANNER_"))
    }
    paths = os.pathsep.join([str(folder), *filter(None, [os.environ.get("PYTHONPATH")])])
    env = (
        kept
        | given
        | {name: str(folder) for name in ("HOME", "XDG_CACHE_HOME", "PLANNER_OWN")}
        | {"PYTHONPATH": paths}
    )
    command = json.loads(arguments("CMD")[0])
    assert command[0] == "python"
    process = subprocess.Popen(
        [sys.executable, *command[1:]],
        cwd=folder,
        env=env,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        until_s = time.monotonic() + 60
        while check(folder, env) != 0:
            assert process.poll() is None, "the server has ended"
            assert time.monotonic() < until_s, "the server does not answer"
            time.sleep(0.2)
        yield env
    finally:
        process.terminate()
        process.wait(10)


def check(folder: Path, env: dict[str, str]) -> int:
    """The status with which the image's health check ends."""
    return subprocess.run([sys.executable, "-m", "app.healthy"], cwd=folder, env=env, timeout=30).returncode


def answered(port: str, host: str, path: str = "/_stcore/stream") -> int:
    """The status of an answer to a request to open a websocket under a name."""
    with socket.create_connection(("127.0.0.1", int(port)), 10) as line:
        line.sendall(
            f"GET {path} HTTP/1.1\r\nHost: {host}\r\nOrigin: http://{host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
            "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n".encode()
        )
        return int(line.recv(64).split()[1])


class TestCommandOfTheImage:
    def test_it_answers_and_connects_under_the_allowed_names_only(self, image: Path) -> None:
        with running(image, STREAMLIT_SERVER_ALLOWED_HOSTS="planner.example.org *.example.net") as env:
            port = env["STREAMLIT_SERVER_PORT"]
            statuses = {
                host: answered(port, host)
                for host in (
                    "planner.example.org",
                    "planner.example.org:8501",
                    "a.example.net",
                    "evil.example",
                    "localhost",
                )
            }
        assert statuses == {
            "planner.example.org": 101, "planner.example.org:8501": 101, "a.example.net": 101,
            "evil.example": 403, "localhost": 403,
        }  # fmt: skip

    def test_as_it_is_it_connects_on_this_machine_only(self, image: Path) -> None:
        with running(image) as env:
            port = env["STREAMLIT_SERVER_PORT"]
            assert [answered(port, host) for host in ("localhost", "127.0.0.1", "planner.example.org")] == [
                101,
                101,
                403,
            ]

    def test_under_a_base_path_it_is_healthy_and_connects_there(self, image: Path) -> None:
        with running(image, STREAMLIT_SERVER_BASE_URL_PATH="planner") as env:
            port = env["STREAMLIT_SERVER_PORT"]
            assert answered(port, "localhost", "/planner/_stcore/stream") == 101
            assert answered(port, "localhost") in (403, 404)

    def test_the_health_check_fails_where_nobody_answers(self, image: Path) -> None:
        assert check(image, {**os.environ, "STREAMLIT_SERVER_PORT": str(free_port())}) == 1

    def test_the_image_can_be_compiled_to_bytecode_and_runs_the_command_line(self, image: Path) -> None:
        command = next(
            part for run in arguments("RUN") for part in run.split("&&") if "compileall" in part
        ).split()
        subprocess.run([sys.executable, *command[1:]], cwd=image, check=True, timeout=100)
        env = {**os.environ, "PYTHONPATH": os.pathsep.join([str(image), os.environ.get("PYTHONPATH", "")])}
        done = subprocess.run(
            [sys.executable, "-m", "llm_traffic_planner", "warm-up", "--help"],
            cwd=image, env=env, capture_output=True, text=True, check=True, timeout=60,
        )  # fmt: skip
        assert "Compile the engine" in done.stdout


def test_health_is_asked_where_the_server_is_told_to_listen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STREAMLIT_SERVER_PORT", "9000")
    monkeypatch.setenv("STREAMLIT_SERVER_BASE_URL_PATH", "/team/planner/")
    assert healthy.address() == "http://127.0.0.1:9000/team/planner/_stcore/health"
    monkeypatch.delenv("STREAMLIT_SERVER_PORT")
    monkeypatch.delenv("STREAMLIT_SERVER_BASE_URL_PATH")
    assert healthy.address() == "http://127.0.0.1:8501/_stcore/health"


def test_the_page_names_every_variable_of_the_image_with_its_default() -> None:
    table = dict(re.findall(r"^\| `(\w+)` \| (.*?) \|", PAGE, re.MULTILINE))
    for name, value in environment().items():
        if name in table:
            assert table[name] == f"`{value}`", name
    assert {"STREAMLIT_SERVER_ALLOWED_HOSTS", "PLANNER_OWN", "XDG_CACHE_HOME", state.LIBRARY_VARIABLE} <= set(
        table
    )


# -- nginx as documented -------------------------------------------------------------------------


@contextmanager
def proxied(folder: Path, port: int, app_port: str) -> Iterator[None]:
    """nginx with the example of the page; only ports, files and the temporary folders are others."""
    assert NGINX is not None
    assert OPENSSL is not None
    (example,) = re.findall(r"```nginx\n(.*?)```", PAGE, re.DOTALL)
    pem, key, people = folder / "site.pem", folder / "site.key", folder / "htpasswd"
    subprocess.run(
        [OPENSSL, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=planner.example.org",
         "-keyout", str(key), "-out", str(pem)], check=True, capture_output=True, timeout=60,
    )  # fmt: skip
    crypted = subprocess.run(
        [OPENSSL, "passwd", "-apr1", "secret"], check=True, capture_output=True, text=True
    )
    people.write_text(f"anna:{crypted.stdout}")
    for there, here in (
        ("listen 443 ssl", f"listen 127.0.0.1:{port} ssl"),
        ("/etc/ssl/planner.example.org.pem", str(pem)),
        ("/etc/ssl/planner.example.org.key", str(key)),
        ("/etc/nginx/planner.htpasswd", str(people)),
        ("127.0.0.1:8501", f"127.0.0.1:{app_port}"),
    ):
        assert there in example, there
        example = example.replace(there, here)
    temporary = "".join(
        f"{name}_temp_path {folder}/{name};\n"
        for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"):
        (folder / name).mkdir()
    folder.chmod(0o755)
    user = "user root;\n" if os.geteuid() == 0 else ""
    (folder / "nginx.conf").write_text(
        f"{user}daemon off;\nworker_processes 1;\npid {folder}/pid;\nerror_log {folder}/error.log;\n"
        f"events {{ worker_connections 256; }}\nhttp {{ access_log off;\n{temporary}{example} }}\n"
    )
    process = subprocess.Popen([NGINX, "-p", str(folder), "-c", str(folder / "nginx.conf")])
    try:
        until_s = time.monotonic() + 10
        while True:
            assert process.poll() is None, (folder / "error.log").read_text()
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            except OSError:
                assert time.monotonic() < until_s, "nginx does not answer"
                time.sleep(0.1)
        yield
    finally:
        process.terminate()
        process.wait(10)


@pytest.mark.browser
@pytest.mark.slow
@pytest.mark.skipif(NGINX is None or OPENSSL is None, reason="nginx or openssl is not installed")
def test_the_documented_nginx_carries_page_websocket_and_links_under_its_base_path(tmp_path: Path) -> None:
    pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    from scripts import screenshots
    from tests.app.test_browser import MISSING, Opened

    if screenshots.chromium() is None:
        pytest.skip(MISSING)
    (tmp_path / "library").mkdir()
    library = write_library(tmp_path / "library")
    (tmp_path / "nginx").mkdir()
    port = free_port()
    served = screenshots.serving({
        state.LIBRARY_VARIABLE: str(library),
        "STREAMLIT_SERVER_BASE_URL_PATH": "planner",
        "STREAMLIT_SERVER_ALLOWED_HOSTS": "planner.example.org",
    })  # fmt: skip
    resolved = "--host-resolver-rules=MAP planner.example.org 127.0.0.1, MAP other.example.org 127.0.0.1"
    with served as address, screenshots.browser(resolved) as chrome:
        app_port = address.split(":")[2].split("/")[0]
        with proxied(tmp_path / "nginx", port, app_port):
            site = f"https://planner.example.org:{port}/planner"
            trusting = ssl._create_unverified_context()
            with pytest.raises(urllib.error.HTTPError, match="401"):  # without a password nothing is served
                urllib.request.urlopen(f"https://127.0.0.1:{port}/planner/", timeout=10, context=trusting)
            known = chrome.new_context(
                ignore_https_errors=True, http_credentials={"username": "anna", "password": "secret"}
            )
            one = Opened(known)
            sockets: list[str] = []
            one.page.on("websocket", lambda line: sockets.append(line.url))
            answer = one.page.goto(f"{site}/?v=1&scenario=support-chatbot")
            assert answer is not None
            assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
            screenshots.wait_for_result(one.page)
            one.page.wait_for_selector(
                "[data-testid=stVegaLiteChart] svg, [data-testid=stVegaLiteChart] canvas"
            )
            assert {url.partition("?")[0] for url in sockets} == {
                f"wss://planner.example.org:{port}/planner/_stcore/stream"
            }
            one.page.get_by_role("link", name="TCO").first.click()
            one.page.wait_for_selector("h1:has-text('TCO')", timeout=60_000)
            one.page.wait_for_url("**/planner/tco?v=1&scenario=support-chatbot", timeout=60_000)
            # Chromium gives up a request that was asked for its password many times at once, and sends it again.
            assert [told for told in one.errors if "ERR_TOO_MANY_RETRIES" not in told] == []
            assert one.hosts <= {"planner.example.org", None}
            # Under a name that is not allowed the page comes, and its connection is refused.
            foreign = Opened(
                chrome.new_context(
                    ignore_https_errors=True, http_credentials={"username": "anna", "password": "secret"}
                )
            )
            foreign.page.goto(f"https://other.example.org:{port}/planner/")
            foreign.page.wait_for_timeout(3000)
            assert foreign.page.locator("table.figures").count() == 0
