"""The Guide: a tour of eight stops, each a question, a prepared scene and a guess."""
