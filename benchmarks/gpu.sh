#!/usr/bin/env bash
# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
#
# Everything that needs a GPU, in one call and without a network: build, GPU tests, compute-sanitizer on a small case,
# benchmarks of all levels in float32 and bfloat16 with tables and pictures, and profiles of the kernels that matter most.
# Run it in the root of the sources; the results go to $OUT (default: gpu-results).
#
#   PYTHON   a Python with a CUDA build of torch (default: python3)
#   WHEELS   a folder of wheels to use beside what that Python has: scikit-build-core, pybind11, nibabel, pytest, hypothesis,
#            scipy and what they need (packaging, pathspec, pluggy, iniconfig, sortedcontainers; cmake and ninja where missing);
#            lightning-fabric and lightning-utilities, without which the captured training step is not tested;
#            the libraries of the extra `bench` and CuPy, to be compared with; matplotlib, for the pictures
#   ARCHITECTURES   CUDA architectures to build (default: those of the GPUs found)
#
# Nothing is installed into PYTHON: wheels and package go to build/gpu. Every step writes a log and the next one runs all
# the same; the last lines say which failed.
set -u

python=${PYTHON:-python3}
out=$(realpath -m "${OUT:-gpu-results}")
tools=$PWD/build/gpu/tools
site=$PWD/build/gpu/site
failed=()

step() {  # step NAME COMMAND...: run it into NAME.log
  local name=$1 seconds=$SECONDS
  shift
  if "$@" >"$out/$name.log" 2>&1; then
    echo "$name: passed in $((SECONDS - seconds)) s"
  else
    echo "$name: FAILED, see $out/$name.log" && tail -n 15 "$out/$name.log"
    failed+=("$name")
  fi
}

"$python" - <<'EOF' || exit 1
import sys
try:
    import torch
except ImportError:
    sys.exit("gpu.sh: this Python has no torch: set PYTHON to one with a CUDA build of torch")
if not torch.cuda.is_available():
    sys.exit("gpu.sh: torch finds no CUDA device")
EOF
if ! command -v "${CUDACXX:-nvcc}" >/dev/null; then
  echo "gpu.sh: no nvcc: install the CUDA toolkit, or set CUDACXX" >&2
  exit 1
fi
architectures=${ARCHITECTURES:-$("$python" -c 'import torch
found = {torch.cuda.get_device_capability(i) for i in range(torch.cuda.device_count())}
print(";".join(f"{major}{minor}-real" for major, minor in sorted(found)))')}

export PYTHONPATH=$site:$tools${PYTHONPATH:+:$PYTHONPATH} PATH=$tools/bin:$PATH
export GENESIS_REQUIRE_CUDA=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_INDEX=1
pip=("$python" -m pip install --no-deps --upgrade)

mkdir -p "$out" "$tools" "$site"
if [ -n "${WHEELS:-}" ]; then
  step wheels "${pip[@]}" --target "$tools" "$WHEELS"/*.whl
fi
step build "${pip[@]}" --no-build-isolation --target "$site" \
  -Ccmake.define.GENESIS_CUDA=ON "-Ccmake.define.GENESIS_CUDA_ARCHITECTURES=$architectures" .
step resources "$python" scripts/check_resources.py build --table "$out/cuda_resources.tsv"
step doctor "$python" -m genesis_ext.cli.main doctor
step philox sh -c "\"${CUDACXX:-nvcc}\" -std=c++20 -fmad=false -Icsrc -DGENESIS_TEST_DATA='\"tests/data\"' \
  tests/csrc/philox.cu -o build/gpu/philox && build/gpu/philox"
step tests "$python" -m pytest -m cuda --durations=10
step verify "$python" -m benchmarks verify --device cuda
if command -v compute-sanitizer >/dev/null; then
  for tool in memcheck racecheck synccheck; do
    step "sanitizer-$tool" compute-sanitizer --tool "$tool" --error-exitcode 9 "$python" -m benchmarks verify --ours --device cuda
  done
else
  echo "compute-sanitizer: not found, left out"
fi
step benchmarks "$python" -m benchmarks --device cuda --dtype float32 bfloat16 --out "$out/gpu.json"
step tables sh -c "\"$python\" -m benchmarks report \"$out/gpu.json\" >\"$out/gpu.md\""
if "$python" -c 'import matplotlib' 2>/dev/null; then
  step pictures "$python" -m benchmarks plot "$out/gpu.json" --out "$out/pictures"
else
  echo "matplotlib: not found, pictures left out"
fi
if command -v ncu >/dev/null; then
  profile() {  # profile NAME KERNELS CODE: what ncu says of the first launches of kernels that a regular expression names
    step "profile-$1" ncu --kernel-name "regex:$2" --launch-count 4 --section SpeedOfLight --section MemoryWorkloadAnalysis \
      --section Occupancy --section WarpStateStats "$python" -c "$3"
  }
  profile transform 'transform_kernel|prepare_kernel|index_kernel' '
import torch
from genesis_ext import GenesisTransform
x, ids = torch.rand(256, 1, 64, 64, 32, device="cuda"), torch.arange(256, device="cuda")
for profile in ("head", "paper"):
    GenesisTransform(profile)(x, ids)'
  profile resample 'filter_kernel' '
import torch
from genesis_ext import ops
scan = torch.randint(-1024, 1024, (1, 1, 512, 512, 300), dtype=torch.int16, device="cuda")
ops.resample(scan, (358, 358, 210), order=3)'
else
  echo "ncu: not found, left out"
fi

if [ ${#failed[@]} -gt 0 ]; then
  echo "failed: ${failed[*]}" >&2
  exit 1
fi
