"""Entry of the app: `streamlit run app/main.py`. Sets the frame of every page and shows the chosen one."""

import streamlit as st

# An emoji as icon is drawn from what Streamlit ships; a material icon would be fetched from an outside server.
st.set_page_config(page_title="LLM traffic planner", page_icon="🚦", layout="wide")

PAGES = [st.Page("pages/compare.py", title="Compare strategies", url_path="compare", default=True)]

st.navigation(PAGES, position="hidden").run()
