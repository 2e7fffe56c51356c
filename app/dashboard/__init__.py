"""The dashboard: the One Map page (Plotly Dash on FastAPI) and the log-in page."""
