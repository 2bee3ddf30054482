"""Meshes as modules: detect one, deploy an arm with it, try out what it claims."""
