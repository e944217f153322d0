// SPDX-License-Identifier: Apache-2.0
#include "processor/symbol_loader.h"

#include "shared/log.h"

namespace splitprof {

void SymbolLoader::load_kernel(uint64_t version) {
  if (kernel_known_ && kernel_version_ == version) return;
  kernel_known_ = true;
  kernel_version_ = version;
  ++on_their_way_;
  questions_.ask(AskKernelSymbols{}, [this](Result<AnswerValue> answer) {
    auto text = answer_as<Text>(std::move(answer));
    if (!text) {
      --on_their_way_;
      log::warn("no kernel symbols: {}", text.error().message);
      return;
    }
    const uint64_t bytes_to_parse = text->bytes.size();
    questions_.start(work([bytes = std::move(text->bytes)] { return KernelSymbols::parse(bytes); },
                          [this](Result<KernelSymbols> symbols) {
                            --on_their_way_;
                            if (symbols)
                              store_.set_kernel(std::move(*symbols));
                            else
                              log::warn("no kernel symbols: {}", symbols.error().message);
                          },
                          bytes_to_parse));
  });
}

bool SymbolLoader::load_for(const Profile& profile) {
  for (const auto& frame : profile.frames()) {
    if (frame.kind != Frame::Kind::native || done_.contains(frame.place) || loading_.contains(frame.place)) continue;
    auto* executable = executables_.at(frame.place);
    if (executable == nullptr || !load(*executable)) continue;
    done_.insert(frame.place);
  }
  return on_their_way_ == 0;
}

// True: there is nothing (more) to load.
bool SymbolLoader::load(Executable& executable) {
  const Module module{.path = executable.path, .build_id = executable.build_id};
  const uint32_t place = executable.number;
  store_.set_executable(place, module, nullptr);
  if (executable.table == Executable::Table::compiling) return false;  // a worker has the file
  if (executable.file == nullptr || executable.segments.empty()) return true;
  struct Read {
    std::unique_ptr<ReadableFile> file;
    Result<SymbolTable> symbols = Error{Errc::not_found, "not read"};
  };
  loading_.insert(place);
  ++on_their_way_;
  questions_.start(work(
      [file = std::move(executable.file)]() mutable {
        Read read;
        read.file = std::move(file);
        const auto elf = ElfFile::open(*read.file);
        if (elf) read.symbols = read_symbols(*elf);
        return read;
      },
      [this, &executable, module](Read read) {
        --on_their_way_;
        executable.file = std::move(read.file);
        loading_.erase(executable.number);
        done_.insert(executable.number);
        if (!read.symbols) {
          ++metrics_.symbols_failed;
          return;
        }
        ++metrics_.symbols_loaded;
        store_.set_executable(executable.number, module, std::make_shared<const SymbolTable>(std::move(*read.symbols)));
      },
      executable.identity.size));
  return false;
}

}  // namespace splitprof
