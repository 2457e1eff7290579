# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
#
# Which CUDA architectures are compiled. Each takes as long as the others, and a checkout serves one machine.

# choose_cuda_architectures(WANTED VERSION RESULT)
#   WANTED   architectures as CMake names them; "release": all that are tested, as far as nvcc knows them; "": those of
#            the GPUs here as nvidia-smi tells them, else sm_80; with PTX, which newer GPUs compile at the first call.
#   VERSION  of nvcc.
#   RESULT   the variable to set.
function(choose_cuda_architectures wanted version result)
  if(wanted STREQUAL "release")
    set(chosen 75-real 80-real 86-real 89-real 90-real)
    if(version VERSION_LESS 12.8)  # does not know sm_100
      list(APPEND chosen 90-virtual)
    else()
      list(APPEND chosen 100-real 100-virtual)
    endif()
  elseif(NOT wanted STREQUAL "")
    set(chosen ${wanted})
  else()
    execute_process(
      COMMAND nvidia-smi --query-gpu=compute_cap --format=csv,noheader
      OUTPUT_VARIABLE capabilities RESULT_VARIABLE status ERROR_QUIET)
    set(chosen "")
    if(status EQUAL 0)
      string(REGEX MATCHALL "[0-9]+\\.[0-9]+" capabilities "${capabilities}")
      string(REPLACE "." "" chosen "${capabilities}")
      list(REMOVE_DUPLICATES chosen)
    endif()
    if(chosen STREQUAL "")
      set(chosen 80)
    endif()
  endif()
  set(${result} ${chosen} PARENT_SCOPE)
endfunction()
