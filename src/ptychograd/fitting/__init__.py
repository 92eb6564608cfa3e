"""How parameters are found: noise and priors to an objective, solvers, the compiled epoch, and the result."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
