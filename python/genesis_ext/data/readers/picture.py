# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""PNG and JPEG by Pillow: (X, Y, 1), x to the right and y down as the picture is seen, grey."""

import warnings
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from genesis_ext.data.readers.reader import Reader, register
from genesis_ext.data.readers.stored import DEFLATE_RATIO, StoredImage, check_shape, check_size, library, one_line
from genesis_ext.data.volume import Modality, VolumeError

NO_SPACING = "the file gives no spacing: 1 mm is taken"
_ORIENTATION = 0x0112  # EXIF
_QUARTER_TURN = 5  # from which on columns and rows change places
_WIDE = {"I": np.dtype(np.int32), "F": np.dtype(np.float32)}  # by Pillow's mode; I;16 in its byte orders is uint16


@register
class Picture(Reader):
    """Grey pictures; of a label with a palette the indices count, not the colours."""

    formats = ("PNG", "JPEG")
    library = "Pillow"
    suffixes = (".png", ".jpg", ".jpeg")
    rules = "(X, Y, 1), 1 mm (said)"

    def images(self, path: Path, modality: Modality | None = None, label: bool = False) -> list[StoredImage]:
        """Read the header."""
        return [_image(path, indexed=label)]


def _image(path: Path, indexed: bool) -> StoredImage:
    pillow = library("PIL.Image", path)
    with _open(pillow, path) as picture:
        (x, y), mode = picture.size, picture.mode
        if _said_turned(picture) and picture.getexif().get(_ORIENTATION, 1) >= _QUARTER_TURN:
            x, y = y, x
    shape, _ = check_shape(path, (x, y))
    check_size(path, x * y, path.stat().st_size, DEFLATE_RATIO)
    dtype = np.dtype(np.uint16) if mode.startswith("I;16") else _WIDE.get(mode, np.dtype(np.uint8))
    return StoredImage(
        path=path,
        name=path.stem,
        shape=shape,
        frames=1,
        dtype=dtype,
        affine=np.eye(4),
        modality=None,
        load=partial(_load, pillow, path, dtype, indexed),
        picture=True,
        notes=(NO_SPACING,),
    )


def grey(path: Path, pixels: NDArray[Any]) -> NDArray[Any]:
    """(..., 3) to (...): the one channel of a colour picture that is grey.

    Raises:
        VolumeError: the channels differ.
    """
    red = pixels[..., 0]
    coloured = int(np.count_nonzero((red != pixels[..., 1]) | (red != pixels[..., 2])))
    if coloured:
        raise VolumeError(
            f"{path}: must be grey (colour is taken where its three channels are equal), got {coloured} coloured "
            f"pixels of {red.size}: convert it first, or cut coloured marks off"
        )
    return red


def _said_turned(picture: Any) -> bool:
    """Whether EXIF stands before the pixels; to look behind them, Pillow would decode the whole picture."""
    return "exif" in picture.info


def _open(pillow: Any, path: Path) -> Any:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", pillow.DecompressionBombWarning)  # check_shape and check_size decide
            return pillow.open(path, formats=("PNG", "JPEG"))
    except (OSError, ValueError, SyntaxError, pillow.DecompressionBombError) as error:
        raise VolumeError(f"{path}: unreadable or truncated: {one_line(error)}") from error


def _load(pillow: Any, path: Path, dtype: np.dtype[Any], indexed: bool) -> NDArray[Any]:
    upright = library("PIL.ImageOps", path).exif_transpose
    with _open(pillow, path) as picture:
        try:
            if _said_turned(picture):
                picture = upright(picture)
            if picture.mode == "1":
                picture = picture.convert("L")
            elif picture.mode == "LA":
                picture = picture.getchannel(0)
            elif picture.mode not in ("L", *_WIDE) and dtype == np.uint8 and not (indexed and picture.mode == "P"):
                picture = picture.convert("RGB")
            pixels = np.asarray(picture)
        except (OSError, ValueError, SyntaxError) as error:
            raise VolumeError(f"{path}: unreadable or truncated: {one_line(error)}") from error
    if pixels.ndim == 3:
        pixels = grey(path, pixels)
    return pixels.T[:, :, None, None]
