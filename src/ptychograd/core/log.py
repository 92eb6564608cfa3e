"""The library's log: it speaks under the name "ptychograd", and to nobody unless somebody listens.

Notes about data and starts have the level INFO, what may make a result wrong WARNING. A program hears them with
`logging.basicConfig(level=logging.INFO)`, or by a handler of its own.
"""

import logging

log = logging.getLogger("ptychograd")
log.addHandler(logging.NullHandler())
