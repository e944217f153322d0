// SPDX-License-Identifier: Apache-2.0
#include "processor/metrics/stack_reader.h"

#include "processor/metrics/shlib_name.h"

namespace splitprof::metrics {

StackReader::StackReader(const otel::Dictionary& dictionary, const std::array<bool, kMetrics>& enabled,
                         SeriesTable& series)
    : in_(dictionary),
      enabled_(enabled),
      series_(series),
      stacks_(dictionary.stacks.size()),
      frames_(dictionary.locations.size()),
      kernel_names_(dictionary.strings.size()),
      libraries_(dictionary.strings.size()) {}

StackFacts StackReader::read(int32_t stack) {
  StackFacts facts{SeriesTable::kNone, Outcome::empty, Trouble::none};
  KernelRank rank = kNoKernelClass;
  uint32_t syscall = SeriesTable::kNone;
  for (const int32_t location : in_.locations_of(stack)) {
    const bool leaf = facts.outcome == Outcome::empty;
    const Frame found = frame(location);
    facts.trouble = found.trouble;
    if (found.trouble != Trouble::none) {
      if (leaf) facts.outcome = Outcome::unclassified;
      break;
    }
    if (found.type != FrameType::kernel) {
      if (leaf) facts = {sum_of(found.type, found.text), Outcome::user, Trouble::none};
      break;
    }
    facts.outcome = Outcome::kernel;
    rank = stronger(rank, found.rank);
    syscall = found.text;
    if (syscall != SeriesTable::kNone) break;  // what is behind a system call's entry is not looked at
  }
  if (facts.outcome == Outcome::kernel && enabled_[MetricNumber::kernel]) {
    if (syscall != SeriesTable::kNone) rank = with_syscall(rank, series_.text_of(syscall));
    facts.series = series_.kernel(syscall, rank);
  }
  return facts;
}

uint32_t StackReader::sum_of(FrameType type, uint32_t library) {
  if (!enabled_[metric_of(type)]) return SeriesTable::kNone;
  return type == FrameType::native ? series_.native(library) : series_.plain(metric_of(type));
}

StackReader::Frame StackReader::frame(int32_t number) {
  const auto* location = in_.location(number);
  if (location == nullptr) return {.trouble = Trouble::location_missing};
  Frame& frame = frames_[static_cast<size_t>(number)];
  if (frame.known) return frame;
  frame = type_of(*location);
  frame.known = true;
  if (frame.trouble != Trouble::none) return frame;
  if (frame.type == FrameType::native) frame.text = library(*location);
  if (frame.type == FrameType::kernel) {
    const auto name = kernel_name(*location);
    frame.text = name.syscall;
    frame.rank = name.rank;
  }
  return frame;
}

StackReader::Frame StackReader::type_of(const otel::Location& location) {
  for (const int32_t number : in_.attributes_of(location)) {
    const auto* attribute = in_.attribute(number);
    if (attribute == nullptr) return {.trouble = Trouble::attribute_missing};
    if (!in_.strings.has(attribute->key)) return {.trouble = Trouble::attribute_key_missing};
    if (in_.strings[attribute->key] != otel::key::kFrameType) continue;
    const auto text = otel::text_of(attribute->value);
    if (const auto type = frame_type_of(text)) return {.type = *type};
    if (odd_frame_type_.empty()) odd_frame_type_ = text;
    return {.trouble = Trouble::frame_type_unknown};
  }
  return {.trouble = Trouble::frame_type_absent};
}

uint32_t StackReader::library(const otel::Location& location) {
  const auto* mapping = in_.mapping(location.mapping);
  if (mapping == nullptr || !in_.strings.has(mapping->filename)) {
    ++names_missing_;
    return SeriesTable::kNone;
  }
  Library& library = libraries_[static_cast<size_t>(mapping->filename)];
  if (!library.known) {
    const auto name = shlib_name(in_.strings[mapping->filename]);
    library = {name.empty() ? SeriesTable::kNone : series_.text(name), true};
  }
  return library.name;
}

// Of the first line that has a function with a name.
StackReader::KernelName StackReader::kernel_name(const otel::Location& location) {
  for (const auto& line : in_.lines_of(location)) {
    const auto* function = in_.function(line.function);
    if (function == nullptr || !in_.strings.has(function->name)) {
      ++names_missing_;
      continue;
    }
    const auto text = in_.strings[function->name];
    if (text.empty()) continue;
    KernelName& name = kernel_names_[static_cast<size_t>(function->name)];
    if (!name.known) {
      const auto syscall = syscall_name(text);
      name = {syscall.empty() ? SeriesTable::kNone : series_.text(syscall), kernel_rank(text), true};
    }
    return name;
  }
  return {};
}

}  // namespace splitprof::metrics
