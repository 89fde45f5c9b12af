"""`python -m gioconda`: the command line."""

from __future__ import annotations

import os
import sys

from gioconda.cli import main

if __name__ == "__main__":
    # OpenMP reads it when torch is loaded. Threads that spin while they wait for each other are slowed down three times and
    # more by any other program on their cores (measured with the motion extractor of LivePortrait).
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    sys.exit(main())
