"""What the tests leave behind goes below the build folder, never into the repository."""

import sys
from pathlib import Path

from hypothesis.configuration import set_hypothesis_home_dir

sys.dont_write_bytecode = True
set_hypothesis_home_dir(Path(__file__).parents[2] / "target/hypothesis")
