"""A process that writes patterns into a file which others read meanwhile, as a detector does."""

import subprocess
import sys

import numpy as np

WRITER = """
import sys
import h5py

import numpy as np

path, patterns, positions = sys.argv[1], *(np.load(name) for name in sys.argv[2:])
with h5py.File(path, "w", libver="latest") as file:
    file["positions_px"] = positions
    shape, frame = (0, *patterns.shape[1:]), patterns.shape[1:]
    frames = file.create_dataset("patterns", shape, np.uint16, maxshape=(None, *frame), chunks=(1, *frame))
    file.swmr_mode = True
    for line in sys.stdin:
        begin, end = len(frames), min(len(patterns), len(frames) + int(line))
        frames.resize(end, axis=0)
        frames[begin:] = patterns[begin:end]
        frames.flush()
        print(end, flush=True)
"""


class Writer:
    """Another process, which writes patterns one after another into a file that others may read meanwhile."""

    def __init__(self, folder, data, count, patterns=None):
        np.save(folder / "patterns.npy", data.patterns if patterns is None else patterns)
        np.save(folder / "positions.npy", data.positions)
        files = [folder / name for name in ("scan.h5", "patterns.npy", "positions.npy")]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        self.process = subprocess.Popen([sys.executable, "-c", WRITER, *files], **pipes)
        self.write(count)

    def write(self, count):
        print(count, file=self.process.stdin, flush=True)
        return int(self.process.stdout.readline())

    def close(self):
        self.process.communicate(timeout=30)
