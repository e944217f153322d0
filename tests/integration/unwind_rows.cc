// SPDX-License-Identifier: Apache-2.0
//
// unwind_rows FILE: prints the rows of every FDE in the words of `readelf --debug-dump=frames-interp`, for
// compare_rows.py: those of .eh_frame, then those of .debug_frame. unwind_rows --time FILE: compiles the table and
// prints what it cost.
#include <fmt/format.h>
#include <time.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <string>

#include "processor/elf/local_file.h"
#include "processor/elf/symbol_table.h"
#include "processor/unwind/cfi.h"
#include "processor/unwind/table.h"

namespace splitprof {
namespace {

std::string register_name(uint16_t reg, Machine machine) {
  static constexpr const char* kX86Names[] = {"rax", "rdx", "rcx", "rbx", "rsi", "rdi", "rbp", "rsp", "r8",
                                              "r9",  "r10", "r11", "r12", "r13", "r14", "r15", "rip"};
  if (machine == Machine::x86_64) return reg < 17 ? kX86Names[reg] : fmt::format("r{}", reg);
  return reg == 31 ? "sp" : fmt::format("x{}", reg);
}

std::string text_of(const CfaRule& rule, Machine machine) {
  switch (rule.kind) {
    case CfaRule::Kind::none:
      return "none";
    case CfaRule::Kind::register_offset:
      return fmt::format("{}{:+}", register_name(rule.reg, machine), rule.offset);
    case CfaRule::Kind::plt:
    case CfaRule::Kind::deref:
    case CfaRule::Kind::expression:
      return "exp";
  }
  return "?";
}

std::string text_of(const RegisterRule& rule, Machine machine) {
  switch (rule.kind) {
    case RegisterRule::Kind::unspecified:
    case RegisterRule::Kind::undefined:
      return "u";
    case RegisterRule::Kind::same:
      return "s";
    case RegisterRule::Kind::cfa_offset:
      return fmt::format("c{:+}", rule.offset);
    case RegisterRule::Kind::cfa_value:
      return fmt::format("v{:+}", rule.offset);
    case RegisterRule::Kind::other_register:
      return register_name(rule.reg, machine);
    case RegisterRule::Kind::at_register:
    case RegisterRule::Kind::expression:
      return "exp";
    case RegisterRule::Kind::value:
      return "vexp";
  }
  return "?";
}

Result<> print_rows(const ElfFile& file, const CallFrames& frames) {
  CallFrameReader reader(Bytes(frames.bytes), frames.address, frames.format);
  CfiRunner runner(file.machine());
  std::vector<Row> rows;
  while (const auto fde = reader.next()) {
    fmt::print("FDE {:x} {:x} {:x}\n", fde->section_offset, fde->start.value, fde->start.value + fde->size);
    TRY(runner.run(*fde, rows));
    for (const Row& row : rows)
      fmt::print("{:x} {} {} {}\n", row.start.value, text_of(row.cfa, file.machine()), text_of(row.fp, file.machine()),
                 text_of(row.ra, file.machine()));
  }
  if (reader.broken_records() != 0) return fail(Errc::malformed, "{} broken records", reader.broken_records());
  return Ok{};
}

Result<> print_rows(const ElfFile& file) {
  bool found = false;
  for (const auto read : {read_eh_frame, read_debug_frame}) {
    const auto frames = read(file);
    if (!frames && frames.error().code != Errc::not_found) return frames.error();
    if (!frames) continue;
    found = true;
    TRY(print_rows(file, *frames));
  }
  if (!found) return fail(Errc::not_found, "neither .eh_frame nor .debug_frame");
  return Ok{};
}

// Of this program alone: getrusage's maximum begins with what the process was before it executed this.
uint64_t peak_rss_kib() {
  std::ifstream status("/proc/self/status");
  for (std::string word; status >> word;)
    if (uint64_t kib = 0; word == "VmHWM:" && status >> kib) return kib;
  return 0;
}

// Rows, a generation before each page's, and the page index (bpf/abi.h).
size_t kernel_bytes(const InstallTable& table) {
  const auto blocks = std::count_if(table.counts.begin(), table.counts.end(), [](uint16_t rows) { return rows != 0; });
  return table.rows.size() * sizeof(uint32_t) + static_cast<size_t>(blocks) * sizeof(uint32_t) +
         table.counts.size() * sizeof(sp_page_entry) + SP_PAGE_INDEX_HEADER_WORDS * sizeof(uint32_t);
}

Result<> print_time(const ElfFile& file) {
  using Clock = std::chrono::steady_clock;
  const auto ms_since = [](Clock::time_point begin) {
    return std::chrono::duration<double, std::milli>(Clock::now() - begin).count();
  };
  // What a busy machine leaves to others counts in the first only.
  const auto cpu_ms = [] {
    timespec now{};
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return static_cast<double>(now.tv_sec) * 1e3 + static_cast<double>(now.tv_nsec) / 1e6;
  };
  const double cpu_before_ms = cpu_ms();
  auto begin = Clock::now();
  const CompiledTable compiled = TRY(compile_table(file));
  const double table_ms = ms_since(begin), table_cpu_ms = cpu_ms() - cpu_before_ms;
  fmt::print(
      "table:   {:.1f} ms, {:.1f} ms of CPU, {} functions, {} rows, {} merged, {} ask, {} rules, {} pages, {} broken, "
      "peak RSS {} KiB, "
      "{} bytes in the kernel\n",
      table_ms, table_cpu_ms, compiled.functions, compiled.rows, compiled.table.rows.size(), compiled.ask_rows(),
      compiled.table.rules.size(), compiled.table.counts.size(), compiled.broken, peak_rss_kib(),
      kernel_bytes(compiled.table));
  std::fflush(stdout);
  begin = Clock::now();
  const SymbolTable symbols = TRY(read_symbols(file));
  const double symbols_ms = ms_since(begin);
  fmt::print(
      "symbols: {:.1f} ms, {} symbols, {} bytes, {:.1f} bytes each, {} dropped, peak RSS {} KiB\n", symbols_ms,
      symbols.size(), symbols.memory_bytes(),
      symbols.size() == 0 ? 0.0 : static_cast<double>(symbols.memory_bytes()) / static_cast<double>(symbols.size()),
      symbols.dropped(), peak_rss_kib());
  return Ok{};
}

Result<> run(const char* path, bool time) {
  const auto local = TRY(LocalFile::open_path(path));
  const ElfFile file = TRY(ElfFile::open(*local));
  return time ? print_time(file) : print_rows(file);
}

}  // namespace
}  // namespace splitprof

int main(int argc, char** argv) {
  const bool time = argc == 3 && std::strcmp(argv[1], "--time") == 0;
  if (argc != 2 && !time) {
    std::fprintf(stderr, "usage: unwind_rows [--time] FILE\n");
    return 2;
  }
  if (auto done = splitprof::run(argv[argc - 1], time); !done) {
    std::fprintf(stderr, "%s: %s\n", argv[argc - 1], done.error().message.c_str());
    return 1;
  }
  return 0;
}
