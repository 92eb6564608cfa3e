"""Which frames of a dataset have been written, told by the file itself.

A writer may make the whole dataset before the first frame. What was not written yet reads as the fill value.
"""

import math

import h5py
import h5py.h5d as h5d
import numpy as np
from jaxtyping import Bool

from ptychograd.data.dataset import Arrival
from ptychograd.data.files.safety.entries import damage


def written(dataset: h5d.DatasetID) -> Bool[np.ndarray, " index"] | None:
    """Which frames were written, where the file tells that some were not; else None.

    One that was not has no chunk, or is one of the last and holds the fill value only. Where that is 0, as a dark frame
    is too, it counts only if chunks are missing as well.
    """
    plist, came, each, is_short = dataset.get_create_plist(), np.ones(dataset.shape[0], bool), 0, False
    with damage("its chunks can't be counted, it is damaged"):
        if plist.get_layout() == h5d.CHUNKED and plist.get_alloc_time() == h5d.ALLOC_TIME_INCR:
            chunk = plist.get_chunk()
            room = math.prod(-(-n // part) for n, part in zip(dataset.shape, chunk, strict=True))
            is_short, each = dataset.get_num_chunks() < room, chunk[0]
        if is_short:
            came[:] = False
            dataset.chunk_iter(lambda found: _set(came, found.chunk_offset[0], each))
    if (is_short and each == 1) or (not is_short and not h5py.Dataset(dataset).fillvalue):
        return came if is_short else None
    with damage("what was written can't be told, it is damaged"):
        _shorten(came, Written(h5py.Dataset(dataset)), each)
    return None if came.all() else came


def _set(came: Bool[np.ndarray, " index"], begin: int, each: int) -> None:
    came[begin : begin + each] = True


def _shorten(came: Bool[np.ndarray, " index"], content: "Written", each: int) -> None:
    """Take away the last frames if they are the fill value; of chunks of so many frames, in the last chunk."""
    last = int(np.max(np.flatnonzero(came), initial=-1))
    least = last // each * each if each else 0
    while last >= least and not content.is_there(last):
        came[last] = False
        last -= 1


class Written(Arrival):
    """Frames that are more than the fill value, or for which the file made room only when they were written."""

    def __init__(self, dataset: h5py.Dataset):
        self._dataset = dataset
        self._known = 0  # frames up to the last one that was found
        plist = dataset.id.get_create_plist()
        by_frame = plist.get_layout() == h5d.CHUNKED and plist.get_chunk()[0] == 1
        self._room_tells = by_frame and plist.get_alloc_time() == h5d.ALLOC_TIME_INCR
        self._fill = np.asarray(dataset.fillvalue, dataset.dtype.newbyteorder("="))

    def count(self):
        with damage("the patterns that have come can't be counted, the file is damaged or gone"):
            self._dataset.id.refresh()
            length = self._dataset.id.shape[0]  # h5py's own shape is as old as its first use
            if self._known < length:
                self._known = length if self.is_there(length - 1) else self._position_searched(length)
        return min(self._known, length)

    def _position_searched(self, length: int) -> int:
        """The number after that of the last frame found, in steps that grow and then shrink.

        The cost is that of so many frames as have to be doubled to reach the length. Dark frames are passed over.
        """
        steps = self._known + 2 ** np.arange(length.bit_length()) - 1
        places = [int(place) for place in steps if place < length - 1]
        found = [place for place in places if self.is_there(place)]
        if not found:
            return self._known
        there, gone = found[-1], min([place for place in places if place > found[-1]], default=length - 1)
        while gone - there > 1:
            middle = (there + gone) // 2
            there, gone = (middle, gone) if self.is_there(middle) else (there, middle)
        return there + 1

    def is_there(self, number: int) -> bool:
        """Whether one frame has come."""
        frame = np.empty((1, *self._dataset.id.shape[1:]), self._fill.dtype)
        self._dataset.read_direct(frame, np.s_[number : number + 1])
        return bool(self.came(np.array([number]), frame)[0])

    def came(self, numbers, patterns):
        same = np.isnan(patterns) if np.isnan(self._fill) else patterns == self._fill
        there = np.asarray(~same.all(axis=(1, 2)))
        if self._room_tells:
            there[~there] = [self._has_room(int(number)) for number in numbers[~there]]
        return there

    def _has_room(self, number: int) -> bool:
        """Whether a frame has a chunk of its own; that of a dark one is as empty as what was not written."""
        try:
            self._dataset.id.read_direct_chunk((number, 0, 0))
        except (OSError, RuntimeError):  # there is none
            return False
        return True
