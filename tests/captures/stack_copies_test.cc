// SPDX-License-Identifier: Apache-2.0
//
// The unwinder compiled for the host over stacks that BPF copied in real processes: where it reaches the outermost
// frame, it finds the way that BPF itself found for the later samples of the same process. Nothing of the pipeline is
// in between: mappings and files come from the capture directly.
#include <cstring>
#include <map>
#include <set>

#include "processor/ingest/record.h"
#include "processor/processes/mappings.h"
#include "processor/unwind/host_walk.h"
#include "processor/unwind/table.h"
#include "tests/captures/replay_capture.h"

namespace splitprof {
namespace {

class RecordedFile final : public ReadableFile {
 public:
  RecordedFile(CapturedReads& reads, CapturedFile number, const FileIdentity& identity)
      : reads_(reads), number_(number), identity_(identity) {}
  Result<size_t> read_at(uint64_t offset, std::span<std::byte> into) override {
    return reads_.read(number_, offset, into);
  }
  const FileIdentity& identity() const override { return identity_; }

 private:
  CapturedReads& reads_;
  CapturedFile number_;
  FileIdentity identity_;
};

// What a capture says about its processes, as far as walks need it.
struct Session {
  struct File {
    uint64_t process, start;
    CapturedFile number;
  };
  std::vector<SampleRecord> samples;
  std::map<uint64_t, MappingList> mappings;  // by process key
  std::vector<File> files;
};

template <typename Asked>
Asked asked_from(std::string_view key) {
  Asked asked;
  EXPECT_EQ(key.size(), sizeof(asked));
  std::memcpy(&asked, key.data(), std::min(key.size(), sizeof(asked)));
  return asked;
}

Session session_of(OpenedFile& capture, CapturedReads& reads) {
  Session session;
  std::map<Ticket, std::pair<std::string, std::string>> open;
  EntryCursor cursor(*capture.file);
  while (cursor.next_place() < capture.index.end) {
    const auto entry = cursor.next();
    if (!entry || !*entry) break;
    if (const auto* asked = std::get_if<AskedEntry>(&**entry))
      open[asked->ticket] = {std::string(asked->name), std::string(asked->key)};
    if (const auto* answer = std::get_if<AnswerEntry>(&**entry)) {
      const auto& [name, key] = open[answer->ticket];
      if (const auto* text = std::get_if<CapturedText>(&answer->value); text != nullptr && name == "AskMappings")
        session.mappings[asked_from<AskMappings>(key).process.value] = parse_mappings(*reads.text(*text));
      if (const auto* file = std::get_if<CapturedFileValue>(&answer->value);
          file != nullptr && name == "AskMappedFile") {
        const auto asked = asked_from<AskMappedFile>(key);
        session.files.push_back({asked.process.value, asked.start.value, file->file});
      }
    }
    if (const auto* record = std::get_if<RecordEntry>(&**entry)) {
      std::vector<uint64_t> words(record->message.size() / 8);
      if (!words.empty()) std::memcpy(words.data(), record->message.data(), record->message.size());
      Record decoded;
      if (!decode_record(record->format, words, decoded)) continue;
      if (auto* sample = std::get_if<SampleRecord>(&decoded)) session.samples.push_back(std::move(*sample));
    }
  }
  return session;
}

// The callers of a sample, outermost last.
std::vector<uint64_t> callers_of(const SampleRecord& sample) {
  std::vector<uint64_t> callers;
  for (const auto& frame : sample.user_frames)
    if ((frame.flags & SP_FRAME_RETURN_ADDRESS) != 0) callers.push_back(sample.words(frame)[0]);
  return callers;
}

std::vector<uint64_t> last(const std::vector<uint64_t>& list, size_t count) {
  return {list.end() - static_cast<ptrdiff_t>(std::min(count, list.size())), list.end()};
}

TEST(StackCopies, AreWalkedOnTheHostAsBpfWalksThemLater) {
  constexpr size_t kOuter = 4;    // frames of a way into the program: they are the same for most samples
  constexpr size_t kEnough = 20;  // samples that BPF has walked, to compare with
  size_t copies = 0, complete = 0, compared = 0, known = 0, deepest = 0;
  for (const auto& path : all_captures()) {
    SCOPED_TRACE(path);
    auto capture = open_capture_file(path);
    CapturedReads reads(*capture.file, capture.index);
    const auto session = session_of(capture, reads);
    HostTables tables;
    HostWalk walk(tables);
    for (const auto& [process, list] : session.mappings) {
      std::vector<sp_mapping> mappings;
      for (const auto& mapping : list.mappings) {
        sp_mapping listed{mapping.start.value, 0, static_cast<uint32_t>(mapping.length / 4096), 0};
        for (const auto& file : session.files) {
          if (file.process != process || file.start != mapping.start.value) continue;
          RecordedFile recorded(reads, file.number, capture.index.files[file.number].identity);
          const auto elf = ElfFile::open(recorded);
          if (!elf) continue;
          auto compiled = compile_table(*elf);
          const auto address = elf->address_of(mapping.file_offset);
          if (!compiled || !address || !tables.add(file.number + 1, compiled->table)) continue;
          listed.bias = mapping.start.value - address->value;
          listed.table = tables.find(file.number + 1);
        }
        mappings.push_back(listed);
      }
      walk.set_mappings(mappings);
      std::multiset<std::vector<uint64_t>> ways;
      for (const auto& sample : session.samples)
        if (sample.process.value == process && sample.end == SP_COUNT_complete)
          ways.insert(last(callers_of(sample), kOuter));
      for (const auto& sample : session.samples) {
        if (sample.process.value != process || sample.stack.empty()) continue;
        ++copies;
        walk.walk({.registers = sample.registers, .address = sample.stack_address, .bytes = sample.stack});
        if (walk.end() != SP_COUNT_complete) continue;
        ++complete;
        std::vector<uint64_t> callers;
        for (const auto& cell : walk.leaf_cells())
          if ((SP_FRAME_FLAGS(cell.header) & SP_FRAME_RETURN_ADDRESS) != 0) callers.push_back(cell.word);
        compared += ways.size() >= kEnough;
        known += ways.size() >= kEnough && ways.contains(last(callers, kOuter));
        deepest = std::max(deepest, callers.size());
      }
    }
  }
  std::printf(
      "%zu stack copies, %zu walked to the outermost frame; of %zu that can be compared %zu by a way that BPF has "
      "walked; deepest %zu\n",
      copies, complete, compared, known, deepest);
  EXPECT_GE(copies, 20u);
  EXPECT_GE(deepest, 26u);
  EXPECT_GE(complete * 100, copies * 90);
  EXPECT_GE(compared, 10u);
  EXPECT_GE(known * 100, compared * 80);  // the others were taken before main(), where no later sample is
}

}  // namespace
}  // namespace splitprof
