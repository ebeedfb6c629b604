# The app for a team: not root, one port, nothing fetched at run time. docs/serving.md says how to run it.
#   docker build -t llm-traffic-planner .
#   docker run --rm -p 127.0.0.1:8501:8501 llm-traffic-planner
ARG PYTHON=3.12
FROM python:${PYTHON}-slim

ENV PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    PIP_NO_CACHE_DIR=1 \
    PIP_DISABLE_PIP_VERSION_CHECK=1

WORKDIR /srv/planner

# The locked versions first: this layer is built again only when they change.
COPY requirements/run.lock requirements/run.lock
RUN python -m pip install --require-hashes -r requirements/run.lock

COPY pyproject.toml README.md LICENSE llm_traffic_planner.py ./
COPY planner planner
COPY app app
COPY scenarios scenarios
COPY .streamlit .streamlit
RUN python -m pip install --no-deps --no-build-isolation --editable . \
    && python -m compileall -q planner app llm_traffic_planner.py

# The program belongs to root and cannot be changed by who runs it; two folders can be written.
RUN useradd --system --uid 10001 --no-create-home --home-dir /var/lib/planner planner \
    && install -d -o planner -g planner /var/lib/planner /var/lib/planner/scenarios /var/cache/planner
ENV HOME=/var/lib/planner \
    XDG_CACHE_HOME=/var/cache/planner \
    PLANNER_OWN=/var/lib/planner/scenarios
USER planner

# Compiled for the processor that builds. On another one the first start compiles again (half a minute) and keeps it in the
# volume, so the folder must be writable by uid 10001.
RUN python -m llm_traffic_planner warm-up

# Only after the folders were filled: a volume starts with what the image holds there.
VOLUME ["/var/cache/planner", "/var/lib/planner"]

# Names under which browsers reach the app, blank between two; a connection under any other is refused.
ENV STREAMLIT_SERVER_ADDRESS=0.0.0.0 \
    STREAMLIT_SERVER_PORT=8501 \
    STREAMLIT_SERVER_HEADLESS=true \
    STREAMLIT_SERVER_FILE_WATCHER_TYPE=none \
    STREAMLIT_SERVER_ALLOWED_HOSTS="localhost 127.0.0.1"
EXPOSE 8501

HEALTHCHECK --interval=30s --timeout=5s --start-period=60s --retries=3 \
    CMD ["python", "-m", "app.healthy"]

CMD ["python", "-m", "app.serve"]
