"""The Streamlit app: inputs, run, show. No formula and no chart definition lives here."""
