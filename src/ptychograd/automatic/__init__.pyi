from .orientation import OrientationTrial as OrientationTrial
from .orientation import Preference as Preference
from .orientation import preference as preference
from .orientation import try_orientations as try_orientations
from .proposal import Proposal as Proposal
from .proposal import propose as propose
