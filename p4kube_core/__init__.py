"""P4Kube: network functions written in P4, compiled, placed and programmed."""

from __future__ import annotations

from typing import Final

VERSION: Final = "0.1.0"
