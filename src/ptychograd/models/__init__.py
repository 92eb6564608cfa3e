"""Where a reconstruction starts: recipes from data to a model, effects put into it, first guesses, simulations."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
