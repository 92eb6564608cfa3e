"""How good a result is: errors, rings, residuals, strain, two halves of the data."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
