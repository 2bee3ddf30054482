"""Meshes as modules: detect one, deploy an arm with it, try out what it claims."""

from meshperf.meshes.base import (
    APP_PORT,
    ENDPOINT_PROBE,
    ROUTE_PROBE,
    AppAddress,
    AppNeeds,
    ArmDeployment,
    ControlledMesh,
    ControlledProxies,
    Detection,
    Mesh,
    Preparation,
    TlsFiles,
)
from meshperf.meshes.registry import mesh_names, open_mesh

__all__ = [
    "APP_PORT",
    "ENDPOINT_PROBE",
    "ROUTE_PROBE",
    "AppAddress",
    "AppNeeds",
    "ArmDeployment",
    "ControlledMesh",
    "ControlledProxies",
    "Detection",
    "Mesh",
    "Preparation",
    "TlsFiles",
    "mesh_names",
    "open_mesh",
]
