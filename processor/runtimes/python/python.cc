// SPDX-License-Identifier: Apache-2.0
#include "processor/runtimes/python/python.h"

#include "bpf/python.h"
#include "processor/runtimes/python/instance.h"

namespace splitprof {
namespace {

class Python final : public Runtime {
 public:
  sp_runtime_kind kind() const override { return SP_RUNTIME_python; }
  const char* name() const override { return "python"; }
  Result<std::unique_ptr<RuntimeFile>> inspect(const ElfFile& file, const std::string& path) const override;
  std::optional<FunctionPlace> place_of(const InterpretedFrame& frame) const override;
};

Result<std::unique_ptr<RuntimeFile>> Python::inspect(const ElfFile& file, const std::string& path) const {
  auto symbols = TRY(find_python_symbols(file));
  if (!symbols) return std::unique_ptr<RuntimeFile>();
  const PythonVersion version = TRY(read_python_version(file, *symbols, path));
  PythonOffsets offsets = TRY(python_offsets(version));
  PythonStatePlaces places = TRY(find_thread_state(file, *symbols, version));
  auto loops = TRY(find_loop(file, symbols->loop));
  return std::unique_ptr<RuntimeFile>(std::make_unique<PythonFile>(PythonFacts{
      .symbols = *symbols, .version = version, .offsets = offsets, .places = places, .loops = std::move(loops)}));
}

std::optional<FunctionPlace> Python::place_of(const InterpretedFrame& frame) const {
  if (frame.words.empty() || (frame.flags & SP_FRAME_ERROR) != 0) return std::nullopt;
  return FunctionPlace{.object = SP_PYTHON_CODE(frame.words[0]),
                       .check = frame.extra,
                       .position = SP_PYTHON_POSITION(frame.words[0], frame.flags)};
}

}  // namespace

const Runtime& python_runtime() {
  static const Python runtime;
  return runtime;
}

}  // namespace splitprof
