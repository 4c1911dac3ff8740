"""How many rows have each of a few spellings, with an example of each."""

import numpy as np
import pyarrow as pa

from reproducible_ml.datasets.inference.distinct import Portion

# Spellings that are told apart; rows with later ones are not counted.
LIMIT = 200


class Tally:
    """Rows, example and its place for each of the first spellings."""

    def __init__(self, limit: int = LIMIT) -> None:
        self.limit = limit
        self.rows: dict[str, int] = {}
        self.examples: dict[str, str] = {}
        self.places: dict[str, int] = {}

    def add(self, keys: pa.StringArray, part: Portion) -> None:
        """Count spellings, in the order of their places; null has none."""
        codes = keys.dictionary_encode()
        present = codes.indices.is_valid().to_numpy(zero_copy_only=False)
        numbers = codes.indices.drop_null().to_numpy()
        firsts = np.full(len(codes.dictionary), -1)
        positions = np.flatnonzero(present)
        firsts[numbers[::-1]] = positions[::-1]
        rows = np.bincount(numbers, part.rows[present], len(codes.dictionary))
        for key, count, first in zip(
            codes.dictionary.to_pylist(), rows.tolist(), firsts.tolist(), strict=True
        ):
            if key not in self.rows:
                if len(self.rows) == self.limit:
                    continue
                self.rows[key] = 0
                self.examples[key] = part.texts[first].as_py()
                self.places[key] = int(part.places[first])
            self.rows[key] += int(count)
