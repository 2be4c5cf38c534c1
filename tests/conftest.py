import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of the real logs, which no checkout contains: BUDGETGYM_DATA, or `shared/data` beside the repository."""
    default = Path(__file__).resolve().parents[2] / "shared" / "data"
    folder = Path(os.environ.get("BUDGETGYM_DATA", default))
    if not folder.is_dir():
        pytest.skip(f"no real logs at {folder}; set BUDGETGYM_DATA to their folder")
    return folder
