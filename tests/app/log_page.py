"""A page with nothing but the panel of logs, as the home page draws it under its answer. Run by AppTest."""

import os
from pathlib import Path

import streamlit as st

from app import logs
from planner.scenario.reading import loads, read_text

file = Path(os.environ["PLANNER_LOG_PAGE"])
name = st.query_params.get("log")
found = logs.panel(loads(read_text(file), name=file.name, folder=file.parent), name)
st.query_params.from_dict({} if found is None else {"log": found})
