"""One file per outside system. Constructed in `runtime.py`; rooms know only their ports."""
