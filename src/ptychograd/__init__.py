"""Ptychography by automatic differentiation: specify the physics, get the reconstruction.

Names load when they are first used, so that importing costs nothing and changes nothing.
"""

import lazy_loader

from ptychograd.core.version import __version__ as __version__

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
