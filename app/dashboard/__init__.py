"""The dashboard: the One Map page (Plotly Dash on FastAPI) and the log-in page."""

from app.dashboard.login import login_page
from app.dashboard.page import build_dashboard

__all__ = ["build_dashboard", "login_page"]
