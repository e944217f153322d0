// SPDX-License-Identifier: Apache-2.0
#include "processor/elasticsearch/stacks.h"

#include <algorithm>
#include <optional>

#include "processor/elasticsearch/file_id.h"
#include "processor/elasticsearch/frame_types.h"

namespace splitprof::elasticsearch {
namespace {

// Of names, for the ids of interpreted frames, in one batch: some hundredths of a second. A few bytes of a hostile
// batch can name a long string once more; an honest one stays far below.
constexpr uint64_t kMaxHashedBytes = 1u << 28;

constexpr uint32_t kMalformed = UINT32_MAX;

// Numbers of the last batch are forgotten, and its memory is if it was uncommonly large.
template <typename T>
void start_again(std::vector<T>& list, size_t size) {
  constexpr size_t kKeepBytes = 1u << 20;
  if (list.capacity() * sizeof(T) > kKeepBytes) std::vector<T>().swap(list);
  list.clear();
  list.resize(size);
}

// The text of the first attribute of that name; nothing: there is none.
std::optional<std::string_view> find_text(const otel::Dictionary& dictionary, std::span<const int32_t> attributes,
                                          std::string_view key) {
  for (const int32_t index : attributes) {
    const otel::Attribute* attribute = dictionary.attribute(index);
    if (attribute != nullptr && dictionary.strings[attribute->key] == key) return otel::text_of(attribute->value);
  }
  return std::nullopt;
}

bool is_symbolized(const otel::Dictionary& dictionary, const otel::Location& location) {
  return std::ranges::any_of(dictionary.lines_of(location),
                             [&](const otel::Line& line) { return dictionary.function(line.function) != nullptr; });
}

uint64_t address_or_line_of(const otel::Dictionary& dictionary, const otel::Location& location) {
  if (location.address > 0) return location.address;
  const auto lines = dictionary.lines_of(location);
  return lines.empty() ? 0 : static_cast<uint64_t>(lines.back().line);
}

uint64_t bytes_to_hash(const otel::Dictionary& dictionary, const otel::Location& location) {
  uint64_t bytes = 0;
  for (const otel::Line& line : dictionary.lines_of(location)) {
    bytes += 16;
    if (const otel::Function* function = dictionary.function(line.function)) {
      bytes += dictionary.strings[function->name].size() + dictionary.strings[function->filename].size();
    }
  }
  return bytes;
}

}  // namespace

void Stacks::begin(const otel::Dictionary& dictionary) {
  dictionary_ = &dictionary;
  hashed_bytes_ = 0;
  start_again(stack_numbers_, dictionary.stacks.size());
  start_again(frame_numbers_, dictionary.locations.size());
  start_again(files_, dictionary.mappings.size());
  start_again(stacks_, 0);
  start_again(frames_, 0);
  start_again(frames_of_stacks_, 0);
  resolve_mappings();
}

void Stacks::resolve_mappings() {
  for (size_t i = 1; i < files_.size(); ++i) {
    const auto digits =
        find_text(*dictionary_, dictionary_->attributes_of(dictionary_->mappings[i]), otel::key::kHtlHash);
    if (digits) files_[i] = parse_file_id(*digits).value_or(kNoFile);
  }
}

FileId Stacks::file_of(int32_t mapping) const {
  return mapping > 0 && static_cast<size_t>(mapping) < files_.size() ? files_[static_cast<size_t>(mapping)] : kNoFile;
}

FileId Stacks::file_of(const otel::Location& location, uint8_t type) {
  const FileId known = file_of(location.mapping);
  if (known != kNoFile) return known;
  if (type == kKernelFrame && location.mapping > 0) {
    const auto& mapping = *dictionary_->mapping(location.mapping);
    const auto build_id = find_text(*dictionary_, dictionary_->attributes_of(mapping), otel::key::kGnuBuildId);
    if (build_id) return files_[static_cast<size_t>(location.mapping)] = kernel_file_id(*build_id);
  }
  hashed_bytes_ += bytes_to_hash(*dictionary_, location);
  return hashed_bytes_ > kMaxHashedBytes ? kNoFile : synthesised_file_id(*dictionary_, location);
}

uint32_t Stacks::resolve_frame(const otel::Location& location) {
  const auto type = find_text(*dictionary_, dictionary_->attributes_of(location), otel::key::kFrameType);
  if (!type) return kMalformed;
  Frame frame;
  frame.type = frame_type_number(*type);
  frame.location = &location;
  frame.file = file_of(location, frame.type);
  if (hashed_bytes_ > kMaxHashedBytes) return kMalformed;
  frame.address_or_line = address_or_line_of(*dictionary_, location);
  frame.id = frame_id_text(frame.file, frame.address_or_line);
  frame.symbolized = is_symbolized(*dictionary_, location);
  frames_.push_back(frame);
  return static_cast<uint32_t>(frames_.size());
}

Stack Stacks::resolve(int32_t index) {
  Stack stack;
  stack.first = static_cast<uint32_t>(frames_of_stacks_.size());
  TraceIdBuilder id;
  for (const int32_t place : dictionary_->locations_of(index)) {
    const otel::Location* location = dictionary_->location(place);
    // Mapping 0 says that there is none, and need not be in the table.
    if (location == nullptr || (location->mapping != 0 && dictionary_->mapping(location->mapping) == nullptr)) continue;
    uint32_t& number = frame_numbers_[static_cast<size_t>(place)];
    if (number == 0) number = resolve_frame(*location);
    if (number == kMalformed) {
      stack.state = Stack::State::malformed;
      frames_of_stacks_.resize(stack.first);
      return stack;
    }
    const Frame& frame = frames_[number - 1];
    id.add(frame.file, frame.address_or_line);
    frames_of_stacks_.push_back(number - 1);
  }
  stack.count = static_cast<uint32_t>(frames_of_stacks_.size()) - stack.first;
  if (stack.count == 0) return stack;
  stack.state = Stack::State::good;
  stack.id = id.text();
  return stack;
}

Stack& Stacks::find(int32_t index) {
  if (index < 0 || static_cast<size_t>(index) >= stack_numbers_.size()) return no_such_stack_ = {};
  uint32_t& number = stack_numbers_[static_cast<size_t>(index)];
  if (number == 0) {
    stacks_.push_back(resolve(index));
    number = static_cast<uint32_t>(stacks_.size());
  }
  return stacks_[number - 1];
}

}  // namespace splitprof::elasticsearch
