// SPDX-License-Identifier: Apache-2.0
//
// Any bytes as the memory of an interpreter: what is read of it as a function is a name and lines that can be shown, or
// an error, after few reads. The corpus is of real interpreters: python_oracle_test writes it.
#include "processor/export/utf8.h"
#include "processor/runtimes/python/function_reader.h"
#include "processor/runtimes/python/line_table.h"
#include "shared/check.h"
#include "tests/processor/runtimes/python/recorded_function.h"

using namespace splitprof;

namespace {

void check_text(std::string_view text, size_t most_characters) {
  size_t characters = 0;
  for (; !text.empty(); ++characters) {
    if (text[0] >= ' ' && text[0] <= '~') {
      text.remove_prefix(1);
      continue;
    }
    const Character next = next_character(text);
    CHECK(next.valid && is_harmless(next.value));
    text.remove_prefix(next.bytes);
  }
  // \UNNNNNNNN has ten; and the mark where it was cut.
  CHECK(characters <= most_characters * 10 + 1);
}

void check_function(const Function& function) {
  CHECK(!function.name.empty());
  check_text(function.name, 1024);
  check_text(function.file, 4096);
  CHECK(function.first_line <= INT32_MAX);
  CHECK(function.lines.size() <= kMostLineEntries);
  for (size_t i = 0; i < function.lines.size(); ++i) {
    CHECK(function.lines[i].line <= INT32_MAX);
    if (i == 0) continue;
    CHECK(function.lines[i - 1].position < function.lines[i].position);
    CHECK(function.lines[i - 1].line != function.lines[i].line);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const auto layouts = [] {
    std::vector<PythonLayout> made;
    for (const auto& version : testing::kVersions) made.push_back(testing::layout_of(version));
    return made;
  }();
  testing::RecordedFunction file{BytesOfFuzzer(data, size)};
  const PythonLayout& layout = layouts[static_cast<size_t>(&file.version() - testing::kVersions)];
  const uint64_t code = testing::address_of_piece(0);
  ProcessMemory memory(file);
  const auto function = read_python_function(memory, layout, {.object = code});
  CHECK(file.reads() <= 12);
  if (!function) return 0;
  check_function(*function);
  if (file.changes()) return 0;
  const uint32_t check = testing::check_word_at(file, layout, code);
  memory.begin();
  const auto checked = read_python_function(memory, layout, {.object = code, .check = check});
  CHECK(checked && *checked == *function);
  memory.begin();
  const auto replaced = read_python_function(memory, layout, {.object = code, .check = check ^ 1 ? check ^ 1 : 2});
  CHECK(!replaced && replaced.error().code == Errc::not_found);
  return 0;
}
