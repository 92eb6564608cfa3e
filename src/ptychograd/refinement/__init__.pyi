from .calibration import FlatFieldCalibrated as FlatFieldCalibrated
from .positions import PositionsJudged as PositionsJudged
from .positions import PositionsSearched as PositionsSearched
from .positions import PositionsUnbent as PositionsUnbent
from .positions import Watch as Watch
from .positions import misfits as misfits
from .stage_actions import BeamShift as BeamShift
from .stage_actions import ShrinkWrap as ShrinkWrap
