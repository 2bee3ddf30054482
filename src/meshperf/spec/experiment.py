"""The experiment that a person wrote, as frozen records in SI units.

These records are what every other package works with; they know nothing of YAML. Reading a file, and finding every
problem in it at once, is the business of `reader`, `experiment_model` and `envelope`, which load only when a file is
read: pydantic and ruamel.yaml stay out of `meshperf --help`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path

from meshperf.spec.experiment_load import LoadPoint
from meshperf.spec.graph import Graph, GraphService, digest_of
from meshperf.spec.mesh_names import KNOWN_MESHES
from meshperf.units import Unit

__all__ = [
    "DEFAULT_MARGINS",
    "KNOWN_MESHES",
    "Arm",
    "ClientLibrary",
    "Experiment",
    "Functions",
    "Limits",
    "LoadPoint",
    "Objective",
    "TargetUrl",
    "Workload",
    "is_loopback",
    "read_experiment",
]

DEFAULT_MARGINS: Mapping[str, float] = {
    "p50": 0.05,
    "p90": 0.10,
    "p99": 0.10,
    "mean": 0.05,
    "cpu_per_request": 0.05,
    "memory": 0.05,
}
"""Relative differences over the baseline arm that count as no difference, as shares of one, by metric."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientLibrary:
    """What the application does itself instead of leaving it to a mesh."""

    mtls: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Functions:
    """What the mesh is switched on to do beside carrying requests; the same names for every mesh.

    What is left at its default is off. A mesh that cannot do one of them refuses the arm before anything is deployed.
    """

    authorization_rules: int = 0
    """Rules that every request is held against; the one that admits it comes last. 0: whoever is authenticated."""
    routes: int = 1
    """Routes in the table; the others match paths that nobody asks for."""
    route_match: str = "first"
    """Whether the route that the load takes is the `first` or the `last` of the table."""
    split: tuple[int, ...] = ()
    """Weights of a traffic split over as many subsets of the same endpoints; empty: none."""
    retries: int = 0
    """How often the proxy repeats a request that failed with 5xx, a reset or no connection."""
    timeout_s: float | None = None
    """After how long the proxy gives a request up [s]; None: the adapter's own long one."""
    rate_limit: float | None = None
    """Requests per second that the server's sidecar lets in (local rate limit); None: all."""
    metrics: bool = False
    """Request metrics are scraped every second, as a monitoring system would."""
    tracing: bool = False
    """Tracing headers are made and passed on, and 1 % of the spans recorded where the mesh can without a collector."""

    def used(self) -> tuple[str, ...]:
        """Names of the functions that are switched on."""
        return tuple(item.name for item in fields(self) if getattr(self, item.name) != item.default)


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What the processes of one pod together may use, as a node type allows it; None: no limit."""

    cpu: float | None = None
    """Cores."""
    memory: int | None = None
    """Bytes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Arm:
    """One compared configuration. The baseline arm has neither a mesh nor a client library."""

    name: str
    mesh: str
    """A word of `KNOWN_MESHES`."""
    mtls: str = "off"
    """`off` or `strict`: what the arm claims of itself; the claim is tried out before and after measuring."""
    proxy_concurrency: int = 1
    access_log: bool = False
    mode: str = "http"
    """`http` (the proxy parses requests) or `tcp` (it forwards bytes)."""
    proxies: str = "both"
    """Which sidecars stand on the way of the load: `both`, the `client`'s alone or the `server`'s alone."""
    client_library: ClientLibrary | None = None
    cell: str = ""
    """Which arms may be held against each other: those of one cell of a `matrix` over all arms."""
    functions: Functions = field(default_factory=Functions)
    defaults: str = "equal"
    """`equal` (the same proxy build, TLS 1.3, no access log for every mesh that lets itself be told) or `mesh` (as it
    ships)."""
    interception: str | None = None
    """`explicit` (the caller dials its sidecar) or `transparent` (iptables redirects); None: as the mesh is used to."""
    control_plane: Mapping[str, str] = field(default_factory=dict)
    """Settings of the control plane in the mesh's own words: environment variables or mesh configuration by path."""
    clusters: int = 1
    """1, or 2: the callee is in another cluster behind a gateway."""
    link_delay_s: float = 0.0
    """Added one way between the clusters or, in one cluster, between client and server pod [s]."""
    limits: Mapping[str, Limits] = field(default_factory=dict)
    """By pod group: `client`, `server`, `control-plane`."""
    binaries: Mapping[str, Path] = field(default_factory=dict)
    """Programs of the mesh by name, absolute; else they are searched."""
    envoy_path: Path | None = None
    client_bootstrap: Path | None = None
    """The user's own Envoy configuration template of the client's sidecar; absolute."""
    server_bootstrap: Path | None = None

    @property
    def is_baseline(self) -> bool:
        return self.mesh == "none" and self.client_library is None


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """The measured service."""

    graph: str = "echo"
    """Name of the graph; `echo` is one service with the settings below."""
    services: Graph | None = None
    """The graph itself where it is not `echo`; the settings below are then those of its entry."""
    graph_file: Path | None = None
    """The user's own document of the graph; absolute. None: a graph of the package, or `echo`."""
    response_bytes: int = 1024
    service_time: str | None = None
    """`300us`, `exponential:300us` or `lognormal:300us:0.5`, in the workload executable's own grammar."""
    busy: bool = False
    """Service time is spent computing instead of waiting."""
    status: Mapping[int, float] = field(default_factory=dict)
    """Share of replies, in (0, 1], by HTTP status; the rest is 200."""
    stall: tuple[float, float] | None = None
    """(S, P): the workload stops for S seconds of every P seconds."""

    def as_graph(self) -> Graph:
        """The services that are deployed: those of the graph, or the one echo service, named `app`.

        Raises:
            ValueError: the graph stands in a file that was not read, as in a bundle's copy of an experiment.
        """
        if self.services is not None:
            return self.services
        if self.graph_file is not None:
            raise ValueError(f"the graph {self.graph} was not read")
        app = GraphService(
            name="app",
            response_bytes=self.response_bytes,
            service_time=self.service_time,
            busy=self.busy,
            status=self.status,
            stall=self.stall,
        )
        return Graph(name=self.graph, entry="app", services=(app,), digest=digest_of("app", (app,)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Objective:
    """A bound on one metric that a gate holds the candidate arms to."""

    metric: str
    op: str
    """`<=`, `>=`, `<` or `>`."""
    threshold: float
    """In `unit`; shares are fractions of one."""
    unit: Unit
    text: str
    """As written."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetUrl:
    """An address outside the experiment that an SMP test puts under load; no mesh is deployed for it."""

    url: str
    load_point: int
    """Index into `Experiment.load`: the SMP client that names this URL."""
    weight: float = 1.0
    """Share of the requests beside the other URLs of its `mix`."""
    mix: tuple[tuple[str, float], ...] = ()
    """Further URLs that are loaded in the same run, with their weights."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Experiment:
    """Arms, load points and rounds on one environment and workload; or, with `targets`, an SMP test of given URLs."""

    name: str
    subject: tuple[str, ...]
    environment: str = "local"
    """`local` (hosts are loopback addresses) or `netns` (hosts are network namespaces; needs root)."""
    cpus: Mapping[str, tuple[int, ...]] | None = None
    """CPU numbers for `generator` and `measured`, where the file assigns them."""
    workload: Workload = field(default_factory=Workload)
    load: tuple[LoadPoint, ...]
    design: str = "interleaved"
    """`interleaved` or `continuous`."""
    slice_s: float | None = None
    """Length of a slice [s]; None: chosen by a pilot."""
    control: str = "first-round"
    """`first-round` or `every-round`: where each resident also has a continuous stretch alone; for the machine's CPU
    and energy, and as a check on the slices."""
    rounds: int
    seed: int = 1
    arms: Mapping[str, Arm]
    """By name, in the file's order; empty where `targets` are given."""
    aa: tuple[str, ...] = ()
    """Arms that are deployed twice, for the noise floor."""
    objectives: tuple[Objective, ...] = ()
    margins: Mapping[str, float] = field(default_factory=lambda: dict(DEFAULT_MARGINS))
    absolute_floors: Mapping[str, float] = field(default_factory=dict)
    """By metric, the added amount that counts as none whatever its share [s, s of CPU a request, bytes]."""
    resolution: Mapping[str, float] = field(default_factory=dict)
    """By metric, the half-width that its interval is to have, as a share; `rounds` is then the most that are made.
    Empty: exactly `rounds` are made."""
    targets: tuple[TargetUrl, ...] = ()
    """Each is loaded at its client's full rate in a run of its own."""
    allow_targets: tuple[str, ...] = ()
    """Hosts outside loopback that may be put under load, named in the file."""
    order: str = "interleaved"
    """Of an SMP test's repetitions: `interleaved`, `blocked` or `random`."""
    mesh_type: str | None = None
    """SMP name of the mesh that an SMP test says it measures; recorded, not deployed."""
    mesh_version: str | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    """Labels of an SMP test."""
    notes: tuple[str, ...] = ()
    """Things of an SMP test that are done differently here, for the reader of the result."""
    path: Path | None = None
    digest: str = ""
    """SHA-256 of the file's bytes, hexadecimal."""

    @property
    def baseline(self) -> str:
        """Name of the baseline arm; with cells, that of the first one.

        Raises:
            ValueError: an SMP test of given URLs has no arms.
        """
        return next(iter(self.cells().values()))[0].name

    def cells(self) -> Mapping[str, tuple[Arm, ...]]:
        """Arms that are judged together, by cell: the baseline arm first, the candidates in the file's order.

        Raises:
            ValueError: an SMP test of given URLs has no arms.
        """
        found: dict[str, list[Arm]] = {}
        for arm in self.arms.values():
            found.setdefault(arm.cell, []).append(arm)
        ordered = {cell: tuple(sorted(arms, key=lambda one: not one.is_baseline)) for cell, arms in found.items()}
        if not ordered or not all(arms[0].is_baseline for arms in ordered.values()):
            raise ValueError(f"experiment {self.name!r} has no baseline arm")
        return ordered

    @property
    def is_smp_test(self) -> bool:
        """Whether the file was an SMP test that names its targets by URL."""
        return bool(self.targets)


def read_experiment(path: Path, *, files_beside: bool = True) -> Experiment:
    """Read an experiment file, or an SMP test file with `test:` and `mesh:`, in YAML or JSON.

    Args:
        files_beside: whether files that the document names must be there; a bundle's copy stands alone.

    Raises:
        DocumentError: every problem of the file; the first is the error itself, the rest are its `others`.
    """
    from meshperf.spec.experiment_reading import experiment_from_document
    from meshperf.spec.reader import read_document

    return experiment_from_document(read_document(path), files_beside=files_beside)


def is_loopback(host: str) -> bool:
    """Whether a host named in a URL can only be this machine: 127.0.0.0/8, ::1 or `localhost` in any case.

    Any other name counts as outside, even when it resolves to a loopback address today.
    """
    import ipaddress

    bare = host.strip().removeprefix("[").removesuffix("]").rstrip(".").lower()
    if bare == "localhost":
        return True
    try:
        address = ipaddress.ip_address(bare)
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return address.is_loopback if mapped is None else mapped.is_loopback
