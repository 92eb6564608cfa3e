"""What is done where nobody says anything: the start, the orientation, and the plan that data call for."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
