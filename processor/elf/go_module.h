// SPDX-License-Identifier: Apache-2.0
//
// What a Go program's own description (runtime.firstmoduledata) says about where things are. A worker searches the
// writable data for it: it begins with the address of .gopclntab.
#pragma once

#include "processor/elf/gopclntab.h"

namespace splitprof {

struct GoModule {
  ElfAddress text;     // runtime.text, which functions are counted from
  ElfAddress go_func;  // go:func.*, which inline trees are counted from
};

// Of Go 1.18 and later. not_found: none that fits `table`.
Result<GoModule> find_go_module(const ElfFile& file, const GoSection& table);

}  // namespace splitprof
