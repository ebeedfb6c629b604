"""Whether the app on this machine answers: `python -m app.healthy` ends with status 0 or 1. For a container's health check."""

import os
import sys
import urllib.error
import urllib.request

PATIENCE_S = 4


def address() -> str:
    """Where Streamlit tells its health, by the same environment variables that the server reads."""
    port = os.environ.get("STREAMLIT_SERVER_PORT") or "8501"
    base = (os.environ.get("STREAMLIT_SERVER_BASE_URL_PATH") or "").strip("/")
    return f"http://127.0.0.1:{port}/{base + '/' if base else ''}_stcore/health"


def is_healthy() -> bool:
    """Whether the server answers 200 within a few seconds. No proxy is asked on the way."""
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with direct.open(address(), timeout=PATIENCE_S) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


if __name__ == "__main__":
    sys.exit(0 if is_healthy() else 1)
