"""Pictures of the running app for the README: `python scripts/screenshots.py` writes docs/img/first-screen.png and tco.png.

Starts the app on a free port of this machine, opens it in Chromium (Debian: apt install chromium) and ends both.
The browser tests use the same server and browser.
"""

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

ROOT = Path(__file__).resolve().parent.parent
PICTURES = ROOT / "docs" / "img"
SIZE = {"width": 1440, "height": 900}
CHROMIUM_ARGS = (
    "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--no-first-run", "--disable-quic",
)  # fmt: skip
IDLE = "[data-testid=stApp][data-test-script-state=notRunning]"


def chromium() -> str | None:
    """The browser's program, or None."""
    fixed = "/usr/bin/chromium"
    return fixed if os.access(fixed, os.X_OK) else shutil.which("chromium") or shutil.which("google-chrome")


def free_port() -> int:
    """A port of this machine on which nobody listens."""
    with socket.socket() as free:
        free.bind(("localhost", 0))
        found: int = free.getsockname()[1]
        return found


@contextmanager
def serving(environment: Mapping[str, str] | None = None, patience_s: float = 60) -> Iterator[str]:
    """The app's address while it runs on a free port, base path included. Raises RuntimeError if it does not come up."""
    port = free_port()
    command = [sys.executable, "-m", "app.serve", "--server.headless", "true"]
    process = subprocess.Popen(
        [*command, "--server.port", str(port)],
        cwd=ROOT,
        env={**os.environ, **(environment or {})},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    base = (environment or {}).get("STREAMLIT_SERVER_BASE_URL_PATH", "").strip("/")
    address = f"http://localhost:{port}" + (f"/{base}" if base else "")
    try:
        _wait_until_up(process, f"{address}/_stcore/health", patience_s)
        yield address
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_until_up(process: "subprocess.Popen[bytes]", address: str, patience_s: float) -> None:
    until_s = time.monotonic() + patience_s
    while time.monotonic() < until_s:
        if process.poll() is not None:
            raise RuntimeError(f"the app ended with exit code {process.returncode}")
        try:
            with urllib.request.urlopen(address, timeout=2) as answer:
                if answer.status == 200:
                    return
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    raise RuntimeError(f"the app did not answer within {patience_s:g} s")


@contextmanager
def browser(*more: str) -> Iterator[Browser]:
    """A headless Chromium; `more` are further arguments of its command line."""
    program = chromium()
    assert program is not None, "no Chromium found"
    with sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=program, args=[*CHROMIUM_ARGS, *more])
        try:
            yield found
        finally:
            found.close()


def wait_for_result(page: Page, patience_s: float = 60) -> None:
    """Until the page shows a comparison and its script is at rest."""
    page.wait_for_selector(".st-key-cards table.figures", timeout=1000 * patience_s)
    page.wait_for_selector(
        "[data-testid=stMetricValue]", timeout=1000 * patience_s
    )  # drawn by a part loaded later
    page.wait_for_selector(IDLE, timeout=1000 * patience_s)


def main() -> None:
    """Write the pictures of the first screen and of the page TCO."""
    PICTURES.mkdir(parents=True, exist_ok=True)
    with serving() as address, browser() as chrome:
        page = chrome.new_page(viewport=SIZE, color_scheme="light")
        page.goto(address)
        wait_for_result(page)
        page.wait_for_timeout(1500)  # charts fade in
        page.screenshot(path=PICTURES / "first-screen.png")
        page.get_by_role("link", name="TCO").first.click()
        page.wait_for_selector("h1:has-text('TCO')", timeout=60_000)
        page.wait_for_timeout(1000)
        page.wait_for_selector(IDLE, timeout=60_000)
        page.wait_for_timeout(1500)
        page.screenshot(path=PICTURES / "tco.png")
    print(f"wrote {PICTURES.relative_to(ROOT)}/first-screen.png and tco.png")


if __name__ == "__main__":
    main()
