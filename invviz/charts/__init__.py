"""Arrays to charts and pictures: no torch, no streamlit."""
