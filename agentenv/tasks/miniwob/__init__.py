"""MiniWoB++: small web tasks whose pages the `miniwob` package carries.

`pages` is the table of tasks (importing it is cheap), `suite` makes `Task`s of it,
`oracles` solves some of them. Nothing here is written into the package's folder.
"""
