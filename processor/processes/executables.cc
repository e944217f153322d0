// SPDX-License-Identifier: Apache-2.0
#include "processor/processes/executables.h"

#include <xxhash.h>

#include <algorithm>

#include "processor/elf/gopclntab.h"
#include "processor/elf/htl_hash.h"
#include "processor/elf/local_file.h"
#include "processor/runtimes/thread_storage.h"
#include "shared/log.h"

namespace splitprof {
namespace {

// How long a name found in a listing is taken to stand for the file that was opened by it. A rebuilt program often gets
// its predecessor's inode number; two seconds are shorter than most builds, and save a thousand opens a second where
// short programs follow each other.
constexpr uint64_t kTrustNs = 2'000'000'000;
constexpr uint64_t kRefusalNs = 60'000'000'000;  // as long as the sampler refuses a target that did not answer
constexpr size_t kMaxExecutables = 1u << 16;     // four times what the kernel's tables can hold
constexpr size_t kMaxNames = 1u << 14;
constexpr size_t kMaxOpenFiles = 4096;           // for their symbols; the processor raises its limit of descriptors
constexpr uint64_t kMaxUrgentBytes = 64u << 20;  // of a file that goes before smaller ones, see OpenBy
constexpr size_t kMaxVdsoBytes = 1u << 16;       // x86-64: 8 KiB, arm64: 8 KiB, in Linux 6.18
constexpr size_t kMaxVdsos = 16;                 // one for each length: x86-64 has those of 64 bits, 32 bits and x32
constexpr uint64_t kPageMask = 4095;
constexpr uint64_t kVdsoDevice = ~0ull;  // no device has this number; the "inode" is the content's hash

// How a segment is mapped: from the page that its first byte is in, to the end of the page of its last one.
bool shows(const Segment& segment, uint64_t offset) {
  const uint64_t first = segment.offset.value & ~kPageMask;
  return offset >= first && offset - first < (segment.offset.value - first) + segment.file_size;
}

}  // namespace

uint64_t Executable::bias(RuntimeAddress start, FileOffset offset) const {
  const Segment* found = nullptr;
  for (const auto& segment : segments)
    if (shows(segment, offset.value) && (found == nullptr || (segment.executable && !found->executable)))
      found = &segment;
  if (found == nullptr) return start.value - offset.value;
  return start.value - (found->address.value + (offset.value - found->offset.value));
}

// What a worker made of a file. The file comes back with it.
struct Executables::Loaded {
  std::unique_ptr<ReadableFile> file;
  bool elf = false;
  std::vector<Segment> segments;
  std::string build_id, htl_hash;
  bool go = false;
  std::vector<std::shared_ptr<const RuntimeFile>> runtimes;
  std::vector<Error> not_understood;  // runtimes that are there
  ThreadStorage storage;
  Result<CompiledTable> table = Error{Errc::not_found, "not compiled"};
};

Executables::Executables(Questions& questions, Upload& upload, HostTables& host_tables, Metrics& metrics, bool hash,
                         const std::set<uint8_t>& disabled, std::function<void()> changed)
    : questions_(questions),
      upload_(upload),
      host_tables_(host_tables),
      metrics_(metrics),
      hash_(hash),
      changed_(std::move(changed)) {
  for (const auto* runtime : all_runtimes())
    if (!disabled.contains(runtime->kind())) runtimes_.push_back(runtime);
}

std::shared_ptr<MappedFile> Executables::find_or_open(const MappedFileKey& key, const OpenBy& by, uint64_t now_ns) {
  if (auto known = find_trusted(key, now_ns)) {
    known->sampled |= by.sampled;
    return known;
  }
  auto mapped = replace(key);
  ++metrics_.files_asked;
  mapped->state = MappedFile::State::opening;
  mapped->sampled = by.sampled;
  questions_.ask(AskMappedFile{by.process, by.start, by.end}, [this, mapped, now_ns](Result<AnswerValue> answer) {
    auto file = answer_as<std::unique_ptr<ReadableFile>>(std::move(answer));
    const auto identity = file ? (*file)->identity() : FileIdentity{};
    on_file(mapped, std::move(file), identity, now_ns);
  });
  return mapped;
}

std::shared_ptr<MappedFile> Executables::open_executed(const MappedFileKey& key, uint64_t exec_key, uint64_t now_ns) {
  auto mapped = replace(key);
  ++metrics_.files_asked;
  mapped->state = MappedFile::State::opening;
  questions_.ask(AskExecutable{exec_key}, [this, mapped, now_ns](Result<AnswerValue> answer) {
    auto file = answer_as<std::unique_ptr<ReadableFile>>(std::move(answer));
    const auto identity = file ? (*file)->identity() : FileIdentity{};
    on_file(mapped, std::move(file), identity, now_ns);
  });
  return mapped;
}

std::shared_ptr<MappedFile> Executables::replace(const MappedFileKey& key) {
  auto& place = files_[key];
  auto mapped = std::make_shared<MappedFile>();
  mapped->key = key;
  // Should the new one not be had, as when the process ends before it is asked, the old one is the best guess.
  if (place != nullptr && place->state == MappedFile::State::opened) {
    mapped->executable = place->executable;
    mapped->answered_ns = place->answered_ns;
  }
  place = mapped;
  return mapped;
}

std::shared_ptr<MappedFile> Executables::find_trusted(const MappedFileKey& key, uint64_t now_ns) {
  const auto found = files_.find(key);
  if (found == files_.end()) return nullptr;
  const auto& known = found->second;
  const uint64_t age_ns = now_ns - std::min(now_ns, known->answered_ns);
  using State = MappedFile::State;
  const bool trusted = known->state == State::opening || (known->state == State::opened && age_ns < kTrustNs) ||
                       (known->state == State::refused && !known->gone && age_ns < kRefusalNs);
  if (trusted && known->executable != nullptr) known->executable->last_used_ns = now_ns;
  return trusted ? known : nullptr;
}

std::shared_ptr<MappedFile> Executables::lookup(const MappedFileKey& key) const {
  auto found = files_.find(key);
  if (found == files_.end() && key.generation != 0) {
    auto listed = key;
    listed.generation = 0;
    found = files_.find(listed);
  }
  return found == files_.end() ? nullptr : found->second;
}

bool Executables::has_runtime(const MappedFileKey& key) const {
  const auto known = lookup(key);
  return known != nullptr && known->executable != nullptr && !known->executable->runtimes.empty();
}

std::shared_ptr<MappedFile> Executables::find(const MappedFileKey& key) {
  if (auto known = lookup(key); known != nullptr && !known->gone) return known;
  auto unopened = std::make_shared<MappedFile>();
  unopened->key = key;
  return unopened;
}

std::shared_ptr<MappedFile> Executables::open_vdso(const OpenBy& by, uint64_t now_ns) {
  auto mapped = std::make_shared<MappedFile>();
  mapped->key.path = "[vdso]";
  const uint64_t length = by.end.value - by.start.value;
  if (length > kMaxVdsoBytes) {
    refuse(*mapped, false, now_ns);
    return mapped;
  }
  ++metrics_.files_asked;
  mapped->state = MappedFile::State::opening;
  questions_.ask(AskMemory{by.process}, [this, mapped, by, length, now_ns](Result<AnswerValue> answer) {
    auto memory = answer_as<std::unique_ptr<ReadableFile>>(std::move(answer));
    if (!memory) return on_file(mapped, std::move(memory), {}, now_ns);
    // shared_ptr: std::function can only hold what can be copied.
    auto file = std::shared_ptr<ReadableFile>(std::move(*memory));
    questions_.start(work(
        [file, by, length]() -> Result<std::vector<std::byte>> {
          std::vector<std::byte> image(length);
          const size_t n = TRY(file->read_at(by.start.value, image));
          if (n != image.size()) return fail(Errc::gone, "the process has ended");
          return image;
        },
        [this, mapped, now_ns](Result<std::vector<std::byte>> image) {
          if (!image) return on_file(mapped, std::move(image.error()), {}, now_ns);
          const FileIdentity identity{
              .device = kVdsoDevice, .inode = XXH3_64bits(image->data(), image->size()), .size = image->size()};
          on_file(mapped, std::unique_ptr<ReadableFile>(std::make_unique<MemoryFile>(std::move(*image))), identity,
                  now_ns);
          if (vdsos_.size() < kMaxVdsos) vdsos_[identity.size] = mapped;
        }));
  });
  return mapped;
}

std::shared_ptr<MappedFile> Executables::find_vdso(uint64_t length) {
  if (const auto found = vdsos_.find(length); found != vdsos_.end()) return found->second;
  auto unopened = std::make_shared<MappedFile>();
  unopened->key.path = "[vdso]";
  return unopened;
}

void Executables::on_file(const std::shared_ptr<MappedFile>& mapped, Result<std::unique_ptr<ReadableFile>> file,
                          FileIdentity identity, uint64_t now_ns) {
  if (!file) {
    if (mapped->executable != nullptr)
      mapped->state = MappedFile::State::opened;  // as before, see replace()
    else
      refuse(*mapped, file.error().code == Errc::gone, now_ns);
    return changed_();
  }
  mapped->state = MappedFile::State::opened;
  mapped->answered_ns = now_ns;
  auto& executable = by_identity_[identity];
  if (executable != nullptr) {
    ++metrics_.files_shared;
  } else {
    executable = add(identity, mapped->key.path);
  }
  mapped->executable = executable;
  executable->last_used_ns = now_ns;
  if (executable->table == Executable::Table::none) {
    executable->file = std::move(*file);
    load(*executable, mapped->sampled);
  } else if (executable->file == nullptr && executable->loaded && executable->table != Executable::Table::compiling) {
    executable->file = std::move(*file);
    if (executable->wanted) want_table(*executable);
  }
  changed_();
}

void Executables::refuse(MappedFile& mapped, bool gone, uint64_t now_ns) {
  ++metrics_.files_refused;
  mapped.state = MappedFile::State::refused;
  mapped.gone = gone;
  mapped.answered_ns = now_ns;
  // Its frames still say which file they are of.
  FileIdentity nameless;
  nameless.inode = XXH3_64bits(mapped.key.path.data(), mapped.key.path.size());
  auto& executable = by_identity_[nameless];
  if (executable == nullptr) executable = add(nameless, mapped.key.path);
  executable->loaded = true;
  executable->table = Executable::Table::absent;
  mapped.executable = executable;
}

Executable* Executables::add(const FileIdentity& identity, const std::string& path) {
  const bool full = executables_.size() >= kMaxExecutables;
  if (full) ++metrics_.executables_dropped;
  if (!full || executables_.size() == kMaxExecutables) {  // the last one stands for all that came too late
    auto made = std::make_unique<Executable>();
    made->number = static_cast<uint32_t>(executables_.size() + 1);
    made->identity = identity;
    if (!full) made->path = path;
    made->loaded = full;
    made->table = full ? Executable::Table::absent : Executable::Table::none;
    executables_.push_back(std::move(made));
  }
  return executables_.back().get();
}

Executable* Executables::at(uint32_t number) {
  return number == 0 || number > executables_.size() ? nullptr : executables_[number - 1].get();
}

// Whose interpreters and which C library are in the file.
void Executables::inspect(const ElfFile& elf, const std::string& path, std::span<const Runtime* const> runtimes,
                          Loaded& loaded) {
  auto storage = find_thread_storage(elf);
  if (!storage)
    loaded.not_understood.push_back(std::move(storage.error()));
  else if (*storage)
    loaded.storage = **storage;
  for (const auto* runtime : runtimes) {
    auto file = runtime->inspect(elf, path);
    if (!file)
      loaded.not_understood.push_back(std::move(file.error()));
    else if (*file != nullptr)
      loaded.runtimes.push_back(std::move(*file));
  }
}

void Executables::load(Executable& executable, bool sampled) {
  executable.table = Executable::Table::compiling;
  questions_.start(work(
      [file = std::move(executable.file), hash = hash_ && executable.htl_hash.empty(), path = executable.path,
       runtimes = executable.loaded ? std::vector<const Runtime*>() : runtimes_, again = executable.loaded]() mutable {
        Loaded loaded;
        loaded.file = std::move(file);
        if (hash)
          if (auto made = read_htl_hash(*loaded.file)) loaded.htl_hash = std::move(*made);
        const auto elf = ElfFile::open(*loaded.file);
        loaded.elf = elf.has_value();
        if (!elf) return loaded;
        loaded.segments.assign(elf->segments().begin(), elf->segments().end());
        loaded.build_id = elf->build_id();
        loaded.go = is_go(*elf);
        if (!again) inspect(*elf, path, runtimes, loaded);
        loaded.table = compile_table(*elf);
        return loaded;
      },
      [this, &executable](Loaded loaded) { on_loaded(executable, std::move(loaded)); },
      sampled && executable.identity.size <= kMaxUrgentBytes ? 1 : executable.identity.size));
}

void Executables::on_loaded(Executable& executable, Loaded loaded) {
  executable.loaded = true;
  executable.file = std::move(loaded.file);
  executable.segments = std::move(loaded.segments);
  executable.build_id = std::move(loaded.build_id);
  executable.go = loaded.go;
  if (!loaded.runtimes.empty()) executable.runtimes = std::move(loaded.runtimes);
  if (loaded.storage.kind != SP_STORAGE_NONE) executable.storage = loaded.storage;
  metrics_.runtimes_found += executable.runtimes.size();
  metrics_.runtimes_not_understood += loaded.not_understood.size();
  for (const auto& error : loaded.not_understood)
    log::warn("frames of its interpreter will be missing: {}: {}", executable.path, error.message);
  if (executable.htl_hash.empty()) executable.htl_hash = std::move(loaded.htl_hash);
  executable.has_rows = loaded.table.has_value();
  if (!loaded.elf) ++metrics_.files_not_elf;
  if (!loaded.table) {
    ++metrics_.tables_compile_failed;
    executable.table = Executable::Table::absent;
    return changed_();
  }
  ++metrics_.tables_compiled;
  executable.too_large = !host_tables_.add(executable.number, loaded.table->table);
  metrics_.host_tables_refused += executable.too_large;
  if (executable.table_id != 0)
    executable.table = Executable::Table::installed;  // it was compiled again for the host's tables only
  else if (executable.wanted)
    install(executable, std::move(loaded.table->table));
  else
    executable.table = Executable::Table::compiled;
  changed_();
}

void Executables::install(Executable& executable, InstallTable table) {
  executable.table = Executable::Table::installing;
  upload_.install(std::move(table), [this, &executable](Result<InstalledTable> installed) {
    executable.table = installed ? Executable::Table::installed : Executable::Table::absent;
    executable.table_id = installed ? installed->id : 0;
    changed_();
  });
}

void Executables::want_table(Executable& executable) {
  executable.wanted = true;
  if (executable.table == Executable::Table::compiled && executable.file != nullptr) load(executable);
}

void Executables::remove_table(Executable& executable) {
  upload_.remove(executable.table_id);
  executable.table_id = 0;
  executable.wanted = false;
  executable.table = Executable::Table::compiled;
}

bool Executables::compile_again(Executable& executable) {
  using Table = Executable::Table;
  if (executable.table == Table::compiling) return true;
  if (!executable.has_rows || executable.too_large || executable.file == nullptr) return false;
  if (executable.table == Table::installing) return true;  // changed_() is called once it is over
  ++metrics_.host_tables_again;
  load(executable);
  return true;
}

void Executables::tidy() {
  if (files_.size() > kMaxNames) std::erase_if(files_, [](const auto& entry) { return entry.second.use_count() == 1; });
  std::vector<Executable*> open;
  for (const auto& executable : executables_)
    if (executable->file != nullptr && executable->identity.device != kVdsoDevice) open.push_back(executable.get());
  if (open.size() <= kMaxOpenFiles) return;
  const auto middle = open.begin() + kMaxOpenFiles / 2;
  std::nth_element(open.begin(), middle, open.end(), [](const Executable* a, const Executable* b) {
    return a->last_used_ns > b->last_used_ns;  // the most recent ones stay
  });
  std::for_each(middle, open.end(), [&](Executable* executable) {
    executable->file.reset();
    ++metrics_.files_closed;
  });
}

}  // namespace splitprof
