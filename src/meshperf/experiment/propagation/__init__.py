"""How long a change of configuration takes to reach every proxy, and what a control plane costs meanwhile."""
