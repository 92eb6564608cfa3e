"""What a whole reconstruction is: its stages, several runs, what is kept of them, and how much memory they take."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
