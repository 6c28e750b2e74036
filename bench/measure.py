"""How a benchmark measures: warm-up first, then runs; wall time and peak memory; medians and spread.

`measure` gives every run a fresh process. `measure_warm` makes all runs in one process, as a worker that stays up does.
What must stand before the clock starts (a connection, an engine) is made by a context manager, `prepared`; the check of
a result is not timed either.
Peak memory is that of the process and of all it started that still live (an engine), added up.

Results are JSON lines in `bench/results/<question>.jsonl`, each with commit and machine: figures stay comparable.
`BENCH_RUNS` sets the number of runs; fewer than five are a trial, marked as such in the results.
"""

import itertools
import json
import os
import platform
import resource
import statistics
import subprocess
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from dataclasses import asdict, dataclass, field
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


def runs_wanted() -> int:
    """`BENCH_RUNS`, by default 5."""
    return int(os.environ.get("BENCH_RUNS", "5"))


def rows_wanted(name: str, default: int) -> int:
    """A size from the environment, for a quick trial: `BENCH_ROWS=100000 make bench`."""
    return int(os.environ.get(name, default))


@dataclass(frozen=True)
class Steps:
    """What one run is: `before` and `after` are not timed, and get the run's number, from 0, the warm-up's included.

    parts: seconds that `timed` adds itself, one for each run, of parts of it that are reported beside the whole.
    """

    timed: Callable[[], Any]
    before: Callable[[int], None] = lambda _: None
    after: Callable[[int], None] = lambda _: None
    parts: dict[str, list[float]] = field(default_factory=dict)


Prepared = Callable[[], AbstractContextManager[Steps]]
"""What makes ready, in the measured process, and hands out the work that is timed."""
Round = dict[str, float]
"""Seconds, by contender."""


def measure(name: str, work: Callable[[], Any], *, warm_up: int = 1) -> Measured:
    """Run `work` in fresh processes; `measure_prepared` when something must stand before the clock starts.

    Raises:
        RuntimeError: a run failed, or two runs returned different results.
    """

    @contextmanager
    def nothing() -> Iterator[Steps]:
        yield Steps(work)

    return measure_prepared(name, nothing, warm_up=warm_up)


def measure_prepared(name: str, prepared: Prepared, *, warm_up: int = 1) -> Measured:
    """As `measure`, each run under its own `prepared`."""
    outcomes = [_in_a_process(lambda: _runs(prepared, 1)) for _ in range(warm_up + runs_wanted())][warm_up:]
    return _measured(name, [run for runs, _, _ in outcomes for run in runs], max(peak for _, _, peak in outcomes))


def measure_once(name: str, prepared: Prepared) -> Measured:
    """One run in a fresh process, without warm-up: for what takes long and is not the question itself."""
    runs, _, peak = _in_a_process(lambda: _runs(prepared, 1))
    return _measured(name, runs, peak)


def measure_warm(name: str, prepared: Prepared, *, warm_up: int = 1) -> list[Measured]:
    """All runs in one process, the warm-up too. Returns: the whole, then its parts."""
    runs, parts, peak = _in_a_process(lambda: _runs(prepared, warm_up + runs_wanted()))
    whole = _measured(name, runs[warm_up:], peak)
    return [whole, *(timings(part, seconds[warm_up:], peak) for part, seconds in parts.items())]


def measure_in_turns(warm: Mapping[str, Prepared], fresh: Mapping[str, Prepared]) -> tuple[list[Measured], list[Round]]:
    """A run of each, and again, round by round: what slows the machine for a while slows all of them alike.

    warm: all runs of one in one process, with a warm-up, as in `measure_warm`. fresh: each run in a process of its own,
    as in `measure_prepared`. Returns: the figures of each, in this order, and its seconds in each round.
    """
    rounds: list[dict[str, tuple[float, Any]]] = []
    peaks = dict.fromkeys((*warm, *fresh), 0.0)
    with ExitStack() as stack:
        kept = {name: stack.enter_context(_kept(prepared)) for name, prepared in warm.items()}
        for _ in range(1 + runs_wanted()):
            answered = {name: _asked(link, "run") for name, link in kept.items()}
            for name, prepared in fresh.items():
                (answered[name],), _, peak = _in_a_process(lambda prepared=prepared: _runs(prepared, 1))
                peaks[name] = max(peaks[name], peak)
            rounds.append(answered)
        peaks |= {name: _asked(link, "end") for name, link in kept.items()}
    counted = rounds[1:]
    figures = [_measured(name, [answered[name] for answered in counted], peaks[name]) for name in peaks]
    return figures, [{name: seconds for name, (seconds, _) in answered.items()} for answered in counted]


def timings(name: str, seconds: list[float], peak_mib: float, result: Any = None) -> Measured:
    """Figures of a part that the work itself has timed."""
    return Measured(
        name=name,
        runs=len(seconds),
        min_s=round(min(seconds), 4),
        median_s=round(statistics.median(seconds), 4),
        max_s=round(max(seconds), 4),
        peak_mib=round(peak_mib, 1),
        result=result,
    )


def _measured(name: str, runs: list[tuple[float, Any]], peak_mib: float) -> Measured:
    results = {json.dumps(result, default=str) for _, result in runs}
    if len(results) != 1:
        raise RuntimeError(f"{name}: {len(results)} different results in {len(runs)} runs")
    return timings(name, [seconds for seconds, _ in runs], peak_mib, runs[0][1])


def report(
    question: str,
    contenders: list[Measured],
    baseline: str,
    facts: dict[str, Any],
    *,
    things: tuple[int, str] = (0, ""),
) -> None:
    """Print the figures with their ratio to the baseline, and append them to the results.

    things: how many of what one run handles, `(10_000, "changes")`: then the number a second is told too.
    """
    base = next(measured for measured in contenders if measured.name == baseline)
    lines = []
    for measured in contenders:
        ratio = round(measured.median_s / base.median_s, 2) if base.median_s else None
        count, what = things
        rate = {f"{what}_per_s": round(count / measured.median_s)} if count else {}
        told = f"  {round(count / measured.median_s):10,} {what}/s" if count else ""
        lines.append({**asdict(measured), "ratio_to_baseline": ratio, **rate})
        print(
            f"  {measured.name:<34} {measured.median_s:8.3f} s  ({measured.min_s:.3f}-{measured.max_s:.3f})"
            f"  {ratio:6}x {baseline}  {measured.peak_mib:7.0f} MiB{told}"
        )
    _keep(question, {"baseline": baseline, "contenders": lines, **facts})


def conclude(question: str, facts: dict[str, Any]) -> None:
    """Print what follows from several reports, and append it to the results."""
    print(*(f"  {name}: {value}" for name, value in facts.items()), sep="\n")
    _keep(question, facts)


def _keep(question: str, facts: dict[str, Any]) -> None:
    RESULTS.mkdir(exist_ok=True)
    trial = {"trial": True} if runs_wanted() < 5 else {}
    with (RESULTS / f"{question}.jsonl").open("a") as file:
        file.write(json.dumps({"question": question, **facts, **trial, **machine()}, default=str) + "\n")


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


def _runs(prepared: Prepared, count: int) -> tuple[list[tuple[float, Any]], dict[str, list[float]], float]:
    """([(seconds, result)], the parts' seconds, peak MiB of this process and of all that it started)."""
    with prepared() as steps:
        _forget_peak()
        found = [_run(steps, number) for number in range(count)]
        peak = _peak_of_all_mib()
    return found, steps.parts, peak


def _run(steps: Steps, number: int) -> tuple[float, Any]:
    """(seconds, result)."""
    steps.before(number)
    started = time.perf_counter()
    result = steps.timed()
    seconds = time.perf_counter() - started
    steps.after(number)
    return seconds, result


@contextmanager
def _kept(prepared: Prepared) -> Iterator[Connection]:
    """A process that makes a run whenever it is asked, to the end."""
    context = get_context("fork")
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(prepared, theirs))
    process.start()
    theirs.close()
    try:
        yield ours
    finally:
        ours.close()
        process.join()


def _serve(prepared: Prepared, asked: Connection) -> None:
    def answered() -> Iterator[Any]:
        with prepared() as steps:
            _forget_peak()
            for number in itertools.count():
                if asked.recv() == "end":
                    yield _peak_of_all_mib()
                    return
                yield _run(steps, number)

    with suppress(EOFError, BrokenPipeError):  # whoever asked has failed
        try:
            for answer in answered():
                asked.send(("done", answer))
        except EOFError:
            raise
        except Exception:
            asked.send(("failed", traceback.format_exc()))


def _asked(link: Connection, what: str) -> Any:
    """Raises: RuntimeError: it failed there."""
    link.send(what)
    try:
        outcome, value = link.recv()
    except EOFError:
        outcome, value = "failed", "the process died"
    if outcome == "failed":
        raise RuntimeError(value)
    return value


def _in_a_process(work: Callable[[], Any]) -> Any:
    """What `work` returns in a forked process. Raises: RuntimeError: it failed there."""
    context = get_context("fork")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_child, args=(work, sender))
    process.start()
    sender.close()
    try:
        outcome, value = receiver.recv()
    except EOFError:
        outcome, value = "failed", "the process died"
    process.join()
    if outcome == "failed":
        raise RuntimeError(value)
    return value


def _child(work: Callable[[], Any], sender: Connection) -> None:
    try:
        sender.send(("done", work()))
    except Exception:
        sender.send(("failed", traceback.format_exc()))


# --- memory ---


def _forget_peak() -> None:
    """A forked process begins with its parent's peak; 5 resets it (proc(5))."""
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def _peak_of_all_mib() -> float:
    """Of this process and of all that it started."""
    living = sum(_peak_mib(pid) for pid in _descendants(os.getpid()))
    gone = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    return _peak_mib(os.getpid()) + max(living, gone)


def _peak_mib(pid: int) -> float:
    """The largest resident memory that a process ever had."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0.0
    found = [line for line in status.splitlines() if line.startswith("VmHWM:")]
    return int(found[0].split()[1]) / 1024 if found else 0.0


def _descendants(pid: int) -> list[int]:
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            parent = int((entry / "stat").read_text().rsplit(")", 1)[1].split()[1])
            children.setdefault(parent, []).append(int(entry.name))
    found: list[int] = []
    waiting = [pid]
    while waiting:
        below = children.get(waiting.pop(), [])
        found += below
        waiting += below
    return found
