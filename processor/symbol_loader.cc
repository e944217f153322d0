// SPDX-License-Identifier: Apache-2.0
#include "processor/symbol_loader.h"

#include <algorithm>

#include "shared/log.h"

namespace splitprof {
namespace {

constexpr size_t kMaxOpenDebugFiles = 128;  // of the descriptors that Executables leaves; two for some executables

Module module_of(const Executable& executable) {
  return {
      .path = executable.path, .build_id = executable.build_id, .htl_hash = executable.htl_hash, .go = executable.go};
}

}  // namespace

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
  if (profile_ != &profile) collect(profile);
  for (auto entry = wanted_.begin(); entry != wanted_.end();) {
    const uint32_t place = entry->first;
    entry = advance(place) ? wanted_.erase(entry) : std::next(entry);
  }
  if (!wanted_.empty() || is_waiting()) return false;
  profile_ = nullptr;
  close_debug_files();
  return true;
}

bool SymbolLoader::is_waiting() const {
  return on_their_way_ != 0 ||
         std::any_of(busy_.begin(), busy_.end(), [&](const auto& entry) { return entry.second == profile_number_; });
}

// Which addresses have to be looked up.
void SymbolLoader::collect(const Profile& profile) {
  profile_ = &profile;
  ++profile_number_;
  wanted_.clear();
  for (const auto& frame : profile.frames())
    if (frame.kind == Frame::Kind::native) wanted_[frame.place].emplace_back(address_to_look_up(frame));
  for (auto& [place, addresses] : wanted_) {
    std::sort(addresses.begin(), addresses.end());
    addresses.erase(std::unique(addresses.begin(), addresses.end()), addresses.end());
    if (const auto* executable = executables_.at(place)) store_.set_module(place, module_of(*executable));
  }
}

// One step further. True: its addresses need nothing more from here.
bool SymbolLoader::advance(uint32_t place) {
  auto* executable = executables_.at(place);
  if (executable == nullptr) return true;
  if (const auto busy = busy_.find(place); busy != busy_.end()) {
    if (busy->second == profile_number_) return false;
    ++metrics_.symbols_failed;
    return true;
  }
  if (executable->table == Executable::Table::compiling) return false;  // a worker has the file
  auto& addresses = wanted_.at(place);
  std::erase_if(addresses, [&](ElfAddress address) { return store_.knows(place, address.value); });
  if (addresses.empty()) return true;
  if (executable->segments.empty()) return true;  // no ELF file
  if (executable->file == nullptr) {
    ++metrics_.symbols_failed;
    return true;
  }
  // The build id is known since the file was compiled.
  store_.set_module(place, module_of(*executable));
  auto& source = sources_[place];
  source.last_used = ++uses_;
  if (source.state == Source::State::unknown) {
    inspect_file(*executable, source);
    return false;
  }
  resolve(*executable, source, std::move(addresses));
  return true;
}

void SymbolLoader::inspect_file(Executable& executable, Source& source) {
  struct Read {
    std::unique_ptr<ReadableFile> file;
    Result<Inspected> inspected = Error{Errc::not_found, "not read"};
  };
  const uint32_t place = executable.number;
  set_busy(place);
  source.state = Source::State::inspecting;
  questions_.start(work(
      [file = std::move(executable.file)]() mutable {
        Read read;
        read.file = std::move(file);
        read.inspected = inspect(*read.file);
        return read;
      },
      [this, place](Read read) {
        executables_.at(place)->file = std::move(read.file);
        if (!read.inspected) {
          ++metrics_.symbols_failed;
          wanted_.erase(place);
          sources_.erase(place);
          busy_.erase(place);
          return;
        }
        auto& known = sources_.at(place);
        known.inspected = std::move(*read.inspected);
        known.state = Source::State::asking;
        if (known.inspected.wants_debug_file)
          ask_debug_file(place, known.inspected.build_id.empty());
        else
          ask_alternate_file(place, false);
      },
      executable.identity.size));
}

// By build id first, then by the name in .gnu_debuglink.
void SymbolLoader::ask_debug_file(uint32_t place, bool by_link) {
  const auto& inspected = sources_.at(place).inspected;
  if (by_link && !inspected.debug_link) return settle(place);
  const OpenBy by = find_user_(*executables_.at(place));
  if (by.process.value == 0) {
    ++metrics_.debug_files_unreachable;
    return settle(place);
  }
  ++metrics_.debug_files_asked;
  questions_.ask(AskDebugFile{.process = by.process,
                              .by = by_link ? AskDebugFile::By::link : AskDebugFile::By::build_id,
                              .name = by_link ? inspected.debug_link->name : inspected.build_id,
                              .start = by.start,
                              .end = by.end},
                 [this, place, by_link](Result<AnswerValue> answer) {
                   on_debug_file(place, by_link, answer_as<std::unique_ptr<ReadableFile>>(std::move(answer)));
                 });
}

void SymbolLoader::on_debug_file(uint32_t place, bool by_link, Result<std::unique_ptr<ReadableFile>> file) {
  auto& executable = *executables_.at(place);
  if (!file || executable.file == nullptr) return by_link ? settle(place) : ask_debug_file(place, true);
  struct Checked {
    std::unique_ptr<ReadableFile> mapped, debug;
    Result<std::optional<AlternateLink>> alternate = Error{Errc::not_found, "not read"};
  };
  const uint64_t bytes = (*file)->identity().size;
  questions_.start(work(
      [mapped = std::move(executable.file), debug = std::move(*file),
       inspected = sources_.at(place).inspected]() mutable {
        Checked checked;
        checked.alternate = accept_debug_file(*mapped, inspected, *debug);
        checked.mapped = std::move(mapped);
        checked.debug = std::move(debug);
        return checked;
      },
      [this, place, by_link](Checked checked) {
        executables_.at(place)->file = std::move(checked.mapped);
        if (!checked.alternate) {
          ++metrics_.debug_files_refused;
          return by_link ? settle(place) : ask_debug_file(place, true);
        }
        ++metrics_.debug_files_opened;
        auto& source = sources_.at(place);
        source.debug = std::move(checked.debug);
        source.inspected.alternate_link = std::move(*checked.alternate);
        ask_alternate_file(place, false);
      },
      bytes));
}

// By build id first, then by its name among those of dwz.
void SymbolLoader::ask_alternate_file(uint32_t place, bool by_name) {
  const auto& link = sources_.at(place).inspected.alternate_link;
  if (!link || (by_name && link->name.empty())) return settle(place);
  const OpenBy by = find_user_(*executables_.at(place));
  if (by.process.value == 0) {
    ++metrics_.debug_files_unreachable;
    return settle(place);
  }
  ++metrics_.debug_files_asked;
  questions_.ask(AskDebugFile{.process = by.process,
                              .by = by_name ? AskDebugFile::By::dwz : AskDebugFile::By::build_id,
                              .name = by_name ? link->name : link->build_id,
                              .start = {},
                              .end = {}},
                 [this, place, by_name](Result<AnswerValue> answer) {
                   on_alternate_file(place, by_name, answer_as<std::unique_ptr<ReadableFile>>(std::move(answer)));
                 });
}

void SymbolLoader::on_alternate_file(uint32_t place, bool by_name, Result<std::unique_ptr<ReadableFile>> file) {
  if (!file) return by_name ? settle(place) : ask_alternate_file(place, true);
  struct Checked {
    std::unique_ptr<ReadableFile> file;
    bool accepted = false;
  };
  questions_.start(work(
      [alternate = std::move(*file), link = *sources_.at(place).inspected.alternate_link]() mutable {
        Checked checked;
        checked.accepted = accept_alternate_file(link, *alternate);
        checked.file = std::move(alternate);
        return checked;
      },
      [this, place, by_name](Checked checked) {
        if (!checked.accepted) {
          ++metrics_.debug_files_refused;
          return by_name ? settle(place) : ask_alternate_file(place, true);
        }
        ++metrics_.debug_files_opened;
        sources_.at(place).alternate = std::move(checked.file);
        settle(place);
      }));
}

// Everything that will be known of its files is known.
void SymbolLoader::settle(uint32_t place) {
  sources_.at(place).state = Source::State::ready;
  busy_.erase(place);
}

struct SymbolLoader::Batch {
  std::unique_ptr<ReadableFile> mapped, debug, alternate;
  Result<Resolved> resolved = Error{Errc::not_found, "not read"};
};

void SymbolLoader::resolve(Executable& executable, Source& source, std::vector<ElfAddress> addresses) {
  const uint32_t place = executable.number;
  set_busy(place);
  ++metrics_.symbol_batches;
  metrics_.addresses_asked += addresses.size();
  uint64_t bytes = executable.identity.size;
  if (source.debug != nullptr) bytes += source.debug->identity().size;
  Batch files;
  files.mapped = std::move(executable.file);
  files.debug = std::move(source.debug);
  files.alternate = std::move(source.alternate);
  questions_.start(work(
      [batch = std::move(files), index = store_.index(place), addresses = std::move(addresses)]() mutable {
        batch.resolved =
            resolve_names({batch.mapped.get(), batch.debug.get(), batch.alternate.get()}, std::move(index), addresses);
        return std::move(batch);
      },
      [this, place](Batch batch) {
        executables_.at(place)->file = std::move(batch.mapped);
        auto& lent = sources_.at(place);
        lent.debug = std::move(batch.debug);
        lent.alternate = std::move(batch.alternate);
        busy_.erase(place);
        on_resolved(place, std::move(batch.resolved));
      },
      bytes));
}

void SymbolLoader::on_resolved(uint32_t place, Result<Resolved> resolved) {
  if (!resolved) {
    ++metrics_.symbols_failed;
    log::debug("no names for {}: {}", executables_.at(place)->path, resolved.error().message);
    return;
  }
  if (!resolved->problem.empty()) {
    ++metrics_.symbols_incomplete;
    log::debug("names of {} are incomplete: {}", executables_.at(place)->path, resolved->problem);
  }
  for (const auto& found : resolved->names.places) {
    if (found.count != 0) ++metrics_.addresses_named;
    if (found.count != 0 && resolved->names.symbols[found.first].line != 0) ++metrics_.addresses_with_line;
  }
  store_.add(place, resolved->names, std::move(resolved->index));
  metrics_.symbols_evicted = store_.evicted();
}

// The ones that were used least recently are asked for again when they are needed.
void SymbolLoader::close_debug_files() {
  std::vector<uint64_t> uses;
  for (const auto& [place, source] : sources_)
    if (source.debug != nullptr) uses.push_back(source.last_used);
  if (uses.size() <= kMaxOpenDebugFiles) return;
  const auto last_closed = uses.end() - static_cast<ptrdiff_t>(kMaxOpenDebugFiles) - 1;
  std::nth_element(uses.begin(), last_closed, uses.end());
  std::erase_if(sources_, [&](const auto& entry) {
    return entry.second.debug != nullptr && entry.second.last_used <= *last_closed;
  });
}

}  // namespace splitprof
