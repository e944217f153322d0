// SPDX-License-Identifier: Apache-2.0
#include "processor/runtimes/python/symbols.h"

#include <array>
#include <string_view>

namespace splitprof {
namespace {

// The first two tell whether it is CPython, and which age.
constexpr std::array<std::string_view, 10> kNames = {"_PyEval_EvalFrameDefault",
                                                     "PyEval_EvalFrameEx",
                                                     "PyGILState_GetThisThreadState",
                                                     "PyCode_Type",
                                                     "_PyRuntime",
                                                     "Py_Version",
                                                     "Py_GetVersion",
                                                     "_PyThreadState_GetCurrent",
                                                     "PyThreadState_GetUnchecked",
                                                     "_PyThreadState_UncheckedGet"};
constexpr size_t kDeciding = 2;

}  // namespace

Result<std::optional<PythonSymbols>> find_python_symbols(const ElfFile& file) {
  NamedSymbols found = TRY(find_exported(file, std::span(kNames).first(kDeciding)));
  if (found[0])
    found = TRY(find_exported(file, kNames));
  else if (!found[1])
    found = TRY(find_in_symtab(file, kNames));
  // Python 2.7 to 3.5 ran scripts in PyEval_EvalFrameEx itself; 3.6 added the other one (PEP 523).
  if (!found[0] && found[1]) return fail(Errc::unsupported, "Python before 3.6");
  if (!found[0] || !found[0]->is_function) return std::optional<PythonSymbols>();
  if (!found[3]) return fail(Errc::unsupported, "CPython's _PyEval_EvalFrameDefault without its PyCode_Type");
  return std::optional(PythonSymbols{.loop = *found[0],
                                     .code_type = *found[3],
                                     .runtime = found[4],
                                     .version = found[5],
                                     .get_version = found[6],
                                     .own_state = found[2],
                                     .current_state = {found[7], found[8], found[9]}});
}

}  // namespace splitprof
