"""Devices side by side: which of them hold which patterns, and how arrays come onto them.

Devices stand in a grid of shares and parts. A share is memory of its own: a host, whose cores see one and the same
copy of the host's patterns, or an accelerator, which holds its own. A minibatch takes as many patterns from each share,
and the parts of a share, the cores of a host, divide them.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import equinox as eqx
import jax
import numpy as np
from jax.experimental.multihost_utils import broadcast_one_to_all
from jax.sharding import Mesh, NamedSharding, PartitionSpec
from jaxtyping import PyTree

from ptychograd.core.errors import InputError
from ptychograd.core.memory import aligned_empty, is_aligned
from ptychograd.core.strict import meant

Device = Any  # jax.Device, which is no type to a type checker
SHARE, PART = AXES = ("share", "part")
EVERYWHERE, BY_SHARE, BY_SLOT = PartitionSpec(), PartitionSpec(SHARE), PartitionSpec(None, AXES)
WHERE = (BY_SLOT, BY_SLOT, BY_SLOT, EVERYWHERE, EVERYWHERE)  # the arrays of a plan


def grid(devices: Sequence[Device] | None, batch_size: int) -> Mesh | None:
    """The devices that a minibatch of this size is spread over; None for one device, on which nothing is spread."""
    if devices is None or len(devices) == 1:
        return None
    hosts: dict[int, list[Device]] = {}
    for device in devices:
        hosts.setdefault(device.process_index, []).append(device)
    on_cpu = devices[0].platform == "cpu"
    shares = list(hosts.values()) if on_cpu else [[device] for device in devices]
    if len(hosts) == 1:
        shares = shares[:batch_size]
    if len(shares) > batch_size:
        raise InputError(
            f"A batch of {batch_size} can't be spread over {len(shares)} devices of {len(hosts)} processes; "
            "give larger batches or fewer processes."
        )
    each = -(-batch_size // len(shares))  # patterns that a share does in a step
    parts = min(len(share) for share in shares)
    parts = -(-each // -(-each // parts))  # with fewer patterns than cores, and where some would wait for the others
    if len(shares) * parts == 1:
        return None
    return Mesh(np.array([share[:parts] for share in shares]), AXES)


def shares_of(count: int, mesh: Mesh | None) -> list[int]:
    """The number of the first pattern of each share, and of the one after the last."""
    shares = 1 if mesh is None else mesh.shape[SHARE]
    return [count * share // shares for share in range(shares + 1)]


def own_shares(mesh: Mesh | None) -> list[int]:
    """The shares whose patterns this process holds."""
    if mesh is None:
        return [0]
    mine = jax.process_index()
    return [number for number, row in enumerate(mesh.devices) if row[0].process_index == mine]


def everywhere(tree: PyTree, mesh: Mesh | None) -> PyTree:
    """A copy of all arrays on every device."""
    if mesh is None:
        return tree
    return jax.tree.map(lambda leaf: placed(leaf, mesh, EVERYWHERE) if isinstance(leaf, jax.Array) else leaf, tree)


def at_home(tree: PyTree, mesh: Mesh | None) -> PyTree:
    """Arrays that are the same `everywhere`, on this process's first device alone."""
    if mesh is None:
        return tree
    held, rest = eqx.partition(tree, eqx.is_array)
    return eqx.combine(jax.device_put(jax.device_get(held)), rest)


@meant
def agreed(number: float, mesh: Mesh | None) -> float:
    """A number that each process of a run worked out, as the first has it in single precision.

    Last bits may differ from one process to another; they are as they are where a run has but some of the processes.
    """
    processes = 1 if mesh is None else len({device.process_index for device in mesh.devices.flat})
    if processes == 1 or processes < jax.process_count():
        return number
    return float(broadcast_one_to_all(np.float32(number)))


def placed(array: np.ndarray | jax.Array, mesh: Mesh | None, where: PartitionSpec) -> jax.Array:
    """An array that every process has, divided over the devices."""
    if mesh is None:
        return jax.device_put(array)
    whole = np.asarray(jax.device_get(array))
    return _spread(whole.shape, NamedSharding(mesh, where), lambda part: whole[part])


def placed_shares(shares: Mapping[int, np.ndarray], size: int, mesh: Mesh | None) -> jax.Array:
    """Patterns, of which this process has some shares, filled up to the `size` of the largest; cores share memory."""
    shares = {number: _aligned(array, size) for number, array in shares.items()}
    if mesh is None:
        return jax.device_put(shares[0])
    frame = next(iter(shares.values())).shape[1:]

    def share(part) -> np.ndarray:
        return shares[(part[0].start or 0) // size]

    shape = (mesh.shape[SHARE] * size, *frame)
    return _spread(shape, NamedSharding(mesh, BY_SHARE), share)


@meant
def _spread(shape: tuple[int, ...], sharding: NamedSharding, part: Callable[[Any], np.ndarray]) -> jax.Array:
    return jax.make_array_from_callback(shape, sharding, part)


def _aligned(array: np.ndarray, size: int) -> np.ndarray:
    """The array where a CPU device takes it without a copy, with zeros after it if it has fewer than `size` entries."""
    if len(array) == size and is_aligned(array):
        return array
    fresh = aligned_empty((size, *array.shape[1:]), array.dtype)
    fresh[: len(array)], fresh[len(array) :] = array, 0
    return fresh
