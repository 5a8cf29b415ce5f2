"""Computing a sweep on a Ray cluster; the only module that imports ray, and only when it is asked to compute."""

from __future__ import annotations

import collections
import contextlib
import os
import tempfile
import time
import traceback
from collections.abc import Callable, Container, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...core.errors import InvvizError, MissingExtra, StoreError
from ...engine.client import Site
from ...jobs.private import python_path
from ...jobs.worker import BEAT, Outcome, execute, reason
from ...scenario import Scenario
from . import progress, queue, watcher

if TYPE_CHECKING:
    from ...jobs.store import Job, Kind, Save, Store
    from . import Progress, Sweep

    Tell = Callable[[Progress], object]

LOOK = 0.3  # seconds between two looks at the store
PATIENCE = 3  # beats after which an interrupt that did nothing is followed by force
RETRIES = 3  # times that Ray starts a task anew whose process or machine died


def compute_on_ray(
    sweep: Sweep, store: Store, site: Site, address: str | None, workers: int | None, tell: Tell, retry: bool = False
) -> None:
    """Compute what is not known of a sweep; killed at any point, it goes on from there when it is asked for again.

    This process claims the sweep's own jobs, and no others: whoever waits at a page wants to see pictures on the way, which Ray's tasks do not
    send. It alone writes to the store. Every node must have the same Python packages, and this checkout and the data sets at the same paths.

    Args:
        sweep: what.
        store: keeps every result as soon as there is one.
        site: where; the store's folder is used on the nodes, too, for trained weights and checkpoints. Nets are computed on CPUs.
        address: of the cluster, as in ray.init; None starts one on this machine and ends it afterwards.
        workers: jobs at once; None for one a CPU of the cluster.
        tell: called with the progress several times a second.
        retry: try again what failed by an error of its own.

    Raises:
        MissingExtra: Ray is not installed.
        InvvizError: the cluster cannot be reached, or a GPU was asked for.
    """
    ray = _ray()
    if site.device == "cuda":
        raise InvvizError("device=cuda: jobs on a Ray cluster are computed on CPUs. Leave device= out, or leave --ray out.")
    keys = queue(sweep, store, retry)
    try:
        with _cluster(ray, address, workers):
            _compute(_Crew(ray, store, site), store, keys, workers, tell)
    except BaseException:
        with contextlib.suppress(StoreError):
            store.unwatch(watcher(sweep))  # what nobody else wants need not be computed
        raise


def _compute(crew: _Crew, store: Store, keys: list[str], workers: int | None, tell: Tell) -> None:
    mine = frozenset(keys)
    try:
        while True:
            began = time.monotonic()
            jobs, room = list(store.jobs(keys).values()), workers or crew.cpus()
            tell(progress(jobs, len(keys), room))
            if not any(job.active for job in jobs):
                return
            crew.work(mine, room, max(LOOK, 5 * (time.monotonic() - began)))  # a look at many thousand jobs takes a while itself
    finally:
        crew.leave()


def _ray() -> Any:
    try:
        import ray
    except ImportError as err:
        raise MissingExtra("Ray is not installed. Install it (pip install -r requirements-ray.txt), or leave --ray out.") from err
    return ray


@contextlib.contextmanager
def _cluster(ray: Any, address: str | None, workers: int | None) -> Iterator[None]:
    """A connection to the cluster; one that was there before stays."""
    if ray.is_initialized():
        yield
        return
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # a tool about privacy does not call home
    own = {"num_cpus": workers or os.cpu_count(), "include_dashboard": False} if address is None else {}
    try:
        ray.init(address=address or "local", log_to_driver=False, logging_level="ERROR", **own)
    except (ConnectionError, ValueError, RuntimeError) as err:
        raise InvvizError(f"The Ray cluster {address or 'on this machine'} cannot be used: {err}") from err
    try:
        yield
    finally:
        ray.shutdown()


class _Crew:
    """The jobs that the cluster's processes have in hand, and what this process does for them."""

    def __init__(self, ray: Any, store: Store, site: Site) -> None:
        self._ray, self._store = ray, store
        how = {"num_cpus": 1, "max_retries": RETRIES, "retry_exceptions": False, "name": "invviz"}
        self._task = ray.remote(on_node).options(**how, runtime_env={"env_vars": {"PYTHONPATH": python_path()}})
        self._folders = [None if folder is None else str(folder.absolute()) for folder in (site.data_dir, site.cache_dir)]
        self._name = f"ray:{os.uname().nodename}:{os.getpid()}"
        self._jobs: dict[Any, Job] = {}
        self._unwanted: collections.Counter[Any] = collections.Counter()  # beats since it was stopped
        self._beaten = time.monotonic()

    def cpus(self) -> int:
        """Of the whole cluster, which may grow."""
        return max(1, int(self._ray.cluster_resources().get("CPU", 1)))

    def work(self, keys: Container[str], room: int, seconds: float) -> None:
        """For some seconds, give new jobs to whoever has none and hand in what comes back."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            while len(self._jobs) < room and (job := self._store.claim(self._name, keys=keys)):
                self._jobs[self._task.remote(job.key, job.kind, job.scenario, *self._folders)] = job
            if not self._jobs:  # others compute the rest
                time.sleep(left)
                return
            for ref in self._ray.wait(list(self._jobs), timeout=left)[0]:
                self._hand_in(ref, self._jobs[ref])
                del self._jobs[ref]
            self._beat()

    def leave(self) -> None:
        """Put what is in hand back into the queue."""
        for ref, job in self._jobs.items():
            with contextlib.suppress(Exception):  # the cluster may be gone; that must not keep the other jobs here
                self._ray.cancel(ref, force=True)  # an interrupt alone may come where Python swallows it, and the task would go on
            with contextlib.suppress(StoreError):
                self._store.give_back(job)
        self._jobs.clear()

    def _beat(self) -> None:
        if time.monotonic() - self._beaten < BEAT:
            return
        self._beaten = time.monotonic()
        for ref, job in self._jobs.items():
            with contextlib.suppress(StoreError):  # locked for a moment
                if not self._store.beat(job):
                    self._ray.cancel(
                        ref, force=self._unwanted[ref] >= PATIENCE
                    )  # an interrupt may come where Python swallows it, even several
                    self._unwanted[ref] += 1

    def _hand_in(self, ref: Any, job: Job) -> None:
        """Write down what came of a job."""
        store = self._store
        try:
            found = self._ray.get(ref)
        except Exception as err:  # noqa: BLE001  Ray's own troubles; those of the job come as words
            if ref in self._unwanted:
                store.mark_stopped(job)
            else:
                store.fail(
                    job, _words(err)
                )  # without traceback: it is no fault of the job, so it is tried again when it is asked for again
            return
        finally:
            self._unwanted.pop(ref, None)
        if "error" in found:
            store.fail(job, found["error"], found["traceback"])
            return
        try:
            arrays = found["arrays"] if found["files"] is None else saver(found["files"])
            if found["stopped"]:
                store.mark_stopped(job, found["result"], arrays)
            else:
                store.finish(job, found["result"], arrays)
                store.make_room()
        except InvvizError as err:
            store.fail(job, str(err), traceback.format_exc())


def _words(err: Exception) -> str:
    first = str(err).strip().partition("\n")[0][:200]
    return (
        f"Its process on the Ray cluster ended unexpectedly, after {RETRIES} retries, or could not start ({type(err).__name__}: {first})."
    )


def on_node(key: str, kind: Kind, text: str, data_dir: str | None, cache_dir: str) -> dict[str, Any]:
    """Compute one job, in a process of the cluster.

    Args:
        key: of the job in the store.
        kind: of the job.
        text: its scenario's full form.
        data_dir: folder of the data sets.
        cache_dir: folder of trained weights and checkpoints.

    Returns:
        Plain data: result, stopped, arrays by name, files by name or None where arrays are kept as they are; or error and traceback.
    """
    try:
        scenario = Scenario.parse(text)
        if scenario.key(kind) != key:
            raise InvvizError("A node of the Ray cluster has another version of invviz. Bring all nodes to the same one.")
        outcome = execute(kind, scenario, Site(Path(data_dir) if data_dir else None, Path(cache_dir), "cpu"), lambda event: True)
        files = files_of(outcome)
        return {
            "result": outcome.result,
            "stopped": outcome.stopped,
            "arrays": dict(outcome.arrays) if files is None else {},
            "files": files,
        }
    except Exception as err:  # noqa: BLE001  whatever happens, the driver learns of it
        return {"error": reason(err), "traceback": traceback.format_exc()}


def files_of(outcome: Outcome) -> dict[str, bytes] | None:
    """The files that an outcome writes, by name; None where it leaves that to the store."""
    if outcome.save is None:
        return None
    with tempfile.TemporaryDirectory() as folder:
        outcome.save(Path(folder))
        return {file.name: file.read_bytes() for file in sorted(Path(folder).iterdir())}


def saver(files: Mapping[str, bytes]) -> Save:
    """Writes such files, into the folder that it is given and nowhere else.

    Raises:
        InvvizError: a name that leads elsewhere.
    """
    if bad := [name for name in files if not name or name in (".", "..") or set(name) & {"/", "\\", "\0"}]:
        raise InvvizError(f"a node sent a file named {bad[0]!r}; names have no folders.")

    def save(folder: Path) -> None:
        for name, content in files.items():
            (folder / name).write_bytes(content)

    return save
