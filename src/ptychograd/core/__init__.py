"""What all rooms stand on: Fourier transforms, windows, names of parameters, memory, errors."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
