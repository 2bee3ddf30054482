"""The words of a user's rule file, and its JSON Schema; what the rules do is for `analysis.rules_user` to say."""

from __future__ import annotations

from typing import Any

__all__ = ["MATCHES", "POLICIES", "RULE_FILE_KEYS", "RULE_SWITCHES", "RULE_TEXTS", "SEVERITIES", "rules_schema"]

SEVERITIES = ("EQ", "CLOSE", "VAR", "FREE")
"""Strictest first, as `POLICIES` and `MATCHES`."""
POLICIES = ("block", "flag", "note")
MATCHES = ("exact", "minor")

RULE_FILE_KEYS = ("rules", "version", "fields", "subjects")
RULE_TEXTS = ("path", "why", "fix", "apart")
RULE_SWITCHES = ("required", "across", "constant")
_SAID = {
    "path": "Dotted path of a fact; * stands for any text.",
    "why": "Why it matters, told with every violation.",
    "fix": "The smallest change that would mend it.",
    "apart": "A value that compares with itself alone.",
    "severity": "EQ: must be equal; CLOSE: within `tolerance`; VAR: the subject's own; FREE: shown, never judged.",
    "unknown": "What an unknown value means: not comparable, indicative, or named only.",
    "paired": "The same where both arms ran in the same rounds on the same host.",
    "match": "exact, or the first two numbers of a version.",
    "tolerance": "Relative difference that counts as none.",
    "required": "It must be there.",
    "across": "It may differ between arms of different meshes.",
    "constant": "It must not change between the rounds of one arm.",
}
_MOST = 1000


def rules_schema() -> dict[str, Any]:
    """The schema without its dialect."""
    text = {"type": "string", "pattern": r"\S"}
    properties: dict[str, Any] = {
        **dict.fromkeys(RULE_TEXTS, text),
        "severity": {"enum": list(SEVERITIES)},
        "unknown": {"enum": list(POLICIES)},
        "paired": {"enum": list(POLICIES)},
        "match": {"enum": list(MATCHES)},
        "tolerance": {"type": "number", "minimum": 0, "maximum": 1},
        **{key: {"type": "boolean"} for key in RULE_SWITCHES},
    }
    rule = {
        "type": "object",
        "properties": {key: {**form, "description": _SAID[key]} for key, form in properties.items()},
        "required": ["path"],
        "additionalProperties": False,
    }
    paths = {"type": "array", "items": {"type": "string", "minLength": 1}}
    return {
        "title": "meshperf rules of comparability",
        "description": "Laid over the rules that ship; whatever it loosens is told in every result judged by it.",
        "type": "object",
        "properties": {
            "rules": {**text, "description": "Name of the rules."},
            "version": {"type": "integer", "minimum": 1},
            "fields": {"type": "array", "items": rule, "maxItems": _MOST},
            "subjects": {
                "type": "object",
                "additionalProperties": paths,
                "description": "What a word of `--subject` lets differ, beside what it lets differ by our rules.",
            },
        },
        "required": ["rules", "version"],
        "additionalProperties": False,
    }
