"""Results of k6: its summary, and its single points as JSON lines or CSV."""
