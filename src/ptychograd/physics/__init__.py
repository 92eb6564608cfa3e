"""What one pattern looks like: from the wave on the object to the photons that a detector counts."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
