from .calibration import FlatFieldCalibration as FlatFieldCalibration
from .positions import DistortionCorrection as DistortionCorrection
from .positions import HeldOutMonitor as HeldOutMonitor
from .positions import PositionSearch as PositionSearch
from .positions import PositionValidation as PositionValidation
from .positions import held_out_misfits as held_out_misfits
from .stage_actions import BeamShift as BeamShift
from .stage_actions import ShrinkWrap as ShrinkWrap
