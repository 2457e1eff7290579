# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""The build's checks, the loading of the libraries, and what `import genesis_ext` imports."""

import os
import shutil
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

import genesis_ext
from genesis_ext import _library

ROOT = Path(__file__).resolve().parent.parent
SCRIPTS = ROOT / "scripts"

PTXAS = """\
ptxas info    : Compiling entry function '_Z4goodPf' for 'sm_90'
ptxas info    : Function properties for _Z4goodPf
    0 bytes stack frame, 0 bytes spill stores, 0 bytes spill loads
ptxas info    : Used 26 registers, used 1 barriers, 1024 bytes smem
"""
SPILLING = PTXAS.replace("good", "poor").replace(
    "0 bytes stack frame, 0 bytes spill", "8 bytes stack frame, 4 bytes spill"
)


def run(*command, **settings):
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False, **settings)


def python_without_torch(code, *paths):
    """Run code with the standard library and `paths` alone."""
    return run(sys.executable, "-S", "-c", code, env={"PYTHONPATH": os.pathsep.join(map(str, paths))})


def fake_torch(folder, torch_version):
    (folder / "torch").mkdir(parents=True)
    (folder / "torch" / "__init__.py").write_text("raise RuntimeError('torch must not be imported')\n")
    (folder / "torch" / "version.py").write_text(
        f"from typing import Optional\n__version__ = '{torch_version}'\ncuda: Optional[str] = '13.0'\n"
    )
    return folder


def test_the_version_is_the_distribution_s():
    assert genesis_ext.__version__ == version("genesis_ext")


def test_torch_is_found_without_importing_it(tmp_path):
    folder = fake_torch(tmp_path, "2.12.1+cu130")
    result = python_without_torch("import find_torch; find_torch.main()", SCRIPTS, folder)
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.strip() == f"2.12.1+cu130;13.0;{(folder / 'torch').as_posix()}"


@pytest.mark.parametrize(
    ("torch_version", "folder_name", "words"),
    [
        (None, "site", ["needs torch to build", "pip install torch==2.13.0", "pip install --no-build-isolation ."]),
        (None, "pip-build-env-ab12/overlay", ["build isolation hides", "pip install --no-build-isolation ."]),
        ("2.10.0", "site", ["2.11 or newer", "has 2.10.0", "pip install torch==2.13.0"]),
        ("1.13.1", "site", ["2.11 or newer", "has 1.13.1"]),
    ],
    ids=["missing", "isolated", "2.10", "1.13"],
)
def test_a_wrong_torch_is_named_in_one_sentence(tmp_path, torch_version, folder_name, words):
    folder = tmp_path / folder_name
    folder.mkdir(parents=True)
    if torch_version:
        fake_torch(folder, torch_version)
    result = python_without_torch("import sys, find_torch; sys.exit(find_torch.main())", SCRIPTS, folder)
    assert result.returncode == 1
    assert result.stdout == ""
    assert len(result.stderr.splitlines()) == 1
    assert [word for word in words if word not in result.stderr] == []


def test_missing_build_tools_are_named_in_one_sentence():
    result = python_without_torch("import build_backend", SCRIPTS)
    assert result.returncode == 1
    assert result.stderr.splitlines() == [
        "genesis_ext needs scikit-build-core and pybind11 to build: run `pip install scikit-build-core pybind11 cmake "
        "ninja`, then `pip install --no-build-isolation .`."
    ]


def test_a_missing_compiler_is_named_in_one_sentence(tmp_path):
    code = f"import sys; sys.path.insert(0, {str(SCRIPTS)!r}); import build_backend; build_backend.build_wheel('.')"
    result = run(sys.executable, "-c", code, env={"PATH": str(tmp_path)}, cwd=tmp_path)
    assert result.returncode == 1
    assert len(result.stderr.splitlines()) == 1
    assert "needs a C++20 compiler" in result.stderr


def test_importing_the_package_loads_no_extra_and_no_upper_layer():
    code = """
import sys, torch
before = set(sys.modules)
import genesis_ext
print(*sorted(set(sys.modules) - before))
"""
    result = run(sys.executable, "-c", code)
    assert result.returncode == 0, result.stderr
    loaded = set(result.stdout.split())
    assert "genesis_ext.ops" in loaded
    layers = ("data", "models", "figures", "evaluation", "training", "adapters", "benchmarks", "cli")
    assert loaded.isdisjoint({f"genesis_ext.{layer}" for layer in layers})
    extras = {
        "SimpleITK",
        "PIL",
        "matplotlib",
        "scipy",
        "monai",
        "rich",
        "tensorboard",
        "lightning",
        "lightning_fabric",
        "tyro",
        "yaml",
        "nibabel",
        "safetensors",
    }
    assert {name.partition(".")[0] for name in loaded}.isdisjoint(extras)


def test_layers_are_imported_on_first_use_and_unknown_names_are_refused():
    assert genesis_ext.models.UNet3D.__module__.startswith("genesis_ext.models")
    assert {"data", "models", "figures", "evaluation", "training"} <= set(dir(genesis_ext))
    with pytest.raises(AttributeError, match="has no attribute 'modles'"):
        _ = genesis_ext.modles


@pytest.fixture
def unbuilt(tmp_path):
    """An environment in which the package has no libraries."""
    source = Path(genesis_ext.__file__).parent
    shutil.copytree(source, tmp_path / "genesis_ext", ignore=shutil.ignore_patterns("*.so", "__pycache__"))
    return {**os.environ, "PYTHONPATH": str(tmp_path)}


@pytest.mark.parametrize(
    "statement",
    ["from genesis_ext import ops", "import genesis_ext.ops", "from genesis_ext import GenesisTransform"],
)
def test_a_missing_library_is_named_on_first_use(unbuilt, statement):
    result = run(sys.executable, "-c", f"import genesis_ext\n{statement}", env=unbuilt)
    assert result.returncode == 1
    last = result.stderr.splitlines()[-1]
    assert last.startswith("ImportError: genesis_ext: _ops.so is not in ")
    assert "pip install --no-build-isolation ." in last


def test_doctor_works_without_the_libraries_and_other_commands_say_why_not(unbuilt):
    doctor = run(sys.executable, "-m", "genesis_ext.cli.main", "doctor", env=unbuilt)
    assert doctor.returncode == 1
    assert "_ops.so is not in" in doctor.stdout
    assert doctor.stderr == ""
    demo = run(sys.executable, "-m", "genesis_ext.cli.main", "demo", env=unbuilt)
    assert demo.returncode == 1
    assert demo.stderr.startswith("genesis: error: _ops.so is not in")
    assert len(demo.stderr.splitlines()) == 1


def test_a_broken_library_file_is_recorded_not_raised(tmp_path):
    broken = tmp_path / "_ops.so"
    broken.write_bytes(b"not a library")
    library = _library._load(broken)
    assert not library.loaded
    assert "_ops.so could not be loaded" in library.why_not
    assert "\n" not in library.why_not


def test_the_cuda_library_is_loaded_exactly_where_torch_has_cuda():
    import torch

    assert _library.cpu.loaded
    if torch.version.cuda is None:
        assert _library.cuda.why_not == "this torch has no CUDA"


@pytest.mark.parametrize(
    ("report", "status"), [(PTXAS, 0), (PTXAS + SPILLING, 1), ("", 1)], ids=["good", "spills", "none"]
)
def test_the_resource_check_fails_for_spills_and_for_an_empty_report(tmp_path, report, status):
    (tmp_path / "cuda.cu.o.ptxas.txt").write_text(report)
    result = run(sys.executable, SCRIPTS / "check_resources.py", tmp_path)
    assert result.returncode == status
    if report:
        assert "26" in result.stdout
        assert "1024" in result.stdout
        assert ("local memory" in result.stdout) == (status == 1)


def test_the_resource_check_sums_up_the_instances_of_a_kernel_and_keeps_each_in_a_table(tmp_path):
    small, large = "_Z4loopIfEvv", "_Z4loopIdEvv"
    reports = [PTXAS.replace("_Z4goodPf", small), SPILLING.replace("_Z4poorPf", large).replace("26", "40")]
    (tmp_path / "cuda.cu.o.ptxas.txt").write_text("".join(reports))
    table = tmp_path / "kernels.tsv"
    result = run(sys.executable, SCRIPTS / "check_resources.py", tmp_path, "--table", table)
    rows = [line.split("\t") for line in table.read_text().splitlines()]
    assert rows[0] == ["kernel", "architecture", "registers", "shared", "stack", "spill_stores", "spill_loads"]
    assert sorted(row[1:] for row in rows[1:]) == [
        ["sm_90", "26", "1024", "0", "0", "0"],
        ["sm_90", "40", "1024", "8", "4", "0"],
    ]
    assert result.returncode == 1
    if shutil.which("c++filt"):
        (line,) = (line for line in result.stdout.splitlines() if "instances" in line)
        assert " ".join(line.split()) == "40 8 4 1024 sm_90 loop (2 instances) <-- local memory"


@pytest.mark.parametrize(
    ("wanted", "capabilities", "chosen"),
    [
        ("", None, "80"),
        ("", "9.0\n9.0\n8.6\n", "90;86"),
        ("", "[N/A]\n", "80"),
        ("75;120", "9.0\n", "75;120"),
        ("release", "9.0\n", "75-real;80-real;86-real;89-real;90-real;100-real;100-virtual"),
    ],
    ids=["no GPU", "two kinds of GPU", "a GPU that does not say", "named", "release"],
)
def test_one_cuda_architecture_is_compiled_unless_told_otherwise(tmp_path, wanted, capabilities, chosen):
    if capabilities is not None:
        (tmp_path / "capabilities").write_text(capabilities)
        (tmp_path / "nvidia-smi").write_text(f"#!/bin/sh\ncat '{tmp_path}/capabilities'\n")
        (tmp_path / "nvidia-smi").chmod(0o755)
    script = tmp_path / "script.cmake"
    script.write_text(
        f'include("{SCRIPTS}/cuda_architectures.cmake")\n'
        f'choose_cuda_architectures("{wanted}" 13.0 chosen)\nmessage(STATUS "${{chosen}}")\n'
    )
    cmake = shutil.which("cmake", path=os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]))
    assert cmake, "cmake is missing: make test installs it"
    result = run(cmake, "-P", script, env={"PATH": f"{tmp_path}{os.pathsep}/bin"})
    assert (result.returncode, result.stdout.strip()) == (0, f"-- {chosen}"), result.stderr
