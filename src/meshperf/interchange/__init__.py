"""Results of other tools in, other formats out.

One module a form. `format` says what a reader must provide, `registry` lists them; detection is by content.
"""
