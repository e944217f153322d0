// SPDX-License-Identifier: Apache-2.0
#include "processor/processes/interpreters.h"

#include <algorithm>

#include "shared/log.h"

namespace splitprof {
namespace {

constexpr size_t kMaxFunctionsOfProcess = 1u << 15;  // then what is known is forgotten, and read again when it is met
constexpr size_t kNumbersOfProcess = 8;              // so much room takes a process that knows none
constexpr size_t kMaxInFiles = 1u << 16;
constexpr uint32_t kDisputed = 0;  // in place of a function
constexpr size_t kMaxInherited = 1u << 12;
constexpr size_t kMaxWanted = 4096;          // of one process, waiting for its worker, or with it
constexpr size_t kNamesOfJob = 256;          // so that a worker is not away with the memory for long
constexpr size_t kMaxMemories = 2048;        // descriptors of processes' memory that are held
constexpr uint64_t kHungNs = 2'000'000'000;  // a worker that is away for longer is not waited for
constexpr uint64_t kFirstPauseNs = 20'000'000;
constexpr uint64_t kLongestPauseNs = 10'000'000'000;

uint64_t mix(uint64_t a, uint64_t b) {
  uint64_t mixed = (a ^ (b * 0x9e3779b97f4a7c15)) * 0xbf58476d1ce4e5b9;
  return mixed ^ (mixed >> 31);
}

FunctionError error_of(Errc code) {
  if (code == Errc::gone) return FunctionError::gone;
  if (code == Errc::not_found) return FunctionError::replaced;
  return code == Errc::too_large ? FunctionError::limited : FunctionError::unreadable;
}

// That of its C library.
ThreadStorage storage_of(const Process& process) {
  ThreadStorage storage;
  for (const auto& mapping : process.mappings)
    if (mapping.file != nullptr && mapping.file->executable != nullptr &&
        mapping.file->executable->storage.kind != SP_STORAGE_NONE)
      storage = mapping.file->executable->storage;
  return storage;
}

}  // namespace

size_t ProcessInterpreters::Hash::operator()(const Key& key) const {
  return mix(mix(key.object, key.other), key.check << 8 | key.kind);
}
size_t Interpreters::InFileHash::operator()(const InFile& place) const {
  return mix(place.address, place.executable);
}

// What a worker found out about where things are.
struct Interpreters::Located {
  std::unique_ptr<ReadableFile> memory;
  std::vector<Result<std::unique_ptr<RuntimeInstance>>> instances;
};

// What a worker read.
struct Interpreters::Names {
  struct Name {
    Key key;
    Result<Function> function;
  };
  std::unique_ptr<ReadableFile> memory;
  std::vector<Name> names;
};

// ---- Where they are ----------------------------------------------------------------------------------------------

bool Interpreters::look_at(const std::shared_ptr<Process>& process, bool complete, bool lives, uint64_t now_ns) {
  now_ns_ = std::max(now_ns_, now_ns);
  auto* known = process->interpreters.get();
  const bool again = known != nullptr && known->locate_again_ns != 0 && now_ns_ >= known->locate_again_ns;
  if (process->looked_at_mappings == process->mapping_changes && !again) return true;
  if (known != nullptr && (known->busy_since_ns != 0 || known->state == State::locating)) return false;
  if (complete) process->looked_at_mappings = process->mapping_changes;
  std::vector<ProcessInterpreters::Candidate> candidates;
  for (const auto& mapping : process->mappings) {
    auto* executable = mapping.file == nullptr || !mapping.file->resolvable() ? nullptr : mapping.file->executable;
    if (executable == nullptr || executable->runtimes.empty()) continue;
    const ProcessInterpreters::Candidate found{executable, executable->bias(mapping.start, mapping.file_offset)};
    if (candidates.size() < SP_MAX_PROCESS_RUNTIMES &&
        std::find(candidates.begin(), candidates.end(), found) == candidates.end())
      candidates.push_back(found);
  }
  if (!complete && (candidates.empty() || !lives || known != nullptr)) return false;  // once is enough
  if (candidates.empty() || process->key.value == 0 || !lives) {
    if (candidates.empty() && known == nullptr) return true;
    if (known == nullptr) process->interpreters = std::make_unique<ProcessInterpreters>();
    if (process->interpreters->state != State::unasked) return true;
    process->interpreters->state = State::absent;  // objects in files have names nevertheless
    process->interpreters->candidates = std::move(candidates);
    return true;
  }
  if (known == nullptr) {
    process->interpreters = std::make_unique<ProcessInterpreters>();
    known = process->interpreters.get();
  } else if (known->candidates == candidates && known->storage == storage_of(*process) && known->told_kernel &&
             !again) {
    return true;
  }
  known->candidates = std::move(candidates);
  known->state = State::locating;
  if (!again) known->locate_pause_ns = 0;
  if (known->memory == nullptr)
    ask_memory(process);
  else
    locate(process);
  return complete;
}

void Interpreters::ask_memory(const std::shared_ptr<Process>& process) {
  questions_.ask(AskMemory{process->key}, [this, process](Result<AnswerValue> answer) {
    auto memory = answer_as<std::unique_ptr<ReadableFile>>(std::move(answer));
    auto& known = *process->interpreters;
    std::erase_if(with_memory_, [](const auto& other) { return other.expired(); });
    if (memory && with_memory_.size() >= kMaxMemories) memory = Error{Errc::too_large, "too many are looked into"};
    if (!memory) {
      ++metrics_.runtimes_unreachable;
      known.state = known.instances.empty() ? State::absent : State::known;
      return changed_();
    }
    known.memory = std::move(*memory);
    with_memory_.push_back(process);
    locate(process);
  });
}

void Interpreters::locate(const std::shared_ptr<Process>& process) {
  auto& known = *process->interpreters;
  struct Place {
    std::shared_ptr<const RuntimeFile> file;
    RuntimePlace place;
  };
  known.storage = storage_of(*process);
  std::vector<Place> places;
  for (const auto& candidate : known.candidates)
    for (const auto& file : candidate.executable->runtimes)
      if (places.size() < SP_MAX_PROCESS_RUNTIMES)
        places.push_back({.file = file, .place = {.bias = candidate.bias, .storage = known.storage}});
  known.busy_since_ns = now_ns_;
  questions_.start(work(
      [memory = std::move(known.memory), places = std::move(places)]() mutable {
        Located located;
        ProcessMemory reader(*memory);
        for (const auto& place : places) {
          reader.begin();
          located.instances.push_back(place.file->locate(place.place, reader));
        }
        located.memory = std::move(memory);
        return located;
      },
      [this, process](Located located) { on_located(process, std::move(located)); }));
}

void Interpreters::on_located(const std::shared_ptr<Process>& process, Located located) {
  auto& known = *process->interpreters;
  known.memory = std::move(located.memory);
  known.busy_since_ns = 0;
  known.instances.clear();
  known.locate_again_ns = 0;
  SetRuntimes told{.process = process->key, .runtimes = {}};
  for (auto& instance : located.instances) {
    if (!instance) {
      const bool early = instance.error().code == Errc::not_found;
      ++(early ? metrics_.runtimes_not_begun : metrics_.runtimes_not_located);
      if (early) {
        known.locate_pause_ns = std::clamp(known.locate_pause_ns * 2, kFirstPauseNs, kLongestPauseNs);
        known.locate_again_ns = now_ns_ + known.locate_pause_ns;
      } else {
        log::debug("the interpreter of pid {} is not understood: {}", process->pid.value, instance.error().message);
      }
      continue;
    }
    ++metrics_.runtimes_located;
    told.runtimes.push_back((*instance)->value());
    known.instances.push_back(std::move(*instance));
  }
  known.state = known.instances.empty() ? State::absent : State::known;
  if (!known.instances.empty()) {
    known.told_kernel = true;
    questions_.ask(std::move(told), [this](const Result<AnswerValue>& answer) {
      ++(answer ? metrics_.runtimes_told : metrics_.runtimes_told_failed);
    });
    if (!known.wanted.empty()) read_names(process);  // of samples that came meanwhile
  }
  changed_();
}

void Interpreters::inherit(const Process& parent, const std::shared_ptr<Process>& child) {
  if (parent.interpreters == nullptr || parent.interpreters->instances.empty()) return;
  const auto& known = *parent.interpreters;
  child->interpreters = std::make_unique<ProcessInterpreters>();
  child->interpreters->candidates = known.candidates;
  if (known.functions.empty() || known.functions.size() > kMaxInherited) return;
  make_room(child, known.functions.size());
  child->interpreters->functions = known.functions;
}

// ---- What frames are called --------------------------------------------------------------------------------------

bool Interpreters::name_frames(const std::shared_ptr<Process>& process, SampleRecord& sample, bool last,
                               uint64_t now_ns) {
  if (sample.interpreted_frames == 0) return true;
  now_ns_ = std::max(now_ns_, now_ns);
  auto* known = process->interpreters.get();
  bool complete = true, all_asked = true;
  for (auto& frame : sample.user_frames) {
    const auto* runtime = frame.named ? nullptr : find_runtime(frame.kind);
    if (runtime == nullptr) continue;
    const auto name = [&](uint32_t function, uint32_t line) {
      frame.named = true;
      sample.user_words[frame.first_word] = uint64_t{function} << 32 | line;
    };
    const auto place = runtime->place_of({.flags = frame.flags, .extra = frame.extra, .words = sample.words(frame)});
    if (!place || place->check == 0) {
      name(id_of(place ? FunctionError::unreadable : FunctionError::broken_chain), 0);
      continue;
    }
    const Key key{.object = place->object, .other = place->other, .check = place->check, .kind = frame.kind};
    if (const uint32_t function = known == nullptr ? 0 : find(*known, key); function != 0) {
      name(function, place->line != 0 ? place->line : functions_.line_at(function, place->position));
      continue;
    }
    const bool may_come = known != nullptr && (known->state == State::unasked || known->state == State::locating ||
                                               known->memory != nullptr ||
                                               (known->busy_since_ns != 0 && now_ns_ < known->busy_since_ns + kHungNs));
    if (last || (!may_come && known != nullptr)) {
      if (const uint32_t elsewhere = may_come || known == nullptr ? 0 : find_in_file(*known, key); elsewhere != 0) {
        name(elsewhere, functions_.line_at(elsewhere, place->position));
        continue;
      }
      ++(may_come ? metrics_.functions_late : metrics_.functions_gone);
      name(id_of(may_come ? FunctionError::late : FunctionError::gone), 0);
      continue;
    }
    complete = false;
    if (known == nullptr) continue;
    const bool was_asked = known->asked.contains(key);
    // A deep stack of new functions is looked at again whenever some of them have come: not farther than to the next
    // one that is still to come.
    if (was_asked && sample.names_asked) break;
    if (!was_asked && known->asked.size() >= kMaxWanted) {
      all_asked = false;
    } else if (!was_asked) {
      known->asked.insert(key);
      known->wanted.push_back({key, *place});
    }
  }
  sample.names_asked = known != nullptr && all_asked;
  if (known != nullptr && !known->wanted.empty() && known->memory != nullptr && known->state == State::known)
    read_names(process);
  return complete;
}

void Interpreters::read_names(const std::shared_ptr<Process>& process) {
  auto& known = *process->interpreters;
  const size_t n = std::min(known.wanted.size(), kNamesOfJob);
  std::vector<ProcessInterpreters::Wanted> wanted(known.wanted.begin(),
                                                  known.wanted.begin() + static_cast<ptrdiff_t>(n));
  known.wanted.erase(known.wanted.begin(), known.wanted.begin() + static_cast<ptrdiff_t>(n));
  known.busy_since_ns = now_ns_;
  ++metrics_.function_batches;
  metrics_.functions_asked += n;
  questions_.start(work(
      [memory = std::move(known.memory), instances = known.instances, wanted = std::move(wanted)]() mutable {
        Names names;
        ProcessMemory reader(*memory);
        for (const auto& [key, place] : wanted) {
          Result<Function> function = Error{Errc::not_found, "no interpreter of that kind"};
          for (const auto& instance : instances) {
            if (instance->value().kind != key.kind) continue;
            reader.begin();
            function = instance->read_function(reader, place);
            if (function) break;
          }
          names.names.push_back({.key = key, .function = std::move(function)});
        }
        names.memory = std::move(memory);
        return names;
      },
      [this, process](Names names) { on_names(process, std::move(names)); }));
}

void Interpreters::on_names(const std::shared_ptr<Process>& process, Names names) {
  auto& known = *process->interpreters;
  known.memory = std::move(names.memory);
  known.busy_since_ns = 0;
  make_room(process, names.names.size());
  for (auto& name : names.names) {
    known.asked.erase(name.key);
    if (!name.function) {
      const auto error = error_of(name.function.error().code);
      count_failure(error);
      uint32_t function = id_of(error);
      if (error == FunctionError::gone)  // another process may have told it
        if (const uint32_t elsewhere = find_in_file(known, name.key); elsewhere != 0) function = elsewhere;
      known.functions[name.key] = function;
      continue;
    }
    ++metrics_.functions_named;
    const bool is_hidden = name.function->name.empty();
    const uint32_t function = is_hidden ? kHiddenFunction : functions_.intern(std::move(*name.function));
    known.functions[name.key] = function;
    if (const auto place = in_file(known, name.key); place && in_files_.size() < kMaxInFiles) {
      const auto [entry, is_new] = in_files_.try_emplace(*place, function);
      // A process may write over its own copy of the file's data: what two of them tell differently is nobody's name.
      if (!is_new && entry->second != function && entry->second != kDisputed)
        entry->second = functions_.find(entry->second) == nullptr ? function : kDisputed;
    }
  }
  if (!known.wanted.empty()) read_names(process);
  changed_();
}

// For `n` more functions of the process. What knows too much forgets all of it, and reads again what it meets: a
// process by itself, or the one that knows most when all together know too much.
void Interpreters::make_room(const std::shared_ptr<Process>& process, size_t n) {
  const auto forget = [this](ProcessInterpreters& forgetful) {
    ++metrics_.functions_forgotten;
    forgetful.functions.clear();
  };
  if (process->interpreters->functions.size() + n > kMaxFunctionsOfProcess) forget(*process->interpreters);
  with_numbers_[process->number] = process;
  numbers_ += n + kNumbersOfProcess;
  if (numbers_ <= max_numbers_) return;
  for (;;) {
    ProcessInterpreters* largest = nullptr;
    numbers_ = n;
    std::erase_if(with_numbers_, [&](const auto& entry) {
      const auto other = entry.second.lock();
      auto* known = other == nullptr ? nullptr : other->interpreters.get();
      if (known == nullptr) return true;
      numbers_ += known->functions.size() + kNumbersOfProcess;
      if (largest == nullptr || known->functions.size() > largest->functions.size()) largest = known;
      return false;
    });
    // Some are left until the next count, or each new function would be one.
    if (numbers_ <= max_numbers_ - max_numbers_ / 8 || largest->functions.empty()) return;
    forget(*largest);
  }
}

void Interpreters::count_failure(FunctionError error) {
  switch (error) {
    case FunctionError::gone:
      ++metrics_.functions_gone;
      break;
    case FunctionError::replaced:
      ++metrics_.functions_replaced;
      break;
    case FunctionError::unreadable:
    case FunctionError::broken_chain:
      ++metrics_.functions_unreadable;
      break;
    case FunctionError::late:
      ++metrics_.functions_late;
      break;
    case FunctionError::limited:
      ++metrics_.functions_limited;
      break;
  }
}

// 0: not known, or not any more.
uint32_t Interpreters::find(ProcessInterpreters& known, const Key& key) {
  if (const auto found = known.functions.find(key); found != known.functions.end()) {
    if (found->second < kFirstFunctionId || functions_.mark_used(found->second)) return found->second;
    known.functions.erase(found);
  }
  return 0;
}

uint32_t Interpreters::find_in_file(const ProcessInterpreters& known, const Key& key) {
  const auto place = in_file(known, key);
  const auto found = place ? in_files_.find(*place) : in_files_.end();
  if (found == in_files_.end() || found->second == kDisputed) return 0;
  if (functions_.mark_used(found->second)) return found->second;
  in_files_.erase(found);
  return 0;
}

// An object in the data of the interpreter's own file: it is there as long as the process is.
std::optional<Interpreters::InFile> Interpreters::in_file(const ProcessInterpreters& known, const Key& key) const {
  if (key.other != 0) return std::nullopt;
  for (const auto& candidate : known.candidates) {
    const uint64_t address = key.object - candidate.bias;
    for (const auto& segment : candidate.executable->segments)
      if (address - segment.address.value < segment.file_size)
        return InFile{.executable = candidate.executable->number, .address = address};
  }
  return std::nullopt;
}

}  // namespace splitprof
