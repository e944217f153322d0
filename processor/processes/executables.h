// SPDX-License-Identifier: Apache-2.0
//
// Executables: the files that hold code, each known by what fstat of the opened file said, and numbered for ever.
// Mappings name files in the words of a process's listing (MappedFileKey); opening one ties that name to an executable.
// A worker reads headers and compiles unwind rows; the table is then installed once, for all processes. Main thread.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "processor/elf/file.h"
#include "processor/elf/symbol_table.h"
#include "processor/processes/mappings.h"
#include "processor/processes/upload.h"
#include "processor/unwind/table.h"

namespace splitprof {

struct Executable {
  enum class Table { none, compiling, installing, installed, absent };

  uint32_t number = 0;  // Frame::place; never 0
  FileIdentity identity;
  std::string path;                    // of the mapping by which it was found first
  std::string build_id;                // lower-case hexadecimal; empty: none
  bool loaded = false;                 // the headers have been read, or could not be
  std::vector<Segment> segments;       // empty: no ELF file that could be read
  std::unique_ptr<ReadableFile> file;  // null: never opened, lent to a worker, or closed
  Table table = Table::none;
  uint32_t table_id = 0;
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
  Executable* executable = nullptr;  // when opened or refused
  uint64_t answered_ns = 0;          // CLOCK_MONOTONIC

  // No better answer is on its way: addresses can be tied to the file …
  bool resolvable() const { return state != State::opening && (executable == nullptr || executable->loaded); }
  // … and the kernel can be told its table.
  bool settled() const {
    return state != State::opening && (executable == nullptr || executable->table == Executable::Table::installed ||
                                       executable->table == Executable::Table::absent);
  }
};

// By which right a file is opened.
struct OpenBy {
  ProcessKey process;  // 0: nothing to open with
  RuntimeAddress start, end;
};

class Executables {
 public:
  // `changed` is called whenever a file has become resolvable or settled.
  Executables(Questions& questions, Upload& upload, Metrics& metrics, std::function<void()> changed);
  Executables(const Executables&) = delete;
  Executables& operator=(const Executables&) = delete;

  // What the key stands for, opened anew when what is known is too old to rely on.
  std::shared_ptr<MappedFile> find_or_open(const MappedFileKey& key, const OpenBy& by, uint64_t now_ns);
  // What is known of the key, however old; else an unopened one.
  std::shared_ptr<MappedFile> find(const MappedFileKey& key);
  // Opens an unopened file as the executable that an exec took.
  void open_executed(const std::shared_ptr<MappedFile>& file, uint64_t exec_key, uint64_t now_ns);
  // Nobody is left to open an unopened file with: its frames will only say its path.
  void give_up(MappedFile& mapped, uint64_t now_ns) { refuse(mapped, false, now_ns); }
  // The vDSO is memory: its content is read from the process itself, because a process may have changed its own.
  std::shared_ptr<MappedFile> open_vdso(const OpenBy& by, uint64_t now_ns);

  Executable* at(uint32_t number);                                                      // null: no such executable
  const std::vector<std::unique_ptr<Executable>>& all() const { return executables_; }  // by number - 1

  // Forgets names that nobody maps any more, and closes files beyond the most that may be open.
  void tidy();
  // Removes the table of an executable that no process uses; it is compiled again when it is next opened.
  void remove_table(Executable& executable);

 private:
  void on_file(const std::shared_ptr<MappedFile>& mapped, Result<std::unique_ptr<ReadableFile>> file,
               FileIdentity identity, uint64_t now_ns);
  void refuse(MappedFile& mapped, bool gone, uint64_t now_ns);
  Executable* add(const FileIdentity& identity, const std::string& path);
  void load(Executable& executable);
  struct Loaded;
  void on_loaded(Executable& executable, Loaded loaded);
  void open_by_mapping(const std::shared_ptr<MappedFile>& mapped, const OpenBy& by, uint64_t now_ns);

  Questions& questions_;
  Upload& upload_;
  Metrics& metrics_;
  std::function<void()> changed_;
  std::map<MappedFileKey, std::shared_ptr<MappedFile>> files_;
  std::map<FileIdentity, Executable*> by_identity_;
  std::vector<std::unique_ptr<Executable>> executables_;
};

}  // namespace splitprof
