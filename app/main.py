"""Entry of the app: `streamlit run app/main.py`. Sets the frame of every page and shows the chosen one."""

import streamlit as st

from app import editing, navigation
from planner import warming

# An emoji as icon is drawn from what Streamlit ships; a material icon would be fetched from an outside server.
st.set_page_config(page_title="LLM traffic planner", page_icon="🚦", layout="wide")

# Asked in milliseconds at the first run of a session only; the pages import the engine, so it is asked before them.
# Its place is there in every run: were it not, all that follows would move up in the second run, and for as long as that lasts
# the page would be shown twice, the old one below the new.
place = st.empty()
if not st.session_state.get("engine is warm"):
    if warming.announce(place.info):
        warming.load()
        place.empty()
    st.session_state["engine is warm"] = True

# Told on every page: a text has changes that are not saved.
UNSAVED = " ●" if editing.unsaved(st.session_state) else ""

# Not in a folder "pages": until st.navigation has run once, Streamlit takes the files of such a folder for pages of its own,
# and a link straight to one would be shown without this frame.
PAGES = [
    st.Page("screens/compare.py", title="Compare strategies", url_path="compare", default=True),
    st.Page("screens/scenario.py", title=f"Scenario{UNSAVED}", url_path="scenario"),
    st.Page("screens/tco.py", title="TCO", url_path="tco"),
    st.Page("screens/sensitivity.py", title="Sensitivity", url_path="sensitivity"),
    st.Page("screens/failover.py", title="Failover", url_path=navigation.FAILOVER),
]

# Streamlit's own navigation hides behind a button on a phone; these links are always seen.
chosen = st.navigation(PAGES, position="hidden")
links = st.empty()
navigation.show(links, PAGES, chosen)
chosen.run()
# The page may have changed what is asked for: the links lead to what it is now.
navigation.refresh()
