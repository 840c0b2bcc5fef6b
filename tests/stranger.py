"""The verifier as a stranger has it: a file of its own, loaded once, with the parts that lie beside it."""

import importlib.util
import sys
from functools import cache
from pathlib import Path
from types import ModuleType

VERIFIER = Path(__file__).parents[1] / "verifier" / "bankd_verify.py"


@cache
def module() -> ModuleType:
    spec = importlib.util.spec_from_file_location("bankd_verify", VERIFIER)
    assert spec is not None and spec.loader is not None
    loaded = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return loaded
