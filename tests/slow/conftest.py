"""What Flower runs in an environment of its own is no test module."""

collect_ignore = ["flower_app.py"]
