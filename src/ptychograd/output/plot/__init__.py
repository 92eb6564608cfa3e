"""Pictures of data, results and sweeps: what is saved is what is shown, row 0 at the top."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
