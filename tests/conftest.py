import os
import sys
from pathlib import Path

import pytest

# The toy problems and the examples must be importable by name: the registry finds problems by "module:Class".
sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[1] / "examples")]


@pytest.fixture(scope="session", autouse=True)
def own_cache(tmp_path_factory):
    """Value tables of the tests are not kept with the user's."""
    os.environ["BUDGETGYM_CACHE"] = str(tmp_path_factory.mktemp("cache"))


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of the real logs, which no checkout contains: BUDGETGYM_DATA, or `shared/data` beside the repository."""
    default = Path(__file__).resolve().parents[2] / "shared" / "data"
    folder = Path(os.environ.get("BUDGETGYM_DATA", default))
    if not folder.is_dir():
        pytest.skip(f"no real logs at {folder}; set BUDGETGYM_DATA to their folder")
    return folder
