"""How one picture differs from another, said when a test waited in vain for them to be the same."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Picture = npt.NDArray[np.uint8]  # height x width x R, G, B


def difference(shown: Picture, truth: Picture) -> str:
    """Where and by how much `shown` is not `truth`."""
    if shown.shape != truth.shape:
        return f"{shown.shape[1::-1]} is shown, {truth.shape[1::-1]} is there"
    rows, columns = np.nonzero((shown != truth).any(axis=2))
    if not rows.size:
        return "they are the same, too late"
    most = np.abs(shown.astype(int) - truth).max()
    return (
        f"{rows.size} pixels differ by at most {most}, in columns {columns.min()} to "
        f"{columns.max()} of rows {rows.min()} to {rows.max()}"
    )
