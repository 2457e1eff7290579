#!/usr/bin/env bash
# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
#
# Everything that needs a GPU, in one call, without a network and within a budget: the numbers first. Run it in the root of
# the sources:
#
#   benchmarks/gpu.sh [--budget SECONDS] [--out FOLDER] [--fake]
#
#   --budget   seconds for all steps (default 600); a step has its own limit, and none begins that would go beyond
#   --out      results (default: $OUT, or gpu-results), and all of them in one archive beside it, FOLDER.tar.gz
#   --fake     a trial without a GPU: times are null, and what needs one is only named
#
#   PYTHON   a Python with a CUDA build of torch (default: python3)
#   WHEELS   a folder of wheels to use beside what that Python has: pybind11, nibabel, pytest, hypothesis, scipy,
#            lightning-fabric, safetensors and what they need
#
# _ops.so and _ops_cuda.so are taken from python/genesis_ext, where a build left them; _host is built here, for it needs
# this Python. Nothing is installed into PYTHON. steps.jsonl has a line a step, written as it ends; what fails is named,
# and the next step runs all the same.
set -u

budget=600 fake= out=${OUT:-gpu-results}
while [ $# -gt 0 ]; do
  case $1 in
    --budget) budget=$2 && shift 2 ;;
    --out) out=$2 && shift 2 ;;
    --fake) fake=--fake && shift ;;
    *) echo "gpu.sh: unknown argument $1; --budget SECONDS, --out FOLDER and --fake are known" >&2 && exit 2 ;;
  esac
done
python=${PYTHON:-python3}
out=$(realpath -m "$out")
work=${TMPDIR:-/tmp}/genesis_gpu.$$
failed=()
mkdir -p "$out" "$work/tools"
: >"$out/steps.jsonl"
sources=
[ ! -e python/genesis_ext/_ops.so ] || sources=$PWD/python:  # else the installed package
export PYTHONPATH=$sources$PWD:$work/tools${PYTHONPATH:+:$PYTHONPATH} PIP_NO_INDEX=1 PIP_DISABLE_PIP_VERSION_CHECK=1
[ -n "$fake" ] || export GENESIS_REQUIRE_CUDA=1

step() {  # step NAME SECONDS COMMAND...: run it into NAME.log, for at most so long
  local name=$1 limit=$2 start=$SECONDS status=0 result=passed
  shift 2
  if [ $((SECONDS + limit)) -gt "$budget" ]; then
    limit=$((budget - SECONDS))
  fi
  if [ "$limit" -lt 5 ]; then
    result="no time"
  else
    timeout --kill-after=5 "$limit" "$@" >"$out/$name.log" 2>&1 || status=$?
    [ $status -eq 0 ] || result=failed
    [ $status -ne 124 ] || result="out of time"
  fi
  [ "$result" = passed ] || failed+=("$name")
  printf '{"step": "%s", "result": "%s", "limit_s": %d, "seconds": %d}\n' \
    "$name" "$result" "$limit" $((SECONDS - start)) | tee -a "$out/steps.jsonl"
  [ "$result" != failed ] || tail -n 5 "$out/$name.log"
}

on_gpu() {  # the same of what needs a GPU and its tools; a trial only names it
  local name=$1 limit=$2
  shift 2
  if [ -n "$fake" ]; then
    step "$name" "$limit" echo "$@"
  elif command -v "$1" >/dev/null; then
    step "$name" "$limit" "$@"
  else
    printf '{"step": "%s", "result": "%s is missing", "limit_s": %d, "seconds": 0}\n' "$name" "$1" "$limit" |
      tee -a "$out/steps.jsonl"
  fi
}

host() {  # csrc/math for this Python
  "$python" -c 'import genesis_ext._host' 2>/dev/null && return
  local suffix
  suffix=$("$python" -c 'import sysconfig; print(sysconfig.get_config_var("EXT_SUFFIX"))') &&
    g++ -std=c++20 -O2 -ffp-contract=off -fPIC -shared -fvisibility=hidden -w '-DGENESIS_TORCH_VERSION="carried"' \
      '-DGENESIS_CUDA_VERSION="carried"' '-DGENESIS_CUDA_ARCHITECTURES="carried"' '-DGENESIS_COMPILER="g++"' \
      $("$python" -m pybind11 --includes) -Icsrc csrc/host/module.cpp csrc/cpu/isa.cpp -o "python/genesis_ext/_host$suffix"
}

preflight() {
  if [ -n "${WHEELS:-}" ]; then
    "$python" -m pip install --quiet --no-deps --upgrade --target "$work/tools" "$WHEELS"/*.whl || return
  fi
  host || return
  "$python" - "$fake" <<'EOF'
import importlib, sys
missing = []
for name in ("torch", "numpy", "nibabel", "pytest", "hypothesis", "scipy", "safetensors", "lightning_fabric", "genesis_ext.ops"):
    try:
        importlib.import_module(name)
    except ImportError as error:
        missing.append(f"{name} ({error})")
if missing:
    sys.exit("missing: " + "; ".join(missing))
import torch
from genesis_ext import _library
if not sys.argv[1] and not (torch.cuda.is_available() and _library.cuda.loaded):
    sys.exit(f"no CUDA: device {torch.cuda.is_available()}, library: {_library.cuda.why_not or 'loaded'}")
EOF
}
export -f host preflight
export python work fake

training() {  # a minute of the preset for chest CT, on scans made up here
  "$python" -m genesis_ext.cli.main pretrain --data "$work/scans" --out "$work/run-$1" --preset genesis-chest-ct \
    --no-lung-content --steps 400 --batch-size 32 "${@:2}"
}
scans() {
  "$python" -c "
import nibabel, numpy, pathlib
folder = pathlib.Path('$work/scans'); folder.mkdir()
for i in range(4):
    voxels = numpy.random.default_rng(i).integers(-1000, 1000, (256, 256, 160), dtype=numpy.int16)
    nibabel.save(nibabel.Nifti1Image(voxels, numpy.eye(4)), folder / f'ct_{i}.nii.gz')"
}
export -f training scans

profile() {  # what ncu says of one kernel
  on_gpu "profile-$1" 20 ncu --clock-control none --kernel-name "regex:$2" --launch-count 2 --section SpeedOfLight \
    --section MemoryWorkloadAnalysis --section Occupancy --section WarpStateStats "$python" -c "$3"
}
transform='
import torch
from genesis_ext import GenesisTransform
x, ids = torch.rand(256, 1, 64, 64, 32, device="cuda"), torch.arange(256, device="cuda")
GenesisTransform("%s")(x, ids)'

step preflight 60 bash -c preflight
step copy 20 "$python" -m benchmarks.goals copy $fake --out "$out/goals.jsonl"
step bits 40 "$python" -m benchmarks.goals bits $fake --out "$out/bits.jsonl"
step goals 80 "$python" -m benchmarks.goals goals $fake --out "$out/goals.jsonl"
on_gpu graphs 60 "$python" -m pytest -q -m cuda tests/ops/test_cuda.py tests/training/test_capture.py
profile head transform_kernel "${transform/\%s/head}"
profile paper 'transform_kernel|index_kernel' "${transform/\%s/paper}"
one='
import torch
from benchmarks import goals
next(goals.%s(torch.device("cuda"), False)).call()'
profile crop crop_pairs_kernel "${one/\%s/crops}"
profile resample filter_kernel "${one/\%s/resampling}"
for slice in ops transforms data_layer training benchmarks; do
  on_gpu "tests-$slice" 25 "$python" -m pytest -q -m cuda "tests/$slice"
done
for tool in memcheck racecheck synccheck; do
  on_gpu "sanitizer-$tool" 30 compute-sanitizer --tool "$tool" --kernel-name kns=gx --error-exitcode 9 \
    "$python" -m pytest -q -m cuda tests/ops/test_cuda.py -k "shuffle or plan"
done
on_gpu scans 20 bash -c scans
on_gpu training 45 bash -c 'training plain'
on_gpu training-captured 45 bash -c 'training captured --cuda-graph'

tar -czf "$out.tar.gz" -C "$(dirname "$out")" "$(basename "$out")"
rm -rf "$work"
if [ ${#failed[@]} -gt 0 ]; then
  echo "not passed: ${failed[*]}" >&2
  exit 1
fi
