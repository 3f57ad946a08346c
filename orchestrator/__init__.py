"""Our root goes first on the path: a user's `model.py`, wherever it is, is never taken for ours."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
