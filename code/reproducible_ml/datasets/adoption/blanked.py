"""Read a table with more texts taken for "no value" than the usual ones."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from reproducible_ml.datasets.inference.infer import Inferred
from reproducible_ml.datasets.inference.profile import as_texts
from reproducible_ml.datasets.reading.values import MISSING, arrow_type


class Blanked:
    """Reads a file with some texts taken for "no value", and notes where they occur."""

    def __init__(
        self,
        missing: Sequence[str],
        declared: Mapping[str, Sequence[str]],
        read: Callable[[Path], Iterator[pa.RecordBatch]],
    ) -> None:
        """Take texts for "no value" in every column, and more in some of them."""
        self.missing = missing
        self.declared = declared
        self.read = read
        self.seen: dict[str, set[str]] = {}

    def __call__(self, file: Path) -> Iterator[pa.RecordBatch]:
        """Yield the rows of a file."""
        for batch in self.read(file):
            columns = {
                name: self._blank(name, batch[name]) for name in batch.schema.names
            }
            yield pa.RecordBatch.from_pydict(columns)

    def _blank(self, name: str, values: pa.Array) -> pa.Array:
        missing = {text.strip() for text in self.missing}
        missing |= {text.strip() for text in self.declared.get(name, ())}
        if not missing:
            return values
        texts = as_texts(values)
        blank = pc.is_in(
            pc.utf8_trim_whitespace(texts), pa.array(sorted(missing), pa.string())
        )
        found = texts.filter(blank).unique().to_pylist()
        self.seen.setdefault(name, set()).update(found)
        return pc.if_else(blank, pa.scalar(None, values.type), values)

    def declare(self, name: str, found: Inferred) -> Inferred:
        """Return a column that knows which of the texts mean "no value" in it."""
        seen = self.seen.get(name, set())
        if arrow_type(found.column) != pa.string():
            # Blanks around a value count in texts alone.
            seen = {text.strip() for text in seen}
        notes = found.column.metadata
        spelled = sorted({*notes.missing, *seen} - {*MISSING})
        metadata = notes.model_copy(update={"missing": tuple(spelled)})
        return found._replace(
            column=found.column.model_copy(update={"metadata": metadata})
        )
