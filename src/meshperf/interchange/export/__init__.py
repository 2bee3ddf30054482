"""Results in the formats of other tools: one module a format, listed in `registry`.

Every format is written from one record (`outgoing.Outgoing`), whoever measured the result, and every writer says what
of a result it leaves out. What needs a verdict (JUnit, SARIF, a Markdown summary) belongs to `report`.
"""
