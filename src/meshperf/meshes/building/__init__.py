"""Build the programs of meshes that Go's module registry offers, into the cache folder."""

from meshperf.meshes.building.installing import Installed, install, plan
from meshperf.meshes.building.progress import Progress
from meshperf.meshes.building.recipes import ELSEWHERE, RECIPES, Recipe
from meshperf.meshes.building.toolchain import Go, find_go

__all__ = ["ELSEWHERE", "RECIPES", "Go", "Installed", "Progress", "Recipe", "find_go", "install", "plan"]
