"""Faces: found in pictures, followed through clips, and the person around them told from the background.

with Tracker() as tracker:
    found = tracker.portrait(read_image("me.jpg"))
    for sighting in tracker.follow(reader):
        ...
"""

from __future__ import annotations

from gioconda.faces.follow import Sighting, follow
from gioconda.faces.matte import matte
from gioconda.faces.pose import angles
from gioconda.faces.tracker import Found, Tracker

__all__ = ["Found", "Sighting", "Tracker", "angles", "follow", "matte"]
