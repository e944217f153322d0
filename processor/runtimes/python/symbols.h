// SPDX-License-Identifier: Apache-2.0
//
// The symbols of CPython that finding its structures begins with. All are exported by every build that can load
// extension modules, stripped or not; a program that has CPython linked in and exports nothing may have them in
// .symtab.
#pragma once

#include <array>
#include <optional>

#include "processor/elf/file.h"
#include "processor/elf/named_symbols.h"
#include "shared/result.h"

namespace splitprof {

struct PythonSymbols {
  NamedSymbol loop;                        // _PyEval_EvalFrameDefault
  NamedSymbol code_type;                   // PyCode_Type
  std::optional<NamedSymbol> runtime;      // _PyRuntime; 3.7 on
  std::optional<NamedSymbol> version;      // Py_Version; 3.11 on
  std::optional<NamedSymbol> get_version;  // Py_GetVersion
  std::optional<NamedSymbol> own_state;    // PyGILState_GetThisThreadState
  // _PyThreadState_GetCurrent, PyThreadState_GetUnchecked, _PyThreadState_UncheckedGet: each version has one at least.
  std::array<std::optional<NamedSymbol>, 3> current_state;
  friend bool operator==(const PythonSymbols&, const PythonSymbols&) = default;
};

// Nothing: no CPython. unsupported: one that is older than 3.6.
Result<std::optional<PythonSymbols>> find_python_symbols(const ElfFile& file);

}  // namespace splitprof
