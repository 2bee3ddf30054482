"""Results of vegeta: its reports, its single results, and its binary form."""
