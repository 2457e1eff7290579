# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from genesis_ext import ops
from genesis_ext._files import write_aside
from genesis_ext.data.store.entry import StoredVolume
from genesis_ext.data.store.volume_store import StoreError, VolumeStore, is_store
from genesis_ext.data.store.writer import (
    Record,
    StoreLock,
    begin,
    check_settings,
    read_record,
    volume_files,
    write_index,
    write_record,
    write_volume,
)
from genesis_ext.data.volume import OriginalGrid
from tests.data_layer.stores import change_index, entry_of, make_old, noise, write_store

SHAPES = ((5, 6, 7), (4, 3, 2))


def small_store(path: Path, dtype: str = "int16") -> VolumeStore:
    a = entry_of("a", SHAPES[0], dtype=dtype, window=(0.0, 1.0) if dtype == "float16" else (0.0, 200.0))
    b = replace(a, name="b", file=volume_files("b")[0], shape=SHAPES[1], modality="mri", split="test")
    return write_store(path, [a, b])


@pytest.mark.parametrize("dtype", ["int16", "uint8", "float16"])
def test_a_store_gives_back_what_was_written(tmp_path: Path, dtype: str) -> None:
    store = small_store(tmp_path, dtype)
    assert (len(store), store.dtype) == (2, getattr(torch, dtype))
    for item in store:  # type: ignore[attr-defined]
        assert np.array_equal(item.voxels, noise(item.entry))
        assert item.voxels.dtype == dtype
        assert item.label is None
    assert store.bytes() == (210 + 24) * np.dtype(dtype).itemsize
    assert store.bytes([1]) == 24 * np.dtype(dtype).itemsize
    assert store.entries[1].split == "test"
    store.verify()


def test_voxels_are_mapped_and_cannot_be_changed(tmp_path: Path) -> None:
    voxels = small_store(tmp_path)[0].voxels
    assert isinstance(voxels, np.memmap)
    with pytest.raises(ValueError, match="read-only"):
        voxels[0, 0, 0] = 1


def test_volumes_are_packed_end_to_end_for_crop_resize(tmp_path: Path) -> None:
    store = small_store(tmp_path)
    packed = store.packed([1, 0])
    assert isinstance(packed, ops.PackedVolumes)
    assert packed.offset.tolist() == [0, 24]
    assert packed.shape.tolist() == [[4, 3, 2], [5, 6, 7]]
    assert packed.window.tolist() == [[0, 200], [0, 200]]
    assert [part.dtype for part in packed] == [torch.int16, torch.int64, torch.int32, torch.float32]
    wanted = np.concatenate([store[1].voxels.ravel(), store[0].voxels.ravel()])
    assert np.array_equal(packed.voxels.numpy(), wanted)
    crops = ops.crop_resize(packed, torch.tensor([0]), torch.tensor([[0.0, 0, 0, 4, 3, 2]]), (4, 3, 2))
    assert torch.allclose(crops[0, 0], torch.from_numpy(store[1].voxels / np.float32(200)))
    assert store.packed([]).voxels.numel() == 0


def test_labels_are_packed_in_one_dtype_with_empty_windows(tmp_path: Path) -> None:
    entries = []
    for name, dtype, value in (("a", "uint8", 3), ("b", "int16", 420)):
        entry = entry_of(name, (4, 3, 2), label=volume_files(name)[1])
        entries.append(write_volume(tmp_path, entry, noise(entry), np.full((4, 3, 2), value, dtype)))
    plain = entry_of("c", (2, 2, 2))
    write_index(tmp_path, {}, "int16", [*entries, write_volume(tmp_path, plain, noise(plain))])
    store = VolumeStore(tmp_path)
    store.verify()
    assert store.packed([0], labels=True).voxels.dtype == torch.uint8
    packed = store.packed([0, 1], labels=True)
    assert packed.voxels.dtype == torch.int16
    assert packed.voxels.unique().tolist() == [3, 420]
    assert packed.window.tolist() == [[0, 0], [0, 0]]
    with pytest.raises(StoreError, match="volume 'c' has no label"):
        store.packed(labels=True)


@pytest.mark.cuda
def test_packing_on_a_gpu_gives_the_same_numbers(tmp_path: Path) -> None:
    store = small_store(tmp_path)
    for cpu, gpu in zip(store.packed(), store.packed(device="cuda"), strict=True):
        assert gpu.is_cuda
        assert torch.equal(cpu, gpu.cpu())


def test_equal_stores_have_equal_checksums_and_others_have_not(tmp_path: Path) -> None:
    a, b = small_store(tmp_path / "a"), small_store(tmp_path / "b")
    assert a.checksum == b.checksum
    change_index(b.path, lambda index: index["volumes"][0].update(source="elsewhere.nii"))
    assert VolumeStore(b.path).checksum == a.checksum
    change_index(b.path, lambda index: index["volumes"][0].update(label_names={"organ": 1}))
    assert VolumeStore(b.path).checksum == a.checksum
    for change in ({"label_names": {"ignore": 1}}, {"label_names": None, "window": [0, 100]}):
        change_index(b.path, lambda index, change=change: index["volumes"][0].update(change))
        assert VolumeStore(b.path).checksum != a.checksum


def test_a_changed_file_is_named(tmp_path: Path) -> None:
    store = small_store(tmp_path)
    file = tmp_path / store.entries[1].file
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)
    with pytest.raises(StoreError, match=r"b\.npy: changed since it was prepared"):
        VolumeStore(tmp_path).verify()


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (lambda v: v.pop("shape"), "'a': shape is missing"),
        (lambda v: v.update(shape=[5, 6, 0]), "shape must hold three sizes"),
        (lambda v: v.update(shape=7), "wrong type"),
        (lambda v: v.update(shape=[5, 6, 8]), "must have 608 bytes, got 548"),
        (lambda v: v.update(file="../a.npy"), "file must lie in the store"),
        (lambda v: v.update(file="/a.npy"), "file must lie in the store"),
        (lambda v: v.update(dtype="float64"), "dtype must be one of"),
        (lambda v: v.update(dtype="uint8"), "'a' is uint8, the store int16"),
        (lambda v: v.update(window=[1, 1]), "window must be"),
        (lambda v: v.update(spacing_mm=[1, -1, 1]), "spacing_mm must hold"),
        (lambda v: v.update(affine=[[1]]), "affine must be 4 by 4"),
        (lambda v: v.update(modality="pet"), "modality must be one of"),
        (lambda v: v.update(split="dev"), "split must be one of"),
        (lambda v: v.update(name="b"), "two volumes are called 'b'"),
        (lambda v: v.update(file="volumes/none.npy"), r"none\.npy: missing"),
        (lambda v: v.update(original={"shape": [5, 6, 7]}), "'a': a field has the wrong type"),
        (lambda v: v.update(original={"shape": [5], "affine": [[1]]}), "original must hold three sizes"),
    ],
)
def test_a_damaged_entry_is_told(tmp_path: Path, change: Any, complaint: str) -> None:
    store = small_store(tmp_path)
    change_index(store.path, lambda index: change(index["volumes"][0]))
    with pytest.raises(StoreError, match=complaint):
        VolumeStore(tmp_path)


def test_an_index_changed_by_hand_is_refused_and_so_is_a_record(tmp_path: Path) -> None:
    store = small_store(tmp_path)
    for change in (
        lambda index: index["volumes"][1].update(split="train"),
        lambda index: index["settings"].update(dtype="uint8"),
        lambda index: index.pop("sha256"),
    ):
        index = (tmp_path / "index.json").read_bytes()
        change_index(tmp_path, change, sealed=False)
        assert not is_store(tmp_path)
        with pytest.raises(
            StoreError, match=r"index\.json: damaged, or changed by hand: .* run `genesis prepare` again"
        ):
            VolumeStore(tmp_path)
        (tmp_path / "index.json").write_bytes(index)
    write_record(tmp_path, Record("a", "mark", store.entries[:1], ("P1",)))
    file = tmp_path / "records" / "a.json"
    file.write_text(file.read_text().replace("P1", "P2"))
    assert read_record(tmp_path, "a") is None


def test_a_store_of_format_1_opens_and_means_what_it_meant(tmp_path: Path) -> None:
    original = OriginalGrid((7, 6, 5), tuple(map(tuple, np.diag((0.5, -2.0, 1.0, 1.0)).tolist())))
    added = {"original": original, "source_checksum": "0" * 64, "label_source": "b.nii", "label_names": {"organ": 2}}
    entry = entry_of("a", (5, 6, 7), notes=("one",), **added)
    store = write_store(tmp_path, [entry])
    assert store.entries[0].original == original
    assert (original.spacing_mm, original.orientation) == ((0.5, 2.0, 1.0), "RPS")
    change_index(tmp_path, make_old, sealed=False)
    old = VolumeStore(tmp_path)
    old.verify()
    assert [getattr(old.entries[0], name) for name in (*added, "ignore_label")] == [None] * 5
    assert replace(old.entries[0], **added) == store.entries[0]
    assert old.checksum == store.checksum == "480b5845a21765bda3a7920f638724342d4ef3d00f20328a6596d033e94d3e1f"


def test_what_is_no_store_is_told_with_the_way_out(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="no such folder: make a store with `genesis prepare"):
        VolumeStore(tmp_path / "none")
    with pytest.raises(StoreError, match=r"index\.json is missing; run `genesis prepare"):
        VolumeStore(tmp_path)
    for text, complaint in (("{", "damaged"), ("[]", "not the index"), ('{"volumes": []}', "not the index")):
        (tmp_path / "index.json").write_text(text)
        assert not is_store(tmp_path)
        with pytest.raises(StoreError, match=complaint):
            VolumeStore(tmp_path)
    store = small_store(tmp_path / "store")
    assert is_store(store.path)
    change_index(store.path, lambda index: index.update(format=99))
    with pytest.raises(StoreError, match="format 99 is not read by this version"):
        VolumeStore(store.path)


def test_a_volume_of_another_form_than_its_entry_is_refused(tmp_path: Path) -> None:
    store = small_store(tmp_path)
    for array in (np.zeros((7, 6, 5), np.int16), np.asfortranarray(np.zeros((5, 6, 7), np.int16))):  # of equal size
        np.save(tmp_path / store.entries[0].file, array)
        with pytest.raises(StoreError, match=r"a\.npy: must hold \(5, 6, 7\) voxels of int16 in C order"):
            VolumeStore(tmp_path)[0]
    (tmp_path / store.entries[0].file).write_bytes(b"x" * 548)
    with pytest.raises(StoreError, match=r"a\.npy: unreadable"):
        VolumeStore(tmp_path)[0]


def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    write_aside(path, lambda stream: stream.write(b"old"))

    def fail(stream: Any) -> None:
        stream.write(b"new")
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space left"):
        write_aside(path, fail)
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["a.json"]


def test_a_record_holds_only_while_its_files_are_whole(tmp_path: Path) -> None:
    entry = entry_of("a", (5, 6, 7), label=volume_files("a")[1])
    entry = write_volume(tmp_path, entry, noise(entry), np.zeros((5, 6, 7), np.uint8))
    record = Record("a", "mark", (entry,), ("P1",), (("label.nii", "why"),))
    write_record(tmp_path, record)
    assert read_record(tmp_path, "a") == record
    assert read_record(tmp_path, "b") is None
    for file in (entry.file, entry.label):
        assert file is not None
        content = (tmp_path / file).read_bytes()
        (tmp_path / file).write_bytes(content[:100])
        assert read_record(tmp_path, "a") is None
        (tmp_path / file).write_bytes(content)
    (tmp_path / "records" / "a.json").write_text((tmp_path / "records" / "a.json").read_text()[:-10])
    assert read_record(tmp_path, "a") is None


def test_a_store_takes_volumes_of_one_setting_only(tmp_path: Path) -> None:
    begin(tmp_path, {"dtype": "int16", "spacing_mm": (1.0, 1.0, 1.0)}, overwrite=False)
    check_settings(tmp_path, {"dtype": "int16", "spacing_mm": (1.0, 1.0, 1.0)})
    with pytest.raises(StoreError, match="was prepared with dtype int16, now it is uint8: give --overwrite"):
        begin(tmp_path, {"dtype": "uint8", "spacing_mm": (1.0, 1.0, 1.0)}, overwrite=False)
    entry = entry_of("a", (2, 2, 2))
    write_index(tmp_path, {}, "int16", [write_volume(tmp_path, entry, noise(entry))])
    begin(tmp_path, {"dtype": "uint8"}, overwrite=True)
    assert not is_store(tmp_path)
    assert os.listdir(tmp_path / "volumes") == []


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_folder_of_something_else_is_left_alone(tmp_path: Path, overwrite: bool) -> None:
    precious = tmp_path / "volumes" / "mine.npy"
    precious.parent.mkdir()
    precious.write_text("mine")
    (tmp_path / "thesis.tex").write_text("mine")
    with pytest.raises(StoreError, match=r"must be empty or a store, but holds thesis\.tex"):
        begin(tmp_path, {}, overwrite)
    assert precious.read_text() == "mine"
    with pytest.raises(StoreError, match="must be a folder, is a file"):
        check_settings(tmp_path / "thesis.tex", {})


def test_two_runs_cannot_write_one_store(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from genesis_ext.data.store.writer import StoreLock\n"
        f"with StoreLock(Path({str(tmp_path)!r})): print('held', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdin=-1, stdout=-1) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"held\n"
        with pytest.raises(StoreError, match="another run is preparing it"), StoreLock(tmp_path):
            pass
        other.kill()
    with StoreLock(tmp_path):  # freed by the system
        pass


def test_an_entry_survives_its_way_through_json() -> None:
    entry = entry_of("a", (2, 3, 4), notes=("one", "two"), statistics={"p1": 0.5})
    assert StoredVolume.from_dict(json.loads(json.dumps(entry.to_dict()))) == entry
