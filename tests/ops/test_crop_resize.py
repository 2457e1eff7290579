# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Boxes cut out of packed volumes and resized."""

import nibabel
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from scipy import ndimage

from genesis_ext import ops
from genesis_ext.reference import crop_resize as reference
from tests.cases import generator, same_bits
from tests.shared import shared_dir

DTYPES = (torch.uint8, torch.int16, torch.float16, torch.float32)
TOLERANCE = 1e-5  # of the range, class B
SIDES = ((20, 31, 17), (1, 5, 9), (40, 12, 33), (7, 1, 1), (2, 2, 50))
NO_WINDOW = (0.0, 0.0)


def pack(*volumes, windows=NO_WINDOW):
    """Lay volumes one after another; one window for all, or one each."""
    sizes = [v.numel() for v in volumes]
    window = torch.as_tensor(windows, dtype=torch.float32).expand(len(volumes), 2)
    return ops.PackedVolumes(
        torch.cat([v.flatten() for v in volumes]),
        torch.tensor([sum(sizes[:i]) for i in range(len(sizes))]),
        torch.tensor([v.shape for v in volumes], dtype=torch.int32),
        window.contiguous(),
    )


def noise(shape, dtype=torch.float32):
    """Values in [0, 250), the hardest for splines."""
    return (torch.rand(shape, generator=generator(str(shape))) * 250).to(dtype)


def random_boxes(volumes, index, reach=1.4):
    """Boxes inside, across and beyond the edges of their volumes."""
    sides = volumes.shape[index].float()
    ends = (torch.rand(2, len(index), 3, generator=generator("boxes")) * reach - (reach - 1) / 2) * sides
    return torch.cat([ends.amin(0), ends.amax(0) + 0.01], -1)


def whole(volume):
    return torch.tensor([[0.0, 0.0, 0.0, *volume.shape]])


def crop(volume, box, out_shape, **options):
    """One box of one volume, without a window: (X, Y, Z)."""
    box = torch.as_tensor(box, dtype=torch.float32).reshape(1, 6)
    return ops.crop_resize(pack(volume), torch.tensor([0]), box, out_shape, **options)[0, 0]


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize(
    ("order", "antialias"), [(0, False), (1, False), (1, True), (3, False), (3, True)], ids=lambda v: str(v)
)
def test_boxes_are_those_of_the_reference(order, antialias, dtype):
    """Its third order filters whole volumes."""
    volumes = pack(
        *(noise(sides, dtype) for sides in SIDES), windows=[(0, 250), (10, 200), NO_WINDOW, (50, 90), (0, 1)]
    )
    index = torch.arange(40) % len(SIDES)
    boxes = random_boxes(volumes, index)
    boxes[:5] = torch.cat([torch.zeros(5, 3), volumes.shape.float()], 1)
    boxes[5:10, :3] = boxes[5:10, :3].round()
    boxes[5:10, 3:] = boxes[5:10, :3] + 9  # a step of one voxel, on voxels
    for window in (volumes.window, torch.zeros_like(volumes.window)):
        packed = volumes._replace(window=window)
        for out_shape in ((9, 9, 9), (5, 20, 35), (1, 1, 1)):
            got = ops.crop_resize(packed, index, boxes, out_shape, order, antialias, fill=7.0)
            arrays = tuple(t.numpy() for t in packed)
            expected = reference.crop_resize(arrays, index.numpy(), boxes.numpy(), out_shape, order, antialias, 7.0)
            assert got.shape == (40, 1, *out_shape)
            assert got.is_contiguous()
            spans = (window[:, 1] - window[:, 0])[index]
            ranges = torch.where(spans > 0, 250 / spans, 250.0).clamp(min=1.0).view(-1, 1, 1, 1, 1)
            assert ((got - torch.from_numpy(expected)).abs() <= TOLERANCE * ranges).all()


@pytest.mark.parametrize("antialias", [False, True])
@pytest.mark.parametrize("sides", SIDES[:3], ids=str)
def test_a_whole_volume_as_box_is_torch_s_interpolation(sides, antialias):
    volume = noise(sides)
    for out_shape in (sides, (9, 9, 9), (3, 40, 8)):
        got = crop(volume, whole(volume), out_shape, antialias=antialias)
        expected = volume.double()
        for axis, side in enumerate(out_shape):  # torch has no antialias in 3D: axis by axis, as pictures of one row
            lines = expected.movedim(axis, -1)
            rows = lines.reshape(1, -1, 1, lines.shape[-1])
            rows = F.interpolate(rows, (1, side), mode="bilinear", align_corners=False, antialias=antialias)
            expected = rows.reshape(*lines.shape[:-1], side).movedim(-1, axis)
        torch.testing.assert_close(got.double(), expected, rtol=0, atol=250 * TOLERANCE)


def test_a_box_on_voxels_is_a_slice_at_every_order():
    volume = noise((12, 13, 14), torch.int16)
    for order in (0, 1, 3):
        got = crop(volume, (2, 3, 4, 7, 12, 14), (5, 9, 10), order=order, dtype=torch.int16)
        assert torch.equal(got, volume[2:7, 3:12, 4:14])


def test_order_3_is_scipy_s_spline_through_all_voxels_of_the_volume():
    volume = noise((40, 36, 44))
    got = crop(volume, (10, 8, 12.5, 26, 30, 30), (24, 17, 31), order=3)
    points = [
        lo - 0.5 + (np.arange(m) + 0.5) * (hi - lo) / m
        for lo, hi, m in ((10, 26, 24), (8, 30, 17), (12.5, 30, 31))
    ]  # fmt: skip
    positions = np.stack(np.meshgrid(*points, indexing="ij"))
    expected = ndimage.map_coordinates(volume.double().numpy(), positions, order=3, mode="reflect")
    np.testing.assert_allclose(got.numpy(), expected, rtol=0, atol=250 * TOLERANCE)


@pytest.mark.parametrize("order", [0, 1, 3])
def test_outside_the_edges_is_the_fill_and_inside_they_go_on(order):
    volume = torch.full((4, 4, 4), 9.0)
    got = crop(volume, (-2, 0, -3, 6, 4, -1), (8, 8, 4), order=order, fill=5.0)
    assert torch.equal(got, torch.full((8, 8, 4), 5.0))  # beside the volume
    got = crop(volume, (-2, 0, 0, 6, 4, 4), (16, 4, 4), order=order, fill=5.0)
    inside = (torch.arange(16) >= 4) & (torch.arange(16) < 12)
    expected = torch.where(inside, 9.0, 5.0).view(-1, 1, 1).expand(16, 4, 4)
    torch.testing.assert_close(
        got, expected, rtol=1e-6 if order == 3 else 0, atol=0
    )  # weights of 24 sum up to 1 - 1e-7


def test_the_window_becomes_0_to_1_and_is_clamped_and_the_fill_goes_through_it():
    volume = torch.tensor([-2000.0, -1000.0, -488.0, 24.0, 1048.0, 3000.0, torch.nan]).view(1, 1, 7)
    box = torch.tensor([[0.0, 0, 0, 1, 1, 8]])
    got = ops.crop_resize(pack(volume, windows=(-1000, 1048)), torch.tensor([0]), box, (1, 1, 8), 0, fill=536.0)
    expected = torch.tensor([0.0, 0.0, 0.25, 0.5, 1.0, 1.0, torch.nan, 0.75])
    assert same_bits(got.flatten(), expected)
    for window in ((3.0, 3.0), (5.0, 1.0), (-3e38, 3e38)):  # empty, or too wide for float32
        got = ops.crop_resize(pack(volume, windows=window), torch.tensor([0]), box, (1, 1, 8), 0, fill=536.0)
        assert same_bits(got.flatten(), torch.cat([volume.flatten(), torch.tensor([536.0])]))


def test_nan_harms_those_that_it_has_a_part_in_and_no_others():
    volume = noise((5, 6, 60))
    volume[2, 3, 30] = torch.nan
    bad = crop(volume, (0, 0, 0.25, 5, 6, 60.25), (5, 6, 60)).isnan().nonzero()
    assert bad.tolist() == [[2, 3, 29], [2, 3, 30]]
    bad = crop(volume, (0, 0, 0.25, 5, 6, 59.25), (5, 6, 59), order=3).isnan().nonzero()
    assert bad.tolist() == [[2, 3, z] for z in range(18, 42)]


def test_labels_by_order_0_are_those_of_the_nearest_voxels():
    labels = noise((20, 21, 22), torch.uint8)
    box = (1.5, -3.0, 2.0, 17.0, 21.5, 19.25)
    got = crop(labels, box, (40, 11, 30), order=0, dtype=torch.uint8)
    assert got.dtype == torch.uint8
    at = [
        np.floor(lo + (np.arange(m) + 0.5) * (hi - lo) / m).astype(int)
        for lo, hi, m in zip(box[:3], box[3:], (40, 11, 30), strict=True)
    ]
    clamped = [np.clip(i, 0, n - 1) for i, n in zip(at, labels.shape, strict=True)]
    expected = torch.from_numpy(labels.numpy()[np.ix_(*clamped)])
    assert torch.equal(got[:, at[1] >= 0], expected[:, at[1] >= 0])
    assert (got[:, at[1] < 0] == 0).all()


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.int16, torch.uint8], ids=str)
def test_other_dtypes_are_the_float32_result_rounded_once(dtype):
    volume = noise((20, 21, 22))
    got = crop(volume, (1, 2, 3, 18.5, 17, 20), (9, 40, 13), dtype=dtype)
    exact = crop(volume, (1, 2, 3, 18.5, 17, 20), (9, 40, 13))
    rounded = exact.to(dtype) if dtype.is_floating_point else (exact + 0.5).floor().to(dtype)
    assert same_bits(got, rounded)


def test_a_sample_depends_on_its_own_box_alone_and_the_last_volume_may_end_with_the_buffer():
    volumes = pack(*(noise(sides, torch.int16) for sides in SIDES))
    index = torch.arange(10) % len(SIDES)
    boxes = random_boxes(volumes, index)
    for order in (1, 3):
        together = ops.crop_resize(volumes, index, boxes, (7, 18, 21), order)
        for n in range(10):
            assert torch.equal(
                together[n : n + 1], ops.crop_resize(volumes, index[n : n + 1], boxes[n : n + 1], (7, 18, 21), order)
            )
            v = int(index[n])
            alone = pack(noise(SIDES[v], torch.int16))
            one = ops.crop_resize(alone, torch.zeros(1, dtype=torch.int64), boxes[n : n + 1], (7, 18, 21), order)
            assert torch.equal(one, together[n : n + 1])


def test_large_results_written_past_the_caches_are_the_same():
    volume = noise((40, 41, 42), torch.int16)
    box = torch.tensor([[-2.0, 3.5, 0, 38, 44, 41]])
    one = ops.crop_resize(pack(volume), torch.tensor([0]), box, (64, 64, 31), antialias=True)
    many = ops.crop_resize(
        pack(volume), torch.zeros(20, dtype=torch.int64), box.repeat(20, 1), (64, 64, 31), antialias=True
    )
    assert many.numel() * 4 > 2**23
    assert all(torch.equal(sample, one[0]) for sample in many)


def test_two_sides_give_a_picture_of_a_volume_of_one_slice():
    picture = noise((30, 24, 1))
    flat = crop(picture, whole(picture), (11, 50))
    assert flat.shape == (11, 50)
    assert torch.equal(flat, crop(picture, whole(picture), (11, 50, 1))[..., 0])


def test_no_samples_and_no_volumes_give_an_empty_result():
    none = ops.PackedVolumes(
        torch.zeros(0, dtype=torch.int16), torch.zeros(0).long(), torch.zeros(0, 3).int(), torch.zeros(0, 2)
    )
    for volumes in (none, pack(noise((3, 4, 5)))):
        out = ops.crop_resize(volumes, torch.zeros(0, dtype=torch.int64), torch.zeros(0, 6), (4, 5, 6))
        assert out.shape == (0, 1, 4, 5, 6)


@pytest.mark.parametrize(("order", "antialias"), [(1, False), (1, True), (3, False)], ids=lambda v: str(v))
def test_a_scan_at_three_scales_is_that_of_the_reference(order, antialias):
    image = nibabel.load(shared_dir() / "data" / "ct" / "abdomen_ts_example_ct_sm.nii.gz")
    volumes = pack(torch.from_numpy(np.asarray(image.dataobj, dtype=np.int16)), windows=(-1000, 1000))
    size = torch.tensor([16.0, 16.0, 8.0])
    centre = volumes.shape[0] / 2
    boxes = torch.stack(
        [torch.cat([centre - size * scale / 2, centre + size * scale / 2]) for scale in (1.0, 2.0, 4.0)]
    )
    index = torch.zeros(3, dtype=torch.int64)
    got = ops.crop_resize(volumes, index, boxes, (16, 16, 8), order, antialias)
    arrays = tuple(t.numpy() for t in volumes)
    expected = reference.crop_resize(arrays, index.numpy(), boxes.numpy(), (16, 16, 8), order, antialias)
    np.testing.assert_allclose(got.numpy(), expected, rtol=0, atol=TOLERANCE)
    assert got.std() > 0.01


VOLUME = pack(noise((5, 6, 7)))
INDEX, BOX = torch.tensor([0]), torch.tensor([[0.0, 0, 0, 5, 6, 7]])
NAN, INF = float("nan"), float("inf")
# what is changed, error, words
WRONG = [
    ({"volumes": tuple(VOLUME)}, TypeError, "volumes must be PackedVolumes, got tuple"),
    ({"voxels": [1.0]}, TypeError, "voxels must be a tensor, got list"),
    ({"voxels": torch.zeros(3, 70)}, ValueError, r"voxels must have shape \(M,\), got \(3, 70\)"),
    ({"voxels": torch.zeros(420)[::2]}, ValueError, "voxels must be contiguous, got a stride of 2"),
    ({"voxels": torch.zeros(210).double()}, ValueError, "voxels must be uint8, int16, float16 or float32, got float64"),
    ({"voxels": torch.zeros(210).bfloat16()}, ValueError, "voxels must be uint8, .* got bfloat16"),
    ({"voxels": torch.zeros(210).bool()}, ValueError, "voxels must be .* got bool"),
    ({"voxels": torch.zeros(209)}, ValueError, r"volumes must lie inside the buffer of 209 .*\(5, 6, 7\) at offset 0"),
    ({"offset": torch.tensor([1])}, ValueError, r"volumes must lie inside the buffer of 210 voxels.*at offset 1"),
    ({"offset": torch.tensor([-1])}, ValueError, "volumes must lie inside .*at offset -1 for volume 0"),
    ({"offset": torch.zeros(1)}, ValueError, "offset must be int64, got float32"),
    ({"shape": torch.tensor([[5, 6, 0]]).int()}, ValueError, r"volumes must .* sides in \[1, 2\^30\), got \(5, 6, 0\)"),
    ({"shape": torch.full((1, 3), 2**31 - 1).int()}, ValueError, "volumes must lie inside the buffer"),
    ({"shape": torch.tensor([[5, 6, 2**40]])}, ValueError, "volumes must lie inside the buffer"),
    ({"shape": torch.tensor([[5.0, 6.0, 7.0]])}, ValueError, "shape must be int32, got float32"),
    ({"shape": torch.tensor([[5, 6]]).int()}, ValueError, r"shape must .* \(V, 3\), one a volume, got \(1, 2\)"),
    ({"window": torch.tensor([[0.0, NAN]])}, ValueError, r"window must be finite, got \(0, nan\) for volume 0"),
    ({"window": torch.zeros(2, 2)}, ValueError, r"window must have shape \(V, 2\), one a volume, got \(2, 2\)"),
    ({"window": torch.zeros(1, 2).double()}, ValueError, "window must be float32, got float64"),
    ({"volume_index": 0}, TypeError, "volume_index must be a tensor, got int"),
    ({"volume_index": torch.tensor([1])}, ValueError, r"volume_index must be in \[0, 1\), got 1 for sample 0"),
    ({"volume_index": torch.tensor([-1])}, ValueError, r"volume_index must be in \[0, 1\), got -1"),
    ({"volume_index": INDEX[0]}, ValueError, r"volume_index must have shape \(N,\), got \(\)"),
    ({"volume_index": INDEX.float()}, ValueError, "volume_index must be int64, got float32"),
    ({"volume_index": torch.tensor([0, 0])}, ValueError, r"boxes must have shape \(N, 6\), one a sample, got \(1, 6\)"),
    ({"boxes": BOX.double()}, ValueError, "boxes must be float32, got float64"),
    ({"boxes": BOX * NAN}, ValueError, r"boxes must be .*got \(nan, nan"),
    ({"boxes": BOX * INF}, ValueError, r"boxes must be .*corners within 2\^30"),
    ({"boxes": -BOX}, ValueError, "boxes must be .* with lo < hi"),
    ({"boxes": BOX * 1e9}, ValueError, r"boxes must be .*corners within 2\^30"),
    ({"out_shape": 5}, ValueError, "out_shape must be 3 integers"),
    ({"out_shape": (4, 5, 6, 7)}, ValueError, r"out_shape must be 3 integers.*got \(4, 5, 6, 7\)"),
    ({"out_shape": (4, 0, 6)}, ValueError, r"out_shape must be at least 1 .*got \(4, 0, 6\)"),
    ({"out_shape": (2000, 2000, 2000)}, ValueError, r"out_shape must have fewer than 2\^31 voxels"),
    ({"order": 2}, ValueError, "order must be 0, 1 or 3, got 2"),
    ({"order": 0, "antialias": True}, ValueError, "antialias must be off at order 0"),
    ({"antialias": 1}, TypeError, "antialias must be True or False, got 1"),
    ({"fill": "air"}, TypeError, "fill must be a number, got 'air'"),
    ({"fill": NAN, "dtype": torch.int16}, ValueError, "fill must be a number for integer results, got nan"),
    ({"dtype": torch.float64}, ValueError, "dtype must be uint8, int16, float16, bfloat16 or float32, got float64"),
    ({"dtype": torch.int32}, TypeError, "dtype must be .*got torch.int32"),
]  # fmt: skip


@pytest.mark.parametrize(("change", "error", "words"), WRONG)
def test_a_wrong_argument_is_refused_in_words(change, error, words):
    packed = {name: value for name, value in change.items() if name in ops.PackedVolumes._fields}
    arguments = {"volumes": VOLUME._replace(**packed), "volume_index": INDEX, "boxes": BOX, "out_shape": (4, 5, 6)}
    rest = {name: value for name, value in change.items() if name not in packed}
    with pytest.raises(error, match=rf"^crop_resize: {words}"):
        ops.crop_resize(**(arguments | rest))


def test_gradients_are_refused_in_words():
    with pytest.raises(RuntimeError, match=r"crop_resize: voxels must not require a gradient"):
        ops.crop_resize(VOLUME._replace(voxels=VOLUME.voxels.clone().requires_grad_()), INDEX, BOX, (4, 5, 6))
