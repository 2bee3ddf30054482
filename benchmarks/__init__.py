"""Our own speed and accuracy, side by side with the tools users would pick. Not part of the product; `make bench`."""
