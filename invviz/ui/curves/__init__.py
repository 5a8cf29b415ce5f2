"""The Curves page: what does protection cost in accuracy?"""
