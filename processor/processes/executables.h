// SPDX-License-Identifier: Apache-2.0
//
// Executables: the files that hold code, each known by what fstat of the opened file said, and numbered for ever.
// Mappings name files in the words of a process's listing (MappedFileKey); opening one ties that name to an executable.
// A worker reads headers and compiles unwind rows; the table is then installed once, for all processes. Main thread.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "processor/elf/file.h"
#include "processor/elf/symbol_table.h"
#include "processor/processes/mappings.h"
#include "processor/processes/upload.h"
#include "processor/runtimes/runtime.h"
#include "processor/unwind/host_tables.h"
#include "processor/unwind/table.h"

namespace splitprof {

struct Executable {
  // compiled: the kernel has not been asked to hold it. absent: there is none, or the kernel cannot hold it.
  enum class Table { none, compiling, compiled, installing, installed, absent };

  uint32_t number = 0;  // Frame::place; never 0
  FileIdentity identity;
  std::string path;      // of the mapping by which it was found first
  std::string build_id;  // lower-case hexadecimal; empty: none
  std::string htl_hash;  // see processor/elf/htl_hash.h; empty: not asked for, or not readable
  bool go = false;       // a program with Go in it
  // Interpreters in it. shared_ptr: workers use them, too.
  std::vector<std::shared_ptr<const RuntimeFile>> runtimes;
  ThreadStorage storage;               // of a C library
  bool loaded = false;                 // the headers have been read, or could not be
  std::vector<Segment> segments;       // empty: no ELF file that could be read
  std::unique_ptr<ReadableFile> file;  // null: never opened, lent to a worker, or closed
  Table table = Table::none;
  uint32_t table_id = 0;
  bool has_rows = false;      // its table could be compiled
  bool too_large = false;     // … but not be kept in the host's tables
  bool wanted = false;        // a process that lives maps it: the kernel shall hold its table
  uint64_t last_used_ns = 0;  // CLOCK_MONOTONIC, when it was opened or found last

  // Address in the process - address in the file, for a mapping that shows `offset` at `start`. Without segments file
  // offsets stand for addresses.
  uint64_t bias(RuntimeAddress start, FileOffset offset) const;
};

// What a mapping's key stands for. Shared by all mappings with that key, of any process, hence a shared_ptr.
struct MappedFile {
  enum class State { unopened, opening, opened, refused };
  MappedFileKey key;
  State state = State::unopened;
  bool gone = false;                 // refused only because the process that was asked had ended
  bool sampled = false;              // see OpenBy
  Executable* executable = nullptr;  // when opened or refused
  uint64_t answered_ns = 0;          // CLOCK_MONOTONIC

  // No better answer is on its way: addresses can be tied to the file …
  bool resolvable() const { return state != State::opening && (executable == nullptr || executable->loaded); }
  // … and the kernel can be told its table, if it was wanted.
  bool settled() const {
    return state != State::opening &&
           (executable == nullptr || executable->table_id != 0 || executable->table == Executable::Table::absent);
  }
};

// By which right a file is opened.
struct OpenBy {
  ProcessKey process;  // 0: nothing to open with
  RuntimeAddress start, end;
  bool sampled = false;  // the process was in that file when it was met: it is looked into before others
};

class Executables {
 public:
  // `changed` is called whenever a file has become resolvable or settled, or its table is in `host_tables` again.
  // `hash`: read the identifiers by which OpenTelemetry knows files. `disabled`: kinds of runtimes (bpf/runtimes.def)
  // that are not looked for.
  Executables(Questions& questions, Upload& upload, HostTables& host_tables, Metrics& metrics, bool hash,
              const std::set<uint8_t>& disabled, std::function<void()> changed);
  Executables(const Executables&) = delete;
  Executables& operator=(const Executables&) = delete;

  // What the key stands for, opened anew when what is known is too old to rely on.
  std::shared_ptr<MappedFile> find_or_open(const MappedFileKey& key, const OpenBy& by, uint64_t now_ns);
  // What is known of the key, however old; else an unopened one.
  std::shared_ptr<MappedFile> find(const MappedFileKey& key);
  // The file that the key stood for when it was opened last has an interpreter in it.
  bool has_runtime(const MappedFileKey& key) const;
  // What is known of the key so surely that no other file needs to be opened; null: nothing.
  std::shared_ptr<MappedFile> find_trusted(const MappedFileKey& key, uint64_t now_ns);
  // Opens what an exec took: the file that the key stands for.
  std::shared_ptr<MappedFile> open_executed(const MappedFileKey& key, uint64_t exec_key, uint64_t now_ns);
  // Nobody is left to open an unopened file with: its frames will only say its path.
  void give_up(MappedFile& mapped, uint64_t now_ns) { refuse(mapped, false, now_ns); }
  // The vDSO is memory: its content is read from the process itself, because a process may have changed its own.
  std::shared_ptr<MappedFile> open_vdso(const OpenBy& by, uint64_t now_ns);
  // The vDSO of so many bytes that was read from some process; for one that is gone. Unopened when there is none.
  std::shared_ptr<MappedFile> find_vdso(uint64_t length);

  Executable* at(uint32_t number);                                                      // null: no such executable
  const std::vector<std::unique_ptr<Executable>>& all() const { return executables_; }  // by number - 1

  // A process that lives maps it: the kernel shall have its table.
  void want_table(Executable& executable);
  // Removes the table of an executable that no process uses from the kernel.
  void remove_table(Executable& executable);
  // Its table was forgotten by the host's tables: compiles it again. False: that cannot be.
  bool compile_again(Executable& executable);

  // Forgets names that nobody maps any more, and closes files beyond the most that may be open.
  void tidy();

 private:
  void on_file(const std::shared_ptr<MappedFile>& mapped, Result<std::unique_ptr<ReadableFile>> file,
               FileIdentity identity, uint64_t now_ns);
  void refuse(MappedFile& mapped, bool gone, uint64_t now_ns);
  Executable* add(const FileIdentity& identity, const std::string& path);
  void load(Executable& executable, bool sampled = false);
  struct Loaded;
  void on_loaded(Executable& executable, Loaded loaded);
  static void inspect(const ElfFile& elf, const std::string& path, std::span<const Runtime* const> runtimes,
                      Loaded& loaded);
  void open_by_mapping(const std::shared_ptr<MappedFile>& mapped, const OpenBy& by, uint64_t now_ns);

  // An unopened file for the key, which takes the place of what stood there.
  std::shared_ptr<MappedFile> replace(const MappedFileKey& key);
  // What stands there, or for the key without its generation, which listings do not say; null: nothing.
  std::shared_ptr<MappedFile> lookup(const MappedFileKey& key) const;
  void install(Executable& executable, InstallTable table);

  Questions& questions_;
  Upload& upload_;
  HostTables& host_tables_;
  Metrics& metrics_;
  const bool hash_;
  std::vector<const Runtime*> runtimes_;  // that are looked for
  std::function<void()> changed_;
  std::map<MappedFileKey, std::shared_ptr<MappedFile>> files_;
  std::map<uint64_t, std::shared_ptr<MappedFile>> vdsos_;  // by length
  std::map<FileIdentity, Executable*> by_identity_;
  std::vector<std::unique_ptr<Executable>> executables_;
};

}  // namespace splitprof
