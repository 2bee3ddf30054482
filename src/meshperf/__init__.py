"""Service Mesh Performance: describe, capture and compare what a service mesh costs, in your own environment.

Importing this package loads nothing heavy; each verb and each layer imports what it needs itself.
"""

__all__ = ["__version__"]

__version__ = "0.1.0"
