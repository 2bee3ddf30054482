"""Results kept: experiments, their runs and comparisons, and results of other tools; one SQLite file of this user.

The store is an index and a second home; the bundle stays the evidence. It knows no bundle: what is to be kept is handed
to it.
"""

from meshperf.store.imported_rows import ImportedRow
from meshperf.store.location import default_path
from meshperf.store.rows import ExperimentRow, RunRow
from meshperf.store.store import Store

__all__ = ["ExperimentRow", "ImportedRow", "RunRow", "Store", "default_path"]
