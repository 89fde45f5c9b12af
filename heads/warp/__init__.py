"""The `warp` head: a portrait moved by its own pixels. `head.py` is the way in."""
