"""Folders of images, and several images by their names: one stack of frames."""

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path

from ptychograd.core.errors import InputError
from ptychograd.data.files.containers.base import LOOKED_AT, Container, Opening
from ptychograd.data.files.containers.fabio_images import Cbf, Edf
from ptychograd.data.files.containers.frames import Images, natural
from ptychograd.data.files.containers.mrc import Mrc
from ptychograd.data.files.containers.npy import Npy
from ptychograd.data.files.containers.tiff import Tiff
from ptychograd.data.files.safety.entries import Catalogue, damage

IMAGES: tuple[Images, ...] = (Tiff(), Npy(), Cbf(), Edf(), Mrc())


class Folder(Container):
    """The images of a folder, in the order of the numbers in their names."""

    name = "a folder of images"
    extensions = ()

    def recognises(self, path, start):
        return not start and path.is_dir()

    @contextlib.contextmanager
    def opened(self, path: Path, opening: Opening) -> Iterator[Catalogue]:
        with damage("the folder can't be read"):
            files = sorted((one for one in path.iterdir() if one.is_file()), key=lambda one: natural(one.name))
        found = {kind: [one for one in files if one.suffix.lower() in kind.extensions] for kind in IMAGES}
        found = {kind: images for kind, images in found.items() if images}
        if not found:
            known = ", ".join(ending for kind in IMAGES for ending in kind.extensions)
            raise InputError(f"this is a folder without images ({known}); name the files in it, as {path}/*.h5.")
        if len(found) > 1:
            texts = " and ".join(f"{len(images):,} {images[0].suffix}" for images in found.values())
            raise InputError(
                f"this folder has {texts} files; say which are the patterns, as {path}/*{files[0].suffix}."
            )
        ((kind, images),) = found.items()
        with kind.together(images, opening) as catalogue:
            yield catalogue


def image_kind(path: Path) -> Images | None:
    """The kind of an image; None if a file is none, or can't be read."""
    with damage(f"{path} can't be read"):
        if not path.is_file():
            return None
        with path.open("rb") as file:
            start = file.read(LOOKED_AT)
    return next((kind for kind in IMAGES if kind.recognises(path, start)), None)


@contextlib.contextmanager
def opened_together(paths: Sequence[Path], opening: Opening) -> Iterator[Catalogue]:
    """Images of one kind as one stack."""
    kind = image_kind(paths[0])
    if kind is None:
        raise InputError(f"{paths[0]} is no image.")
    with kind.together(paths, opening) as catalogue:
        yield catalogue
