"""How a benchmark measures: every run in a process of its own, wall time and peak memory, warm-up first, then medians.

Results are JSON lines in `bench/results/<question>.jsonl`, each with commit and machine: figures stay comparable.
"""

import json
import os
import platform
import resource
import statistics
import subprocess
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results"


@dataclass(frozen=True)
class Measured:
    """Figures of one contender: seconds of wall time (minimum, median, maximum) and peak memory in MiB."""

    name: str
    runs: int
    min_s: float
    median_s: float
    max_s: float
    peak_mib: float
    result: Any  # what the run returned: checked before the clock is believed


def measure(name: str, work: Callable[[], Any], *, runs: int = 5, warm_up: int = 1) -> Measured:
    """Run `work` in fresh processes.

    Raises:
        RuntimeError: a run failed, or two runs returned different results.
    """
    outcomes = [_in_a_process(work) for _ in range(warm_up + runs)][warm_up:]
    results = {json.dumps(result, default=str) for _, _, result in outcomes}
    if len(results) != 1:
        raise RuntimeError(f"{name}: {len(results)} different results in {runs} runs")
    seconds = [taken for taken, _, _ in outcomes]
    return Measured(
        name=name,
        runs=runs,
        min_s=round(min(seconds), 3),
        median_s=round(statistics.median(seconds), 3),
        max_s=round(max(seconds), 3),
        peak_mib=round(max(peak for _, peak, _ in outcomes), 1),
        result=outcomes[0][2],
    )


def report(question: str, contenders: list[Measured], baseline: str, facts: dict[str, Any]) -> None:
    """Print the figures with their ratio to the baseline, and append them to the results."""
    base = next(measured for measured in contenders if measured.name == baseline)
    lines = []
    for measured in contenders:
        ratio = round(measured.median_s / base.median_s, 2) if base.median_s else None
        lines.append({**asdict(measured), "ratio_to_baseline": ratio})
        print(
            f"  {measured.name:<28} {measured.median_s:8.2f} s  ({measured.min_s:.2f}-{measured.max_s:.2f})"
            f"  {ratio:5}x {baseline}  {measured.peak_mib:7.0f} MiB"
        )
    RESULTS.mkdir(exist_ok=True)
    entry = {"question": question, "baseline": baseline, "contenders": lines, **facts, **machine()}
    with (RESULTS / f"{question}.jsonl").open("a") as file:
        file.write(json.dumps(entry, default=str) + "\n")


def machine() -> dict[str, Any]:
    """Where and when: commit, processor count, memory in GiB, kernel, Python."""
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False)
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return {
        "commit": commit.stdout.strip() or "unknown",
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "cores": os.cpu_count(),
        "memory_gib": round(memory),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "python": platform.python_version(),
    }


def _in_a_process(work: Callable[[], Any]) -> tuple[float, float, Any]:
    """(seconds, peak MiB of the process and the largest of its children, result)."""
    context = get_context("fork")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_child, args=(work, sender))
    process.start()
    sender.close()
    try:
        outcome = receiver.recv()
    except EOFError:
        outcome = "the process died"
    process.join()
    if isinstance(outcome, str):
        raise RuntimeError(outcome)
    seconds, peak, result = outcome
    return float(seconds), float(peak), result


def _child(work: Callable[[], Any], sender: Connection) -> None:
    started = time.perf_counter()
    try:
        result = work()
    except Exception as error:
        sender.send(f"{type(error).__name__}: {error}")
        return
    seconds = time.perf_counter() - started
    own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    children = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    sender.send((seconds, max(own, children) / 1024, result))
