"""Run every benchmark, or those named: `python -m bench [question …]`."""

import importlib
import sys
from pathlib import Path

NOT_QUESTIONS = {"__init__", "__main__", "measure", "installation", "portal"}


def questions() -> list[str]:
    return sorted(path.stem for path in Path(__file__).parent.glob("*.py") if path.stem not in NOT_QUESTIONS)


for question in sys.argv[1:] or questions():
    module = importlib.import_module(f"bench.{question}")
    print(f"{question}: {(module.__doc__ or '').strip().splitlines()[0]}")
    module.main()
