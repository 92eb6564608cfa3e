# The public names, grouped. `ptychograd/__init__.py` loads them from here when they are first used.

# Data
# Modules
from . import metrics as metrics
from . import plot as plot
from ._dataset import Dataset as Dataset
from ._dataset import Geometry as Geometry
from ._dataset import Truth as Truth
from ._dataset import make_dataset as make_dataset
from ._dataset import subset as subset
from ._detector import Detector as Detector

# Errors
from ._errors import InputError as InputError
from ._files import read as read
from ._files import write as write
from ._fourier import fft2 as fft2
from ._fourier import ifft2 as ifft2
from ._fourier import translate as translate

# Reconstruction and its result
from ._hold_out import hold_out as hold_out
from ._hold_out import r_factor as r_factor
from ._model import AbstractExitWaveModel as AbstractExitWaveModel
from ._model import AbstractModel as AbstractModel
from ._model import Ptychography as Ptychography

# Noise
from ._noise import AbstractNoise as AbstractNoise
from ._noise import Amplitude as Amplitude
from ._noise import Poisson as Poisson
from ._objects import AbstractObject as AbstractObject
from ._objects import EmbeddedObject as EmbeddedObject
from ._objects import ThinObject as ThinObject
from ._probes import AbstractProbe as AbstractProbe
from ._probes import Probe as Probe
from ._propagators import AbstractPropagator as AbstractPropagator
from ._propagators import FarField as FarField
from ._propagators import fresnel_kernel as fresnel_kernel

# Models: one from a recipe, or composed, or one's own
from ._recipes import far_field as far_field
from ._reconstruct import Progress as Progress
from ._reconstruct import reconstruct as reconstruct
from ._result import History as History
from ._result import NonFiniteError as NonFiniteError
from ._result import Result as Result
from ._result import load as load
from ._run import Run as Run
from ._run import Stage as Stage
from ._run import perform as perform
from ._scan import AbstractScan as AbstractScan
from ._scan import SubPixelScan as SubPixelScan
from ._scan import WholePixelScan as WholePixelScan
from ._scan import make_scan as make_scan
from ._simulate import simulate as simulate

# Solvers
from ._solvers import PIE as PIE
from ._solvers import AbstractSolver as AbstractSolver
from ._solvers import ADePIE as ADePIE
from ._solvers import Nesterov as Nesterov
from ._solvers import Optax as Optax
from ._solvers import Still as Still
from ._solvers import adam as adam

# Starts
from ._starts import aperture as aperture
from ._starts import flat_object as flat_object
from ._starts import focal_spot as focal_spot
from ._starts import mean_pattern as mean_pattern
from ._starts import pinhole as pinhole
from ._starts import random_object as random_object
from ._stopping import Settled as Settled
from ._sweep import Sweep as Sweep
from ._sweep import sweep as sweep
from ._windows import Window as Window
from ._windows import cut as cut
from .metrics import nrmse as nrmse

__version__: str
