"""What a person touches: the only package code that imports streamlit."""
