"""The document of a workload graph as pydantic models: which keys there are, and what each may hold.

How services fit together (who is called, circles, what an entry reaches) is in `graph_rules`, so that one reading tells
both kinds of problem.
"""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import Field

from meshperf.spec.experiment_load_model import Model
from meshperf.spec.experiment_model import ARM_NAME, CLOSED, ServiceTime, StallModel, Status
from meshperf.spec.graph_shape import MOST_SERVICES
from meshperf.spec.quantities import Reads, Share, Size, Switch, duration_between, refuse, show, whole_between, word

__all__ = ["PROTOCOLS", "SERVICE_NAME", "CallModel", "GraphModel", "ServiceModel"]

SERVICE_NAME = re.compile(r"[a-z]([a-z0-9-]{0,61}[a-z0-9])?")
"""A label of DNS, which every mesh takes for a service's name."""
PROTOCOLS = ("http1", "http2", "grpc")
MOST_TIMES = 1000
LAST_STAGE = 1000


def _service_name(value: Any) -> str:
    if not isinstance(value, str) or not SERVICE_NAME.fullmatch(value):
        hint = "lower-case letters, digits and dashes, beginning with a letter and not ending with a dash, at most 63"
        raise refuse("MP2104", f"not a service's name: {show(value)}", hint)
    return value


ServiceName = Annotated[str, Reads(_service_name, {"type": "string", "pattern": f"^{SERVICE_NAME.pattern}$"})]


def _graph_name(value: Any) -> str:
    if not isinstance(value, str) or not ARM_NAME.fullmatch(value):
        hint = "letters, digits, dot, dash and underscore, beginning with a letter or digit, at most 63"
        raise refuse("MP2104", f"not a graph's name: {show(value)}", hint)
    return value


GraphName = Annotated[str, Reads(_graph_name, {"type": "string", "pattern": f"^{ARM_NAME.pattern}$"})]


class CallModel(Model):
    to: ServiceName = Field(description="The service that is called.")
    times: Annotated[int, whole_between(1, MOST_TIMES, "`times`")] = Field(1, description="Calls for each request.")
    share: Share = Field(1.0, description="Share of the requests for which it is made at all.")
    stage: Annotated[int, whole_between(0, LAST_STAGE, "`stage`")] = Field(
        0, description="Calls of one stage are made at the same time, stages one after another."
    )
    request_bytes: Size = Field(0, description="Size of the body that is sent along.")


class ServiceModel(Model):
    protocol: Annotated[str, word("protocol of a service", PROTOCOLS)] = Field(
        "http1", description="Spoken to this service."
    )
    response_bytes: Size = Field(1024, description="Size of each reply's body.")
    service_time: ServiceTime | None = Field(None, description="Its own work beside its calls.")
    busy: Switch = Field(False, description="Spend the service time computing instead of waiting.")
    status: dict[Status, Share] = Field(
        {}, json_schema_extra=CLOSED, description="Share of replies with another status than 200."
    )
    stall: StallModel | None = Field(None, description="Stop answering for a while, again and again.")
    calls: list[CallModel] = Field([], max_length=MOST_SERVICES, description="What it asks of others for each request.")
    retries: Annotated[int, whole_between(0, 10, "`retries`")] = Field(
        0, description="How often it repeats a call that failed."
    )
    timeout: Annotated[float, duration_between(1e-3, 60.0, "`timeout`")] | None = Field(
        None, description="After how long it gives a call up."
    )


class GraphModel(Model):
    """A workload graph: the services of an application and who calls whom."""

    graph: GraphName = Field(description="Name of the graph.")
    entry: ServiceName = Field(description="The service that load is sent to.")
    services: dict[ServiceName, ServiceModel] = Field(
        min_length=1, max_length=MOST_SERVICES, json_schema_extra=CLOSED, description="The services by name."
    )
